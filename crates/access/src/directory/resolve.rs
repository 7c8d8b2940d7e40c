//! From what was written down to what a call is judged by: providers and connections, every rule checked.
//!
//! The registry refuses with what is wrong here; the loader degrades a connection whose row does not
//! hold to it any more. Not here: rows and JSON (`load`).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use ipnet::IpNet;
use lockgate_vocabulary::Name;

use super::base::{self, is_dns_name};
use super::endpoint::endpoints;
use super::{Base, Endpoint, Provider, Settings, mixup};
use crate::authn::text_key::fingerprint;
use crate::issuer::is_sound_url;
use crate::scope::is_reserved_name;
use crate::spec::{
    AuthPlacement, BreakerSpec, ClientAuth, ConnectionSpec, EndpointSpec, LimitSpec, ProviderSpec, RateHeaders,
    RedirectSpec, TokenSpec, VerifySpec,
};
use crate::template::canonical_path;
use crate::violations::Violations;

/// A provider with all that its connections fall back on.
#[derive(Debug, Clone)]
pub struct ResolvedProvider {
    /// The vendor.
    pub provider: Arc<Provider>,
    /// Where its API lives. The host starts with `{customer}.` where each customer has one of its own.
    pub base: Base,
    /// What its connections declare where they say nothing.
    pub endpoints: Arc<[Arc<Endpoint>]>,
    /// The epoch at which it last changed; nought for the catalogue's.
    pub changed: u64,
}

/// Headers that belong to the connection or to the message, so that no provider may set them.
const RESERVED_HEADERS: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "idempotency-key",
    "keep-alive",
    "max-forwards",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "traceparent",
    "tracestate",
    "upgrade",
    "via",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

const HEADERS_MOST: usize = 32;
const VALUE_BYTES: usize = 1024;
const EXPECTED_MOST: usize = 4;

/// Resolves a provider.
pub(crate) fn provider(spec: ProviderSpec, wrong: &mut Violations) -> Option<ResolvedProvider> {
    let title = (1..=100).contains(&spec.title.chars().count()) && !spec.title.chars().any(char::is_control);
    wrong.check(title, "/title", "1 to 100 printable characters");
    let base = wrong.take(base::parse_provider(&spec.base_url), "/base_url");
    auth(&spec.auth, wrong);
    rate_headers(&spec.rate_headers, wrong);
    let idempotency_header = spec.idempotency_header.and_then(|name| idempotency_header(&name, wrong));
    let documented = spec.documentation.is_none_or(|url| url.starts_with("https://") && url.len() <= 2048);
    wrong.check(documented, "/documentation", "an https URL of at most 2048 bytes");
    let headers = headers(spec.headers, wrong);
    let endpoints = endpoints(spec.endpoints, "/endpoints", wrong);
    if let Some(verifying) = &spec.verify {
        verify(verifying, &spec.auth, &endpoints, wrong);
    }
    let provider = Provider {
        id: None,
        name: spec.name,
        auth: spec.auth,
        rate_headers: spec.rate_headers,
        idempotency_header,
        headers,
        verify: spec.verify.map(Box::new),
        two_live_credentials: spec.two_live_credentials,
    };
    Some(ResolvedProvider { provider: Arc::new(provider), base: base?, endpoints, changed: 0 })
}

/// A credential is tried with a read that was declared, and of which every byte is known.
fn verify(spec: &VerifySpec, auth: &AuthPlacement, endpoints: &[Arc<Endpoint>], wrong: &mut Violations) {
    let declared = endpoints.iter().any(|endpoint| {
        endpoint.method == http::Method::GET && !endpoint.path.has_parameters() && endpoint.path.as_str() == spec.path
    });
    wrong.check(declared, "/verify/path", "the path of a GET endpoint that is declared here, without parameters");
    wrong.check(*auth != AuthPlacement::None, "/verify", "a provider without a credential has none to try");
    let size = |(pointer, value): (&String, &serde_json::Value)| {
        let scalar = !value.is_array() && !value.is_object();
        scalar && pointer.starts_with('/') && pointer.len() + value.to_string().len() <= VALUE_BYTES
    };
    let fits = spec.expect.len() <= EXPECTED_MOST && spec.expect.iter().all(size);
    wrong.check(fits, "/verify/expect", "at most 4 JSON Pointers, each with a text, number, true, false or null");
}

fn header_name(text: &str, at: &str, wrong: &mut Violations) -> Option<http::HeaderName> {
    let lower = http::HeaderName::from_lowercase(text.to_ascii_lowercase().as_bytes()).ok();
    let name = lower.filter(|_| text.len() <= 64);
    if name.is_none() {
        wrong.add(at, "not the name of a header");
    }
    name
}

fn free_header(text: &str, at: &str, wrong: &mut Violations) -> Option<http::HeaderName> {
    let name = header_name(text, at, wrong)?;
    let own = name.as_str().starts_with("x-lockgate-") || name.as_str().starts_with(':');
    let reserved = own || RESERVED_HEADERS.contains(&name.as_str());
    wrong.check(!reserved, at, "this header is not a provider's to set");
    (!reserved).then_some(name)
}

/// The field in which the vendor takes an idempotency key: its own, or the usual one, which no provider may
/// set to anything else.
fn idempotency_header(text: &str, wrong: &mut Violations) -> Option<http::HeaderName> {
    if text.eq_ignore_ascii_case("idempotency-key") {
        return header_name(text, "/idempotency_header", wrong);
    }
    free_header(text, "/idempotency_header", wrong)
}

fn headers(specs: std::collections::BTreeMap<String, String>, wrong: &mut Violations) -> http::HeaderMap {
    wrong.check(specs.len() <= HEADERS_MOST, "/headers", "at most 32 headers");
    let mut map = http::HeaderMap::new();
    for (name, value) in specs.into_iter().take(HEADERS_MOST) {
        let at = format!("/headers/{}", name.replace('~', "~0").replace('/', "~1"));
        let printable = value.len() <= VALUE_BYTES && value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        wrong.check(printable, at.clone(), "at most 1024 printable ASCII characters");
        let name = free_header(&name, &at, wrong);
        let value = http::HeaderValue::from_str(&value).ok().filter(|_| printable);
        let (Some(name), Some(value)) = (name, value) else { continue };
        let twice = map.insert(name, value).is_some();
        wrong.check(!twice, at, "the header stands twice");
    }
    map
}

fn auth(auth: &AuthPlacement, wrong: &mut Violations) {
    match auth {
        AuthPlacement::Header { name, prefix } => {
            if !name.eq_ignore_ascii_case("authorization") {
                free_header(name, "/auth/name", wrong);
            }
            let printable = prefix.len() <= 64 && prefix.bytes().all(|byte| (b' '..=b'~').contains(&byte));
            wrong.check(printable, "/auth/prefix", "at most 64 printable ASCII characters");
        }
        AuthPlacement::Query { name } => {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
            let fits = (1..=64).contains(&name.len()) && name.bytes().all(plain);
            wrong.check(fits, "/auth/name", "1 to 64 letters, digits, dots, hyphens and underscores");
        }
        AuthPlacement::OAuth(token) => token_endpoint(token, wrong),
        AuthPlacement::Bearer | AuthPlacement::Basic | AuthPlacement::None => {}
    }
}

/// What the form says itself; no parameter of a provider's own says it otherwise.
const FORM: &[&str] = &[
    "grant_type",
    "scope",
    "resource",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "code",
    "code_verifier",
    "redirect_uri",
    "refresh_token",
    "username",
    "password",
    "assertion",
];

/// What an authorization request says itself.
const REQUEST: &[&str] = &[
    "response_type",
    "response_mode",
    "client_id",
    "client_secret",
    "redirect_uri",
    "scope",
    "resource",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "request",
    "request_uri",
];

/// What an endpoint has to be.
const ENDPOINT: &str = "an https URL without user name, query and fragment, at most 512 bytes";

/// What its path has to be. Providers are compared by it (`mixup`), and a path that servers read in several ways would be
/// another one here than at the vendor.
const PATH: &str =
    "its path has one spelling: no dot or empty segments, no `;`, and nothing percent-encoded needlessly";

/// Checks where a client's secret, a person or a code is sent.
fn oauth_endpoint(url: &str, at: &'static str, wrong: &mut Violations) {
    let sound = is_sound_url(url, false);
    wrong.check(sound, at, ENDPOINT);
    let path = mixup::path_of(url);
    let spelled = !path.contains(';') && matches!(canonical_path(path), Ok(Cow::Borrowed(_)));
    wrong.check(!sound || spelled, at, PATH);
}

fn token_endpoint(token: &TokenSpec, wrong: &mut Violations) {
    oauth_endpoint(&token.token_url, "/auth/token_url", wrong);
    // RFC 6749 section 3.3: words of visible ASCII but `"` and `\\`, with one blank between them.
    let word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~'));
    let scope = token.scope.as_deref().is_none_or(|scope| scope.len() <= 1024 && scope.split(' ').all(word));
    wrong.check(scope, "/auth/scope", "words of visible ASCII with one blank between them, at most 1024 bytes");
    let resource = token.resource.as_deref().is_none_or(is_text);
    wrong.check(resource, "/auth/resource", "1 to 1024 bytes without control characters");
    parameters(&token.parameters, FORM, "/auth/parameters", wrong);
    revocation(token, wrong);
    client_proof(token, wrong);
    let Some(authorization) = &token.authorization else { return };
    oauth_endpoint(&authorization.url, "/auth/authorization/url", wrong);
    let issuer = authorization.issuer.as_deref().is_none_or(|issuer| is_sound_url(issuer, false));
    wrong.check(issuer, "/auth/authorization/issuer", ENDPOINT);
    parameters(&authorization.parameters, REQUEST, "/auth/authorization/parameters", wrong);
}

/// Where tokens are revoked the refresh token is shown, and the client's secret with it: to whoever has given them alone.
fn revocation(token: &TokenSpec, wrong: &mut Violations) {
    const AT: &str = "/auth/revocation_url";
    let Some(url) = &token.revocation_url else { return };
    oauth_endpoint(url, AT, wrong);
    let several = token.authorization.as_ref().is_some_and(|authorization| authorization.danger_shared_endpoints);
    let near = several || mixup::are_kin(url, &token.token_url);
    wrong.check(near, AT, "at the token endpoint's host, above it or below it, unless danger_shared_endpoints is true");
}

/// How the client proves itself. An assertion is for one, who is named: whoever else gets it could show it to that one
/// (RFC 7523 section 3).
fn client_proof(token: &TokenSpec, wrong: &mut Violations) {
    const AT: &str = "/auth/assertion_audience";
    let certified = !token.certificate_bound || token.client_auth == ClientAuth::Mtls;
    wrong.check(certified, "/auth/certificate_bound", "only true with mtls");
    let own = token.assertion_audience.as_deref();
    wrong.check(own.is_none_or(is_text), AT, "1 to 1024 bytes without control characters");
    if token.client_auth == ClientAuth::PrivateKeyJwt {
        // Whoever is at one endpoint could show an assertion at the other.
        let origin = |url: &str| url.split('/').take(3).map(str::to_ascii_lowercase).collect::<Vec<_>>();
        let one = token.revocation_url.as_deref().is_none_or(|url| origin(url) == origin(&token.token_url));
        wrong.check(one, "/auth/revocation_url", "of the token endpoint's origin with private_key_jwt");
        wrong.check(
            token.audience().is_some(),
            AT,
            "given with private_key_jwt, unless the authorization has an issuer",
        );
    } else {
        wrong.check(own.is_none(), AT, "only given with private_key_jwt");
    }
}

/// Parameters of a vendor's own, beside those that are said already.
fn parameters(all: &BTreeMap<String, String>, taken: &[&str], at: &'static str, wrong: &mut Violations) {
    let bytes: usize = all.iter().map(|(name, value)| name.len() + value.len()).sum();
    wrong.check(all.len() <= 16 && bytes <= 4096, at, "at most 16, of 4096 bytes together");
    for (name, value) in all.iter().take(16) {
        let plain = name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        let fits = plain && !name.is_empty() && !taken.contains(&name.as_str()) && is_text(value);
        wrong.check(
            fits,
            at,
            "names of letters, digits, `_`, `.` and `-` that the grant itself does not use, each with 1 to 1024 bytes",
        );
    }
}

fn is_text(value: &str) -> bool {
    (1..=1024).contains(&value.len()) && !value.chars().any(char::is_control)
}

fn rate_headers(headers: &RateHeaders, wrong: &mut Violations) {
    let each = [("limit", &headers.limit), ("remaining", &headers.remaining), ("reset", &headers.reset)];
    for (member, name) in each {
        header_name(name, &format!("/rate_headers/{member}"), wrong);
    }
}

/// What makes a connection, apart from its row.
#[derive(Debug, Clone)]
pub(crate) struct ResolvedConnection {
    pub(crate) base: Base,
    pub(crate) endpoints: Arc<[Arc<Endpoint>]>,
    pub(crate) settings: Arc<Settings>,
}

/// Resolves a connection of this provider.
pub(crate) fn connection(
    spec: ConnectionSpec,
    provider: &ResolvedProvider,
    wrong: &mut Violations,
) -> Option<ResolvedConnection> {
    let dangers = Dangers { networks: &spec.danger_private_networks, plain_http: spec.danger_plain_http };
    let base = own_base(spec.base_url.as_deref(), provider, dangers, wrong);
    let endpoints = own_endpoints(spec.endpoints, provider, wrong);
    let rest = SettingsSpec {
        limits: spec.limits,
        breaker: spec.breaker,
        retries: spec.retries,
        redirects: spec.redirects,
        trust_pem: spec.trust_pem,
        pins: spec.pins,
        danger_private_networks: spec.danger_private_networks,
        danger_plain_http: spec.danger_plain_http,
    };
    let bound = matches!(&provider.provider.auth, AuthPlacement::OAuth(token) if token.certificate_bound);
    wrong.check(
        !(bound && rest.danger_plain_http),
        "/danger_plain_http",
        "false where tokens are bound to a certificate",
    );
    let settings = Arc::new(settings(rest, wrong));
    Some(ResolvedConnection { base: base?, endpoints, settings })
}

/// How a connection weakens the rules about where it leads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dangers<'a> {
    pub(crate) networks: &'a [IpNet],
    pub(crate) plain_http: bool,
}

impl<'a> Dangers<'a> {
    pub(crate) fn of(settings: &'a Settings) -> Self {
        Self { networks: &settings.danger_private_networks, plain_http: settings.danger_plain_http }
    }
}

/// Where a connection leads: its own base URL, or its provider's.
pub(crate) fn own_base(
    url: Option<&str>,
    provider: &ResolvedProvider,
    dangers: Dangers<'_>,
    wrong: &mut Violations,
) -> Option<Base> {
    let inside = !dangers.plain_http || !dangers.networks.is_empty();
    wrong.check(inside, "/danger_plain_http", "plain HTTP is spoken in danger_private_networks alone");
    let base = named_base(url, provider, dangers.networks, wrong)?;
    inside.then_some(Base { plain: dangers.plain_http, ..base })
}

fn named_base(
    url: Option<&str>,
    provider: &ResolvedProvider,
    danger_networks: &[IpNet],
    wrong: &mut Violations,
) -> Option<Base> {
    let Some(url) = url else {
        let shared = !provider.base.host.starts_with(base::CUSTOMER);
        wrong.check(shared, "/base_url", "each customer of this provider has a host of its own, so it must be given");
        if let (true, Err(error)) = (shared, base::check_host(&provider.base.host, danger_networks)) {
            wrong.add("/danger_private_networks", error);
            return None;
        }
        return shared.then(|| provider.base.clone());
    };
    let own = wrong.take(base::parse(url, danger_networks), "/base_url")?;
    let narrows = base::narrows(&provider.base, own);
    wrong.check(narrows, "/base_url", "it leads elsewhere than the provider's base URL");
    narrows.then(|| own.to_base())
}

/// What a connection declares: its own endpoints, or its provider's.
pub(crate) fn own_endpoints(
    specs: Option<Vec<EndpointSpec>>,
    provider: &ResolvedProvider,
    wrong: &mut Violations,
) -> Arc<[Arc<Endpoint>]> {
    match specs {
        Some(specs) => endpoints(specs, "/endpoints", wrong),
        None => Arc::clone(&provider.endpoints),
    }
}

/// The part of a [`ConnectionSpec`] that most connections share.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SettingsSpec {
    pub(crate) limits: LimitSpec,
    pub(crate) breaker: BreakerSpec,
    pub(crate) retries: Option<u8>,
    pub(crate) redirects: RedirectSpec,
    pub(crate) trust_pem: Option<String>,
    pub(crate) pins: Vec<String>,
    pub(crate) danger_private_networks: Vec<IpNet>,
    pub(crate) danger_plain_http: bool,
}

/// Retries where a connection says nothing, and the most that it may say.
const RETRIES: u8 = 5;

/// Resolves the settings of a connection.
pub(crate) fn settings(spec: SettingsSpec, wrong: &mut Violations) -> Settings {
    limits(&spec.limits, wrong);
    breaker(&spec.breaker, wrong);
    let retries = spec.retries.unwrap_or(RETRIES);
    wrong.check(retries <= RETRIES, "/retries", "0 to 5");
    let hosts = spec.redirects.hosts.len() <= 32 && spec.redirects.hosts.iter().all(|host| is_dns_name(host));
    wrong.check(hosts, "/redirects/hosts", "at most 32 DNS names in lower-case ASCII");
    let pem =
        spec.trust_pem.as_ref().is_none_or(|pem| pem.len() <= 65_536 && pem.contains("-----BEGIN CERTIFICATE-----"));
    wrong.check(pem, "/trust_pem", "certificates in PEM, at most 64 KiB");
    wrong.check(spec.pins.len() <= 16, "/pins", "at most 16 pins");
    let pins = pins(&spec.pins, wrong);
    wrong.check(spec.danger_private_networks.len() <= 16, "/danger_private_networks", "at most 16 networks");
    let trust = trust(spec.trust_pem.as_deref(), &pins);
    Settings {
        trust,
        limits: spec.limits,
        breaker: spec.breaker,
        retries,
        redirects: spec.redirects,
        trust_pem: spec.trust_pem.map(Arc::from),
        pins,
        danger_private_networks: spec.danger_private_networks,
        danger_plain_http: spec.danger_plain_http,
    }
}

/// The digest of whom a connection trusts: the same for the same certificates and pins, in whatever order
/// the pins stand.
fn trust(pem: Option<&str>, pins: &[[u8; 32]]) -> [u8; 32] {
    let mut pins = pins.to_vec();
    pins.sort_unstable();
    let pem = pem.unwrap_or_default().as_bytes();
    let count = u8::try_from(pins.len()).unwrap_or(u8::MAX);
    fingerprint(&[&[count], pins.as_flattened(), pem].concat())
}

fn pins(texts: &[String], wrong: &mut Violations) -> Vec<[u8; 32]> {
    use base64::Engine as _;
    let each = texts.iter().take(16).enumerate();
    each.filter_map(|(index, text)| {
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok();
        let pin = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        wrong.check(pin.is_some(), format!("/pins/{index}"), "the base64 of 32 bytes, a SHA-256");
        pin
    })
    .collect()
}

fn limits(spec: &LimitSpec, wrong: &mut Violations) {
    let within = |value: Option<u32>, most: u32| value.is_none_or(|value| (1..=most).contains(&value));
    wrong.check(within(spec.per_minute, 1_000_000), "/limits/per_minute", "1 to 1,000,000");
    wrong.check(within(spec.burst, 1_000_000), "/limits/burst", "1 to 1,000,000");
    wrong.check(within(spec.concurrent, 10_000), "/limits/concurrent", "1 to 10,000");
    wrong.check(within(spec.per_day, 1_000_000_000), "/limits/per_day", "1 to 1,000,000,000");
}

fn breaker(spec: &BreakerSpec, wrong: &mut Violations) {
    let within = |value: Option<u32>, most: u32| value.is_none_or(|value| (1..=most).contains(&value));
    let percent = spec.failure_percent.map(u32::from);
    wrong.check(within(percent, 100), "/breaker/failure_percent", "1 to 100");
    wrong.check(within(spec.least_calls, 10_000), "/breaker/least_calls", "1 to 10,000");
    wrong.check(within(spec.window_seconds, 3_600), "/breaker/window_seconds", "1 to 3,600");
    wrong.check(within(spec.open_seconds, 3_600), "/breaker/open_seconds", "1 to 3,600");
}

/// The name of a connection: a [`Name`] that no narrowed scope takes for an operation.
pub(crate) fn connection_name(text: &str, at: &str, wrong: &mut Violations) -> Option<Name> {
    let name = wrong.take(text.parse::<Name>(), at)?;
    wrong.check(!is_reserved_name(text), at, "read, write and delete are reserved");
    Some(name)
}

#[cfg(test)]
mod tests;
