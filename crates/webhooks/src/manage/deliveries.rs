//! Deliveries as operators see them: listed, searched, shown with every try, and with what they hold.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockgate_access::registry::{Page, PageAsk};
use lockgate_access::scope::Scope;
use lockgate_access::{AccessRefusal, Violations};
use lockgate_store::{Row, Value, values};
use lockgate_vault::Act;
use lockgate_vocabulary::{DeliveryId, Fault, Stop, SubscriptionId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use super::record::{rfc3339, rfc3339_opt};
use crate::envelope::Envelope;
use crate::rows::deliveries as rows;
use crate::webhooks::Webhooks;

/// What sorts behind every identifier of a delivery.
const NEWEST: &str = "dlv_~";

/// Which deliveries are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeliveriesAsk {
    /// Only those of this subscription, by id or name.
    pub subscription: Option<String>,
    /// Only those in this state: `waiting`, `leased`, `delivered`, `dead`, `quarantined`, `replayed`.
    pub state: Option<String>,
    /// Only dead letters for this cause: `endpoint` (the tenant's), `pipeline` (ours), `conflict`.
    pub cause: Option<String>,
    /// Only those that tell of this type of event.
    pub event_type: Option<String>,
    /// Only those that the provider calls so.
    pub provider_id: Option<String>,
    /// Only those received at this moment or later (RFC 3339).
    pub since: Option<String>,
    /// Only those received before this moment (RFC 3339).
    pub until: Option<String>,
    /// How many rows, 1 to 1,000; 100 by default.
    pub limit: Option<u32>,
    /// Where the last page ended.
    pub cursor: Option<String>,
}

/// What is told of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DeliveryRecord {
    /// Its id.
    #[schema(value_type = String)]
    pub delivery: DeliveryId,
    /// Its subscription.
    #[schema(value_type = String)]
    pub subscription: SubscriptionId,
    /// `waiting`, `leased`, `delivered`, `dead`, `quarantined` or `replayed`.
    pub state: String,
    /// What it tells of, where the provider says so.
    pub event_type: Option<String>,
    /// What the provider calls it.
    pub provider_id: Option<String>,
    /// Which version of the subscription's secrets, or which of its public keys, vouched for it.
    pub secret_version: Option<i64>,
    /// Bytes of its body.
    pub bytes: i64,
    /// How often it was tried to hand it on.
    pub tries: i64,
    /// When it is tried next (RFC 3339).
    #[serde(serialize_with = "rfc3339_opt")]
    #[schema(value_type = Option<String>)]
    pub due_at: Option<Timestamp>,
    /// Whose failure it was: `endpoint`, `pipeline` or `conflict`.
    pub cause: Option<String>,
    /// The last failure, as a code.
    pub code: Option<String>,
    /// When it was received (RFC 3339).
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String)]
    pub received_at: Timestamp,
    /// When it ended (RFC 3339).
    #[serde(serialize_with = "rfc3339_opt")]
    #[schema(value_type = Option<String>)]
    pub ended_at: Option<Timestamp>,
    /// The delivery that it plays again.
    #[schema(value_type = Option<String>)]
    pub replay_of: Option<DeliveryId>,
}

/// One try of handing a delivery on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AttemptRecord {
    /// The first one is 1.
    pub number: i64,
    /// What came of it.
    pub outcome: String,
    /// The status that the endpoint answered with.
    pub status: Option<i64>,
    /// Why there was none, as a code.
    pub code: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
    /// When it ended (RFC 3339).
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String)]
    pub at: Timestamp,
}

/// What a delivery holds, as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct EnvelopeRecord {
    /// Its headers, in their order, duplicates included.
    pub headers: Vec<(String, String)>,
    /// The raw bytes of its body, in base 64.
    pub body_b64: String,
}

/// A delivery with everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DeliveryShown {
    /// What is told of it in lists too.
    #[serde(flatten)]
    pub record: DeliveryRecord,
    /// Every try, the first one first.
    pub attempts: Vec<AttemptRecord>,
    /// What it holds, for whoever also has `webhooks.deliveries.replay` or `webhooks.deliveries.ingest`; nothing for
    /// others, and where it cannot be opened any more.
    pub envelope: Option<EnvelopeRecord>,
}

impl From<Envelope> for EnvelopeRecord {
    fn from(envelope: Envelope) -> Self {
        let text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
        let headers = envelope.headers.into_iter().map(|(name, value)| (name, text(value))).collect();
        Self { headers, body_b64: STANDARD.encode(&envelope.body) }
    }
}

impl DeliveryRecord {
    fn read(row: &Row) -> Result<Self, Fault> {
        Ok(Self {
            delivery: row.parsed(0)?,
            subscription: row.parsed(1)?,
            state: row.text(2)?.to_owned(),
            event_type: row.opt_text(3)?.map(str::to_owned),
            provider_id: row.opt_text(4)?.map(str::to_owned),
            secret_version: row.opt_int(5)?,
            bytes: row.int(6)?,
            tries: row.int(7)?,
            due_at: row.opt_moment(8)?,
            cause: row.opt_text(9)?.map(str::to_owned),
            code: row.opt_text(10)?.map(str::to_owned),
            received_at: row.moment(11)?,
            ended_at: row.opt_moment(12)?,
            replay_of: row.opt_parsed(13)?,
        })
    }
}

/// Refuses a word that no row has: who asks with a slip would read that there is nothing.
pub(crate) fn among(word: Option<&str>, known: &[&str], told: (&'static str, &'static str)) -> Result<(), Stop> {
    let mut wrong = Violations::default();
    wrong.check(word.is_none_or(|word| known.contains(&word)), told.0, told.1);
    Ok(wrong.done()?)
}

/// The arguments by which a page is found, without the last two.
struct Sought {
    subscription: Option<SubscriptionId>,
    values: Vec<Value>,
}

impl Webhooks {
    /// Lists deliveries, the newest first.
    pub async fn deliveries(&self, act: Act<'_>, ask: &DeliveriesAsk) -> Result<Page<DeliveryRecord>, Stop> {
        self.access.demand(act.caller, Scope::RunsRead)?;
        let known = ["waiting", "leased", "delivered", "dead", "quarantined", "replayed"];
        among(ask.state.as_deref(), &known, ("state", "waiting, leased, delivered, dead, quarantined or replayed"))?;
        let sought = self.sought(act.caller.tenant(), ask, ask.state.as_deref()).await?;
        let Sought { subscription, mut values } = sought;
        values.extend(subscription.map(Value::from));
        let statement = if subscription.is_some() { &rows::PAGE_OF } else { &rows::PAGE };
        self.page(act, ask, statement, values).await
    }

    /// Lists dead letters: what was given up, and what is in quarantine.
    pub async fn dead_letters(&self, act: Act<'_>, ask: &DeliveriesAsk) -> Result<Page<DeliveryRecord>, Stop> {
        self.access.demand(act.caller, Scope::RunsRead)?;
        let mut wrong = Violations::default();
        wrong.check(ask.state.is_none(), "state", "dead letters are told apart by their cause");
        wrong.done()?;
        among(
            ask.cause.as_deref(),
            &["endpoint", "pipeline", "conflict"],
            ("cause", "endpoint, pipeline or conflict"),
        )?;
        let Sought { subscription, mut values } = self.sought(act.caller.tenant(), ask, ask.cause.as_deref()).await?;
        values.push(subscription.map_or_else(|| Value::from(""), Value::from));
        self.page(act, ask, &rows::PAGE_DEAD, values).await
    }

    async fn page(
        &self,
        act: Act<'_>,
        ask: &DeliveriesAsk,
        statement: &'static lockgate_store::Statement,
        mut values: Vec<Value>,
    ) -> Result<Page<DeliveryRecord>, Stop> {
        let page = PageAsk { limit: ask.limit, cursor: None };
        values.push(page.rows()?);
        let rows = self.read(act.caller.tenant(), statement, values).await?;
        page.page(&rows, DeliveryRecord::read, |record| record.delivery.to_string())
    }

    async fn sought(&self, tenant: TenantId, ask: &DeliveriesAsk, word: Option<&str>) -> Result<Sought, Stop> {
        let mut wrong = Violations::default();
        let since = moment(ask.since.as_deref(), "since", &mut wrong).unwrap_or(Timestamp::from_micros(0));
        let until = moment(ask.until.as_deref(), "until", &mut wrong).unwrap_or(Timestamp::from_micros(i64::MAX));
        wrong.done()?;
        let behind = match &ask.cursor {
            None => NEWEST.to_owned(),
            Some(cursor) => cursor.parse::<DeliveryId>().map_err(|_| AccessRefusal::CursorMalformed)?.to_string(),
        };
        let subscription = match &ask.subscription {
            None => None,
            Some(named) => Some(self.record_of(tenant, named).await?.subscription),
        };
        let text = |value: Option<&str>| value.unwrap_or_default().replace('\0', "");
        let values = values![
            behind,
            text(word),
            text(ask.event_type.as_deref()),
            text(ask.provider_id.as_deref()),
            since,
            until
        ];
        Ok(Sought { subscription, values })
    }

    /// Shows a delivery with every try, and what it holds to whoever may have it anyway: who plays deliveries again
    /// or fetches them. Whoever reads that stands in the trail.
    pub async fn delivery(&self, act: Act<'_>, id: DeliveryId) -> Result<DeliveryShown, Stop> {
        self.access.demand(act.caller, Scope::RunsRead)?;
        let tenant = act.caller.tenant();
        let record = DeliveryRecord::read(&self.one(tenant, &rows::ONE, values![id]).await?)?;
        let attempts = self.read(tenant, &rows::ATTEMPTS, values![id]).await?;
        let attempts = attempts.iter().map(attempt).collect::<Result<_, Fault>>()?;
        let scopes = act.caller.scopes();
        let may_read = scopes.has(Scope::DeliveriesReplay) || scopes.has(Scope::DeliveriesIngest);
        let envelope = if may_read { self.held(act, id).await? } else { None };
        Ok(DeliveryShown { record, attempts, envelope })
    }

    /// What a delivery holds, where it can be opened still.
    async fn held(&self, act: Act<'_>, id: DeliveryId) -> Result<Option<EnvelopeRecord>, Stop> {
        let tenant = act.caller.tenant();
        self.audit.record(Self::deed(act, "delivery.read", id)).await?;
        let held = self.one(tenant, &rows::ENVELOPE, values![id]).await?;
        match Envelope::open(&self.vault, tenant, id, held.bytes(0)?) {
            Ok(envelope) => Ok(Some(EnvelopeRecord::from(envelope))),
            Err(fault) if fault.is_unavailable() => Err(fault.into()),
            Err(fault) => {
                tracing::error!(%fault, delivery = %id, "a kept delivery cannot be opened");
                Ok(None)
            }
        }
    }
}

fn attempt(row: &Row) -> Result<AttemptRecord, Fault> {
    Ok(AttemptRecord {
        number: row.int(0)?,
        outcome: row.text(1)?.to_owned(),
        status: row.opt_int(2)?,
        code: row.opt_text(3)?.map(str::to_owned),
        took_ms: row.int(4)?.div_euclid(1_000),
        at: row.moment(5)?,
    })
}

/// A moment as RFC 3339 writes it.
pub(crate) fn moment(text: Option<&str>, at: &'static str, wrong: &mut Violations) -> Option<Timestamp> {
    let text = text?;
    let read = text.parse::<jiff::Timestamp>().ok().map(|moment| Timestamp::from_micros(moment.as_microsecond()));
    wrong.check(read.is_some(), at, "a moment as RFC 3339 writes it, such as 2026-01-31T12:00:00Z");
    read
}
