//! What a caller gets in the vendor's place while the vendor is down: declared, fixed, of a read alone.

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use serde::de::IgnoredAny;

use super::endpoint::is_media_type;
use crate::spec::{AnswerSpec, FallbackSpec, Operation};
use crate::violations::Violations;

/// Bytes of its body: it is held in memory on every node.
const BODY_BYTES: usize = 16 * 1024;

/// A fixed answer, ready to be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    /// The status.
    pub status: StatusCode,
    /// The media type of the body.
    pub media_type: HeaderValue,
    /// The body.
    pub body: Bytes,
}

/// Resolves what an endpoint declares. Whether it follows the endpoint's schema, who compiles schemas says.
pub(super) fn fallback(
    spec: FallbackSpec,
    operation: Operation,
    answer: &AnswerSpec,
    at: &str,
    wrong: &mut Violations,
) -> Option<Fallback> {
    let at = format!("{at}/fallback");
    // INVARIANT: a write that was not done is never told as one that was.
    wrong.check(operation == Operation::Read, at.clone(), "only what reads has a fallback");
    let status = status(spec.status, spec.body.is_empty());
    wrong.check(status.is_some(), format!("{at}/status"), "200 to 299 but 206, and 204 and 205 without a body");
    let typed = is_media_type(&spec.media_type);
    wrong.check(typed, format!("{at}/media_type"), "a media type such as application/json, without parameters");
    let listed = answer.media_types.is_empty() || answer.media_types.contains(&spec.media_type);
    wrong.check(listed, format!("{at}/media_type"), "answer.media_types does not have it");
    let json = is_json(&spec.media_type);
    wrong.check(json || answer.schema.is_none(), format!("{at}/media_type"), "answer.schema wants JSON");
    let most = answer.most_bytes.and_then(|most| usize::try_from(most).ok()).unwrap_or(BODY_BYTES).min(BODY_BYTES);
    wrong.check(spec.body.len() <= most, format!("{at}/body"), "at most 16 KiB, and no more than answer.most_bytes");
    let reads = spec.body.is_empty() || !json || serde_json::from_str::<IgnoredAny>(&spec.body).is_ok();
    wrong.check(reads, format!("{at}/body"), "the media type says JSON, which it is not");
    let media_type = HeaderValue::try_from(spec.media_type).ok()?;
    Some(Fallback { status: status?, media_type, body: Bytes::from(spec.body) })
}

/// The status of a whole answer that says yes. A part of one (206) would need a range that was asked for.
fn status(status: u16, is_empty: bool) -> Option<StatusCode> {
    let bodiless = matches!(status, 204 | 205);
    let whole = (200..=299).contains(&status) && status != 206 && (is_empty || !bodiless);
    StatusCode::from_u16(status).ok().filter(|_| whole)
}

fn is_json(media_type: &str) -> bool {
    let subtype = media_type.split_once('/').map_or("", |(_, subtype)| subtype);
    media_type == "application/json" || subtype.ends_with("+json")
}

#[cfg(test)]
mod tests;
