//! Those whom nobody knows: how many of their refusals go into the trail.
//!
//! Every refusal is recorded durably, and a disk that is full stops the gateway. So somebody without any
//! credential must not be able to fill it: beyond so many refusals a minute, of one peer or of all
//! strangers together, they are told to wait, and counted instead of recorded. Callers who are known are
//! bound by their own rates.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long refusals are counted together.
pub(super) const WINDOW: Duration = Duration::from_secs(60);

/// Refusals of one peer in a window that are recorded.
const PER_PEER: u32 = 120;

/// Refusals of all strangers in a window that are recorded. It bounds the memory as well.
const IN_ALL: u32 = 6_000;

/// Refusals of strangers in the present window.
#[derive(Debug, Default)]
pub struct Strangers(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    ends: Duration,
    total: u32,
    peers: HashMap<IpAddr, u32>,
}

impl Strangers {
    /// Whether one more refusal of this peer is recorded.
    pub(super) fn may_be_recorded(&self, peer: IpAddr, now: Duration) -> bool {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now >= window.ends {
            *window = Window { ends: now + WINDOW, ..Window::default() };
        }
        if window.total >= IN_ALL {
            return false;
        }
        let count = window.peers.entry(peer).or_default();
        if *count >= PER_PEER {
            return false;
        }
        *count += 1;
        window.total += 1;
        true
    }
}

#[cfg(test)]
mod tests;
