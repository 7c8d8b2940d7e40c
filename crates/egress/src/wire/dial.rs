//! A socket to a vetted address, and to no other.
//!
//! Addresses come from a [`PinnedTarget`] and from nowhere else. They are tried one after the other, each
//! for its share of the time that is left; the peer of the socket is looked at once more afterwards.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;

use super::failure::WireFailure;
use crate::alarm::Alarm;
use crate::destination::PinnedTarget;

/// A connected socket and who is at its far end.
pub(super) struct Dialled {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
}

/// Connects to the first address that answers.
pub(super) async fn dial(target: &PinnedTarget, alarm: &mut Alarm, until: Duration) -> Result<Dialled, WireFailure> {
    let addresses = target.addresses();
    for (place, address) in addresses.iter().enumerate() {
        let now = alarm.now();
        let others = u32::try_from(addresses.len() - place).unwrap_or(u32::MAX);
        let share = until.saturating_sub(now) / others.max(1);
        if share.is_zero() {
            break;
        }
        if let Ok(Ok(stream)) = alarm.race(now.saturating_add(share), connect(*address)).await {
            return checked(stream, target);
        }
    }
    Err(WireFailure::Unreachable)
}

#[expect(clippy::disallowed_methods, reason = "the one place that dials; the address was vetted")]
async fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    TcpStream::connect(address).await
}

/// INVARIANT: what is spoken to is what was vetted. A socket on loopback can also connect to itself,
/// where its own port happened to be the one that was dialled.
fn checked(stream: TcpStream, target: &PinnedTarget) -> Result<Dialled, WireFailure> {
    let peer = stream.peer_addr().map_err(|_| WireFailure::Unreachable)?;
    let own = stream.local_addr().map_err(|_| WireFailure::Unreachable)?;
    if !target.permits(peer) || own == peer {
        return Err(WireFailure::Elsewhere);
    }
    // Without this a small request may wait for the vendor's delayed acknowledgement.
    stream.set_nodelay(true).map_err(|_| WireFailure::Unreachable)?;
    Ok(Dialled { stream, peer })
}
