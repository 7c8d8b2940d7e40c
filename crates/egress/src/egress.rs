//! The room as one value.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use lockgate_access::{Access, Caller, Grant};
use lockgate_audit::{Audit, RunFacts, UnfinishedRun};
use lockgate_store::{Change, Store, values};
use lockgate_traffic::Traffic;
use lockgate_vault::{Tokens, Vault};
use lockgate_vocabulary::{Background, Clock, Entropy, Fault, OperationId, Refusal, Stop, TenantId};

use crate::answer::Schemas;
use crate::config::{Config, Times};
use crate::destination::Destination;
use crate::lost;
use crate::operation::{self, OperationStatus};
use crate::order::Order;
use crate::refusal::EgressRefusal;
use crate::rows;
use crate::share::Shares;
use crate::span::Spans;
use crate::tally::{Pace, Tally};
use crate::wire::Wire;

/// How often the room looks after itself.
const TICK: Duration = Duration::from_secs(15);

/// For how long the store's word on kept answers counts.
const KEPT_PACE: Pace = Pace { near: Duration::from_secs(15), far: Duration::from_secs(15), rest: 0 };

/// What is kept is forgotten little by little.
fn kept_full() -> Refusal {
    EgressRefusal::IdempotencyFull.refuse().retry_after(Duration::from_secs(60))
}

/// What the way out is made of.
#[derive(Clone)]
pub struct Parts {
    /// May you.
    pub access: Arc<Access>,
    /// How much and how fast.
    pub traffic: Traffic,
    /// The record.
    pub audit: Audit,
    /// The credentials, and what seals what is kept.
    pub vault: Vault,
    /// Access tokens that are had for credentials.
    pub tokens: Tokens,
    /// Kept answers, operations, escalations.
    pub store: Store,
    /// Where to.
    pub destination: Destination,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// The folder in which spools are made. It has to be there.
    pub spool_dir: PathBuf,
    /// Whom spans are told to.
    pub spans: Spans,
}

/// The only way out of the house. Cloning it gives another handle on the same one.
#[derive(Clone)]
pub struct Egress {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) parts: Parts,
    pub(crate) times: Times,
    pub(crate) kept_answer_bytes: usize,
    /// Bytes of kept answers that tenants have.
    pub(crate) kept_room: Tally,
    pub(crate) wire: Wire,
    pub(crate) schemas: Schemas,
    /// What goes on without its caller.
    pub(crate) background: Background,
    /// Bytes of large answers that are in memory: of each tenant, and of all together.
    pub(crate) answers: [Arc<Shares>; 2],
    /// Operations that tenants have going on.
    pub(crate) operations: Arc<Shares>,
    /// Bytes of tenants' bodies that are spooled.
    pub(crate) spooled: Arc<Shares>,
}

impl Egress {
    /// Puts the room together.
    pub fn new(config: &Config, parts: Parts) -> Self {
        let wire = Wire::new(config, Arc::clone(&parts.clock));
        let (times, kept_answer_bytes) = (config.times(), config.kept_answer_bytes);
        let operations = Shares::new(config.operations_per_tenant.into());
        let spooled = Shares::new(config.spool_bytes_per_tenant);
        let kept_room = Tally::new(config.kept_tenant_bytes, &rows::KEPT_BYTES, kept_full, KEPT_PACE);
        let schemas = Schemas::new();
        Self {
            inner: Arc::new(Inner {
                parts,
                times,
                kept_answer_bytes,
                kept_room,
                wire,
                schemas,
                background: Background::new(),
                answers: [Shares::new(config.answer_bytes_per_tenant), Shares::of_all(config.answer_bytes)],
                operations,
                spooled,
            }),
        }
    }

    /// Starts what the room does by itself: closing idle connections, ending operations whose node is
    /// gone, forgetting what was kept long enough. It ends when the last handle is dropped.
    pub fn start(&self) {
        tokio::spawn(look_after(Arc::downgrade(&self.inner), Arc::clone(&self.inner.parts.clock)));
    }

    /// Does once what [`Egress::start`] does again and again.
    pub async fn tidy(&self) -> Result<(), Fault> {
        self.inner.tidy().await
    }

    /// Takes in runs that had no end when the log was opened: their outcome is unknown, so they are
    /// escalated and their idempotency keys stay blocked; but an operation that only waited is interrupted.
    pub async fn recover(&self, unfinished: &[UnfinishedRun]) -> Result<(), Fault> {
        for run in unfinished {
            lost::recover(&self.inner, run).await?;
        }
        Ok(())
    }

    /// Stops what goes on in the background: what only waits is ended as interrupted, what is under way has so
    /// long to end. What is left then is unknown at the next start.
    pub async fn close(&self, most: Duration) {
        if !self.inner.background.close(&*self.inner.parts.clock, most).await {
            tracing::warn!("calls in the background were cut off at the end");
        }
        self.inner.parts.tokens.close(most).await;
    }

    /// How an operation of the caller's stands.
    pub async fn operation_status(&self, caller: &Caller, operation: OperationId) -> Result<OperationStatus, Stop> {
        operation::status(&self.inner, caller, operation).await
    }

    /// How many connections to vendors wait for their next call.
    pub fn idle_lines(&self) -> usize {
        self.inner.wire.idle()
    }
}

/// The digest under which a call's target stands in the trail. The door uses it for what it refuses.
pub fn target_digest(vault: &Vault, tenant: TenantId, path: &str, query: Option<&str>) -> [u8; 32] {
    let query = query.unwrap_or_default();
    let mut target = Vec::with_capacity(path.len() + query.len() + 1);
    target.extend_from_slice(path.as_bytes());
    target.push(b'?');
    target.extend_from_slice(query.as_bytes());
    vault.digest(tenant, "audit.target", &target)
}

impl Inner {
    /// What the record says of a run.
    pub(crate) fn facts<'a>(&self, grant: &'a Grant, order: &'a Order) -> RunFacts<'a> {
        let (caller, connection) = (grant.caller(), grant.connection());
        RunFacts {
            run: order.run,
            actor: caller.actor(),
            key: caller.key(),
            connection: connection.id,
            connection_name: connection.name.as_str(),
            provider: connection.provider.name.as_str(),
            method: order.ask.method.as_str(),
            endpoint: grant.endpoint().path.as_str(),
            target_digest: target_digest(&self.parts.vault, caller.tenant(), &order.ask.path, order.query.as_deref()),
            operation: grant.operation().as_str(),
            dry_run: order.dry_run,
            idempotency: order.idempotency_key.is_some(),
            trace: order.arrival.trace.trace,
            peer: order.arrival.peer.ip(),
        }
    }

    async fn tidy(self: &Arc<Self>) -> Result<(), Fault> {
        self.wire.sweep();
        let now = self.parts.clock.now();
        let change =
            Change::house().step(&rows::KEPT_FORGET, values![now]).step(&rows::OPERATIONS_FORGET, values![now]);
        self.parts.store.apply(change).await.map_err(|failure| failure.into_fault("forgetting kept answers"))?;
        self.parts.tokens.tidy().await?;
        lost::end_abandoned(self).await
    }
}

async fn look_after(room: Weak<Inner>, clock: Arc<dyn Clock>) {
    loop {
        clock.sleep(TICK).await;
        let Some(inner) = room.upgrade() else { return };
        if let Err(fault) = inner.tidy().await {
            tracing::warn!(%fault, "the way out could not be tidied");
        }
    }
}
