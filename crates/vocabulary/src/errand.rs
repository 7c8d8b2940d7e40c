//! The one way for the house itself to reach the network without a caller.
//!
//! Rooms left of `egress` (a key set to fetch, a vault to ask) send an [`ErrandOrder`]; `egress` carries
//! it out under the same address rules as every call. The purposes are a closed list.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use zeroize::Zeroize;

use crate::clock::BoxFuture;
use crate::id::{ConnectionId, TenantId};
use crate::tls_identity::TlsIdentity;

/// Why the house itself calls somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrandPurpose {
    /// An external issuer's metadata (RFC 8414) or key set (RFC 7517).
    IssuerKeys,
    /// A vault of the operator's, in which credentials or the root key are held, or what lets the gateway into it.
    VaultBackend,
    /// An access token of a vendor's (RFC 6749 section 4.4).
    VendorToken,
    /// Whether a vendor takes a credential that is not used yet.
    VendorTrial,
}

impl ErrandPurpose {
    /// The word for it in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IssuerKeys => "issuer-keys",
            Self::VaultBackend => "vault-backend",
            Self::VendorToken => "vendor-token",
            Self::VendorTrial => "vendor-trial",
        }
    }
}

/// Who wrote down where an errand goes, which says what it may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrandOwner {
    /// The gateway's own configuration: it may reach what that opens to errands.
    House,
    /// A tenant: over TLS alone, and of private networks only these, each an address and the length of its
    /// prefix. Whatever the house opens to its own errands is closed to it.
    Tenant(TenantId, Vec<(IpAddr, u8)>),
}

/// What is to be asked. The host must be one that an operator configured.
#[derive(Debug)]
pub struct ErrandOrder {
    /// Why.
    pub purpose: ErrandPurpose,
    /// Who wrote the URL down.
    pub owner: ErrandOwner,
    /// The whole URL.
    pub url: String,
    /// What is asked of it.
    pub ask: ErrandAsk,
    /// Certificates (PEM) trusted instead of those that errands trust: a tenant's own, or a back end's.
    pub trust_pem: Option<String>,
    /// What the gateway names itself by in the handshake; nothing where nobody asks for it.
    pub identity: Option<TlsIdentity>,
    /// Public keys (SHA-256 of the SPKI) of which the far side's certificate must have one; any where there is none.
    pub pins: Vec<[u8; 32]>,
    /// How many bytes of the answer are read at the most.
    pub most_bytes: usize,
    /// How long it may take in all.
    pub within: Duration,
}

/// What is asked of the far side.
#[derive(Debug)]
pub enum ErrandAsk {
    /// What is there (`GET`).
    Fetch,
    /// To take a form.
    Post(ErrandPost),
    /// A request of any kind, as the protocols of vaults want it.
    Request(ErrandRequest),
    /// What is there, with a credential that is only tried.
    Trial(ErrandTrial),
}

/// A request with fields and a body of its own. Whatever is secret in it is in buffers that wipe themselves, and in
/// values that are marked as sensitive.
pub struct ErrandRequest {
    /// The method.
    pub method: Method,
    /// Its fields, beside those that every errand has.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body, where it has one.
    pub body: Option<Bytes>,
}

impl fmt::Debug for ErrandRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErrandRequest")
    }
}

/// A form that is posted (`application/x-www-form-urlencoded`), with what proves who posts it. Its bytes are in
/// buffers that wipe themselves.
pub struct ErrandPost {
    /// The form.
    pub form: Bytes,
    /// The value of the field `Authorization`, marked as sensitive.
    pub authorization: Option<HeaderValue>,
    /// The value of the field `DPoP` (RFC 9449 section 4).
    pub dpop: Option<HeaderValue>,
}

impl fmt::Debug for ErrandPost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErrandPost")
    }
}

/// A read with a credential, as the vault equipped it. Its secret is in buffers that wipe themselves.
pub struct ErrandTrial {
    /// Whose rates it counts against.
    pub connection: ConnectionId,
    /// Path and query as they are sent; the path is the URL's.
    pub target: PathAndQuery,
    /// The header fields, those that carry a secret marked as sensitive.
    pub headers: HeaderMap,
    /// Whether the connection speaks in the clear inside the private networks that it opens.
    pub plain: bool,
}

impl fmt::Debug for ErrandTrial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErrandTrial")
    }
}

/// What came back. Its body may hold a secret and is wiped when it is dropped.
#[derive(Clone)]
pub struct ErrandAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// For how long the answer may be kept, where it says so (`Cache-Control: max-age`).
    pub fresh_for: Option<Duration>,
    /// When it is worth asking again, where the answer says so in seconds (`Retry-After`).
    pub retry_after: Option<Duration>,
    /// What the next proof of possession has to contain, where the answer says so (`DPoP-Nonce`, RFC 9449 section 8).
    pub dpop_nonce: Option<HeaderValue>,
}

impl Drop for ErrandAnswer {
    fn drop(&mut self) {
        self.body.zeroize();
    }
}

impl fmt::Debug for ErrandAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErrandAnswer({})", self.status)
    }
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrandFailure {
    /// The address rules or the size limit refused it; the refusal's code.
    Refused(&'static str),
    /// The rates that it counts against have no room for so long: nothing was sent.
    Paced(Duration),
    /// The far side could not be reached: nothing was sent.
    Unreachable,
    /// The far side does not take what the gateway named itself by in the handshake: nothing was done.
    Unidentified,
    /// It was sent, and no answer within the limits came of it: whether the far side did what was asked nobody knows.
    /// The refusal's code.
    Unanswered(&'static str),
}

/// Carries out errands.
pub trait Errand: Send + Sync + 'static {
    /// Fetches it.
    fn run(&self, order: ErrandOrder) -> BoxFuture<Result<ErrandAnswer, ErrandFailure>>;
}
