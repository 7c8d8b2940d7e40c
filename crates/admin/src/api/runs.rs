//! Runs: calls that were made, each with its attempts and its end, as the trail has them.

use lockgate_audit::Run;
use lockgate_vocabulary::CredentialId;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) mod list;
pub(crate) mod show;

/// A run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunRecord {
    /// Its id, which the caller got as `X-Lockgate-Run`.
    id: String,
    /// `succeeded`, `failed`, `refused` or `unknown`; null while it is under way.
    outcome: Option<&'static str>,
    /// The HTTP status that the caller got.
    status: Option<u16>,
    /// The code of a refusal.
    code: Option<String>,
    /// Whether the caller got the `fallback` that the endpoint declares for a vendor that is down.
    fallback: bool,
    /// Who called: the principal's name.
    principal: Option<String>,
    /// The connection's id.
    connection: String,
    /// The connection's name.
    connection_name: String,
    /// The provider's name.
    provider: String,
    /// The HTTP method.
    method: String,
    /// The declared template that the path matched.
    endpoint: String,
    /// `read`, `write` or `delete`.
    operation: String,
    /// Whether nothing was to be sent.
    dry_run: bool,
    /// When it was opened (RFC 3339).
    opened_at: String,
    /// When it ended (RFC 3339).
    ended_at: Option<String>,
    /// The trace, as 32 hexadecimal digits.
    trace_id: Option<String>,
    /// Its attempts.
    attempts: Vec<AttemptRecord>,
}

/// One attempt of a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttemptRecord {
    /// The first one is 1.
    number: u8,
    /// What became of it.
    outcome: String,
    /// The HTTP status that came back.
    status: Option<u16>,
    /// Whether any byte of the request may have reached the vendor.
    sent: bool,
    /// The credential that the request carried, itself or as a token that was had for it.
    #[schema(value_type = Option<String>)]
    credential: Option<CredentialId>,
    /// Which version of it.
    credential_version: Option<u32>,
    /// How long it took, in microseconds.
    took_micros: u64,
    /// When it was over (RFC 3339).
    at: String,
}

impl From<Run> for RunRecord {
    fn from(run: Run) -> Self {
        let attempts = run.attempts.into_iter().map(|attempt| AttemptRecord {
            number: attempt.facts.number,
            outcome: attempt.facts.outcome.into(),
            status: attempt.facts.status,
            sent: attempt.facts.sent,
            credential: attempt.facts.credential,
            credential_version: attempt.facts.version,
            took_micros: attempt.facts.took_micros,
            at: attempt.at.to_string(),
        });
        let facts = run.facts;
        Self {
            id: facts.run.to_string(),
            outcome: run.ended.as_ref().map(|ended| ended.outcome.as_str()),
            status: run.ended.as_ref().and_then(|ended| ended.status),
            code: run.ended.as_ref().and_then(|ended| ended.code.as_deref().map(str::to_owned)),
            fallback: run.ended.as_ref().is_some_and(|ended| ended.fallback),
            principal: run.actor.map(|who| who.name.into()),
            connection: facts.connection.to_string(),
            connection_name: facts.connection_name.into(),
            provider: facts.provider.into(),
            method: facts.method.into(),
            endpoint: facts.endpoint.into(),
            operation: facts.operation.into(),
            dry_run: facts.dry_run,
            opened_at: run.opened_at.to_string(),
            ended_at: run.ended.as_ref().map(|ended| ended.at.to_string()),
            trace_id: run.trace.map(Into::into),
            attempts: attempts.collect(),
        }
    }
}
