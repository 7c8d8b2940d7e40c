//! The proof that a destination was vetted: what may be dialled, and nothing else.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use super::lookup::Key;
use super::url::Scheme;

/// A destination whose host and every address were judged. Only this module's parent can make one; who
/// dials takes an address from here and verifies the certificate against the name from here.
#[derive(Clone, PartialEq, Eq)]
pub struct PinnedTarget(Arc<Pinned>);

#[derive(PartialEq, Eq)]
struct Pinned {
    scheme: Scheme,
    host: Arc<str>,
    port: u16,
    authority: Box<str>,
    addresses: Arc<[SocketAddr]>,
}

impl PinnedTarget {
    pub(super) fn new(key: &Key, addresses: Vec<SocketAddr>) -> Self {
        let host = Arc::clone(&key.host);
        let authority = if key.port == key.scheme.default_port() {
            host.as_ref().into()
        } else {
            format!("{host}:{}", key.port).into()
        };
        Self(Arc::new(Pinned { scheme: key.scheme, host, port: key.port, authority, addresses: addresses.into() }))
    }

    /// How it is spoken to.
    pub fn scheme(&self) -> Scheme {
        self.0.scheme
    }

    /// The host as it stands in a URL: IPv6 in brackets.
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// The name that the certificate must hold: the host without brackets.
    pub fn server_name(&self) -> &str {
        self.0.host.trim_matches(['[', ']'])
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// What stands in `Host` and `:authority`: the host, and the port where it is not the scheme's own.
    pub fn authority(&self) -> &str {
        &self.0.authority
    }

    /// The addresses that may be dialled, in the order of the name server, at least one.
    pub fn addresses(&self) -> &Arc<[SocketAddr]> {
        &self.0.addresses
    }

    /// Whether a socket that is said to be connected leads where it was meant to.
    pub fn permits(&self, peer: SocketAddr) -> bool {
        self.0.addresses.iter().any(|address| address.ip() == peer.ip() && address.port() == peer.port())
    }
}

impl fmt::Debug for PinnedTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PinnedTarget({}://{} at {:?})", self.0.scheme.as_str(), self.0.authority, self.0.addresses)
    }
}
