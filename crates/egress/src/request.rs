//! What is sent: a request made anew from what was judged, header by header from a list.
//!
//! Nothing of the caller's head is passed on that is not on the list, so neither the gateway's own headers
//! nor the caller's credential can reach a vendor. The credential is not here yet; it enters last.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{Method, Request};
use lockgate_access::Grant;
use lockgate_access::spec::AuthPlacement;
use lockgate_vocabulary::limit::TARGET_BYTES;
use lockgate_vocabulary::{Fault, Stop, TraceContext};

use crate::destination::redirect::Hop;
use crate::destination::{self, PinnedTarget};
use crate::order::{Body, Order};
use crate::refusal::EgressRefusal;

/// What we call ourselves towards vendors, some of which refuse calls without it.
pub(crate) const AGENT: HeaderValue = HeaderValue::from_static(concat!("lockgate/", env!("CARGO_PKG_VERSION")));

const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

const ANYTHING: HeaderValue = HeaderValue::from_static("*/*");

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The caller's header fields that go on, where they may ([`Passing`]).
const FORWARDED: &[HeaderName] = &[
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::RANGE,
];

/// One request of a call: the first, or one that a redirect leads to.
pub(crate) struct Compose<'a> {
    pub(crate) grant: &'a Grant,
    pub(crate) order: &'a Order,
    pub(crate) target: &'a PinnedTarget,
    pub(crate) hop: Option<&'a Hop>,
    /// What the vendor recognises the call by, where it does.
    pub(crate) vendor_key: Option<&'a HeaderValue>,
    /// Where the vendor stands in the trace.
    pub(crate) trace: TraceContext,
}

impl Compose<'_> {
    /// The request without its body and without the credential. Its target is absolute.
    pub(crate) fn parts(&self) -> Result<Parts, Stop> {
        let connection = self.grant.connection();
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.method = self.method().clone();
        parts.uri = self.uri()?;
        let headers = &mut parts.headers;
        headers.reserve(16);
        let keeps_body = self.hop.is_none_or(|hop| hop.keeps_body);
        let passing = Passing::of(self.grant);
        // Each line of a field goes on: a condition that is halved is another condition.
        for (name, value) in self.order.headers.iter().filter(|(name, _)| FORWARDED.contains(name)) {
            let of_body = matches!(*name, header::CONTENT_TYPE | header::CONTENT_ENCODING | header::CONTENT_LANGUAGE);
            if (keeps_body || !of_body) && passing.lets(name) {
                headers.append(name.clone(), passing.onward(name, value));
            }
        }
        if !headers.contains_key(header::ACCEPT_ENCODING) {
            headers.insert(header::ACCEPT_ENCODING, IDENTITY);
        }
        if keeps_body && matches!(self.order.body, Body::Empty) && announces_no_body(&parts.method) {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        // What the provider demands belongs to its own origin alone.
        if self.hop.is_none_or(|hop| hop.keeps_credential) {
            headers.extend(connection.provider.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
            if let (Some(name), Some(key)) = (&connection.provider.idempotency_header, self.vendor_key) {
                headers.insert(name.clone(), key.clone());
            }
        }
        headers.insert(header::USER_AGENT, AGENT);
        headers.insert(TRACEPARENT, self.traceparent()?);
        Ok(parts)
    }

    fn method(&self) -> &Method {
        self.hop.map_or(&self.order.ask.method, |hop| &hop.method)
    }

    fn uri(&self) -> Result<Uri, Stop> {
        let malformed = |_| Stop::from(EgressRefusal::TargetMalformed);
        let path = match self.hop {
            Some(hop) => PathAndQuery::try_from(hop.url.path()).map_err(malformed)?,
            None => PathAndQuery::from_maybe_shared(Bytes::from(path_and_query(self.grant, self.order)?))
                .map_err(malformed)?,
        };
        let authority = Authority::try_from(self.target.authority());
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(match self.target.scheme() {
            destination::Scheme::Https => Scheme::HTTPS,
            destination::Scheme::Http => Scheme::HTTP,
        });
        parts.authority = Some(authority.map_err(|error| Fault::broken("writing a vetted authority", error))?);
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).map_err(|error| Fault::broken("writing a target", error).into())
    }

    fn traceparent(&self) -> Result<HeaderValue, Fault> {
        HeaderValue::try_from(self.trace.to_traceparent())
            .map_err(|error| Fault::broken("writing a traceparent", error))
    }
}

/// The path below the base, and the query, as they are sent.
pub(crate) fn path_and_query(grant: &Grant, order: &Order) -> Result<String, Stop> {
    target(&grant.connection().base.prefix, &order.ask.path, order.query.as_deref())
}

/// The same of its pieces.
pub(crate) fn target(prefix: &str, path: &str, query: Option<&str>) -> Result<String, Stop> {
    let length = prefix.len() + path.len() + query.map_or(0, |query| query.len() + 1);
    if length > TARGET_BYTES {
        return Err(EgressRefusal::TargetMalformed.into());
    }
    let mut target = String::with_capacity(length);
    target.push_str(prefix);
    target.push_str(path);
    if let Some(query) = query {
        // A fragment is never sent, and `#` would begin one.
        if query.bytes().any(|byte| byte <= b' ' || byte >= 0x7f || byte == b'#') {
            return Err(EgressRefusal::TargetMalformed.into());
        }
        target.push('?');
        target.push_str(query);
    }
    Ok(target)
}

/// Methods of which a server expects a body, so that its absence is said (RFC 9110 section 8.6).
fn announces_no_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// What a caller may say about the form of its answer.
#[derive(Clone, Copy)]
struct Passing {
    encoding: bool,
    ranges: bool,
    charset: bool,
}

impl Passing {
    /// Bodies are never decoded here, and a piece shows nothing of what stands before it. So where a
    /// credential is lent, which the vendor may repeat, the answer comes unpacked and whole, or nobody could
    /// find the credential in it; unless the endpoint says that it is not to be looked at.
    fn of(grant: &Grant) -> Self {
        let answer = &grant.endpoint().answer;
        let unseen = answer.danger_opaque || grant.connection().provider.auth == AuthPlacement::None;
        Self { encoding: unseen && answer.schema.is_none(), ranges: unseen, charset: unseen }
    }

    /// The value as it goes on. Nobody chooses a charset in which a credential would not be found.
    fn onward(self, name: &HeaderName, value: &HeaderValue) -> HeaderValue {
        if self.charset || *name != header::ACCEPT || !names_charset(value.as_bytes()) {
            return value.clone();
        }
        without_charset(value).unwrap_or(ANYTHING)
    }

    fn lets(self, name: &HeaderName) -> bool {
        match *name {
            header::ACCEPT_ENCODING => self.encoding,
            header::RANGE | header::IF_RANGE => self.ranges,
            _ => true,
        }
    }
}

/// Whether a field speaks of a charset in whatever way.
pub(crate) fn names_charset(value: &[u8]) -> bool {
    value.windows(b"charset".len()).any(|window| window.eq_ignore_ascii_case(b"charset"))
}

/// The media ranges without their parameter `charset`; none where quotes make it unclear what that is.
fn without_charset(value: &HeaderValue) -> Option<HeaderValue> {
    let text = value.to_str().ok().filter(|text| !text.contains('"'))?;
    let is_charset = |parameter: &&str| {
        parameter.split('=').next().is_some_and(|name| name.trim().to_ascii_lowercase().starts_with("charset"))
    };
    let ranges = text.split(',').map(|range| {
        let kept: Vec<&str> = range.split(';').filter(|parameter| !is_charset(parameter)).collect();
        kept.join(";")
    });
    HeaderValue::try_from(ranges.collect::<Vec<_>>().join(",")).ok()
}

/// Whether a credential that the vendor repeats has to be found in its answer.
pub(crate) fn is_searched(grant: &Grant) -> bool {
    !Passing::of(grant).charset
}

/// Whether the caller asked for an encoding itself, and may.
pub(crate) fn asked_for_encoding(grant: &Grant, headers: &HeaderMap) -> bool {
    Passing::of(grant).encoding && headers.contains_key(header::ACCEPT_ENCODING)
}

#[cfg(test)]
mod tests;
