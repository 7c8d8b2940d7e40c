//! One bucket that leaks at a rate: what is in it, and whether one more call fits.
//!
//! Pure. The arithmetic is the store's (the generic cell rate algorithm in whole numbers), so that a
//! node's own count and the shared one never differ by a rounding. Looking and taking are two steps: a
//! call has to fit into several buckets, and takes from all of them or from none.

use std::time::Duration;

use lockgate_vocabulary::Fault;

use lockgate_store::Level;
pub(crate) use lockgate_store::{Rate, Taken};

/// A bucket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    rate: Rate,
    level: Level,
}

/// What taking one would make of a bucket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    level: Level,
    /// What would come of it.
    pub(crate) taken: Taken,
}

impl Bucket {
    /// An empty bucket.
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, level: Level::default() }
    }

    /// What would come of one more call at this moment. Nothing is taken yet.
    pub(crate) fn look(&self, now: Duration) -> Result<Look, Fault> {
        let (level, taken) = self.rate.take(self.level, 1, micros(now))?;
        Ok(Look { level, taken })
    }

    /// Takes what was looked at.
    pub(crate) fn take(&mut self, look: Look) {
        self.level = look.level;
    }

    /// The rate.
    pub(crate) const fn rate(&self) -> Rate {
        self.rate
    }

    /// Whether it has run empty, so that forgetting it forgives nothing.
    pub(crate) fn is_empty(&self, now: Duration) -> bool {
        self.rate.leaked(self.level, micros(now)) == 0
    }
}

/// Moments are counted in whole microseconds.
pub(crate) fn micros(moment: Duration) -> u64 {
    u64::try_from(moment.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
