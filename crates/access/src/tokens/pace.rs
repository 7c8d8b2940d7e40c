//! How often a client may have a token issued or taken back, which leaves a durable record each time, and
//! how often it may have one looked into, which costs a signature's verification.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lockgate_vocabulary::PrincipalId;
use quick_cache::sync::Cache;

/// Counts that are kept; the least used are forgotten first.
const KEPT: usize = 32 * 1024;

/// Counts of what clients had done in this minute.
pub(crate) struct Pace {
    most: u32,
    /// A minute in the upper half, how often in it in the lower.
    counts: Cache<u128, Arc<AtomicU64>>,
}

impl Pace {
    pub(crate) fn new(most: u32) -> Self {
        Self { most, counts: Cache::new(KEPT) }
    }

    /// Takes one of what the client has in this minute; how long it must wait where there is none left.
    pub(crate) fn take(&self, client: PrincipalId, elapsed: Duration) -> Option<Duration> {
        let minute = (elapsed.as_secs() / 60) & 0xffff_ffff;
        let fresh = || Ok::<_, std::convert::Infallible>(Arc::new(AtomicU64::new(minute << 32)));
        let Ok(count) = self.counts.get_or_insert_with(&client.as_u128(), fresh);
        let add = |old: u64| {
            let taken = if old >> 32 == minute { old & 0xffff_ffff } else { 0 };
            (taken < u64::from(self.most)).then_some((minute << 32) | (taken + 1))
        };
        let taken = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        let next = Duration::from_secs((elapsed.as_secs() / 60 + 1) * 60);
        taken.is_err().then(|| next.saturating_sub(elapsed))
    }
}

#[cfg(test)]
mod tests;
