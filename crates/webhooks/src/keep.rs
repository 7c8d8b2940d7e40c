//! Keeping a delivery: one change of the store with its envelope, its claims, its way on and its records.
//!
//! A claim says that something was heard. It is taken for the provider's own identifier of the delivery, for
//! all that was signed unless the identifier was signed with it, and for each item where items are signed each
//! by itself. Whoever finds one taken reads them all, and they are judged together (`claims`): the delivery was
//! heard before, or it conflicts with one that was. Then one of the two is not what the provider sent, so the
//! second is put into quarantine, durably, and an alert is raised. Its sender is told that it was taken: a
//! refusal would only have the provider stop its queue or delete its subscription.

mod claims;

use lockgate_access::registry::{Event, EventKind};
use lockgate_audit::Deed;
use lockgate_store::{ApplyFailure, Change, Value, values};
use lockgate_vocabulary::{DeliveryId, Fault, Stop, SubscriptionId, TenantId, Timestamp};

use self::claims::{Claim, Judged, Kind, Standing, judge_claims};
use crate::envelope::Envelope;
use crate::order_key;
use crate::receive::{Admitted, Received};
use crate::refusal::WebhookRefusal;
use crate::rows::deliveries as rows;
use crate::subscription::Subscription;
use crate::webhooks::Webhooks;

const KEEPING: &str = "keeping a delivery";

/// A row of `deliveries` that comes to be.
pub(crate) struct NewDelivery<'a> {
    pub(crate) id: DeliveryId,
    pub(crate) subscription: SubscriptionId,
    pub(crate) state: &'static str,
    pub(crate) event_type: Option<&'a str>,
    pub(crate) provider_id: Option<&'a str>,
    pub(crate) key: Option<u32>,
    pub(crate) digest: [u8; 32],
    pub(crate) size: usize,
    pub(crate) sealed: Vec<u8>,
    pub(crate) order_key: Option<String>,
    pub(crate) replay_of: Option<DeliveryId>,
    pub(crate) due_at: Option<Timestamp>,
    pub(crate) refused: Option<WebhookRefusal>,
    pub(crate) at: Timestamp,
    /// When it is forgotten, where that is known already.
    pub(crate) forget_at: Option<Timestamp>,
}

impl NewDelivery<'_> {
    /// One that waits to go on by its subscription's way, of which nothing more is known.
    pub(crate) fn waiting(
        (id, of, at): (DeliveryId, &Subscription, Timestamp),
        digest: [u8; 32],
        (size, sealed): (usize, Vec<u8>),
    ) -> Self {
        Self {
            id,
            subscription: of.id,
            state: "waiting",
            event_type: None,
            provider_id: None,
            key: None,
            digest,
            size,
            sealed,
            order_key: None,
            replay_of: None,
            due_at: of.onward.way.is_ours().then_some(at),
            refused: None,
            at,
            forget_at: None,
        }
    }

    /// The arguments of the statement that inserts it.
    pub(crate) fn values(self) -> Vec<Value> {
        let ended = self.refused.map(|_| self.at);
        values![
            self.id,
            self.subscription,
            self.state,
            self.event_type,
            self.provider_id,
            self.key,
            self.digest,
            i64::try_from(self.size).unwrap_or(i64::MAX),
            self.sealed,
            self.order_key,
            self.replay_of,
            self.due_at,
            self.refused.map(|_| "conflict"),
            self.refused.map(|refusal| refusal.info().code),
            self.at,
            ended,
            self.forget_at
        ]
    }
}

impl Webhooks {
    /// Keeps a delivery, or finds that it is kept.
    pub(crate) async fn keep(&self, admitted: Admitted<'_>) -> Result<Received, Stop> {
        let verified = admitted.fresh.verified();
        let subscription = admitted.subscription;
        if let Some(challenge) = verified.challenge() {
            // What is answered under the provider's secret stands in the trail.
            let deed = Deed::by_house(Some(subscription.tenant), "subscription.challenge", subscription.id);
            self.audit.record(deed.traced(admitted.trace)).await?;
            return Ok(Received::Asked(challenge.clone()));
        }
        let (id, now) = (DeliveryId::generate(&*self.clock, &*self.entropy), self.clock.now());
        let digest = self.vault.digest(subscription.tenant, "webhook.body", verified.body());
        let claims = self.claims(&admitted, digest);
        if let Err(full) = self.backlog.demand(&self.store, subscription.tenant, &self.clock).await {
            // What is kept already is still answered with yes, or its provider would send it for ever.
            return if self.is_heard(subscription.tenant, &claims, now).await? {
                self.again(admitted, &claims, digest).await
            } else {
                Err(full)
            };
        }
        let until = now.after(admitted.inbound.scheme.claim_time(&admitted.inbound.setting));
        let mut change = Change::of(subscription.tenant);
        for claim in &claims {
            change = change.step(&rows::CLAIM, values![claim.name, id, claim.digest, until, now]).expecting(1);
        }
        let change = self.kept(change, &admitted, (id, digest, now))?;
        match self.store.apply(change).await {
            Ok(_) => {
                self.backlog.add(subscription.tenant, admitted.parcel.body.len());
                self.wake.notify_one();
                Ok(Received::Kept(id))
            }
            Err(ApplyFailure::Unmet { step }) if step < claims.len() => self.again(admitted, &claims, digest).await,
            Err(failure) => Err(failure.into_fault(KEEPING).into()),
        }
    }

    /// The delivery, its event and its record, behind the claims.
    fn kept(
        &self,
        change: Change,
        admitted: &Admitted<'_>,
        (id, digest, now): (DeliveryId, [u8; 32], Timestamp),
    ) -> Result<Change, Fault> {
        let (subscription, verified) = (admitted.subscription, admitted.fresh.verified());
        let row = NewDelivery {
            order_key: order_key::of(&self.vault, subscription, &admitted.parcel.body),
            ..self.came(admitted, (id, digest, now))?
        };
        let event = Event::new(EventKind::WebhookDeliveryReceived, subscription.tenant, id)
            .with("subscription", subscription.id.to_string())
            .with("event_type", verified.event_type().unwrap_or_default())
            .with("trace_id", admitted.trace.to_string());
        Ok(self.recorded(change.step(&rows::INSERT, row.values()), admitted, event, ("delivery.receive", id)))
    }

    /// The row of what came.
    fn came<'a>(
        &self,
        admitted: &'a Admitted<'_>,
        (id, digest, now): (DeliveryId, [u8; 32], Timestamp),
    ) -> Result<NewDelivery<'a>, Fault> {
        let (subscription, verified) = (admitted.subscription, admitted.fresh.verified());
        let body = &admitted.parcel.body;
        let sealed = Envelope::of(&admitted.parcel.headers, body.clone()).seal(&self.vault, subscription.tenant, id)?;
        Ok(NewDelivery {
            event_type: verified.event_type(),
            provider_id: verified.delivery_id(),
            key: Some(verified.key()),
            ..NewDelivery::waiting((id, subscription, now), digest, (body.len(), sealed))
        })
    }

    /// Adds the event and the record of what was done with a delivery.
    fn recorded(
        &self,
        change: Change,
        admitted: &Admitted<'_>,
        event: Event,
        (action, id): (&'static str, DeliveryId),
    ) -> Change {
        let (subscription, verified) = (admitted.subscription, admitted.fresh.verified());
        let deed = Deed::by_house(Some(subscription.tenant), action, id)
            .traced(admitted.trace)
            .with("subscription", subscription.id.to_string())
            .with("scheme", admitted.inbound.scheme.profile().name)
            .with("secret_version", i64::from(verified.key()))
            .with("bytes", i64::try_from(admitted.parcel.body.len()).unwrap_or(i64::MAX));
        let (told, telling) = event.step(&*self.clock, &*self.entropy);
        let (record, recording) = self.audit.step(&deed);
        change.step(told, telling).step(record, recording)
    }

    /// What it is recognised by. In the order of their names: two deliveries with some in common would wait for
    /// each other if each took them in an order of its own.
    fn claims(&self, admitted: &Admitted<'_>, digest: [u8; 32]) -> Vec<Claim> {
        let (subscription, verified) = (admitted.subscription, admitted.fresh.verified());
        let claim = |kind: Kind, word: &[u8], what: &[u8], digest: [u8; 32]| {
            let of = subscription.id.as_u128().to_be_bytes();
            let bytes = [&of, word, &[0], what].concat();
            Claim { kind, name: self.vault.digest(subscription.tenant, "webhook.claim", &bytes), digest }
        };
        let mut claims = Vec::with_capacity(verified.items().len() + 2);
        claims.extend(verified.delivery_id().map(|id| claim(Kind::Id, b"id", id.as_bytes(), digest)));
        for item in verified.items() {
            let own = self.vault.digest(subscription.tenant, "webhook.item", item);
            claims.push(claim(Kind::Item, b"item", item, own));
        }
        // What was signed with the identifier in it is found by the identifier.
        if claims.is_empty() || !admitted.inbound.scheme.profile().signs_id {
            claims.push(claim(Kind::Signed, b"signed", verified.signed(), digest));
        }
        claims.sort_unstable_by_key(|claim| claim.name);
        claims
    }

    /// Whether all of it was heard before, and is the same.
    async fn is_heard(&self, tenant: TenantId, claims: &[Claim], now: Timestamp) -> Result<bool, Stop> {
        for claim in claims {
            let rows = self.store.read(tenant, &rows::HEARD, values![claim.name, now]).await?;
            let Some(row) = rows.first() else { return Ok(false) };
            if row.bytes(1)? != claim.digest.as_slice() {
                return Ok(false);
            }
        }
        Ok(!claims.is_empty())
    }

    /// Some of it was heard before: the same, or something else.
    async fn again(&self, admitted: Admitted<'_>, claims: &[Claim], digest: [u8; 32]) -> Result<Received, Stop> {
        let (tenant, now) = (admitted.subscription.tenant, self.clock.now());
        let mut standing = Vec::with_capacity(claims.len());
        for claim in claims {
            let rows = self.store.read(tenant, &rows::HEARD, values![claim.name, now]).await?;
            let stands = match rows.first() {
                None => Standing::Free,
                Some(row) if row.bytes(1)? == claim.digest.as_slice() => Standing::Same(row.parsed(0)?),
                Some(_) => Standing::Other,
            };
            standing.push((*claim, stands));
        }
        match judge_claims(&standing) {
            Judged::New => Err(Fault::unavailable(KEEPING, "a claim was given back at this moment").into()),
            Judged::Before { first, renamed } => {
                if renamed {
                    self.record_renamed(&admitted, first).await?;
                }
                Ok(Received::Before(first))
            }
            Judged::Conflict(taken) => Ok(Received::Quarantined(self.quarantine(&admitted, taken, digest).await?)),
        }
    }

    /// A delivery that comes again under another identifier is no retry of its provider's, so it leaves a trace.
    async fn record_renamed(&self, admitted: &Admitted<'_>, first: DeliveryId) -> Result<(), Stop> {
        let subscription = admitted.subscription;
        let deed = Deed::by_house(Some(subscription.tenant), "delivery.duplicate", first)
            .traced(admitted.trace)
            .with("subscription", subscription.id.to_string())
            .with("scheme", admitted.inbound.scheme.profile().name)
            .with("provider_id", admitted.fresh.verified().delivery_id().unwrap_or_default());
        self.audit.record(deed).await.map(drop)
    }

    /// Keeps what conflicts with something kept, once, where nobody hands it on, and raises an alert.
    async fn quarantine(&self, admitted: &Admitted<'_>, taken: Claim, digest: [u8; 32]) -> Result<DeliveryId, Stop> {
        let subscription = admitted.subscription;
        let (id, now) = (DeliveryId::generate(&*self.clock, &*self.entropy), self.clock.now());
        let conflict = self.vault.digest(subscription.tenant, "webhook.conflict", &[taken.name, digest].concat());
        let row = NewDelivery {
            state: "quarantined",
            due_at: None,
            refused: Some(WebhookRefusal::DeliveryConflict),
            forget_at: Some(now.after(subscription.onward.keep)),
            ..self.came(admitted, (id, digest, now))?
        };
        let until = now.after(admitted.inbound.scheme.claim_time(&admitted.inbound.setting));
        let event = Event::new(EventKind::SecurityAlertRaised, subscription.tenant, id)
            .with("subscription", subscription.id.to_string())
            .with("code", WebhookRefusal::DeliveryConflict.info().code)
            .with("trace_id", admitted.trace.to_string());
        let change = Change::of(subscription.tenant)
            .step(&rows::CLAIM, values![conflict, id, digest, until, now])
            .expecting(1)
            .step(&rows::INSERT, row.values());
        let change = self.recorded(change, admitted, event, ("delivery.quarantine", id));
        match self.store.apply(change).await {
            Ok(_) => Ok(id),
            // The same conflict again is in quarantine already.
            Err(ApplyFailure::Unmet { step: 0 }) => {
                let rows = self.store.read(subscription.tenant, &rows::HEARD, values![conflict, now]).await?;
                let row = rows.first().ok_or(Fault::unavailable(KEEPING, "a claim was given back at this moment"))?;
                Ok(row.parsed(0)?)
            }
            Err(failure) => Err(failure.into_fault(KEEPING).into()),
        }
    }
}
