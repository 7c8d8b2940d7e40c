//! How often a client may fail to authenticate.
//!
//! Secrets have 256 bits, so nobody finds one by trying; the limit keeps what trying leaves behind small.
//! It counts by client *and* network, and by network alone for those that try many clients, and it holds
//! up failures alone: who proves itself is served however often others failed from the same place, since
//! behind one address there may be many. Not here: limits on what succeeds (`traffic`).

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lockgate_vocabulary::network;
use quick_cache::sync::Cache;

/// Failures of one client from one network in a minute.
pub(crate) const FAILURES_OF_CLIENT: u32 = 10;

/// Failures from one network in a minute.
pub(crate) const FAILURES_OF_NETWORK: u32 = 60;

/// Counts that are kept; the least used are forgotten first.
const KEPT: usize = 32 * 1024;

/// Counts of failures.
pub(crate) struct Attempts {
    /// A minute in the upper half, the failures in it in the lower.
    counts: Cache<u64, Arc<AtomicU64>>,
    hasher: RandomState,
}

impl Attempts {
    pub(crate) fn new() -> Self {
        Self { counts: Cache::new(KEPT), hasher: RandomState::new() }
    }

    /// How long this client must wait from here, if it must.
    pub(crate) fn wait(&self, client: &str, peer: IpAddr, elapsed: Duration) -> Option<Duration> {
        let minute = elapsed.as_secs() / 60;
        let full = |key: u64, most: u32| {
            let count = self.counts.get(&key).map_or(0, |count| count.load(Ordering::Relaxed));
            count >> 32 == minute & 0xffff_ffff && count & 0xffff_ffff >= u64::from(most)
        };
        let [of_client, of_network] = self.keys(client, peer);
        let waits = full(of_client, FAILURES_OF_CLIENT) || full(of_network, FAILURES_OF_NETWORK);
        waits.then(|| Duration::from_secs((minute + 1) * 60).saturating_sub(elapsed))
    }

    /// Counts a failure.
    pub(crate) fn failed(&self, client: &str, peer: IpAddr, elapsed: Duration) {
        let minute = (elapsed.as_secs() / 60) & 0xffff_ffff;
        for key in self.keys(client, peer) {
            let fresh = || Ok::<_, std::convert::Infallible>(Arc::new(AtomicU64::new(minute << 32)));
            let Ok(count) = self.counts.get_or_insert_with(&key, fresh);
            let add = |old: u64| {
                let same = old >> 32 == minute;
                Some((minute << 32) | if same { (old & 0xffff_ffff).saturating_add(1).min(0xffff_ffff) } else { 1 })
            };
            let _ = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        }
    }

    fn keys(&self, client: &str, peer: IpAddr) -> [u64; 2] {
        let network = network(peer);
        [self.hasher.hash_one((client, network)), self.hasher.hash_one(network)]
    }
}

#[cfg(test)]
mod tests;
