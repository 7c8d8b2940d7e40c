//! The one way for the house itself to reach the network without a caller.
//!
//! Rooms left of `egress` (a key set to fetch, a vault to ask) send an [`ErrandOrder`]; `egress` carries
//! it out under the same address rules as every call. The purposes are a closed list.

use std::net::IpAddr;
use std::time::Duration;

use crate::clock::BoxFuture;

/// Why the house itself calls somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrandPurpose {
    /// An external issuer's metadata (RFC 8414) or key set (RFC 7517).
    IssuerKeys,
}

impl ErrandPurpose {
    /// The word for it in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IssuerKeys => "issuer-keys",
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
    Tenant(Vec<(IpAddr, u8)>),
}

/// What is to be fetched. The host must be one that an operator configured.
#[derive(Debug, Clone)]
pub struct ErrandOrder {
    /// Why.
    pub purpose: ErrandPurpose,
    /// Who wrote the URL down.
    pub owner: ErrandOwner,
    /// The whole URL.
    pub url: String,
    /// How many bytes of the answer are read at the most.
    pub most_bytes: usize,
    /// How long it may take in all.
    pub within: Duration,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct ErrandAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// For how long the answer may be kept, where it says so (`Cache-Control: max-age`).
    pub fresh_for: Option<Duration>,
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrandFailure {
    /// The address rules or the size limit refused it; the refusal's code.
    Refused(&'static str),
    /// The far side could not be reached or did not answer in time.
    Unreachable,
}

/// Carries out errands.
pub trait Errand: Send + Sync + 'static {
    /// Fetches it.
    fn run(&self, order: ErrandOrder) -> BoxFuture<Result<ErrandAnswer, ErrandFailure>>;
}
