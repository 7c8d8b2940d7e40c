//! A bounded map from keys to what is counted under them.
//!
//! Spread over shards, read under a shared lock, never held across an await. An entry at rest holds
//! nothing that forgetting it would lose; those go when room is needed. Where none is at rest a new key is
//! refused, because forgetting a used-up limit would forgive it.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};
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

/// Mixes identifiers. They are made by the house and half of each is chance, so nobody chooses two that
/// collide, and a keyed hash would cost more than all the rest of a look-up.
#[derive(Default)]
pub(crate) struct Mixer(u64);

/// An odd number without a pattern (the golden ratio in 64 bits).
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        let mixed = (self.0.rotate_left(23) ^ value).wrapping_mul(MIX);
        self.0 = mixed ^ (mixed >> 32);
    }

    fn write_u128(&mut self, value: u128) {
        self.write_u64(value as u64);
        self.write_u64((value >> 64) as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type Mixing = BuildHasherDefault<Mixer>;

/// The map.
pub(crate) struct Lanes<K, V> {
    shards: Box<[RwLock<Shard<K, V>>]>,
    most_per_shard: usize,
}

struct Shard<K, V> {
    lanes: HashMap<K, Arc<V>, Mixing>,
    sweep_from: Duration,
}

impl<K: Hash + Eq + Copy, V: Rest> Lanes<K, V> {
    /// A map of about so many entries at the most.
    pub(crate) fn new(most: usize) -> Self {
        let shard = || RwLock::new(Shard { lanes: HashMap::default(), sweep_from: Duration::ZERO });
        Self { shards: (0..SHARDS).map(|_| shard()).collect(), most_per_shard: most.div_ceil(SHARDS).max(1) }
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

    /// Looks at every entry, shard by shard, so that no call waits for all of it.
    pub(crate) fn each(&self, mut look: impl FnMut(&V)) {
        for shard in &self.shards {
            let lanes = &shard.read().unwrap_or_else(PoisonError::into_inner).lanes;
            lanes.values().for_each(|lane| look(lane));
        }
    }

    fn shard(&self, key: &K) -> Option<&RwLock<Shard<K, V>>> {
        // Bits from the middle: the map below takes its own from both ends.
        let place = (Mixing::default().hash_one(key) >> 32) as usize % SHARDS;
        self.shards.get(place)
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
