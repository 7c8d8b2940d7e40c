//! What nobody knows the outcome of is kept and told to the owner.
//!
//! The trail has the end of the run by then. Where the store cannot be written at that moment, it is told as
//! soon as it can, for as long as the node runs: nobody else would find out that somebody has to look.

use std::sync::Arc;
use std::time::Duration;

use lockgate_access::directory::Connection;
use lockgate_access::registry::{Event, EventKind};
use lockgate_store::{Change, values};
use lockgate_vocabulary::{Actor, Clock, ConnectionId, Entropy, Fault, RunId, TenantId, TraceId};

use crate::egress::Inner;
use crate::rows;

/// A run of which nobody knows whether the vendor did it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doubt<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) run: RunId,
    pub(crate) connection: ConnectionId,
    /// The connection's name.
    pub(crate) name: &'a str,
    /// Why nobody knows: a code.
    pub(crate) reason: &'static str,
    /// Who called, and in which trace, where that is known.
    pub(crate) by: Option<(&'a Actor, TraceId)>,
}

/// The change with what keeps it for operators, blocks its idempotency key, and tells the governance side.
pub(crate) fn told_of(change: Change, clock: &dyn Clock, entropy: &dyn Entropy, doubt: Doubt<'_>) -> Change {
    let now = clock.now();
    let mut event = Event::new(EventKind::IntegrationFailed, doubt.tenant, doubt.run)
        .with("run", doubt.run.to_string())
        .with("connection", doubt.connection.to_string())
        .with("connection_name", doubt.name)
        .with("outcome", "unknown")
        .with("code", doubt.reason);
    if let Some((actor, trace)) = doubt.by {
        event = event.by(actor, trace);
    }
    let (statement, values) = event.step(clock, entropy);
    change
        .step(&rows::ESCALATION_INSERT, values![doubt.run, doubt.connection, doubt.reason, now])
        .step(&rows::KEPT_OF_RUN_DOUBT, values![doubt.run])
        .step(statement, values)
}

/// How long is waited at the most before the store is asked anew.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A run of this node's that is in doubt and that the store has to be told of.
pub(crate) struct Telling {
    pub(crate) inner: Arc<Inner>,
    pub(crate) connection: Arc<Connection>,
    pub(crate) run: RunId,
    pub(crate) reason: &'static str,
    pub(crate) actor: Actor,
    pub(crate) trace: TraceId,
}

impl Telling {
    /// Tells it. Where the store is away, nobody waits for it any longer, and it goes on behind.
    pub(crate) async fn tell(self) {
        let Err(fault) = self.once().await else { return };
        tracing::error!(%fault, run = %self.run, "an unknown outcome could not be escalated; the trail has it");
        if fault.is_unavailable() {
            tokio::spawn(self.tell_on());
        }
    }

    /// Tells it again and again, the last time when the gateway stops.
    async fn tell_on(self) {
        let inner = Arc::clone(&self.inner);
        let _present = inner.background.enter();
        let mut wait = Duration::from_secs(1);
        loop {
            let stops = tokio::select! {
                biased;
                () = inner.background.closing() => true,
                () = inner.parts.clock.sleep(wait) => false,
            };
            match self.once().await {
                Ok(()) => return,
                Err(fault) if stops || !fault.is_unavailable() => {
                    tracing::error!(%fault, run = %self.run, "an unknown outcome was not escalated; the trail has it");
                    return;
                }
                Err(_) => wait = (wait * 2).min(LONGEST_WAIT),
            }
        }
    }

    async fn once(&self) -> Result<(), Fault> {
        let (parts, connection) = (&self.inner.parts, &self.connection);
        let doubt = Doubt {
            tenant: connection.tenant,
            run: self.run,
            connection: connection.id,
            name: connection.name.as_str(),
            reason: self.reason,
            by: Some((&self.actor, self.trace)),
        };
        let change = told_of(Change::of(doubt.tenant), &*parts.clock, &*parts.entropy, doubt);
        let applied = parts.store.apply(change).await;
        applied.map(drop).map_err(|failure| failure.into_fault("escalating an unknown outcome"))
    }
}
