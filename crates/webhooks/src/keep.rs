//! Keeping a delivery: one change of the store with its envelope, its claims, its way on and its records.
//!
//! A claim says that something was heard. It is taken for the provider's own identifier of the delivery and,
//! unless that was signed with it, for all that was signed: an identifier that nobody signed does not make an
//! old delivery new. Whoever finds a claim taken has sent the same again; if the bodies differ, one of the two
//! is not what the provider sent, so the second is put into quarantine and an alert is raised.

use lockgate_access::registry::{Event, EventKind};
use lockgate_audit::Deed;
use lockgate_store::{ApplyFailure, Change, Value, values};
use lockgate_vocabulary::{DeliveryId, Fault, Stop, Timestamp};

use crate::envelope::Envelope;
use crate::order_key;
use crate::receive::{Admitted, Received};
use crate::refusal::WebhookRefusal;
use crate::rows::deliveries as rows;
use crate::verified::Verified;
use crate::webhooks::Webhooks;

const KEEPING: &str = "keeping a delivery";

/// A row of `deliveries` that comes to be.
pub(crate) struct NewDelivery<'a> {
    pub(crate) id: DeliveryId,
    pub(crate) subscription: lockgate_vocabulary::SubscriptionId,
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

/// What a delivery is recognised by.
pub(crate) struct Claim([u8; 32]);

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
        let claims = self.claims(&admitted, verified);
        let until = now.after(admitted.inbound.scheme.claim_time(&admitted.inbound.setting));
        let mut change = Change::of(subscription.tenant);
        for claim in &claims {
            change = change.step(&rows::CLAIM, values![claim.0, id, digest, until, now]).expecting(1);
        }
        let change = self.kept(change, &admitted, (id, digest, now))?;
        match self.store.apply(change).await {
            Ok(_) => {
                self.wake.notify_one();
                Ok(Received::Kept(id))
            }
            Err(ApplyFailure::Unmet { step }) if step < claims.len() => {
                let taken = claims.get(step).ok_or(Fault::violated("a step that is a claim has one"))?;
                self.again(admitted, taken, digest).await
            }
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
        let envelope = Envelope::of(&admitted.parcel.headers, admitted.parcel.body.clone());
        let row = NewDelivery {
            id,
            subscription: subscription.id,
            state: "waiting",
            event_type: verified.event_type(),
            provider_id: verified.delivery_id(),
            key: Some(verified.key()),
            digest,
            size: admitted.parcel.body.len(),
            sealed: envelope.seal(&self.vault, subscription.tenant, id)?,
            order_key: order_key::of(&self.vault, subscription, &admitted.parcel.body),
            replay_of: None,
            due_at: subscription.onward.way.is_ours().then_some(now),
            refused: None,
            at: now,
            forget_at: None,
        };
        let event = Event::new(EventKind::WebhookDeliveryReceived, subscription.tenant, id)
            .with("subscription", subscription.id.to_string())
            .with("event_type", verified.event_type().unwrap_or_default())
            .with("trace_id", admitted.trace.to_string());
        Ok(self.recorded(change.step(&rows::INSERT, row.values()), admitted, event, ("delivery.receive", id)))
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

    fn claims(&self, admitted: &Admitted<'_>, verified: &Verified) -> Vec<Claim> {
        let claim = |kind: &[u8], what: &[u8]| {
            let mut bytes = Vec::with_capacity(17 + kind.len() + what.len());
            bytes.extend_from_slice(&admitted.subscription.id.as_u128().to_be_bytes());
            bytes.extend_from_slice(kind);
            bytes.push(0);
            bytes.extend_from_slice(what);
            Claim(self.vault.digest(admitted.subscription.tenant, "webhook.claim", &bytes))
        };
        let mut claims = Vec::with_capacity(2);
        claims.extend(verified.delivery_id().map(|id| claim(b"id", id.as_bytes())));
        // What was signed with the identifier in it is found by the identifier.
        if claims.is_empty() || !admitted.inbound.scheme.profile().signs_id {
            claims.push(claim(b"signed", verified.signed()));
        }
        claims
    }

    /// It was heard before: the same, or something else under the same identifier.
    async fn again(&self, admitted: Admitted<'_>, taken: &Claim, digest: [u8; 32]) -> Result<Received, Stop> {
        let tenant = admitted.subscription.tenant;
        let rows = self.store.read(tenant, &rows::CLAIMED, values![taken.0]).await?;
        let row = rows.first().ok_or(Fault::unavailable(KEEPING, "a claim was given back at this moment"))?;
        if row.bytes(1)? == digest.as_slice() {
            return Ok(Received::Before(row.parsed(0)?));
        }
        let id = self.quarantine(&admitted, taken, digest).await?;
        let profile = admitted.inbound.scheme.profile();
        // Where identifier and body are both signed, it is the provider who sent both and who would go on sending.
        if profile.signs_id && profile.signs_body {
            return Ok(Received::Quarantined(id));
        }
        Err(WebhookRefusal::DeliveryConflict.into())
    }

    /// Keeps what conflicts with something kept, once, where nobody hands it on, and raises an alert.
    async fn quarantine(&self, admitted: &Admitted<'_>, taken: &Claim, digest: [u8; 32]) -> Result<DeliveryId, Stop> {
        let (subscription, verified) = (admitted.subscription, admitted.fresh.verified());
        let (id, now) = (DeliveryId::generate(&*self.clock, &*self.entropy), self.clock.now());
        let conflict = self.vault.digest(subscription.tenant, "webhook.conflict", &[taken.0, digest].concat());
        let envelope = Envelope::of(&admitted.parcel.headers, admitted.parcel.body.clone());
        let row = NewDelivery {
            id,
            subscription: subscription.id,
            state: "quarantined",
            event_type: verified.event_type(),
            provider_id: verified.delivery_id(),
            key: Some(verified.key()),
            digest,
            size: admitted.parcel.body.len(),
            sealed: envelope.seal(&self.vault, subscription.tenant, id)?,
            order_key: None,
            replay_of: None,
            due_at: None,
            refused: Some(WebhookRefusal::DeliveryConflict),
            at: now,
            forget_at: Some(now.after(subscription.onward.keep)),
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
                let rows = self.store.read(subscription.tenant, &rows::CLAIMED, values![conflict]).await?;
                let row = rows.first().ok_or(Fault::unavailable(KEEPING, "a claim was given back at this moment"))?;
                Ok(row.parsed(0)?)
            }
            Err(failure) => Err(failure.into_fault(KEEPING).into()),
        }
    }
}
