//! How a request reached the house.

use std::net::{IpAddr, SocketAddr};

use crate::clock::Timestamp;
use crate::trace::TraceContext;

/// Which of the house's two listeners it came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Listener {
    /// The door: callers, agents, webhooks.
    Door,
    /// The operator's side.
    Admin,
}

/// How and when a request arrived.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The address at the far end of the connection.
    pub peer: SocketAddr,
    /// The listener.
    pub listener: Listener,
    /// When its head had been read.
    pub at: Timestamp,
    /// The trace that it belongs to: the caller's, or one that starts here.
    pub trace: TraceContext,
}

/// The network that one subscriber usually has: an IPv4 address, or the /64 of an IPv6 one. Within a /64
/// addresses cost nothing, so whatever is counted by peer is counted by this.
pub fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}
