//! What one operator asks for and another one decides.
//!
//! A request stands as it was made, sealed, so that what is approved is what was shown and nothing else: a
//! subscription that was changed meanwhile makes it void. Who asked never decides. A request that nobody decided is
//! over after a day; one that was approved and broke off may be gone on with for another.

use std::collections::BTreeSet;
use std::time::Duration;

use lockgate_access::registry::{Event, EventKind, Page, PageAsk};
use lockgate_access::scope::Scope;
use lockgate_access::{AccessRefusal, Violations};
use lockgate_store::{ApplyFailure, Change, Row, values};
use lockgate_vault::Act;
use lockgate_vocabulary::{ApprovalId, DeliveryId, Fault, PrincipalId, Stop, SubscriptionId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::manage::{among, rfc3339, rfc3339_opt};
use crate::refusal::WebhookRefusal;
use crate::replay::{REMEMBERED, Replayed, Run};
use crate::rows::{approvals as rows, deliveries, subscriptions};
use crate::webhooks::Webhooks;

const PURPOSE: &str = "approval";
const REPLAY: &str = "delivery.replay";

/// How long a request waits.
const WAITS: Duration = Duration::from_secs(86_400);

/// How long what was approved and broke off may be gone on with.
const GOES_ON: Duration = Duration::from_secs(86_400);

// INVARIANT: a run remembers what it played for at least as long as its approval lives, so that going on with one
// plays nothing twice.
const _: () = assert!(REMEMBERED.as_secs() >= WAITS.as_secs() + GOES_ON.as_secs());

/// What sorts behind every identifier of an approval.
const NEWEST: &str = "apr_~";

/// Which approvals are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ApprovalsAsk {
    /// Only those in this state: `pending`, `approved`, `denied`, `done`.
    pub state: Option<String>,
    /// How many rows, 1 to 1,000; 100 by default.
    pub limit: Option<u32>,
    /// Where the last page ended.
    pub cursor: Option<String>,
}

/// Something that waits for a decision, or was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ApprovalRecord {
    /// Its id.
    #[schema(value_type = String)]
    pub approval: ApprovalId,
    /// What it would do: `delivery.replay`.
    pub kind: String,
    /// To what.
    pub object: String,
    /// Why it was asked for.
    pub reason: String,
    /// The principal who asked.
    #[schema(value_type = String)]
    pub requested_by: PrincipalId,
    /// `pending`, `approved` (and not ended: it may be gone on with for a day), `denied`, `done`, or `expired`.
    pub state: String,
    /// The principal who decided.
    #[schema(value_type = Option<String>)]
    pub decided_by: Option<PrincipalId>,
    /// What they said.
    pub note: Option<String>,
    /// When it was asked for (RFC 3339).
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// Until when it waits (RFC 3339).
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String)]
    pub expires_at: Timestamp,
    /// When it was decided (RFC 3339).
    #[serde(serialize_with = "rfc3339_opt")]
    #[schema(value_type = Option<String>)]
    pub decided_at: Option<Timestamp>,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RequestRecord {
    /// How many deliveries.
    pub count: usize,
    /// Which.
    #[schema(value_type = Vec<String>)]
    pub deliveries: Vec<DeliveryId>,
    /// Of which subscriptions.
    #[schema(value_type = Vec<String>)]
    pub subscriptions: Vec<SubscriptionId>,
    /// Whether those that are in quarantine are played too.
    pub quarantined: bool,
}

/// An approval with what is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ApprovalShown {
    /// What is told of it in lists too.
    #[serde(flatten)]
    pub record: ApprovalRecord,
    /// What is asked for; nothing where that cannot be opened any more.
    pub request: Option<RequestRecord>,
}

/// What is wanted of an approval to play deliveries again.
pub(crate) struct Wanted {
    pub(crate) deliveries: Vec<DeliveryId>,
    pub(crate) subscriptions: BTreeSet<SubscriptionId>,
    pub(crate) quarantined: bool,
    pub(crate) nonce: Option<String>,
}

/// The same as it is sealed. One without its subscriptions is from an earlier version and counts as outdated.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Request {
    deliveries: Vec<DeliveryId>,
    reason: String,
    /// Each subscription with the number of its last change.
    subscriptions: Vec<(SubscriptionId, i64)>,
    quarantined: bool,
    nonce: Option<String>,
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Whether it is done.
    pub approve: bool,
    /// Why: at most 200 letters.
    #[serde(default)]
    pub note: Option<String>,
}

/// What came of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Decided {
    /// The approval.
    pub approval: ApprovalRecord,
    /// What was done, where it was approved.
    pub replayed: Option<Replayed>,
}

impl Webhooks {
    /// Keeps a request to play these deliveries again. The same under the same nonce is one request.
    pub(crate) async fn request_replay(&self, act: Act<'_>, wanted: Wanted, reason: &str) -> Result<ApprovalId, Stop> {
        let tenant = act.caller.tenant();
        let (id, now) = (ApprovalId::generate(&*self.clock, &*self.entropy), self.clock.now());
        let mut subscriptions = Vec::with_capacity(wanted.subscriptions.len());
        for subscription in wanted.subscriptions {
            subscriptions.push((subscription, self.changed(tenant, subscription).await?));
        }
        let Wanted { deliveries, quarantined, nonce, .. } = wanted;
        let request = Request { deliveries, reason: reason.to_owned(), subscriptions, quarantined, nonce };
        let plain = serde_json::to_vec(&request).map_err(|error| Fault::broken("writing a request", error))?;
        let sealed = self.vault.seal(tenant, PURPOSE, &context(id), &plain)?;
        let object = match request.deliveries.as_slice() {
            [one] => one.to_string(),
            some => format!("{} deliveries", some.len()),
        };
        let asker = act.caller.actor().principal;
        let row = values![id, REPLAY, object.as_str(), sealed, reason, asker, now, now.after(WAITS)];
        let nonce = request.nonce.clone().unwrap_or_else(|| id.to_string());
        let claimed = format!("approval {nonce} {:?}", request.deliveries);
        let claim = self.vault.digest(tenant, "webhook.replay", claimed.as_bytes());
        let deed = Self::deed(act, "approval.request", id).with("kind", REPLAY).with("object", object.as_str());
        let change = Change::of(tenant)
            .step(&deliveries::CLAIM, values![claim, id, claim, now.after(REMEMBERED), now])
            .expecting(1)
            .step(&rows::INSERT, row);
        let change = self.told_of(change, act, EventKind::ApprovalRequested, id);
        let (record, recording) = self.audit.step(&deed.with("reason", reason));
        match self.store.apply(change.step(record, recording)).await {
            Ok(_) => Ok(id),
            Err(ApplyFailure::Unmet { step: 0 }) => {
                Ok(self.one(tenant, &deliveries::CLAIMED, values![claim]).await?.parsed(0)?)
            }
            Err(failure) => Err(failure.into_fault("keeping a request").into()),
        }
    }

    /// The number of a subscription's last change.
    async fn changed(&self, tenant: TenantId, subscription: SubscriptionId) -> Result<i64, Stop> {
        Ok(self.one(tenant, &subscriptions::ONE, values![subscription]).await?.int(6)?)
    }

    /// Lists approvals, the newest first.
    pub async fn approvals(&self, act: Act<'_>, ask: &ApprovalsAsk) -> Result<Page<ApprovalRecord>, Stop> {
        self.access.demand(act.caller, Scope::ApprovalsDecide)?;
        let behind = match &ask.cursor {
            None => NEWEST.to_owned(),
            Some(cursor) => cursor.parse::<ApprovalId>().map_err(|_| AccessRefusal::CursorMalformed)?.to_string(),
        };
        let page = PageAsk { limit: ask.limit, cursor: None };
        let known = ["pending", "approved", "denied", "done"];
        among(ask.state.as_deref(), &known, ("state", "pending, approved, denied or done"))?;
        let state = ask.state.clone().unwrap_or_default();
        let rows = self.read(act.caller.tenant(), &rows::PAGE, values![behind, state, page.rows()?]).await?;
        let now = self.clock.now();
        page.page(&rows, |row| ApprovalRecord::read(row, now), |record| record.approval.to_string())
    }

    /// Shows one with what is asked for. Whoever reads that stands in the trail.
    pub async fn approval(&self, act: Act<'_>, id: ApprovalId) -> Result<ApprovalShown, Stop> {
        self.access.demand(act.caller, Scope::ApprovalsDecide)?;
        let tenant = act.caller.tenant();
        let row = self.one(tenant, &rows::ONE, values![id]).await?;
        let record = ApprovalRecord::read(&row, self.clock.now())?;
        self.audit.record(Self::deed(act, "approval.read", id)).await?;
        let request = match self.request(tenant, id, &row) {
            Ok(request) => Some(RequestRecord::from(request)),
            Err(fault) if fault.is_unavailable() => return Err(fault.into()),
            Err(fault) => {
                tracing::error!(%fault, approval = %id, "a kept request cannot be opened");
                None
            }
        };
        Ok(ApprovalShown { record, request })
    }

    /// What is asked for.
    fn request(&self, tenant: TenantId, id: ApprovalId, row: &Row) -> Result<Request, Fault> {
        let plain = self.vault.unseal(tenant, PURPOSE, &context(id), row.bytes(11)?)?;
        serde_json::from_slice(plain.expose()).map_err(|error| Fault::broken("reading a request", error))
    }

    async fn approval_of(&self, tenant: TenantId, id: ApprovalId) -> Result<ApprovalRecord, Stop> {
        let row = self.one(tenant, &rows::ONE, values![id]).await?;
        Ok(ApprovalRecord::read(&row, self.clock.now())?)
    }

    /// Decides what waits. What is approved is done at once; if that breaks off, approving again within a day goes
    /// on with it.
    pub async fn decide(&self, act: Act<'_>, id: ApprovalId, decision: Decision) -> Result<Decided, Stop> {
        self.access.demand(act.caller, Scope::ApprovalsDecide)?;
        let tenant = act.caller.tenant();
        let mut wrong = Violations::default();
        let note = decision.note.as_deref().unwrap_or_default();
        let plain = note.chars().count() <= 200 && !note.chars().any(char::is_control);
        wrong.check(plain, "/note", "at most 200 letters, and no control characters");
        wrong.done()?;
        let row = self.one(tenant, &rows::ONE, values![id]).await?;
        let known = ApprovalRecord::read(&row, self.clock.now())?;
        // INVARIANT: the principal is compared, so that a second key makes nobody somebody else.
        if known.requested_by == act.caller.actor().principal {
            return Err(WebhookRefusal::ApprovalOwn.into());
        }
        let goes_on = known.state == "approved";
        if !(known.state == "pending" || goes_on && decision.approve) {
            return Err(WebhookRefusal::ApprovalOver.into());
        }
        if !decision.approve {
            self.keep_decision(act, id, &decision).await?;
            return Ok(Decided { approval: self.approval_of(tenant, id).await?, replayed: None });
        }
        let request = self.request(tenant, id, &row)?;
        self.demand_unchanged(tenant, &request).await?;
        if !goes_on {
            self.keep_decision(act, id, &decision).await?;
        }
        let replayed = Some(self.carry_out(act, &known, &request).await?);
        Ok(Decided { approval: self.approval_of(tenant, id).await?, replayed })
    }

    /// Refuses what would no longer lead where it led when it was asked for.
    async fn demand_unchanged(&self, tenant: TenantId, request: &Request) -> Result<(), Stop> {
        if request.subscriptions.is_empty() {
            return Err(WebhookRefusal::ApprovalOutdated.into());
        }
        for (subscription, changed) in &request.subscriptions {
            if self.changed(tenant, *subscription).await? != *changed {
                return Err(WebhookRefusal::ApprovalOutdated.into());
            }
        }
        Ok(())
    }

    async fn keep_decision(&self, act: Act<'_>, id: ApprovalId, decision: &Decision) -> Result<(), Stop> {
        let tenant = act.caller.tenant();
        let state = if decision.approve { "approved" } else { "denied" };
        let row = values![id, state, act.caller.actor().principal, decision.note.clone(), self.clock.now()];
        let change = Change::of(tenant).step(&rows::DECIDE, row).expecting(1);
        let change = self.told_of(change, act, EventKind::ApprovalDecided, id);
        let deed = Self::deed(act, "approval.decide", id).with("decision", state);
        let (record, recording) = self.audit.step(&deed);
        match self.store.apply(change.step(record, recording)).await {
            Ok(_) => Ok(()),
            Err(ApplyFailure::Unmet { step: 0 }) => Err(WebhookRefusal::ApprovalOver.into()),
            Err(failure) => Err(failure.into_fault("keeping a decision").into()),
        }
    }

    /// Does what was approved: exactly what was asked for.
    async fn carry_out(&self, act: Act<'_>, known: &ApprovalRecord, request: &Request) -> Result<Replayed, Stop> {
        let id = known.approval;
        let run = Run {
            nonce: request.nonce.clone().unwrap_or_else(|| id.to_string()),
            reason: &request.reason,
            quarantined: request.quarantined,
            approval: Some((id, known.requested_by)),
        };
        let (played, failed) = self.play(act, &request.deliveries, &run).await?;
        let done = Change::of(act.caller.tenant()).step(&rows::DONE, values![id]);
        self.store.apply(done).await.map_err(|failure| failure.into_fault("ending an approval"))?;
        Ok(Replayed { played, failed, approval: None, more: false, cursor: None })
    }

    fn told_of(&self, change: Change, act: Act<'_>, kind: EventKind, id: ApprovalId) -> Change {
        let event = Event::new(kind, act.caller.tenant(), id).by(act.caller.actor(), act.trace).with("kind", REPLAY);
        let (told, telling) = event.step(&*self.clock, &*self.entropy);
        change.step(told, telling)
    }
}

impl From<Request> for RequestRecord {
    fn from(request: Request) -> Self {
        let Request { deliveries, subscriptions, quarantined, .. } = request;
        let subscriptions = subscriptions.into_iter().map(|(subscription, _)| subscription).collect();
        Self { count: deliveries.len(), deliveries, subscriptions, quarantined }
    }
}

impl ApprovalRecord {
    fn read(row: &Row, now: Timestamp) -> Result<Self, Fault> {
        let (state, expires_at) = (row.text(5)?, row.moment(9)?);
        let decided_at = row.opt_moment(10)?;
        let over = match state {
            "pending" => expires_at <= now,
            "approved" => decided_at.is_none_or(|decided| decided.after(GOES_ON) <= now),
            _ => false,
        };
        Ok(Self {
            approval: row.parsed(0)?,
            kind: row.text(1)?.to_owned(),
            object: row.text(2)?.to_owned(),
            reason: row.text(3)?.to_owned(),
            requested_by: row.parsed(4)?,
            state: if over { "expired" } else { state }.to_owned(),
            decided_by: row.opt_parsed(6)?,
            note: row.opt_text(7)?.map(str::to_owned),
            created_at: row.moment(8)?,
            expires_at,
            decided_at,
        })
    }
}

fn context(id: ApprovalId) -> [u8; 16] {
    id.as_u128().to_be_bytes()
}
