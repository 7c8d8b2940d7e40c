//! A subscription whose endpoint only fails, or says that it is gone, is paused: its deliveries wait, and
//! whoever is responsible is told.

use lockgate_access::registry::{Event, EventKind};
use lockgate_audit::Deed;
use lockgate_store::{ApplyFailure, Change, values};
use lockgate_vocabulary::Fault;

use crate::courier::Inner;
use crate::deliver::rows;
use crate::judge::Attempt;
use crate::subscription::Subscription;

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It has only failed for so long and so often.
    Failing,
    /// It says that it is gone for good.
    Gone,
}

impl Reason {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Gone => "gone",
        }
    }
}

/// Pauses it, with its event and its record. Its failures are forgotten, so that it gets its whole time again
/// once somebody has made it active.
pub(crate) async fn pause(
    inner: &Inner,
    subscription: &Subscription,
    reason: Reason,
    attempt: &Attempt,
) -> Result<(), Fault> {
    let (tenant, id, code) = (subscription.tenant, subscription.id, attempt.code().unwrap_or_default());
    let event = Event::new(EventKind::IntegrationFailed, tenant, id)
        .with("subscription", id.to_string())
        .with("outcome", "paused")
        .with("reason", reason.as_str())
        .with("code", code);
    let deed =
        Deed::by_house(Some(tenant), "subscription.pause", id).with("reason", reason.as_str()).with("code", code);
    let (told, telling) = event.step(&*inner.clock, &*inner.entropy);
    let (record, recording) = inner.audit.step(&deed);
    let change = Change::of(tenant)
        .raising_epoch()
        .step(&rows::PAUSE, values![id, reason.as_str()])
        .expecting(1)
        .step(&rows::ENDPOINT_WELL, values![id])
        .step(told, telling)
        .step(record, recording);
    match inner.store.apply(change).await {
        // Another try, or somebody, was faster.
        Ok(_) | Err(ApplyFailure::Unmet { .. }) => Ok(()),
        Err(failure) => Err(failure.into_fault("pausing a subscription")),
    }
}
