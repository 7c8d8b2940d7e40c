//! The wire: connections to vendors, over which HTTP is spoken.
//!
//! In reading order: `tls` (whom to trust, for each connection), `dial` (a socket to a vetted address and
//! to no other), `gauge` (whether a byte of a request left), `outgoing` (a request's body), `line` (one
//! connection, and one exchange on it), `pool` (lines that wait for their next call), `once` (an exchange
//! on a line of its own, for the house's errands), `failure` (what can go wrong).
//!
//! Not here: what is sent and whether it may be (`clearance`), and what the answer is worth (`answer`).

mod dial;
mod failure;
mod gauge;
mod line;
mod once;
mod outgoing;
mod pool;
mod tls;

use std::sync::Arc;

use lockgate_access::directory::Settings;
use lockgate_vault::Identity;
use lockgate_vocabulary::{Clock, TenantId};

use crate::alarm::Alarm;
use crate::clearance::Clearance;
use crate::config::{Config, Times};
use crate::destination::PinnedTarget;
use crate::dispatch::Endpoint;

pub(crate) use failure::WireFailure;
pub(crate) use line::{Exchange, Line, Lost};
pub(crate) use once::{Once, OnceFailure, Whole};
pub(crate) use outgoing::Outgoing;
pub(crate) use pool::{Far, Kin};
pub(crate) use tls::{Trust, are_authorities};

use pool::{Place, Pool};

/// Every connection to a vendor.
pub(crate) struct Wire {
    clock: Arc<dyn Clock>,
    times: Times,
    pool: Pool,
    trust: Trust,
}

impl Wire {
    pub(crate) fn new(config: &Config, clock: Arc<dyn Clock>) -> Self {
        let times = config.times();
        let trust = Trust::new(Arc::clone(&clock));
        Self { clock, times, pool: Pool::new(config.most_idle, times), trust }
    }

    /// A line to the cleared destination, which names itself by this: one that waits for its next call, or a new one.
    /// `fresh` asks for a new one.
    pub(crate) async fn reach(
        &self,
        clearance: &Clearance<'_>,
        identity: Option<&Identity>,
        fresh: bool,
        alarm: &mut Alarm,
        end: std::time::Duration,
    ) -> Result<Line, WireFailure> {
        let (connection, target) = (clearance.connection(), clearance.target());
        self.line(Kin::of(connection, identity), target, fresh, alarm, end).await
    }

    /// A line to an endpoint that a tenant declared, whose destination was vetted.
    pub(crate) async fn reach_endpoint(
        &self,
        (tenant, endpoint): (TenantId, &Endpoint),
        target: &PinnedTarget,
        fresh: bool,
        alarm: &mut Alarm,
        end: std::time::Duration,
    ) -> Result<Line, WireFailure> {
        self.line(endpoint.kin(tenant), target, fresh, alarm, end).await
    }

    async fn line(
        &self,
        kin: Kin<'_>,
        target: &PinnedTarget,
        fresh: bool,
        alarm: &mut Alarm,
        end: std::time::Duration,
    ) -> Result<Line, WireFailure> {
        let place = self.place(kin, target)?;
        let until = alarm.now().saturating_add(self.times.connect).min(end);
        if !fresh && let Some(line) = self.pool.take(&place, target, alarm, until).await {
            return Ok(line);
        }
        // On the heap: a handshake holds far more than an exchange does, and most calls need none.
        Box::pin(async {
            let dialled = dial::dial(target, alarm, until).await?;
            Line::open(dialled, place, alarm, until).await
        })
        .await
    }

    /// Where such lines to this origin are kept.
    fn place(&self, kin: Kin<'_>, target: &PinnedTarget) -> Result<Arc<Place>, WireFailure> {
        let trust = |settings: &Settings| self.trust.of(settings, kin.identity.map(Identity::handshake));
        self.pool.place(kin, target, trust)
    }

    /// Closes lines that waited too long.
    pub(crate) fn sweep(&self) {
        self.pool.sweep(self.clock.elapsed());
    }

    /// How many lines wait for their next call.
    pub(crate) fn idle(&self) -> usize {
        self.pool.idle()
    }
}
