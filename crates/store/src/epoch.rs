//! The epoch: a number in the store that rises with every change that a snapshot must learn of.
//!
//! A node that has not confirmed it within two seconds must not let anything through, because a
//! revocation may have passed it by. Not here: reading it from the database (`store`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lockgate_vocabulary::Clock;
use tokio::sync::watch;

/// How often a node asks the store for the epoch.
pub const EPOCH_POLL: Duration = Duration::from_millis(250);

/// How long what a node knows of the epoch holds.
pub const EPOCH_HOLDS: Duration = Duration::from_secs(2);

/// What this node knows of the epoch. Reading it costs two atomic loads and a look at the clock.
#[derive(Clone)]
pub struct Epoch {
    shared: Arc<Shared>,
    seen: watch::Receiver<u64>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    value: AtomicU64,
    /// When the last poll that succeeded was sent, in microseconds of [`Clock::elapsed`], plus one;
    /// nought while none has.
    confirmed: AtomicU64,
}

impl Epoch {
    /// The highest epoch that this node has seen.
    pub fn value(&self) -> u64 {
        self.shared.value.load(Ordering::Acquire)
    }

    /// Whether the store was asked within the last two seconds and answered.
    pub fn is_confirmed(&self) -> bool {
        let confirmed = self.shared.confirmed.load(Ordering::Acquire);
        confirmed != 0 && micros(self.shared.clock.elapsed()).saturating_sub(confirmed - 1) <= micros(EPOCH_HOLDS)
    }

    /// Done once the epoch is higher than when this handle last looked here; gives it.
    ///
    /// A handle that never looked waits from when it was handed out. `None` once the store is gone.
    pub async fn changed(&mut self) -> Option<u64> {
        self.seen.changed().await.ok()?;
        Some(*self.seen.borrow_and_update())
    }
}

/// The store's own side of the epoch.
pub(crate) struct EpochKeeper {
    shared: Arc<Shared>,
    told: watch::Sender<u64>,
}

impl EpochKeeper {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let shared = Shared { clock, value: AtomicU64::new(0), confirmed: AtomicU64::new(0) };
        Self { shared: Arc::new(shared), told: watch::Sender::new(0) }
    }

    /// The highest epoch that this node has seen.
    pub(crate) fn value(&self) -> u64 {
        self.shared.value.load(Ordering::Acquire)
    }

    /// Takes in an epoch that a change of this node raised.
    pub(crate) fn raise(&self, value: u64) {
        self.told.send_if_modified(|current| {
            let rises = value > *current;
            *current = value.max(*current);
            // INVARIANT: the number is there before anybody is woken to look at it.
            self.shared.value.fetch_max(value, Ordering::AcqRel);
            rises
        });
    }

    /// Takes in what a poll learned that was sent at `sent`. The time of sending counts, because the
    /// answer says nothing of what happened after the store read it.
    pub(crate) fn confirm(&self, value: u64, sent: Duration) {
        self.raise(value);
        self.shared.confirmed.fetch_max(micros(sent).saturating_add(1), Ordering::AcqRel);
    }

    /// A handle that has seen everything up to now.
    pub(crate) fn handle(&self) -> Epoch {
        Epoch { shared: Arc::clone(&self.shared), seen: self.told.subscribe() }
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
