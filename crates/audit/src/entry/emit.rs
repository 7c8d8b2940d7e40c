//! Writes entries. The envelope comes from the writer's thread, the rest from the caller's.
//!
//! What the caller's thread makes is a tail: everything from `"kind"` to the closing brace. A run's
//! attempts and its end repeat trace, actor and run, so these are written once and copied.

use lockgate_vocabulary::{Actor, AuditId, KeyId, RunId, TenantId, Timestamp, TraceId};

use super::scalar::{address, flag, hash, hex, id, signed, text, unsigned};
use super::{HeadsTold, Started};
use crate::append::Draft;
use crate::chain::Hash;
use crate::facts::{AttemptFacts, Closing, Deed, Detail, Outcome, RefusedFacts, RunFacts};

/// Bounds of texts, in bytes before escaping.
pub(crate) mod most {
    /// Names of principals, connections, providers.
    pub(crate) const NAME: usize = 128;
    /// A declared path template.
    pub(crate) const ENDPOINT: usize = 512;
    /// An HTTP method.
    pub(crate) const METHOD: usize = 32;
    /// A code, a door, an action, an outcome, an operation.
    pub(crate) const WORD: usize = 96;
    /// What an act was done to, and one detail of it.
    pub(crate) const DETAIL: usize = 256;
    /// Details of one act.
    pub(crate) const DETAILS: usize = 16;
}

/// The part of an entry that only the writer knows.
pub(crate) struct Envelope<'a> {
    pub(crate) index: u64,
    pub(crate) id: AuditId,
    pub(crate) node: &'a str,
    pub(crate) time: Timestamp,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) sequence: u64,
    pub(crate) previous: &'a Hash,
}

fn member(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(name.as_bytes());
}

fn tenant(out: &mut Vec<u8>, tenant: Option<TenantId>) {
    match tenant {
        Some(tenant) => id(out, TenantId::PREFIX, tenant.as_u128()),
        None => member(out, "null"),
    }
}

/// Everything before the tail.
pub(crate) fn envelope(out: &mut Vec<u8>, envelope: &Envelope<'_>) {
    member(out, "{\"index\":");
    unsigned(out, envelope.index);
    member(out, ",\"id\":");
    id(out, AuditId::PREFIX, envelope.id.as_u128());
    member(out, ",\"node\":");
    text(out, envelope.node, most::NAME);
    member(out, ",\"time\":");
    signed(out, envelope.time.as_micros());
    member(out, ",\"tenant\":");
    tenant(out, envelope.tenant);
    member(out, ",\"seq\":");
    unsigned(out, envelope.sequence);
    member(out, ",\"prev\":");
    hash(out, envelope.previous);
    out.push(b',');
}

/// How the body of an outbox row begins: the node whose relay appends it.
pub(crate) fn outbox_node(out: &mut Vec<u8>, node: &str) {
    member(out, "{\"node\":");
    text(out, node, most::NAME);
    out.push(b',');
}

/// The body of an outbox row: an entry without its place.
pub(crate) fn outbox(out: &mut Vec<u8>, node: &str, draft: &Draft) {
    outbox_node(out, node);
    member(out, "\"id\":");
    id(out, AuditId::PREFIX, draft.id.as_u128());
    member(out, ",\"time\":");
    signed(out, draft.time.as_micros());
    member(out, ",\"tenant\":");
    tenant(out, draft.tenant);
    out.push(b',');
    out.extend_from_slice(&draft.tail);
}

fn kind(out: &mut Vec<u8>, word: &str) {
    member(out, "\"kind\":\"");
    member(out, word);
    out.push(b'"');
}

/// Trace and actor. `trail` is the tenant whose trail the entry goes to.
fn context(out: &mut Vec<u8>, trace: Option<TraceId>, actor: Option<&Actor>, trail: Option<TenantId>) {
    if let Some(trace) = trace {
        member(out, ",\"trace\":\"");
        // Writing to a vector cannot fail.
        _ = std::io::Write::write_fmt(out, format_args!("{trace}"));
        out.push(b'"');
    }
    let Some(actor) = actor else { return };
    member(out, ",\"actor\":{");
    if trail != Some(actor.tenant) {
        member(out, "\"tenant\":");
        tenant(out, Some(actor.tenant));
        out.push(b',');
    }
    member(out, "\"principal\":");
    id(out, lockgate_vocabulary::PrincipalId::PREFIX, actor.principal.as_u128());
    member(out, ",\"kind\":\"");
    member(out, actor.kind.as_str());
    member(out, "\",\"name\":");
    text(out, &actor.name, most::NAME);
    out.push(b'}');
}

fn run_member(out: &mut Vec<u8>, run: RunId) {
    member(out, ",\"run\":");
    id(out, RunId::PREFIX, run.as_u128());
}

fn key_member(out: &mut Vec<u8>, key: Option<KeyId>) {
    if let Some(key) = key {
        member(out, ",\"key\":");
        id(out, KeyId::PREFIX, key.as_u128());
    }
}

fn text_member(out: &mut Vec<u8>, name: &str, value: &str, bound: usize) {
    member(out, name);
    text(out, value, bound);
}

fn status_member(out: &mut Vec<u8>, status: Option<u16>) {
    if let Some(status) = status {
        member(out, ",\"status\":");
        unsigned(out, u64::from(status));
    }
}

fn connection_member(out: &mut Vec<u8>, connection: lockgate_vocabulary::ConnectionId) {
    member(out, ",\"connection\":");
    id(out, lockgate_vocabulary::ConnectionId::PREFIX, connection.as_u128());
}

fn micros(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// What the entries of one run repeat: trace, actor, run.
pub(crate) fn run_context(facts: &RunFacts<'_>) -> Box<[u8]> {
    let mut out = Vec::with_capacity(224 + facts.actor.name.len());
    context(&mut out, Some(facts.trace), Some(facts.actor), Some(facts.actor.tenant));
    run_member(&mut out, facts.run);
    out.into_boxed_slice()
}

pub(crate) fn opened(repeated: &[u8], facts: &RunFacts<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(repeated.len() + 448 + facts.endpoint.len());
    kind(&mut out, "opened");
    out.extend_from_slice(repeated);
    key_member(&mut out, facts.key);
    connection_member(&mut out, facts.connection);
    text_member(&mut out, ",\"connection_name\":", facts.connection_name, most::NAME);
    text_member(&mut out, ",\"provider\":", facts.provider, most::NAME);
    text_member(&mut out, ",\"method\":", facts.method, most::METHOD);
    text_member(&mut out, ",\"endpoint\":", facts.endpoint, most::ENDPOINT);
    member(&mut out, ",\"target\":");
    hex(&mut out, &facts.target_digest);
    text_member(&mut out, ",\"operation\":", facts.operation, most::WORD);
    member(&mut out, ",\"dry_run\":");
    flag(&mut out, facts.dry_run);
    member(&mut out, ",\"idempotency\":");
    flag(&mut out, facts.idempotency);
    member(&mut out, ",\"peer\":");
    address(&mut out, facts.peer);
    out.push(b'}');
    out
}

pub(crate) fn attempt(repeated: &[u8], facts: &AttemptFacts) -> Vec<u8> {
    let mut out = Vec::with_capacity(repeated.len() + 256);
    kind(&mut out, "attempt");
    out.extend_from_slice(repeated);
    member(&mut out, ",\"number\":");
    unsigned(&mut out, u64::from(facts.number));
    if let Some(dialled) = facts.address {
        member(&mut out, ",\"address\":");
        address(&mut out, dialled);
    }
    status_member(&mut out, facts.status);
    text_member(&mut out, ",\"outcome\":", facts.outcome, most::WORD);
    member(&mut out, ",\"took_us\":");
    unsigned(&mut out, micros(facts.took));
    member(&mut out, ",\"sent\":");
    flag(&mut out, facts.sent);
    if let Some((credential, version)) = facts.credential {
        member(&mut out, ",\"credential\":");
        id(&mut out, lockgate_vocabulary::CredentialId::PREFIX, credential.as_u128());
        member(&mut out, ",\"version\":");
        unsigned(&mut out, u64::from(version));
    }
    out.push(b'}');
    out
}

/// The end of a run that somebody saw.
pub(crate) fn closed(repeated: &[u8], closing: &Closing) -> Vec<u8> {
    let mut out = end(repeated, closing.outcome, closing.status, closing.code);
    member(&mut out, ",\"request_bytes\":");
    unsigned(&mut out, closing.request_bytes);
    member(&mut out, ",\"answer_bytes\":");
    unsigned(&mut out, closing.answer_bytes);
    member(&mut out, ",\"took_us\":");
    unsigned(&mut out, micros(closing.took));
    if closing.fallback {
        member(&mut out, ",\"fallback\":true");
    }
    out.push(b'}');
    out
}

/// The end of a run that nobody saw.
pub(crate) fn lost(repeated: &[u8], outcome: Outcome, code: &'static str) -> Vec<u8> {
    let mut out = end(repeated, outcome, None, Some(code));
    out.push(b'}');
    out
}

fn end(repeated: &[u8], outcome: Outcome, status: Option<u16>, code: Option<&str>) -> Vec<u8> {
    let mut out = Vec::with_capacity(repeated.len() + 224);
    kind(&mut out, "closed");
    out.extend_from_slice(repeated);
    text_member(&mut out, ",\"outcome\":", outcome.as_str(), most::WORD);
    status_member(&mut out, status);
    if let Some(code) = code {
        text_member(&mut out, ",\"code\":", code, most::WORD);
    }
    out
}

pub(crate) fn refused(facts: &RefusedFacts<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(640);
    kind(&mut out, "refused");
    context(&mut out, Some(facts.trace), facts.actor, facts.tenant);
    if let Some(run) = facts.run {
        run_member(&mut out, run);
    }
    key_member(&mut out, facts.key);
    text_member(&mut out, ",\"door\":", facts.door, most::WORD);
    text_member(&mut out, ",\"code\":", facts.code, most::WORD);
    status_member(&mut out, Some(facts.status));
    if let Some(method) = facts.method {
        text_member(&mut out, ",\"method\":", method, most::METHOD);
    }
    if let Some(connection) = facts.connection {
        connection_member(&mut out, connection);
    }
    if let Some(name) = facts.connection_name {
        text_member(&mut out, ",\"connection_name\":", name.as_str(), most::NAME);
    }
    if let Some(endpoint) = facts.endpoint {
        text_member(&mut out, ",\"endpoint\":", endpoint, most::ENDPOINT);
    }
    if let Some(digest) = facts.target_digest {
        member(&mut out, ",\"target\":");
        hex(&mut out, &digest);
    }
    member(&mut out, ",\"peer\":");
    address(&mut out, facts.peer);
    out.push(b'}');
    out
}

pub(crate) fn deed(facts: &Deed, relayed: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    kind(&mut out, "deed");
    context(&mut out, facts.trace, facts.actor.as_ref(), facts.tenant);
    text_member(&mut out, ",\"action\":", facts.action, most::WORD);
    text_member(&mut out, ",\"object\":", &facts.object, most::DETAIL);
    if relayed {
        member(&mut out, ",\"relayed\":true");
    }
    member(&mut out, ",\"details\":[");
    for (place, (name, detail)) in facts.details.iter().take(most::DETAILS).enumerate() {
        member(&mut out, if place == 0 { "[" } else { ",[" });
        text(&mut out, name, most::WORD);
        out.push(b',');
        match detail {
            Detail::Text(value) => text(&mut out, value, most::DETAIL),
            Detail::Number(value) => signed(&mut out, *value),
            Detail::Flag(value) => flag(&mut out, *value),
        }
        out.push(b']');
    }
    member(&mut out, "]}");
    out
}

pub(crate) fn started(facts: &Started) -> Vec<u8> {
    let mut out = Vec::with_capacity(96);
    kind(&mut out, "started");
    member(&mut out, ",\"unsigned\":");
    unsigned(&mut out, facts.unsigned);
    member(&mut out, ",\"torn_bytes\":");
    unsigned(&mut out, facts.torn_bytes);
    member(&mut out, ",\"unfinished\":");
    unsigned(&mut out, facts.unfinished);
    out.push(b'}');
    out
}

pub(crate) fn stopped() -> Vec<u8> {
    b"\"kind\":\"stopped\"}".to_vec()
}

pub(crate) fn heads(facts: &HeadsTold) -> Vec<u8> {
    let mut out = Vec::with_capacity(112);
    kind(&mut out, "heads");
    member(&mut out, ",\"trails\":");
    unsigned(&mut out, facts.trails);
    member(&mut out, ",\"root\":");
    hash(&mut out, &facts.root);
    out.push(b'}');
    out
}
