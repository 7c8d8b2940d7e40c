//! Which header fields of an answer go on.
//!
//! Dropped are those of the connection (RFC 9110 section 7.6.1), those that would act on the caller in our
//! name (cookies, transport and page policies), those that tell what the vendor runs, those that repeat
//! the credential, and the names that the gateway writes itself.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use super::Head;
use crate::reply::Flow;
use crate::run::Run;

/// Fields in which a vendor may repeat the address that it was called at, credential included.
const ADDRESSES: &[HeaderName] = &[header::CONTENT_LOCATION, header::LINK, header::LOCATION];

/// The fields that go on. What looks for the credential in the body behind them looks through them first.
pub(super) fn passed(head: &Head, flow: &mut Flow, run: &Run) -> HeaderMap {
    let keeps_length = run.order.ask.method == Method::HEAD || head.status == StatusCode::NOT_MODIFIED;
    let mut headers = HeaderMap::with_capacity(head.headers.len());
    let listed = Listed::of(&head.headers);
    for (name, value) in &head.headers {
        let length = *name == header::CONTENT_LENGTH;
        if (length && !keeps_length) || is_dropped(name.as_str()) || listed.has(name) {
            continue;
        }
        let value = if ADDRESSES.contains(name) { scrubbed(run, value) } else { Some(value.clone()) };
        if let Some(value) = value.filter(|value| !flow.repeats(value.as_bytes())) {
            headers.append(name.clone(), value);
        }
    }
    headers
}

fn scrubbed(run: &Run, value: &HeaderValue) -> Option<HeaderValue> {
    let text = value.to_str().ok()?;
    HeaderValue::try_from(run.inner.parts.vault.scrub(&run.grant, text)).ok()
}

/// The fields that `Connection` names as belonging to the connection.
struct Listed<'a>(Option<&'a HeaderMap>);

impl<'a> Listed<'a> {
    fn of(headers: &'a HeaderMap) -> Self {
        Self(headers.contains_key(header::CONNECTION).then_some(headers))
    }

    fn has(&self, name: &HeaderName) -> bool {
        let named = |value: &HeaderValue| {
            let each = value.as_bytes().split(|byte| *byte == b',');
            each.map(<[u8]>::trim_ascii).any(|option| option.eq_ignore_ascii_case(name.as_str().as_bytes()))
        };
        self.0.is_some_and(|headers| headers.get_all(header::CONNECTION).iter().any(named))
    }
}

pub(super) fn is_dropped(name: &str) -> bool {
    matches!(
        name,
        "access-control-allow-credentials"
            | "access-control-allow-headers"
            | "access-control-allow-methods"
            | "access-control-allow-origin"
            | "access-control-expose-headers"
            | "access-control-max-age"
            | "alt-svc"
            | "clear-site-data"
            | "connection"
            | "content-security-policy"
            | "idempotent-replayed"
            | "keep-alive"
            | "nel"
            | "proxy-authenticate"
            | "proxy-authentication-info"
            | "proxy-connection"
            | "public-key-pins"
            | "report-to"
            | "server"
            | "server-timing"
            | "set-cookie"
            | "set-cookie2"
            | "strict-transport-security"
            | "te"
            | "traceparent"
            | "tracestate"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "via"
            | "www-authenticate"
            | "x-aspnet-version"
            | "x-powered-by"
            | "x-ratelimit-limit"
            | "x-ratelimit-remaining"
            | "x-ratelimit-reset"
    ) || name.starts_with("x-lockgate-")
}

#[cfg(test)]
mod tests;
