//! STORY: a provider's delivery is taken in.
//!
//! The order is the security argument, so it stands on one screen: whose door it is, from where, how often, the
//! raw bytes (capped and timed), the signature over them, their freshness, how many, and then one change of the
//! store that holds the envelope, the claims, the way on and the records. We say yes only after its commit;
//! nothing is remembered before it and nothing is queued after it. The tenant comes from the subscription, and
//! nothing of it from what was sent.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body;
use lockgate_egress::{Alarm, Rang};
use lockgate_vocabulary::{DeliveryId, Fault, Stop, SubscriptionId, TenantId, TraceId, network};

use crate::fresh::Fresh;
use crate::parcel::Parcel;
use crate::refusal::WebhookRefusal;
use crate::scheme::Answer;
use crate::source;
use crate::subscription::{Inbound, SecretPurpose, Status, Subscription};
use crate::verified::{Challenge, Verified};
use crate::webhooks::Webhooks;

/// How long a body may take to come.
const READING: Duration = Duration::from_secs(10);

/// How long keeping it may take: the strictest providers want their answer within 3 s.
const KEEPING: Duration = Duration::from_millis(2_500);

/// Somebody at the door of a subscription.
#[derive(Debug, Clone)]
pub struct Knock<'a> {
    /// The subscription, as the URL names it.
    pub subscription: &'a str,
    /// The headers, duplicates included.
    pub headers: HeaderMap,
    /// The address at the far end.
    pub peer: IpAddr,
    /// The trace.
    pub trace: TraceId,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// It is kept, durably.
    Kept(DeliveryId),
    /// It was kept before, under this id.
    Before(DeliveryId),
    /// Something else was kept before under the same identifier, so this one is in quarantine, under this id.
    Quarantined(DeliveryId),
    /// It was a question, whose answer the provider waits for.
    Asked(Challenge),
}

/// A delivery that was let in by its door, on its way to be kept.
pub(crate) struct Admitted<'a> {
    pub(crate) subscription: &'a Subscription,
    pub(crate) inbound: &'a Inbound,
    pub(crate) parcel: Parcel,
    pub(crate) fresh: Fresh,
    pub(crate) trace: TraceId,
}

impl Webhooks {
    /// Whose door it is that this names, for the record of whatever is refused there.
    pub fn tenant_of(&self, subscription: &str) -> Option<(TenantId, SubscriptionId)> {
        let id: SubscriptionId = subscription.parse().ok()?;
        self.book.page().ok()?.find(id).map(|found| (found.tenant, found.id))
    }

    /// Takes in a delivery, or says why not. Beside what became of it stands what its provider wants to hear,
    /// where that is special.
    pub async fn receive<B: Body<Data = Bytes>>(
        &self,
        knock: Knock<'_>,
        body: B,
    ) -> Result<(Received, Option<Answer>), Stop> {
        let mut alarm = Alarm::new(Arc::clone(&self.clock));
        let subscription = self.door(knock.subscription)?;
        let inbound = subscription.inbound().ok_or(WebhookRefusal::SubscriptionUnknown)?;
        source::demand(inbound, knock.peer)?;
        self.traffic.knock(subscription.id, network(knock.peer), inbound.knocking)?;
        let until = alarm.now().saturating_add(READING);
        let mut held = self.room.enter(subscription.tenant, knock.peer);
        let most = (inbound.body_bytes, &mut held);
        let parcel = Parcel::read(knock.headers, body, most, &mut alarm, until).await?;
        let verified = self.verify(&subscription, inbound, &parcel)?;
        let fresh = Fresh::prove(verified, inbound.scheme, &inbound.setting, self.clock.now())?;
        let until = alarm.now().saturating_add(KEEPING);
        let keeping = async {
            self.traffic.admit_delivery(subscription.tenant, subscription.id, inbound.rate).await?;
            self.keep(Admitted { subscription: &subscription, inbound, parcel, fresh, trace: knock.trace }).await
        };
        // It may hold all the same; whoever sends it again is told that it does.
        let late = |Rang| Fault::unavailable("keeping a delivery", "the store did not answer in time");
        let received = alarm.race(until, Box::pin(keeping)).await.map_err(late)??;
        Ok((received, inbound.scheme.profile().answer))
    }

    /// The subscription that this names, if its tenant may do anything. A text that names none, one that is
    /// retired, and another direction's are all alike.
    fn door(&self, named: &str) -> Result<Arc<Subscription>, Stop> {
        let directory = self.access.directory()?;
        let page = self.book.page()?;
        let id = named.parse::<SubscriptionId>().ok();
        if id.is_some_and(|id| page.is_unreadable(id)) {
            // It is there, so it is our fault, and the provider comes again.
            return Err(Fault::unavailable("finding a subscription", "its settings cannot be understood here").into());
        }
        let found = id.and_then(|id| page.find(id));
        let subscription = found.filter(|found| {
            let tenant = directory.tenants.get(&found.tenant);
            found.status != Status::Retired && tenant.is_some_and(|tenant| tenant.active)
        });
        Ok(Arc::clone(subscription.ok_or(WebhookRefusal::SubscriptionUnknown)?))
    }

    fn verify(&self, subscription: &Subscription, inbound: &Inbound, parcel: &Parcel) -> Result<Verified, Stop> {
        inbound.scheme.looks_signed(parcel, &inbound.setting)?;
        let secrets = self.secrets(subscription, SecretPurpose::Verify)?;
        Ok(inbound.scheme.verify(parcel, &inbound.setting, &secrets)?)
    }
}
