//! What nobody knows the outcome of is kept and told to the owner.

use lockgate_access::registry::{Event, EventKind};
use lockgate_store::{Change, Store, values};
use lockgate_vocabulary::{Actor, Clock, ConnectionId, Entropy, Fault, RunId, TenantId, TraceId};

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

/// The same as a change of its own.
pub(crate) async fn escalate(
    store: &Store,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
    doubt: Doubt<'_>,
) -> Result<(), Fault> {
    let change = told_of(Change::of(doubt.tenant), clock, entropy, doubt);
    let applied = store.apply(change).await;
    applied.map(drop).map_err(|failure| failure.into_fault("escalating an unknown outcome"))
}
