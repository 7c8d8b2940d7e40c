//! What one operator asks for and another one decides.
//!
//! A request stands as it was made, sealed, so that what is approved is what was shown and nothing else. Who
//! asked never decides. A request that nobody decided is over after a day.

use std::time::Duration;

use lockgate_access::registry::{Event, EventKind, Page, PageAsk};
use lockgate_access::scope::Scope;
use lockgate_access::{AccessRefusal, Violations};
use lockgate_store::{ApplyFailure, Change, Row, values};
use lockgate_vault::Act;
use lockgate_vocabulary::{ApprovalId, DeliveryId, Fault, PrincipalId, Stop, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::manage::{rfc3339, rfc3339_opt};
use crate::refusal::WebhookRefusal;
use crate::replay::{ReplayAsk, Replayed, Run};
use crate::rows::approvals as rows;
use crate::webhooks::Webhooks;

const PURPOSE: &str = "approval";
const REPLAY: &str = "delivery.replay";

/// How long a request waits.
const WAITS: Duration = Duration::from_secs(86_400);

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
    /// `pending`, `approved`, `denied`, `done`, or `expired`.
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
    /// Keeps a request to play these deliveries again.
    pub(crate) async fn request_replay(&self, act: Act<'_>, ask: &ReplayAsk) -> Result<ApprovalId, Stop> {
        let tenant = act.caller.tenant();
        let (id, now) = (ApprovalId::generate(&*self.clock, &*self.entropy), self.clock.now());
        let plain = serde_json::to_vec(ask).map_err(|error| Fault::broken("writing a request", error))?;
        let sealed = self.vault.seal(tenant, PURPOSE, &context(id), &plain)?;
        let object = match ask.deliveries.as_slice() {
            [one] => one.to_string(),
            some => format!("{} deliveries", some.len()),
        };
        let row = values![
            id,
            REPLAY,
            object.as_str(),
            sealed,
            ask.reason.as_str(),
            act.caller.actor().principal,
            now,
            now.after(WAITS)
        ];
        let deed = Self::deed(act, "approval.request", id).with("kind", REPLAY).with("object", object.as_str());
        let change = Change::of(tenant).step(&rows::INSERT, row);
        let change = self.told_of(change, act, EventKind::ApprovalRequested, id);
        let (record, recording) = self.audit.step(&deed.with("reason", ask.reason.as_str()));
        let applied = self.store.apply(change.step(record, recording)).await;
        applied.map_err(|failure| failure.into_fault("keeping a request"))?;
        Ok(id)
    }

    /// Lists approvals, the newest first.
    pub async fn approvals(&self, act: Act<'_>, ask: &ApprovalsAsk) -> Result<Page<ApprovalRecord>, Stop> {
        self.access.demand(act.caller, Scope::ApprovalsDecide)?;
        let behind = match &ask.cursor {
            None => NEWEST.to_owned(),
            Some(cursor) => cursor.parse::<ApprovalId>().map_err(|_| AccessRefusal::CursorMalformed)?.to_string(),
        };
        let page = PageAsk { limit: ask.limit, cursor: None };
        let state = ask.state.clone().unwrap_or_default().replace('\0', "");
        let rows = self.read(act.caller.tenant(), &rows::PAGE, values![behind, state, page.rows()?]).await?;
        let now = self.clock.now();
        page.page(&rows, |row| ApprovalRecord::read(row, now), |record| record.approval.to_string())
    }

    /// Shows one.
    pub async fn approval(&self, act: Act<'_>, id: ApprovalId) -> Result<ApprovalRecord, Stop> {
        self.access.demand(act.caller, Scope::ApprovalsDecide)?;
        self.approval_of(act.caller.tenant(), id).await
    }

    async fn approval_of(&self, tenant: TenantId, id: ApprovalId) -> Result<ApprovalRecord, Stop> {
        let row = self.one(tenant, &rows::ONE, values![id]).await?;
        Ok(ApprovalRecord::read(&row, self.clock.now())?)
    }

    /// Decides what waits. What is approved is done at once; if that breaks off, approving again goes on with it.
    pub async fn decide(&self, act: Act<'_>, id: ApprovalId, decision: Decision) -> Result<Decided, Stop> {
        self.access.demand(act.caller, Scope::ApprovalsDecide)?;
        let tenant = act.caller.tenant();
        let mut wrong = Violations::default();
        let note = decision.note.as_deref().unwrap_or_default();
        let plain = note.chars().count() <= 200 && !note.chars().any(char::is_control);
        wrong.check(plain, "/note", "at most 200 letters, and no control characters");
        wrong.done()?;
        let known = self.approval_of(tenant, id).await?;
        if known.requested_by == act.caller.actor().principal {
            return Err(WebhookRefusal::ApprovalOwn.into());
        }
        let goes_on = known.state == "approved" && decision.approve;
        if !goes_on {
            self.keep_decision(act, id, &decision).await?;
        }
        let replayed = if decision.approve { Some(self.carry_out(act, id).await?) } else { None };
        Ok(Decided { approval: self.approval_of(tenant, id).await?, replayed })
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
    async fn carry_out(&self, act: Act<'_>, id: ApprovalId) -> Result<Replayed, Stop> {
        let tenant = act.caller.tenant();
        let row = self.one(tenant, &rows::ONE, values![id]).await?;
        let plain = self.vault.unseal(tenant, PURPOSE, &context(id), row.bytes(11)?)?;
        let ask: ReplayAsk =
            serde_json::from_slice(plain.expose()).map_err(|error| Fault::broken("reading a request", error))?;
        let chosen: Vec<DeliveryId> = ask.deliveries.clone();
        let run = Run { nonce: id.to_string(), reason: &ask.reason };
        let played = self.play(act, &chosen, &run).await?;
        let done = Change::of(tenant).step(&rows::DONE, values![id]);
        self.store.apply(done).await.map_err(|failure| failure.into_fault("ending an approval"))?;
        Ok(Replayed { played, approval: None, more: false })
    }

    fn told_of(&self, change: Change, act: Act<'_>, kind: EventKind, id: ApprovalId) -> Change {
        let event = Event::new(kind, act.caller.tenant(), id).by(act.caller.actor(), act.trace).with("kind", REPLAY);
        let (told, telling) = event.step(&*self.clock, &*self.entropy);
        change.step(told, telling)
    }
}

impl ApprovalRecord {
    fn read(row: &Row, now: Timestamp) -> Result<Self, Fault> {
        let (state, expires_at) = (row.text(5)?, row.moment(9)?);
        let over = state == "pending" && expires_at <= now;
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
            decided_at: row.opt_moment(10)?,
        })
    }
}

fn context(id: ApprovalId) -> [u8; 16] {
    id.as_u128().to_be_bytes()
}
