//! Runs and operations whose node is gone: each is ended once, together with its idempotency key.
//!
//! What was only waiting is interrupted and its key is free again, so that whoever sends it anew is served.
//! What may have been sent is unknown, and somebody is told.

use std::sync::Arc;

use lockgate_audit::UnfinishedRun;
use lockgate_store::{ApplyFailure, Change, Row, values};
use lockgate_vocabulary::{Fault, OperationId, RunId, TenantId, Timestamp};

use crate::egress::Inner;
use crate::escalation::{Doubt, told_of};
use crate::operation::Sketch;
use crate::refusal::EgressRefusal;
use crate::rows;

/// An operation that nobody carries on.
struct Lost {
    tenant: TenantId,
    operation: OperationId,
    run: RunId,
    sending: bool,
    /// What was asked for; none where that cannot be read any more.
    sketch: Option<Sketch>,
}

impl Lost {
    fn read(inner: &Inner, row: &Row) -> Result<Self, Fault> {
        let (tenant, operation) = (row.parsed(0)?, row.parsed(1)?);
        let sketch = match Sketch::unseal(inner, tenant, operation, row.bytes(4)?) {
            Ok(sketch) => Some(sketch),
            Err(fault) if fault.is_unavailable() => return Err(fault),
            Err(fault) => {
                tracing::error!(%fault, %operation, "an operation cannot be read any more; it ends as unknown");
                None
            }
        };
        Ok(Self { tenant, operation, run: row.parsed(2)?, sending: row.text(3)? == "sending", sketch })
    }

    /// The change that ends it, where its lease is over at that moment.
    fn end(&self, inner: &Inner, now: Timestamp) -> Change {
        let in_doubt = self.sketch.as_ref().is_none_or(|sketch| self.sending && sketch.write);
        let state = if in_doubt { "unknown" } else { "interrupted" };
        let ended =
            Change::of(self.tenant).step(&rows::OPERATION_ABANDON, values![self.operation, state, now]).expecting(1);
        match &self.sketch {
            Some(sketch) if in_doubt => {
                let doubt = Doubt {
                    tenant: self.tenant,
                    run: self.run,
                    connection: sketch.connection,
                    name: &sketch.name,
                    reason: EgressRefusal::OperationInterrupted.info().code,
                    by: None,
                };
                told_of(ended, &*inner.parts.clock, &*inner.parts.entropy, doubt)
            }
            None => ended.step(&rows::KEPT_OF_RUN_DOUBT, values![self.run]),
            Some(_) => ended.step(&rows::KEPT_FREE, values![self.run]),
        }
    }
}

/// Ends operations whose node has not renewed its lease. One that cannot be ended now keeps no other waiting.
pub(crate) async fn end_abandoned(inner: &Inner) -> Result<(), Fault> {
    let now = inner.parts.clock.now();
    for row in inner.parts.store.survey(&rows::OPERATIONS_ABANDONED, values![now]).await? {
        let ended = match Lost::read(inner, &row) {
            Ok(lost) => end(inner, &lost, now).await,
            Err(fault) => Err(fault),
        };
        if let Err(fault) = ended {
            tracing::error!(%fault, "an operation whose node is gone could not be ended");
        }
    }
    Ok(())
}

async fn end(inner: &Inner, lost: &Lost, now: Timestamp) -> Result<(), Fault> {
    match inner.parts.store.apply(lost.end(inner, now)).await {
        // Its own node, or another one, was faster.
        Ok(_) | Err(ApplyFailure::Unmet { .. }) => Ok(()),
        Err(failure) => Err(failure.into_fault("ending an operation")),
    }
}

/// Takes in a run that had no end when the log was opened. The log says that its outcome is unknown; whoever
/// polls its operation is told more exactly, where that only waited.
pub(crate) async fn recover(inner: &Arc<Inner>, run: &UnfinishedRun) -> Result<(), Fault> {
    let parts = &inner.parts;
    let found = parts.store.read(run.tenant, &rows::OPERATION_OF_RUN, values![run.run]).await?;
    if let Some(row) = found.first() {
        // Whatever its lease says: its node is this one. Where another ended it already, it has ended.
        return end(inner, &Lost::read(inner, row)?, Timestamp::from_micros(i64::MAX)).await;
    }
    let doubt = Doubt {
        tenant: run.tenant,
        run: run.run,
        connection: run.connection,
        name: &run.connection_name,
        reason: EgressRefusal::OutcomeUnknown.info().code,
        by: None,
    };
    let change = told_of(Change::of(run.tenant), &*parts.clock, &*parts.entropy, doubt);
    let applied = parts.store.apply(change).await;
    applied.map(drop).map_err(|failure| failure.into_fault("escalating an unknown outcome"))
}
