//! Header fields of the gateway's own: which are read, which are written, and which never reach a vendor.

use http::HeaderMap;
use http::header::{self, HeaderName, HeaderValue};
use lockgate_vocabulary::{Arrival, RunId};

pub(super) use crate::problem::tell_rate;
use crate::refusal::GatewayRefusal;
use lockgate_vocabulary::Refusal;

pub(super) const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
pub(super) const DRY_RUN: HeaderName = HeaderName::from_static("x-dryrun");
/// On an answer that the endpoint declares for a vendor that is down.
pub(super) const FALLBACK: HeaderName = HeaderName::from_static("x-lockgate-fallback");
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
pub(super) const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
pub(super) const PREFER: HeaderName = HeaderName::from_static("prefer");
pub(super) const RUN: HeaderName = HeaderName::from_static("x-lockgate-run");
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Whether a field stays at the door: the gateway's own, the caller's credentials, what belongs to one
/// hop (RFC 9110 section 7.6.1), what the wire writes itself, and what tells where the caller is.
fn stays(name: &str) -> bool {
    matches!(
        name,
        "authorization"
            | "connection"
            | "content-length"
            | "cookie"
            | "expect"
            | "forwarded"
            | "host"
            | "http2-settings"
            | "idempotency-key"
            | "keep-alive"
            | "prefer"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "traceparent"
            | "tracestate"
            | "baggage"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "via"
            | "x-api-key"
            | "x-dryrun"
            | "x-real-ip"
            | "x-client-ip"
            | "true-client-ip"
    ) || name.starts_with("x-lockgate-")
        || name.starts_with("x-forwarded-")
        || name.starts_with("x-ratelimit-")
}

/// What of a caller's fields goes on to the vendor.
pub(super) fn onward(headers: HeaderMap) -> HeaderMap {
    let nominated: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|option| option.trim().to_ascii_lowercase())
        .collect();
    let mut kept = HeaderMap::with_capacity(headers.len());
    let mut keeps = None;
    for (name, value) in headers {
        // A name comes once for all of its values; those that follow have none.
        if let Some(name) = name {
            let goes = !stays(name.as_str()) && !nominated.iter().any(|known| known == name.as_str());
            keeps = goes.then_some(name);
        }
        if let Some(name) = &keeps {
            kept.append(name, value);
        }
    }
    kept
}

/// Whether the caller asks for a dry run. Anything but `true` and `false` is refused: whoever meant one
/// must not get a real call.
pub(super) fn dry_run(headers: &HeaderMap) -> Result<bool, Refusal> {
    match headers.get(DRY_RUN).map(HeaderValue::as_bytes) {
        None | Some(b"false") => Ok(false),
        Some(b"true") => Ok(true),
        Some(_) => Err(GatewayRefusal::HeaderInvalid.refuse().violation("X-DryRun", "it is neither true nor false")),
    }
}

/// The caller's idempotency key as it was sent. Whether it can be one the way out says; several become a
/// list, which is none.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Option<Box<str>> {
    let sent: Vec<_> =
        headers.get_all(IDEMPOTENCY_KEY).iter().map(|one| String::from_utf8_lossy(one.as_bytes())).collect();
    (!sent.is_empty()).then(|| sent.join(", ").into())
}

/// Whether the caller takes an operation in place of an answer (RFC 7240).
pub(super) fn respond_async(headers: &HeaderMap) -> bool {
    let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|preference| preference.trim().eq_ignore_ascii_case("respond-async"))
}

/// Says which run and which trace it was.
pub(super) fn mark(headers: &mut HeaderMap, run: Option<RunId>, arrival: &Arrival) {
    if let Some(run) = run {
        insert(headers, RUN, &run.to_string());
    }
    insert(headers, TRACEPARENT, &arrival.trace.to_traceparent());
}

pub(super) fn insert(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    // Identifiers and numbers are plain ASCII, so this does not fail; if it did, a header is not worth a call.
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests;
