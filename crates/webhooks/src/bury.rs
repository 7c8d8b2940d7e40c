//! Deliveries for which nothing comes any more: they end, each with its record, instead of waiting for ever.
//!
//! Those are the deliveries of a subscription that is gone, and those that waited too long for somebody to fetch
//! them or to make their subscription active again. It happens beside the rounds of the courier: what is over
//! must not hold up what is due.

use std::time::Duration;

use lockgate_audit::{Audit, Deed};
use lockgate_store::{ApplyFailure, Change, Store, values};
use lockgate_vocabulary::{Clock, DeliveryId, Fault, SubscriptionId, TenantId, Timestamp};

use crate::deliver::rows;
use crate::judge::Cause;
use crate::refusal::WebhookRefusal;
use crate::subscription::{Status, Subscription};

/// How many are ended by one change.
const MANY: i64 = 100;

/// How many changes one subscription gets in one pass, so that the next one has its turn.
const CHANGES: usize = 40;

/// How long they are kept where nobody is left to say.
pub(crate) const KEPT: Duration = Duration::from_secs(30 * 86_400);

/// How long a delivery may wait for somebody, unless its subscription keeps what is over for longer.
const PATIENCE: Duration = Duration::from_secs(30 * 86_400);

/// What is needed to bury.
pub(crate) struct Grave<'a> {
    pub(crate) store: &'a Store,
    pub(crate) audit: &'a Audit,
    pub(crate) clock: &'a dyn Clock,
}

/// Which deliveries of a subscription end, and how that is told.
struct Plot {
    tenant: TenantId,
    subscription: SubscriptionId,
    /// Received then or earlier; all of them where their subscription is gone.
    until: Option<Timestamp>,
    cause: Cause,
    refusal: WebhookRefusal,
    kept: Duration,
}

impl Grave<'_> {
    /// Ends deliveries of subscriptions that were retired or are not there. The store is asked whether that is
    /// so: what this node knows of subscriptions may be older than a delivery.
    pub(crate) async fn retired(&self) -> Result<(), Fault> {
        for row in self.store.survey(&rows::RETIRED_WAITING, values![]).await? {
            let (cause, refusal) = (Cause::Pipeline, WebhookRefusal::SubscriptionRetired);
            let (subscription, tenant) = (row.parsed(0)?, row.parsed(1)?);
            self.fill(&Plot { tenant, subscription, until: None, cause, refusal, kept: KEPT }).await;
        }
        Ok(())
    }

    /// Ends deliveries of this subscription that waited for too long: to be fetched, or for its being active.
    pub(crate) async fn expired(&self, subscription: &Subscription) {
        let held = matches!(subscription.status, Status::Paused | Status::Pending);
        let fetched = !subscription.onward.way.is_ours() && subscription.status != Status::Retired;
        if !held && !fetched {
            return;
        }
        let kept = subscription.onward.keep;
        let until = Some(self.clock.now().before(PATIENCE.max(kept)));
        let (cause, refusal) = (Cause::Endpoint, WebhookRefusal::DeliveryExpired);
        let (tenant, subscription) = (subscription.tenant, subscription.id);
        self.fill(&Plot { tenant, subscription, until, cause, refusal, kept }).await;
    }

    /// Ends what is to end of one subscription. What goes wrong with one keeps nobody from the next.
    async fn fill(&self, plot: &Plot) {
        let mut behind = String::new();
        for _ in 0..CHANGES {
            match self.some(plot, &behind).await {
                Ok(Some(last)) => behind = last.to_string(),
                Ok(None) => return,
                Err(fault) => {
                    tracing::error!(%fault, subscription = %plot.subscription, "deliveries could not be ended");
                    return;
                }
            }
        }
    }

    /// Ends some behind one, in one change; which was the last, where there may be more.
    async fn some(&self, plot: &Plot, behind: &str) -> Result<Option<DeliveryId>, Fault> {
        let (tenant, subscription, now) = (plot.tenant, plot.subscription, self.clock.now());
        let until = plot.until.unwrap_or(Timestamp::from_micros(i64::MAX));
        let found = match plot.until {
            None => self.store.read(tenant, &rows::RETIRED, values![subscription, behind, MANY]).await?,
            Some(until) => {
                self.store.read(tenant, &rows::WAITING_LONG, values![subscription, behind, until, MANY]).await?
            }
        };
        let found = found.iter().map(|row| row.parsed(0)).collect::<Result<Vec<DeliveryId>, _>>()?;
        let (Some(first), Some(last)) = (found.first(), found.last()) else { return Ok(None) };
        let (cause, code, forget_at) = (plot.cause.as_str(), plot.refusal.info().code, now.after(plot.kept));
        let many = u64::try_from(found.len()).unwrap_or(u64::MAX);
        let values = values![subscription, *first, *last, until, now, cause, code, forget_at];
        // INVARIANT: those that end are those that are recorded, or none is.
        let mut change = Change::of(tenant).step(&rows::END_SOME, values).expecting(many);
        for delivery in &found {
            let deed = Deed::by_house(Some(tenant), "delivery.dead", delivery)
                .with("subscription", subscription.to_string())
                .with("cause", cause)
                .with("code", code);
            let (record, recording) = self.audit.step(&deed);
            change = change.step(record, recording);
        }
        match self.store.apply(change).await {
            Ok(_) => Ok((found.len() as i64 == MANY).then_some(*last)),
            // Another node ends them, or somebody had one at this moment: the next pass looks again.
            Err(ApplyFailure::Unmet { .. }) => Ok(None),
            Err(failure) => Err(failure.into_fault("ending deliveries for which nothing comes")),
        }
    }
}
