//! Deliveries that the tenant fetches: a page of what waits, and an acknowledgement for each.
//!
//! What is not acknowledged comes again with every reading from the start, so nothing is lost between a page
//! and the work with it. A cursor only saves reading the same page twice.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockgate_access::AccessRefusal;
use lockgate_access::Caller;
use lockgate_access::registry::PageAsk;
use lockgate_access::scope::Scope;
use lockgate_audit::Deed;
use lockgate_store::{ApplyFailure, Change, Row, values};
use lockgate_vocabulary::{DeliveryId, Fault, Stop, SubscriptionId, TenantId, TraceId};
use serde::{Deserialize, Serialize};
use serde_json::Map;
use serde_json::value::RawValue;

use crate::envelope::Envelope;
use crate::refusal::WebhookRefusal;
use crate::rows::deliveries as rows;
use crate::webhooks::Webhooks;

/// Bytes of bodies in one page; a larger delivery comes alone.
const PAGE_BYTES: i64 = 4 * 1024 * 1024;

/// How long a delivery is kept that cannot be opened.
const SPOILED_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PullAsk {
    /// Only those of this subscription, by its id.
    pub subscription: Option<String>,
    /// How many, 1 to 1,000; 100 by default.
    pub limit: Option<u32>,
    /// Where the last page ended.
    pub cursor: Option<String>,
}

/// A page of what waits.
#[derive(Debug, Serialize)]
pub struct Pulled {
    /// The deliveries, the oldest first.
    pub items: Vec<PulledDelivery>,
    /// Where the next page starts, if more waits.
    pub next: Option<String>,
}

/// A delivery in its normal form, whoever the provider is.
#[derive(Debug, Serialize)]
pub struct PulledDelivery {
    /// Its id, the same however often it is fetched.
    pub delivery: DeliveryId,
    /// Its subscription.
    pub subscription: SubscriptionId,
    /// What it tells of, where the provider says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// What the provider calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
    /// The delivery that it plays again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay_of: Option<DeliveryId>,
    /// When it was received (RFC 3339).
    pub received_at: String,
    /// The provider's headers; of several with one name, all in one text.
    pub headers: Map<String, serde_json::Value>,
    /// The body, byte for byte, where it is JSON that has one reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json: Option<Box<RawValue>>,
    /// The raw bytes of the body, in base 64.
    pub body_b64: String,
}

impl Webhooks {
    /// What waits to be fetched. Who was handed what stands in the trail before it is answered.
    pub async fn pull(&self, caller: &Caller, trace: TraceId, ask: &PullAsk) -> Result<Pulled, Stop> {
        self.access.demand(caller, Scope::DeliveriesIngest)?;
        let tenant = caller.tenant();
        let page = PageAsk { limit: ask.limit, cursor: ask.cursor.clone() };
        let subscription = match &ask.subscription {
            None => String::new(),
            Some(named) => self.record_of(tenant, named).await?.subscription.to_string(),
        };
        let (limit, behind) = (page.limit()?, page.behind::<DeliveryId>()?);
        let rows = self.read(tenant, &rows::PULLED, values![behind, subscription, page.rows()?]).await?;
        let fitting = fitting(&rows, limit)?;
        let mut items = Vec::with_capacity(fitting.len());
        for row in fitting {
            items.extend(self.handed(tenant, row).await?);
        }
        self.record_page(caller, trace, &items).await?;
        let last = fitting.last().filter(|_| fitting.len() < rows.len());
        let next = last.map(|row| row.text(0)).transpose()?.map(str::to_owned);
        Ok(Pulled { items, next })
    }

    /// One delivery of a page, read by itself. One that cannot be opened for good must not keep the others from
    /// being fetched, so it ends.
    async fn handed(&self, tenant: TenantId, row: &Row) -> Result<Option<PulledDelivery>, Fault> {
        let id: DeliveryId = row.parsed(0)?;
        let held = self.read(tenant, &rows::ENVELOPE, values![id]).await?;
        // One that was forgotten since the page was read is not there to be handed out.
        let Some(held) = held.first() else { return Ok(None) };
        match self.pulled(tenant, row, held.bytes(0)?) {
            Ok(delivery) => Ok(Some(delivery)),
            Err(fault) if fault.is_unavailable() => Err(fault),
            Err(fault) => self.spoiled(tenant, id, &fault).await.map(|()| None),
        }
    }

    /// Records who was handed bodies, and which: the first and the last one bound the page.
    async fn record_page(&self, caller: &Caller, trace: TraceId, items: &[PulledDelivery]) -> Result<(), Stop> {
        let (Some(first), Some(last)) = (items.first(), items.last()) else { return Ok(()) };
        let deed = Deed::new(caller.actor(), trace, "delivery.pull", caller.tenant())
            .with("count", i64::try_from(items.len()).unwrap_or(i64::MAX))
            .with("first", first.delivery.to_string())
            .with("last", last.delivery.to_string());
        self.audit.record(deed).await.map(drop)
    }

    async fn spoiled(&self, tenant: TenantId, id: DeliveryId, fault: &Fault) -> Result<(), Fault> {
        tracing::error!(%fault, delivery = %id, "a kept delivery cannot be opened");
        let (now, code) = (self.clock.now(), WebhookRefusal::EnvelopeUnreadable.info().code);
        let deed = Deed::by_house(Some(tenant), "delivery.dead", id).with("cause", "pipeline").with("code", code);
        let (record, recording) = self.audit.step(&deed);
        let change = Change::of(tenant)
            .step(&rows::SPOILED, values![id, code, now, now.after(SPOILED_KEPT)])
            .expecting(1)
            .step(record, recording);
        match self.store.apply(change).await {
            // Of two readers at the same moment the second finds it ended, and recorded.
            Ok(_) | Err(ApplyFailure::Unmet { step: 0 }) => Ok(()),
            Err(failure) => Err(failure.into_fault("ending a delivery")),
        }
    }

    fn pulled(&self, tenant: TenantId, row: &Row, sealed: &[u8]) -> Result<PulledDelivery, Fault> {
        let id: DeliveryId = row.parsed(0)?;
        let envelope = Envelope::open(&self.vault, tenant, id, sealed)?;
        let mut headers = Map::with_capacity(envelope.headers.len());
        for (name, value) in &envelope.headers {
            let value = String::from_utf8_lossy(value);
            let joined = match headers.get(name).and_then(serde_json::Value::as_str) {
                Some(before) => format!("{before}, {value}"),
                None => value.into_owned(),
            };
            headers.insert(name.clone(), joined.into());
        }
        let strict = lockgate_inspect::json::check(&envelope.body, &lockgate_inspect::json::Limits::default()).is_ok();
        Ok(PulledDelivery {
            delivery: id,
            subscription: row.parsed(1)?,
            event_type: row.opt_text(2)?.map(str::to_owned),
            provider_id: row.opt_text(3)?.map(str::to_owned),
            replay_of: row.opt_parsed(6)?,
            received_at: row.moment(4)?.to_string(),
            headers,
            json: serde_json::from_slice(&envelope.body).ok().filter(|_| strict),
            body_b64: STANDARD.encode(&envelope.body),
        })
    }

    /// Acknowledges a delivery: it waits no more. Saying so again changes nothing.
    pub async fn acknowledge(&self, caller: &Caller, trace: TraceId, id: DeliveryId) -> Result<(), Stop> {
        self.access.demand(caller, Scope::DeliveriesIngest)?;
        let tenant = caller.tenant();
        let row = self.one(tenant, &rows::ONE, values![id]).await?;
        let subscription: SubscriptionId = row.parsed(1)?;
        let page = self.book.page()?;
        let known = page.find(subscription).filter(|known| known.tenant == tenant);
        let keep = known.ok_or(AccessRefusal::ObjectUnknown)?.onward.keep;
        let now = self.clock.now();
        let deed =
            Deed::new(caller.actor(), trace, "delivery.acknowledge", id).with("subscription", subscription.to_string());
        let (statement, values) = self.audit.step(&deed);
        let change = Change::of(tenant)
            .step(&rows::ACKNOWLEDGE, values![id, now, now.after(keep)])
            .expecting(1)
            .step(statement, values);
        match self.store.apply(change).await {
            Ok(_) => Ok(()),
            Err(ApplyFailure::Unmet { step: 0 }) if row.text(2)? == "delivered" => Ok(()),
            Err(ApplyFailure::Unmet { step: 0 }) => Err(AccessRefusal::StatusConflict.into()),
            Err(failure) => Err(failure.into_fault("acknowledging a delivery").into()),
        }
    }
}

/// The rows of a page: no more than asked for, and no more bytes of bodies than a page has; the first one always.
fn fitting(rows: &[Row], limit: usize) -> Result<&[Row], Fault> {
    let (mut bytes, mut count) = (0i64, 0);
    for row in rows.iter().take(limit) {
        bytes = bytes.saturating_add(row.int(5)?);
        if bytes > PAGE_BYTES && count > 0 {
            break;
        }
        count += 1;
    }
    rows.get(..count).ok_or(Fault::violated("a page has no more rows than were read"))
}
