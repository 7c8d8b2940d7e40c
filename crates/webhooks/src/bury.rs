//! Deliveries whose subscription is gone: they end, instead of waiting for ever.

use std::time::Duration;

use lockgate_audit::Deed;
use lockgate_store::{ApplyFailure, Change, values};
use lockgate_vocabulary::{DeliveryId, Fault, SubscriptionId, TenantId};

use crate::courier::Inner;
use crate::deliver::rows;
use crate::judge::Cause;
use crate::refusal::WebhookRefusal;

/// How many are ended at once.
const MANY: i64 = 100;

/// How long they are kept, with nobody left to say.
pub(crate) const KEPT: Duration = Duration::from_secs(30 * 86_400);

/// Ends deliveries of a subscription that was retired or is not there, each with its record. The store is
/// asked whether that is so: what this node knows of subscriptions may be older than a delivery.
pub(crate) async fn bury(inner: &Inner, tenant: TenantId, subscription: SubscriptionId) -> Result<(), Fault> {
    for row in inner.store.read(tenant, &rows::RETIRED, values![subscription, MANY]).await? {
        let (delivery, code) = (row.parsed::<DeliveryId>(0)?, WebhookRefusal::SubscriptionRetired.info().code);
        let (cause, now) = (Cause::Pipeline.as_str(), inner.clock.now());
        let deed = Deed::by_house(Some(tenant), "delivery.dead", delivery)
            .with("subscription", subscription.to_string())
            .with("cause", cause)
            .with("code", code);
        let (record, recording) = inner.audit.step(&deed);
        let change = Change::of(tenant)
            .step(&rows::BURY, values![delivery, now, cause, code, now.after(KEPT)])
            .expecting(1)
            .step(record, recording);
        match inner.store.apply(change).await {
            Ok(_) | Err(ApplyFailure::Unmet { .. }) => {}
            Err(failure) => return Err(failure.into_fault("ending a delivery without a subscription")),
        }
    }
    Ok(())
}
