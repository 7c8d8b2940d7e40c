//! A vendor's error, as the caller gets it.
//!
//! Callers are services that act on what a vendor says is wrong, so JSON goes on, without the credential.
//! Pages, stack traces and whatever cannot be read are reduced to the codes in them.

use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use lockgate_inspect::media_type::MediaType;
use lockgate_inspect::vendor_error::VendorError;
use lockgate_vocabulary::Refusal;
use serde::de::IgnoredAny;
use serde_json::json;

use super::Head;
use crate::refusal::EgressRefusal;
use crate::run::Run;

const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The body that goes on with a status of 400 to 499, and its media type.
pub(super) fn shown(run: &Run, head: &Head, text: &[u8], whole: bool) -> (Bytes, HeaderValue) {
    if whole && let Some(safe) = safe(run, head, text) {
        return (Bytes::from(safe), JSON);
    }
    let info = EgressRefusal::VendorDeclined.info();
    let problem = json!({
        "type": format!("urn:lockgate:refusal:{}", info.code),
        "title": info.title,
        "status": head.status.as_u16(),
        "code": info.code,
        "trace_id": run.order.arrival.trace.trace.to_string(),
        "detail": reduced(run, head, text),
    });
    (Bytes::from(problem.to_string()), PROBLEM)
}

/// The text where it is JSON, without the credential.
fn safe(run: &Run, head: &Head, text: &[u8]) -> Option<String> {
    let media = MediaType::parse(head.headers.get(CONTENT_TYPE)?.as_bytes()).ok()?;
    if !media.is_json() || head.headers.contains_key(http::header::CONTENT_ENCODING) {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let is_json = |text: &str| serde_json::from_str::<IgnoredAny>(text).is_ok();
    // Judged after the credential was taken out: where it stood across the structure itself, what is left
    // is no JSON and does not go on.
    let scrubbed = run.inner.parts.vault.scrub(&run.grant, text);
    is_json(&scrubbed).then_some(scrubbed)
}

/// What the caller is told of a status of 500 or more.
pub(super) fn failed(run: &Run, head: &Head, text: &[u8]) -> Refusal {
    EgressRefusal::VendorFailed.refuse().detail(reduced(run, head, text))
}

/// The codes in the text, as a sentence. A credential may look like a code, so it is taken out of them.
fn reduced(run: &Run, head: &Head, text: &[u8]) -> String {
    let media = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let reduced = VendorError::reduce(head.status.as_u16(), media, text);
    run.inner.parts.vault.scrub(&run.grant, &format!("The vendor answered: {reduced}."))
}
