//! What callers tell the trail: the facts of a run, a refusal, an administrative act.
//!
//! No secret and no personal data belongs here. A path comes as the declared template and as a keyed
//! digest, never as it was sent; names are those that operators gave; free text is bounded and escaped
//! when it is written. What is not a field here cannot get into a record.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use lockgate_vocabulary::{Actor, ConnectionId, CredentialId, KeyId, Name, RunId, TenantId, TraceId};
use serde::{Deserialize, Serialize};

/// A governed outbound call that is about to be made.
#[derive(Debug, Clone, Copy)]
pub struct RunFacts<'a> {
    /// The run.
    pub run: RunId,
    /// Who calls. The record goes to the trail of the actor's tenant.
    pub actor: &'a Actor,
    /// The key that the caller proved, where it was a key.
    pub key: Option<KeyId>,
    /// The connection.
    pub connection: ConnectionId,
    /// Its name.
    pub connection_name: &'a str,
    /// The provider's name.
    pub provider: &'a str,
    /// The HTTP method.
    pub method: &'a str,
    /// The declared template that the path matched, such as `/v1/customers/{id}`.
    pub endpoint: &'a str,
    /// A digest of path and query under a key of the tenant's, so that equal targets can be recognised
    /// by who holds the key, and by nobody else.
    pub target_digest: [u8; 32],
    /// `read`, `write` or `delete`.
    pub operation: &'a str,
    /// Whether nothing is to be sent.
    pub dry_run: bool,
    /// Whether the caller gave an idempotency key.
    pub idempotency: bool,
    /// The trace.
    pub trace: TraceId,
    /// The address that the request came from.
    pub peer: IpAddr,
}

/// One attempt of a run.
#[derive(Debug, Clone, Copy)]
pub struct AttemptFacts {
    /// The first one is 1.
    pub number: u8,
    /// The address that was dialled.
    pub address: Option<IpAddr>,
    /// The HTTP status that came back.
    pub status: Option<u16>,
    /// What became of it: a word such as `answered`, `refused`, `timed-out`, `reset`.
    pub outcome: &'static str,
    /// How long it took.
    pub took: Duration,
    /// Whether any byte of the request may have reached the far side.
    pub sent: bool,
    /// The credential that the request carried, itself or as a token that was had for it, and its version.
    pub credential: Option<(CredentialId, u32)>,
}

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was answered.
    Succeeded,
    /// It failed, and it is known that it did.
    Failed,
    /// We refused it after the record was opened.
    Refused,
    /// Nobody knows whether the far side did it.
    Unknown,
}

impl Outcome {
    /// The word for it in records and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }

    /// The outcome with this word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Succeeded, Self::Failed, Self::Refused, Self::Unknown]
            .into_iter()
            .find(|outcome| outcome.as_str() == word)
    }
}

/// The end of a run.
#[derive(Debug, Clone, Copy)]
pub struct Closing {
    /// What became of it.
    pub outcome: Outcome,
    /// The HTTP status that the caller got.
    pub status: Option<u16>,
    /// The refusal's code, where it was one.
    pub code: Option<&'static str>,
    /// How many bytes of body the caller sent.
    pub request_bytes: u64,
    /// How many bytes of body the caller got.
    pub answer_bytes: u64,
    /// How long the whole run took.
    pub took: Duration,
    /// Whether the caller got the answer that the endpoint declares for a vendor that is down.
    pub fallback: bool,
}

/// A request that was refused before a run was opened.
#[derive(Debug, Clone, Copy)]
pub struct RefusedFacts<'a> {
    /// The tenant whose trail it goes to; the house's own where the caller is not known.
    pub tenant: Option<TenantId>,
    /// Who asked, where that is known.
    pub actor: Option<&'a Actor>,
    /// The key that was proven, where it was a key.
    pub key: Option<KeyId>,
    /// The run that the caller was told, where there is one.
    pub run: Option<RunId>,
    /// The trace.
    pub trace: TraceId,
    /// The address that the request came from.
    pub peer: IpAddr,
    /// Which door: `call`, `token`, `admin`, …
    pub door: &'static str,
    /// The refusal's code.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The HTTP method.
    pub method: Option<&'a str>,
    /// The connection, where it is one that the tenant has.
    pub connection: Option<ConnectionId>,
    /// The name of a connection as it was asked for.
    pub connection_name: Option<&'a Name>,
    /// The declared template that the path matched.
    pub endpoint: Option<&'a str>,
    /// A keyed digest of path and query.
    pub target_digest: Option<[u8; 32]>,
}

/// One detail of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detail {
    /// Text: a name, a word, an identifier. It is cut at 256 bytes.
    Text(String),
    /// A number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
}

impl From<&str> for Detail {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Detail {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Detail {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Detail {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

/// An administrative act: something was created, changed, revoked, looked into.
#[derive(Debug, Clone)]
pub struct Deed {
    pub(crate) tenant: Option<TenantId>,
    pub(crate) actor: Option<Actor>,
    pub(crate) trace: Option<TraceId>,
    pub(crate) action: &'static str,
    pub(crate) object: String,
    pub(crate) details: Vec<(&'static str, Detail)>,
}

impl Deed {
    /// An act of somebody's, in the trail of the tenant that they act for. `action` is a dotted path
    /// such as `credential.rotate`; `object` is what was acted upon, by its identifier.
    pub fn new(actor: &Actor, trace: TraceId, action: &'static str, object: impl fmt::Display) -> Self {
        Self {
            tenant: Some(actor.tenant),
            actor: Some(actor.clone()),
            trace: Some(trace),
            action,
            object: object.to_string(),
            details: Vec::new(),
        }
    }

    /// An act of the house's own, such as a rotation that fell due, in a tenant's trail or its own.
    pub fn by_house(tenant: Option<TenantId>, action: &'static str, object: impl fmt::Display) -> Self {
        let object = object.to_string();
        Self { tenant, actor: None, trace: None, action, object, details: Vec::new() }
    }

    /// Puts the act into another trail than the actor's: that of the tenant it was done to, or the house's.
    #[must_use]
    pub const fn in_trail_of(mut self, tenant: Option<TenantId>) -> Self {
        self.tenant = tenant;
        self
    }

    /// Says in which trace it happened.
    #[must_use]
    pub const fn traced(mut self, trace: TraceId) -> Self {
        self.trace = Some(trace);
        self
    }

    /// Adds a detail. Sixteen are kept; a secret or personal data is never one.
    #[must_use]
    pub fn with(mut self, name: &'static str, detail: impl Into<Detail>) -> Self {
        self.details.push((name, detail.into()));
        self
    }

    /// The tenant whose trail it goes to; `None` is the house's own.
    pub const fn tenant(&self) -> Option<TenantId> {
        self.tenant
    }
}
