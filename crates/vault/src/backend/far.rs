//! One request to a back end, and what an answer's status means whatever the protocol is.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use lockgate_vocabulary::{
    Errand, ErrandAnswer, ErrandAsk, ErrandFailure, ErrandOrder, ErrandOwner, ErrandPurpose, ErrandRequest, Fault,
    Secret,
};
use zeroize::Zeroizing;

use super::BackendFailure;

/// How long a back end may take for one answer.
const WITHIN: Duration = Duration::from_secs(5);

/// Bytes of an answer. The longest is the list of a path's versions.
const MOST_BYTES: usize = 256 * 1024;

/// How long a back end is left alone that does not say for how long, and the longest that it is believed.
const PATIENCE: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(300);

/// The way to one server.
pub(super) struct Far {
    errand: Arc<dyn Errand>,
    base: String,
    trust_pem: Option<String>,
}

/// What is asked.
pub(super) struct Ask {
    method: Method,
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Option<Bytes>,
}

impl Ask {
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: Vec::new(), body: None }
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn body(mut self, media_type: &'static str, body: Zeroizing<Vec<u8>>) -> Self {
        self.headers.push((http::header::CONTENT_TYPE, HeaderValue::from_static(media_type)));
        self.body = Some(Bytes::from_owner(body));
        self
    }

    pub(super) fn json(self, body: Zeroizing<Vec<u8>>) -> Self {
        self.body("application/json", body)
    }
}

impl Far {
    /// The way to this URL, which has no path, query or user. Whether its address may be reached is judged at each
    /// request.
    pub(super) fn new(errand: Arc<dyn Errand>, url: &str, trust_pem: Option<String>) -> Result<Self, Fault> {
        const DOING: &str = "reading the URL of a back end";
        let base = url.trim_end_matches('/');
        let uri = http::Uri::try_from(base).map_err(|error| Fault::broken(DOING, error))?;
        if uri.scheme().is_none() || uri.authority().is_none() || uri.path().len() > 1 || uri.query().is_some() {
            return Err(Fault::broken(DOING, "it is https:// and a host, and a port where it is not 443"));
        }
        Ok(Self { errand, base: base.to_owned(), trust_pem })
    }

    /// The host and the port as requests name them.
    pub(super) fn authority(&self) -> String {
        let (scheme, authority) = self.base.split_once("://").unwrap_or(("https", &self.base));
        let usual = if scheme == "https" { ":443" } else { ":80" };
        authority.strip_suffix(usual).unwrap_or(authority).to_ascii_lowercase()
    }

    /// Asks, and gives whatever is answered in the protocol's own words.
    pub(super) async fn ask(&self, ask: Ask) -> Result<ErrandAnswer, BackendFailure> {
        let order = ErrandOrder {
            purpose: ErrandPurpose::VaultBackend,
            owner: ErrandOwner::House,
            url: format!("{}{}", self.base, ask.path),
            ask: ErrandAsk::Request(ErrandRequest { method: ask.method, headers: ask.headers, body: ask.body }),
            trust_pem: self.trust_pem.clone(),
            identity: None,
            pins: Vec::new(),
            most_bytes: MOST_BYTES,
            within: WITHIN,
        };
        self.errand.run(order).await.map_err(|failure| {
            // Whoever calls does not learn what is in the way; whoever operates the gateway has to.
            tracing::warn!(?failure, backend = self.base, "a back end was not reached");
            match failure {
                // It lets nobody in without a certificate.
                ErrandFailure::Unidentified => BackendFailure::Denied,
                ErrandFailure::Unreachable | ErrandFailure::Paced(_) => BackendFailure::Unreachable,
                // It was slow, or broke off; whatever else came was no answer of its protocol.
                ErrandFailure::Unanswered(
                    "egress.answer.timeout" | "egress.answer.truncated" | "egress.vendor.reset",
                ) => BackendFailure::Unreachable,
                ErrandFailure::Refused(code) | ErrandFailure::Unanswered(code) => BackendFailure::Malformed(code),
            }
        })
    }
}

/// What a status means that says the same in every protocol; none where it has to be looked at.
pub(super) fn failure_of(answer: &ErrandAnswer) -> Option<BackendFailure> {
    match answer.status {
        401 | 403 => Some(BackendFailure::Denied),
        429 => Some(BackendFailure::Throttled(patience(answer.retry_after))),
        408 | 412 | 425 | 472 | 473 | 500..=599 => Some(BackendFailure::Unreachable),
        _ => None,
    }
}

/// For how long it is left alone.
pub(super) fn patience(told: Option<Duration>) -> Duration {
    told.unwrap_or(PATIENCE).clamp(Duration::from_secs(1), LONGEST)
}

/// A JSON text with a secret as one string in it. The whole room is made at once, so that growing never leaves a copy
/// behind. Nothing where the secret is no text.
pub(super) fn json_around(before: &str, secret: &Secret, after: &str) -> Option<Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(secret.expose()).ok()?;
    // No byte takes more than six in a JSON string.
    let mut body = Zeroizing::new(Vec::with_capacity(before.len() + after.len() + 6 * text.len() + 2));
    body.extend_from_slice(before.as_bytes());
    serde_json::to_writer(&mut *body, text).ok()?;
    body.extend_from_slice(after.as_bytes());
    Some(body)
}

/// A header's value that shows nothing and is wiped when it is dropped.
pub(super) fn sensitive(before: &str, secret: &Secret) -> Option<HeaderValue> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(before.len() + secret.expose().len()));
    bytes.extend_from_slice(before.as_bytes());
    bytes.extend_from_slice(secret.expose());
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(bytes)).ok()?;
    value.set_sensitive(true);
    Some(value)
}
