//! STORY: a tenant's event goes out to everybody whom it wants to tell.
//!
//! One change of the store holds a delivery for each way out that tells this type of event, and the record. It
//! is answered once that is durable; the deliveries are then passed on like all others.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};
use lockgate_access::Caller;
use lockgate_access::Violations;
use lockgate_access::registry::EventKind;
use lockgate_access::scope::Scope;
use lockgate_audit::Deed;
use lockgate_store::{ApplyFailure, Change, values};
use lockgate_vault::webhook::sha256;
use lockgate_vocabulary::{DeliveryId, EventId, Fault, Stop, TenantId, Timestamp, TraceId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::envelope::Envelope;
use crate::keep::NewDelivery;
use crate::order_key;
use crate::refusal::WebhookRefusal;
use crate::resolve;
use crate::rows::deliveries as rows;
use crate::subscription::{Side, Status, Subscription};
use crate::webhooks::Webhooks;

/// Bytes of an event's data. What is larger is better fetched than told.
pub const EVENT_BYTES: usize = 256 * 1024;

/// How long a key is remembered (API-5).
const KEY_KEPT: Duration = Duration::from_secs(86_400);

/// An event that a tenant sends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewEvent {
    /// What it is: letters, digits, `.`, `_` and `-`, such as `invoice.paid`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// What it tells: a JSON object, passed on byte for byte.
    pub data: Box<RawValue>,
}

/// What came of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// Its id.
    pub event: EventId,
    /// How many are told.
    pub deliveries: usize,
    /// Whether it was sent before, under the same key.
    #[serde(skip)]
    pub replayed: bool,
}

/// An event on its way out.
pub(crate) struct Told<'a> {
    pub(crate) event_type: &'a str,
    pub(crate) body: Bytes,
    pub(crate) media_type: &'static str,
    pub(crate) id: &'a str,
}

impl Webhooks {
    /// Sends an event. With a key the same request tells once, however often it comes.
    pub async fn send(
        &self,
        caller: &Caller,
        trace: TraceId,
        event: &NewEvent,
        key: Option<&str>,
    ) -> Result<Sent, Stop> {
        self.access.demand(caller, Scope::EventsSend)?;
        check(event)?;
        let (tenant, now) = (caller.tenant(), self.clock.now());
        let id = EventId::generate(&*self.clock, &*self.entropy);
        let body = payload(event, now);
        let name = id.to_string();
        let told = Told { event_type: &event.event_type, body, media_type: "application/json", id: &name };
        let ways = self.ways_out(tenant, &event.event_type, false)?;
        let mut change = Change::of(tenant);
        let digest =
            self.vault.digest(tenant, "webhook.body", format!("{} {}", event.event_type, event.data).as_bytes());
        let claim = key.map(|key| {
            let what = format!("{} {key}", caller.actor().principal);
            self.vault.digest(tenant, "webhook.event-key", what.as_bytes())
        });
        if let Err(full) = self.backlog.demand(&self.store, tenant, &self.clock).await {
            // What was told already is still answered as it was.
            let claimed = match claim {
                Some(claim) => !self.read(tenant, &rows::HEARD, values![claim, now]).await?.is_empty(),
                None => false,
            };
            return match claim.filter(|_| claimed) {
                Some(claim) => self.sent_before(tenant, claim, digest).await,
                None => Err(full),
            };
        }
        if let Some(claim) = claim {
            // What the same key is answered with later stands in the claim.
            let told = format!("{id}:{}", ways.len());
            change = change.step(&rows::CLAIM, values![claim, told, digest, now.after(KEY_KEPT), now]).expecting(1);
        }
        for way in &ways {
            change = self.telling_one(change, way, &told, now)?;
        }
        let deed = Deed::new(caller.actor(), trace, "event.send", id)
            .with("type", event.event_type.as_str())
            .with("deliveries", i64::try_from(ways.len()).unwrap_or(i64::MAX));
        let (record, recording) = self.audit.step(&deed);
        match (self.store.apply(change.step(record, recording)).await, claim) {
            (Ok(_), _) => {
                self.backlog.add(tenant, told.body.len() * ways.len());
                self.wake.notify_one();
                Ok(Sent { event: id, deliveries: ways.len(), replayed: false })
            }
            (Err(ApplyFailure::Unmet { step: 0 }), Some(claim)) => self.sent_before(tenant, claim, digest).await,
            (Err(failure), _) => Err(failure.into_fault("sending an event").into()),
        }
    }

    async fn sent_before(&self, tenant: TenantId, claim: [u8; 32], digest: [u8; 32]) -> Result<Sent, Stop> {
        let rows = self.read(tenant, &rows::CLAIMED, values![claim]).await?;
        let row = rows.first().ok_or(Fault::unavailable("sending an event", "a key was given back at this moment"))?;
        if row.bytes(1)? != digest.as_slice() {
            return Err(WebhookRefusal::EventKeyReused.into());
        }
        let told =
            row.text(0)?.split_once(':').and_then(|(event, told)| Some((event.parse().ok()?, told.parse().ok()?)));
        let (event, deliveries) = told.ok_or(Fault::violated("a key's claim says what was told"))?;
        Ok(Sent { event, deliveries, replayed: true })
    }

    /// The tenant's ways out that tell this type of event.
    pub(crate) fn ways_out(
        &self,
        tenant: TenantId,
        event_type: &str,
        own: bool,
    ) -> Result<Vec<std::sync::Arc<Subscription>>, Fault> {
        let page = self.book.page()?;
        let tells = |way: &&std::sync::Arc<Subscription>| match &way.side {
            Side::Outbound { types } => {
                way.status != Status::Retired && types.iter().any(|pattern| pattern.tells(event_type, own))
            }
            Side::Inbound(_) => false,
        };
        Ok(page.of_tenant(tenant).filter(tells).cloned().collect())
    }

    /// Adds the delivery that tells one of them.
    pub(crate) fn telling_one(
        &self,
        change: Change,
        way: &Subscription,
        told: &Told<'_>,
        now: Timestamp,
    ) -> Result<Change, Fault> {
        let id = DeliveryId::generate(&*self.clock, &*self.entropy);
        let mut headers = HeaderMap::with_capacity(1);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(told.media_type));
        let envelope = Envelope::of(&headers, told.body.clone());
        let digest = self.vault.digest(way.tenant, "webhook.body", &sha256(&[&told.body]));
        let sealed = envelope.seal(&self.vault, way.tenant, id)?;
        let row = NewDelivery {
            event_type: Some(told.event_type),
            provider_id: Some(told.id),
            order_key: order_key::of(&self.vault, way, &told.body),
            ..NewDelivery::waiting((id, way, now), digest, (told.body.len(), sealed))
        };
        Ok(change.step(&rows::INSERT, row.values()))
    }
}

fn check(event: &NewEvent) -> Result<(), Stop> {
    let mut wrong = Violations::default();
    let fits = resolve::is_event_type(&event.event_type);
    wrong.check(fits, "/type", "1 to 128 letters, digits, `.`, `_` and `-`");
    // Whoever is told of these believes that the gateway says it.
    let ours = EventKind::ALL.iter().any(|kind| kind.as_str() == event.event_type)
        || event.event_type.starts_with("lockgate.");
    wrong.check(!ours, "/type", "not a name of the gateway's own events, and none that begins with `lockgate.`");
    let data = event.data.get();
    wrong.check(data.starts_with('{'), "/data", "a JSON object");
    wrong.check(data.len() <= EVENT_BYTES, "/data", "at most 262,144 bytes");
    Ok(wrong.done()?)
}

/// The body as Standard Webhooks recommends it.
fn payload(event: &NewEvent, now: Timestamp) -> Bytes {
    let (kind, at) = (json!(event.event_type), json!(now.to_string()));
    Bytes::from(format!("{{\"type\":{kind},\"timestamp\":{at},\"data\":{}}}", event.data.get()))
}
