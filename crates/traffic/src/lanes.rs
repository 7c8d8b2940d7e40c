//! A bounded map from keys to what is counted under them.
//!
//! Spread over shards, read under a shared lock, never held across an await. An entry at rest holds
//! nothing that forgetting it would lose; those go when room is needed. Where none is at rest a new key is
//! refused, because forgetting a used-up limit would forgive it.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

const SHARDS: usize = 32;

/// How often a full shard is searched for entries at rest.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Something that can be forgotten while it is at rest.
pub(crate) trait Rest {
    /// Whether forgetting it at this moment would lose nothing.
    fn is_at_rest(&self, now: Duration) -> bool;
}

/// The map.
pub(crate) struct Lanes<K, V> {
    hasher: RandomState,
    shards: Box<[RwLock<Shard<K, V>>]>,
    most_per_shard: usize,
}

struct Shard<K, V> {
    lanes: HashMap<K, Arc<V>>,
    sweep_from: Duration,
}

impl<K: Hash + Eq + Copy, V: Rest> Lanes<K, V> {
    /// A map of about so many entries at the most.
    pub(crate) fn new(most: usize) -> Self {
        let shard = || RwLock::new(Shard { lanes: HashMap::new(), sweep_from: Duration::ZERO });
        Self {
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| shard()).collect(),
            most_per_shard: most.div_ceil(SHARDS).max(1),
        }
    }

    /// The entry, made if it is not there; none where there is no room.
    pub(crate) fn lane(&self, key: K, now: Duration, make: impl FnOnce() -> V) -> Option<Arc<V>> {
        let shard = self.shard(&key)?;
        if let Some(lane) = shard.read().unwrap_or_else(PoisonError::into_inner).lanes.get(&key) {
            return Some(Arc::clone(lane));
        }
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        if !shard.lanes.contains_key(&key) && !shard.make_room(self.most_per_shard, now) {
            return None;
        }
        Some(Arc::clone(shard.lanes.entry(key).or_insert_with(|| Arc::new(make()))))
    }

    /// The entry, if it is there.
    pub(crate) fn find(&self, key: K) -> Option<Arc<V>> {
        self.shard(&key)?.read().unwrap_or_else(PoisonError::into_inner).lanes.get(&key).cloned()
    }

    fn shard(&self, key: &K) -> Option<&RwLock<Shard<K, V>>> {
        self.shards.get(self.hasher.hash_one(key) as usize % SHARDS)
    }
}

impl<K: Hash + Eq, V: Rest> Shard<K, V> {
    fn make_room(&mut self, most: usize, now: Duration) -> bool {
        if self.lanes.len() >= most && now >= self.sweep_from {
            // Who still holds an entry may be about to use it.
            self.lanes.retain(|_, lane| Arc::strong_count(lane) > 1 || !lane.is_at_rest(now));
            self.sweep_from = now.saturating_add(SWEEP_EVERY);
        }
        self.lanes.len() < most
    }
}

#[cfg(test)]
mod tests;
