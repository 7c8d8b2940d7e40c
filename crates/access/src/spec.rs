//! What an operator writes down about providers and connections: the shapes of the catalogue's files,
//! of the admin API and of the stored rows, in one place.
//!
//! These are raw values. [`crate::directory`] holds what they resolve to, and refuses what makes no sense.

use std::collections::BTreeMap;

use ipnet::IpNet;
use lockgate_vocabulary::Name;
use serde::{Deserialize, Serialize};

mod auth;

/// A vendor and how its API is called. One file of `catalog/`, or a tenant's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProviderSpec {
    /// The name that connections refer to.
    #[schema(value_type = String)]
    pub name: Name,
    /// The vendor's own name.
    pub title: String,
    /// Where the API lives, such as `https://api.stripe.com`. A connection may narrow or, where the
    /// vendor gives each customer a host, replace it.
    pub base_url: String,
    /// Where the vendor wants its credential.
    pub auth: AuthPlacement,
    /// The operations that a connection may declare.
    #[serde(default)]
    pub endpoints: Vec<EndpointSpec>,
    /// How the vendor tells its limits.
    #[serde(default)]
    pub rate_headers: RateHeaders,
    /// The header in which the vendor takes an idempotency key, where it does.
    #[serde(default)]
    pub idempotency_header: Option<String>,
    /// Headers that the vendor demands on every call, such as an API version.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Where the vendor documents this.
    #[serde(default)]
    pub documentation: Option<String>,
    /// The read by which a new credential is tried before it is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<VerifySpec>,
    /// Whether the vendor lets an account have two live credentials at once, so that a new one can be tried while
    /// the one before still serves. Absent where nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub two_live_credentials: Option<bool>,
}

/// A read that answers 2xx to whoever holds a good credential, and to nobody else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifySpec {
    /// The path of a declared `GET` endpoint, without parameters.
    pub path: String,
    /// What the answer's JSON must have where, by JSON Pointer, for vendors that answer 200 with an error inside.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, Object>)]
    pub expect: BTreeMap<String, serde_json::Value>,
}

/// Where a credential goes. It is bound to the connection's exact host and path prefix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(tag = "placement", rename_all = "lowercase")]
pub enum AuthPlacement {
    /// `Authorization: Bearer <secret>` (RFC 6750).
    Bearer,
    /// A header of the vendor's own, after an optional prefix such as `Token `.
    Header {
        /// The header.
        name: String,
        /// What stands before the secret.
        #[serde(default)]
        prefix: String,
    },
    /// A query parameter. The vendor sees it in its access log, so prefer any other.
    Query {
        /// The parameter.
        name: String,
    },
    /// `Authorization: Basic` (RFC 7617); the secret is `user:password`, or the user alone.
    Basic,
    /// `Authorization: Bearer` with a short-lived access token, or `Authorization: DPoP` where it is bound to a key
    /// (RFC 9449). The credential is the client's id and what it proves itself with, `id:secret`, which no
    /// one but the token and revocation endpoints is shown. It is the client's own account (client credentials, RFC
    /// 6749 section 4.4) or, with `authorization`, that of a person who connects it (authorization code, section
    /// 4.1, with PKCE).
    OAuth(Box<TokenSpec>),
    /// The vendor wants none.
    None,
}

/// Where and how an access token is had. Its credential is bound to all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TokenSpec {
    /// The token endpoint; `https:` alone. It is reached under the connection's certificates and private networks.
    pub token_url: String,
    /// How the client proves who it is; `basic` by default.
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// The scope that is asked for; what the vendor gives by itself where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The resource that the token is for (RFC 8707).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// What this vendor wants beside it, such as `audience`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Where a person lets the client in. With it tokens are had by authorization code and PKCE; without it by
    /// client credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<AuthorizationSpec>,
    /// Where tokens are revoked (RFC 7009); `https:` alone. Without it nothing can be revoked at the vendor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_url: Option<String>,
    /// Whom a signed assertion of the client is for (`aud`, RFC 7523 section 3), where `client_auth` is
    /// `private_key_jwt`: the vendor's issuer identifier, or what else it wants. By default the issuer of
    /// `authorization`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assertion_audience: Option<String>,
    /// Whether access tokens are bound to a key of the gateway's, so that nobody else can use them (DPoP, RFC 9449).
    /// The vendor must bind them then. False by default.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dpop: bool,
    /// Whether access tokens are bound to the client's certificate (RFC 8705 section 3), so that calls have to show it
    /// in their handshake as well; with `mtls` alone. False by default.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub certificate_bound: bool,
}

impl TokenSpec {
    /// Whom an assertion of the client is for.
    pub fn audience(&self) -> Option<&str> {
        let issuer = || self.authorization.as_ref().and_then(|authorization| authorization.issuer.as_deref());
        self.assertion_audience.as_deref().or_else(issuer)
    }
}

/// Where a person lets a client in (RFC 6749 section 4.1). PKCE is always used, with S256 alone (RFC 7636).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthorizationSpec {
    /// The authorization endpoint; `https:` alone.
    pub url: String,
    /// The vendor's issuer identifier. Where it is given, the vendor must name itself so in its answer (`iss`, RFC
    /// 9207); where it is not, the vendor must not name itself at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// What this vendor wants in the request beside it, such as `access_type`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Says that the vendor has several authorization or token endpoints, so that another provider which says so too
    /// may share one of them and not the others. A weakening: whoever writes the other provider can have codes sent
    /// there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub danger_shared_endpoints: bool,
}

/// How a client proves who it is at a token endpoint, and what its credential is for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// `Authorization: Basic` (RFC 6749 section 2.3.1). The credential is `id:secret`.
    #[default]
    Basic,
    /// `client_id` and `client_secret` in the form (RFC 6749 section 2.3.1). The credential is `id:secret`.
    Post,
    /// An assertion that the client's own key signs (RFC 7523 section 2.2). The credential is `id:` and the private key
    /// behind it, as PEM (PKCS#8, PKCS#1 or SEC 1) or as a JWK, which can name itself (`kid`) and its algorithm (`alg`).
    /// A certificate beside a key in PEM is named in the assertion (`x5t#S256`, RFC 7515 section 4.1.8).
    PrivateKeyJwt,
    /// A certificate in the TLS handshake with the token endpoint (RFC 8705 section 2). The credential is `id:` and
    /// behind it, as PEM, the certificate with those that vouch for it, and its private key.
    Mtls,
}

impl ClientAuth {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Post => "post",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::Mtls => "mtls",
        }
    }
}

/// What a call does to the far side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Changes nothing.
    Read,
    /// Creates or changes.
    Write,
    /// Removes.
    Delete,
}

impl Operation {
    /// The word for it in scopes and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
        }
    }
}

/// One operation that a connection declares; whatever is not declared is refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointSpec {
    /// The HTTP method, upper case.
    pub method: String,
    /// A path template below the base URL: `/v1/customers/{id}`; `{name}` is one whole segment,
    /// `{name…}`, written `{name...}`, all that are left.
    pub path: String,
    /// What it does; by default read for GET and HEAD, delete for DELETE, write for the rest.
    #[serde(default)]
    pub operation: Option<Operation>,
    /// Whether it is bulk work: 120 s instead of 30 s, 100 MB instead of 10 MB.
    #[serde(default)]
    pub bulk: bool,
    /// Whether repeating it is harmless though its method does not say so.
    #[serde(default)]
    pub idempotent: bool,
    /// What an answer must look like.
    #[serde(default)]
    pub answer: AnswerSpec,
    /// What a caller gets in the vendor's place while the vendor is down. Only what reads has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<FallbackSpec>,
}

/// A fixed answer, given where the breaker is open, or the vendor cannot be reached, does not answer in time
/// or answers with 5xx after all retries. The answer carries `X-Lockgate-Fallback: true`, and the run is
/// recorded as failed. It follows what the endpoint's own `answer` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FallbackSpec {
    /// The status, 200 to 299; 200 by default.
    #[serde(default = "usual_status")]
    pub status: u16,
    /// The media type, without parameters.
    pub media_type: String,
    /// The body: at most 16 KiB of text.
    pub body: String,
}

fn usual_status() -> u16 {
    200
}

/// What an answer must look like, or it is rejected.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AnswerSpec {
    /// Bytes at the most; 10 MB by default, 100 MB for bulk.
    pub most_bytes: Option<u64>,
    /// Media types accepted, without parameters; any by default.
    pub media_types: Vec<String>,
    /// A JSON Schema (2020-12) for successful answers; such an answer is read whole before its first
    /// byte goes on.
    #[schema(value_type = Option<Object>)]
    pub schema: Option<serde_json::Value>,
    /// Whether callers may have answers packed (`Accept-Encoding`) and in ranges (`Range`), for downloads of
    /// files. A weakening: a credential that the vendor repeats in such an answer is not found in it.
    pub danger_opaque: bool,
}

/// The headers by which a vendor tells its limits. The defaults are the names most vendors use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RateHeaders {
    /// Calls allowed in the window.
    pub limit: String,
    /// Calls left in the window.
    pub remaining: String,
    /// When the window starts anew.
    pub reset: String,
    /// How `reset` is written.
    pub reset_style: ResetStyle,
}

impl Default for RateHeaders {
    fn default() -> Self {
        Self {
            limit: "x-ratelimit-limit".into(),
            remaining: "x-ratelimit-remaining".into(),
            reset: "x-ratelimit-reset".into(),
            reset_style: ResetStyle::Auto,
        }
    }
}

/// How a vendor writes when its window starts anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResetStyle {
    /// Told by size: small numbers are seconds from now, large ones Unix time.
    Auto,
    /// Seconds from now.
    Seconds,
    /// Unix seconds.
    Unix,
    /// Unix milliseconds.
    UnixMillis,
}

/// A tenant's account at a provider.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionSpec {
    /// The base URL, where the provider's is not the one. Its host and path prefix bind the credential.
    pub base_url: Option<String>,
    /// The operations it uses; the provider's where absent. An empty list allows nothing.
    pub endpoints: Option<Vec<EndpointSpec>>,
    /// Our own limits towards the vendor.
    pub limits: LimitSpec,
    /// When the breaker opens.
    pub breaker: BreakerSpec,
    /// How often a safe call is tried again, 0 to 5; 5 by default.
    pub retries: Option<u8>,
    /// Whether redirects are followed (each is vetted anew); hosts beside the base URL's own.
    pub redirects: RedirectSpec,
    /// Certificates (PEM) trusted for this connection instead of the system's.
    pub trust_pem: Option<String>,
    /// SHA-256 of the public keys (SPKI, base64) of which the vendor's certificate must hold one.
    pub pins: Vec<String>,
    /// Private networks that this connection may reach all the same. A weakening: it shows as a finding.
    #[schema(value_type = Vec<String>)]
    pub danger_private_networks: Vec<IpNet>,
    /// Speaks plain HTTP instead of HTTPS to the base URL's host and port, and only where every address of
    /// it lies in `danger_private_networks`. Call and credential go in the clear: it shows as a finding.
    pub danger_plain_http: bool,
}

/// Limits of calls. Zero is refused; absent means the default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitSpec {
    /// Calls a minute; 600 by default.
    pub per_minute: Option<u32>,
    /// Calls at once in a burst; a tenth of `per_minute`, at least 1, by default.
    pub burst: Option<u32>,
    /// Calls under way at the same time; 64 by default.
    pub concurrent: Option<u32>,
    /// Calls on one day (UTC), retries among them, over all nodes that share counters; no end by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_day: Option<u32>,
}

/// When the breaker opens: a share of failures over a window with enough calls in it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerSpec {
    /// The share of failures, in percent, that opens it; 50 by default.
    pub failure_percent: Option<u8>,
    /// Calls in the window below which it stays closed; 10 by default.
    pub least_calls: Option<u32>,
    /// Seconds of the window; 30 by default.
    pub window_seconds: Option<u32>,
    /// Seconds that it stays open before one call may try; 15 by default.
    pub open_seconds: Option<u32>,
}

/// Whether redirects are followed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RedirectSpec {
    /// Followed at all; no by default: the caller gets the vendor's 3xx as a refusal.
    pub follow: bool,
    /// Hosts beside the base URL's own to which one may lead; the credential never goes along.
    pub hosts: Vec<String>,
}

/// Where a key or a principal may call: a connection and, of it, methods and path templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclaredUse {
    /// The connection's name or id.
    pub connection: String,
    /// The HTTP method, or `*`.
    pub method: String,
    /// A path template as in [`EndpointSpec::path`].
    pub path: String,
}

#[cfg(test)]
mod tests;
