//! Counters in the process: all that one node needs, and what nodes fall back on if they are told to.
//!
//! The keys are spread over shards, each under a lock of its own. A bucket that has run empty need
//! not be remembered, so the number of keys is bounded by forgetting those; where every bucket still
//! holds something, a new key is refused rather than an old one forgiven.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};

use lockgate_vocabulary::{BoxFuture, Clock, Fault};

use super::{Counters, Level, Rate, Taken};

/// Keys that are remembered at the most unless said otherwise; some 20 MB.
pub const LOCAL_KEYS: usize = 131_072;

const SHARDS: usize = 32;

/// Counters within one process.
pub struct LocalCounters {
    clock: Arc<dyn Clock>,
    hasher: RandomState,
    shards: Box<[Mutex<Shard>]>,
    keys_per_shard: usize,
}

#[derive(Default)]
struct Shard {
    buckets: HashMap<Box<str>, Bucket>,
    /// Before this moment no bucket can have run empty, so looking for one would be in vain.
    sweep_from: u64,
}

struct Bucket {
    level: Level,
    /// When it will have run empty.
    empty_at: u64,
}

impl LocalCounters {
    /// Counters with the usual bound on keys.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_keys(clock, LOCAL_KEYS)
    }

    /// Counters that remember about so many keys at the most.
    pub fn with_keys(clock: Arc<dyn Clock>, keys: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::new(Shard::default())).collect();
        Self { clock, hasher: RandomState::new(), shards, keys_per_shard: keys.div_ceil(SHARDS).max(1) }
    }

    /// Takes at once; see [`Counters::take`].
    pub fn take_now(&self, key: &str, cost: u32, rate: Rate) -> Result<Taken, Fault> {
        let now = u64::try_from(self.clock.elapsed().as_micros()).unwrap_or(u64::MAX);
        let place = self.hasher.hash_one(key) as usize % SHARDS;
        let shard = self.shards.get(place).ok_or_else(|| Fault::violated("every key has a shard"))?;
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = shard.buckets.get_mut(key) {
            let (level, taken) = rate.take(bucket.level, cost, now)?;
            *bucket = Bucket::new(level, taken, now);
            return Ok(taken);
        }
        let (level, taken) = rate.take(Level { units: 0, at: now }, cost, now)?;
        shard.make_room(now, self.keys_per_shard)?;
        shard.insert(key, Bucket::new(level, taken, now));
        Ok(taken)
    }

    /// How many keys are remembered.
    pub fn keys(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).buckets.len()).sum()
    }
}

impl Bucket {
    fn new(level: Level, taken: Taken, now: u64) -> Self {
        let wait = u64::try_from(taken.reset_after.as_micros()).unwrap_or(u64::MAX);
        Self { level, empty_at: now.max(level.at).saturating_add(wait) }
    }
}

impl Shard {
    fn insert(&mut self, key: &str, bucket: Bucket) {
        self.sweep_from = self.sweep_from.min(bucket.empty_at);
        self.buckets.insert(key.into(), bucket);
    }

    /// Makes room for one more key by forgetting buckets that have run empty.
    fn make_room(&mut self, now: u64, most: usize) -> Result<(), Fault> {
        if self.buckets.len() < most {
            return Ok(());
        }
        if now >= self.sweep_from {
            self.buckets.retain(|_, bucket| bucket.empty_at > now);
            self.sweep_from = self.buckets.values().map(|bucket| bucket.empty_at).min().unwrap_or(0);
        }
        if self.buckets.len() < most {
            return Ok(());
        }
        Err(Fault::unavailable("counting by key", "every counter is in use"))
    }
}

impl Counters for LocalCounters {
    fn take(&self, key: &str, cost: u32, rate: Rate) -> BoxFuture<Result<Taken, Fault>> {
        Box::pin(std::future::ready(self.take_now(key, cost, rate)))
    }
}

#[cfg(test)]
mod tests;
