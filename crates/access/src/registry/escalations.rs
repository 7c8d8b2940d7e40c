//! Escalations: runs of which nobody knew whether the vendor did them, until somebody has looked.
//!
//! They are written down with the end of the run, or when a node comes back after it died. An operator reads
//! them, looks at the vendor, and says what was found; from then on the escalation is evidence alone, and is
//! forgotten by its age. What was found changes nothing of the run's record: the trail said what was known.

use std::fmt;
use std::str::FromStr;

use lockgate_store::{ApplyFailure, Change, Row, values};
use lockgate_vocabulary::{ConnectionId, Fault, PrincipalId, RunId, Stop, Timestamp};
use serde::{Deserialize, Serialize};

use super::{EventKind, Page, PageAsk, Registry, rfc3339};
use crate::refusal::AccessRefusal;
use crate::rows::escalations as rows;
use crate::scope::Scope;
use crate::violations::Violations;

/// Letters of a note.
const NOTE_LENGTH: usize = 1_000;

/// What was found at the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The vendor did it.
    Done,
    /// The vendor did not do it.
    NotDone,
    /// It cannot be found out.
    Unclear,
}

impl Finding {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NotDone => "not_done",
            Self::Unclear => "unclear",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Done, Self::NotDone, Self::Unclear].into_iter().find(|finding| finding.as_str() == word)
    }

    /// The event that tells it, and the outcome that it says the run had.
    const fn told(self) -> (EventKind, &'static str) {
        match self {
            Self::Done => (EventKind::IntegrationRunCompleted, "succeeded"),
            Self::NotDone => (EventKind::IntegrationFailed, "failed"),
            Self::Unclear => (EventKind::IntegrationFailed, "unknown"),
        }
    }
}

/// Whether somebody has looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EscalationState {
    /// Nobody has.
    Open,
    /// Somebody has.
    Resolved,
}

/// Which escalations are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EscalationsAsk {
    /// Only those in this state.
    pub state: Option<EscalationState>,
    /// How many rows, 1 to 1,000; 100 by default.
    pub limit: Option<u32>,
    /// Where the last page ended.
    pub cursor: Option<String>,
}

/// What an operator found out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolveEscalation {
    /// What was found at the vendor.
    pub reason: Finding,
    /// How it was found out: at most 1,000 letters, for whoever reads it later. It is forgotten with the
    /// escalation and stands neither in the trail nor in the event.
    #[serde(default)]
    pub note: Option<String>,
}

/// An escalation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct EscalationRecord {
    /// The run of which nobody knew the outcome.
    #[schema(value_type = String)]
    pub run: RunId,
    /// Its connection.
    #[schema(value_type = String)]
    pub connection: ConnectionId,
    /// The connection's name, where it is there still.
    pub connection_name: Option<String>,
    /// Why nobody knew: the code of a refusal.
    pub code: String,
    /// Whether somebody has looked.
    pub state: EscalationState,
    /// When it was escalated (RFC 3339).
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// What was found; null while it is open.
    pub resolution: Option<Resolution>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Resolution {
    /// What was found at the vendor.
    pub reason: Finding,
    /// How it was found out.
    pub note: Option<String>,
    /// The principal who says so.
    #[schema(value_type = String)]
    pub by: PrincipalId,
    /// When (RFC 3339).
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String)]
    pub at: Timestamp,
}

/// A place in the list: the newest come first, and a run decides between two of one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    at: i64,
    run: RunId,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.at, self.run)
    }
}

impl FromStr for Place {
    type Err = AccessRefusal;

    fn from_str(text: &str) -> Result<Self, AccessRefusal> {
        let read = || {
            let (at, run) = text.split_once('-')?;
            Some(Self { at: at.parse().ok()?, run: run.parse().ok()? })
        };
        read().filter(|place| place.to_string() == text).ok_or(AccessRefusal::CursorMalformed)
    }
}

impl Registry<'_> {
    /// Lists the tenant's escalations, the newest first.
    pub async fn escalations(&self, ask: &EscalationsAsk) -> Result<Page<EscalationRecord>, Stop> {
        self.demand(Scope::RunsRead)?;
        let behind = ask.cursor.as_deref().map(Place::from_str).transpose()?;
        let (at, run) = behind.map_or((i64::MAX, String::new()), |place| (place.at, place.run.to_string()));
        let state = match ask.state {
            None => "all",
            Some(EscalationState::Open) => "open",
            Some(EscalationState::Resolved) => "resolved",
        };
        let page = PageAsk { limit: ask.limit, cursor: None };
        let rows = self.read(&rows::PAGE, values![at, run, state, page.rows()?]).await?;
        let place = |record: &EscalationRecord| Place { at: record.created_at.as_micros(), run: record.run };
        page.page(&rows, |row| self.escalation(row), |record| place(record).to_string())
    }

    /// Says what was found out about a run. Saying the same again changes nothing; saying something else than
    /// what was said already is refused. Who may only read what ran does not end what others have to look at.
    pub async fn resolve_escalation(&self, run: RunId, resolve: ResolveEscalation) -> Result<EscalationRecord, Stop> {
        self.demand(Scope::ConnectionsWrite)?;
        let ResolveEscalation { reason, note } = resolve;
        check_note(note.as_deref())?;
        let found = self.escalation(&self.one(&rows::ONE, values![run]).await?)?;
        if found.state == EscalationState::Open {
            self.keep_finding(&found, reason, note).await?;
        }
        let record = self.escalation(&self.one(&rows::ONE, values![run]).await?)?;
        if record.resolution.as_ref().is_some_and(|resolution| resolution.reason == reason) {
            return Ok(record);
        }
        Err(AccessRefusal::StatusConflict
            .refuse()
            .detail("Something else was found out about this run already.")
            .into())
    }

    /// Keeps it together with its record and its event. No snapshot shows it, so that no epoch rises.
    async fn keep_finding(&self, found: &EscalationRecord, reason: Finding, note: Option<String>) -> Result<(), Stop> {
        let (run, connection) = (found.run, found.connection.to_string());
        let deed = self.deed("escalation.resolve", run).with("reason", reason.as_str());
        let deed = deed.with("connection", connection.as_str());
        let (kind, outcome) = reason.told();
        let event = self.event(kind, run).with("run", run.to_string()).with("connection", connection);
        let event = event.with("outcome", outcome).with("resolution", reason.as_str());
        let (event, told) = event.step(self.clock(), self.entropy());
        let (record, recorded) = self.access.audit().step(&deed);
        let by = self.actor().principal;
        let change = Change::of(self.tenant())
            .step(&rows::RESOLVE, values![run, self.now(), reason.as_str(), note, by])
            .expecting(1)
            .step(event, told)
            .step(record, recorded);
        match self.access.store().apply(change).await {
            // Somebody else was quicker; what they found is there to be read.
            Ok(_) | Err(ApplyFailure::Unmet { .. }) => Ok(()),
            Err(failure) => Err(failure.into_fault("resolving an escalation").into()),
        }
    }

    fn escalation(&self, row: &Row) -> Result<EscalationRecord, Fault> {
        let connection: ConnectionId = row.parsed(1)?;
        let known = self.caller.view().connections.get(&connection);
        let resolution = match row.opt_moment(4)? {
            None => None,
            Some(at) => {
                let reason = row.opt_text(5)?.and_then(Finding::parse);
                let reason = reason.ok_or(Fault::violated("what is resolved says what was found"))?;
                Some(Resolution { reason, note: row.opt_text(6)?.map(str::to_owned), by: row.parsed(7)?, at })
            }
        };
        Ok(EscalationRecord {
            run: row.parsed(0)?,
            connection,
            connection_name: known.map(|connection| connection.name.as_str().to_owned()),
            code: row.text(2)?.to_owned(),
            state: if resolution.is_some() { EscalationState::Resolved } else { EscalationState::Open },
            created_at: row.moment(3)?,
            resolution,
        })
    }
}

fn check_note(note: Option<&str>) -> Result<(), Stop> {
    let plain = |letter: char| !letter.is_control() || letter == '\n';
    let fits = |note: &str| (1..=NOTE_LENGTH).contains(&note.chars().count()) && note.chars().all(plain);
    let mut wrong = Violations::default();
    wrong.check(note.is_none_or(fits), "/note", "1 to 1,000 letters, and no control characters but line ends");
    Ok(wrong.done()?)
}
