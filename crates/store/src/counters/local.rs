//! Counters in the process: all that one node needs, and what nodes fall back on if they are told to.
//!
//! The keys are spread over shards, each under a lock of its own. A bucket that has run empty need
//! not be remembered, so the number of keys is bounded by forgetting those; where every bucket still
//! holds something, a new key is refused rather than an old one forgiven.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lockgate_vocabulary::{BoxFuture, Clock, Fault};

use super::{Counters, Level, Rate, Taken, Wanted};

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
        let now = self.now();
        let mut shard = self.shard(self.place(key))?;
        if let Some(bucket) = shard.buckets.get_mut(key) {
            let (level, taken) = rate.take(bucket.level, cost, now)?;
            *bucket = Bucket::new(level, taken, now);
            return Ok(taken);
        }
        let (level, taken) = rate.take(Level { units: 0, at: now }, cost, now)?;
        shard.make_room(now, self.keys_per_shard, 1)?;
        shard.insert(key, Bucket::new(level, taken, now));
        Ok(taken)
    }

    /// Takes of all at once, or of none; see [`Counters::take_all`].
    pub fn take_all_now(&self, wanted: &[Wanted<'_>]) -> Result<Vec<Taken>, Fault> {
        let now = self.now();
        let places: Vec<usize> = wanted.iter().map(|wanted| self.place(wanted.key)).collect();
        // INVARIANT: shards are locked in the order of their numbers, each of them once.
        let mut shards = BTreeMap::new();
        for place in places.iter().copied().collect::<BTreeSet<_>>() {
            shards.insert(place, self.shard(place)?);
        }
        let gone = || Fault::violated("every key has a shard");
        let mut looks = Vec::with_capacity(wanted.len());
        for (place, wanted) in places.iter().zip(wanted) {
            looks.push((*place, shards.get(place).ok_or_else(gone)?.look(*wanted, now)?));
        }
        if !looks.iter().all(|(_, look)| look.fits()) {
            return Ok(looks.iter().map(|(_, look)| look.untaken()).collect());
        }
        for (place, shard) in &mut shards {
            let more = looks.iter().filter(|(of, look)| of == place && look.is_new).count();
            shard.make_room(now, self.keys_per_shard, more)?;
        }
        let put = |(place, look)| shards.get_mut(&place).map(|shard| shard.put(look, now)).ok_or_else(gone);
        looks.into_iter().map(put).collect()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn place(&self, key: &str) -> usize {
        self.hasher.hash_one(key) as usize % SHARDS
    }

    fn shard(&self, place: usize) -> Result<MutexGuard<'_, Shard>, Fault> {
        let shard = self.shards.get(place).ok_or_else(|| Fault::violated("every key has a shard"))?;
        Ok(shard.lock().unwrap_or_else(PoisonError::into_inner))
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

/// What taking would come to.
struct Look<'a> {
    wanted: Wanted<'a>,
    /// Units that the bucket holds without it.
    before: u64,
    after: Level,
    taken: Taken,
    is_new: bool,
}

impl Look<'_> {
    fn fits(&self) -> bool {
        self.taken.allowed
    }

    /// What is told where nothing is taken.
    fn untaken(&self) -> Taken {
        let rate = self.wanted.rate;
        // The cost was looked at already, so it is within the burst.
        rate.told(self.taken.allowed, self.before, rate.cost_units(self.wanted.cost).unwrap_or(0))
    }
}

impl Shard {
    fn look<'a>(&self, wanted: Wanted<'a>, now: u64) -> Result<Look<'a>, Fault> {
        let kept = self.buckets.get(wanted.key).map(|bucket| bucket.level);
        let level = kept.unwrap_or(Level { units: 0, at: now });
        let (after, taken) = wanted.rate.take(level, wanted.cost, now)?;
        Ok(Look { wanted, before: wanted.rate.leaked(level, now), after, taken, is_new: kept.is_none() })
    }

    /// Takes what was looked at. There is room for it.
    fn put(&mut self, look: Look<'_>, now: u64) -> Taken {
        self.insert(look.wanted.key, Bucket::new(look.after, look.taken, now));
        look.taken
    }

    fn insert(&mut self, key: &str, bucket: Bucket) {
        self.sweep_from = self.sweep_from.min(bucket.empty_at);
        self.buckets.insert(key.into(), bucket);
    }

    /// Makes room for so many more keys by forgetting buckets that have run empty.
    fn make_room(&mut self, now: u64, most: usize, more: usize) -> Result<(), Fault> {
        if self.buckets.len() + more <= most {
            return Ok(());
        }
        if now >= self.sweep_from {
            self.buckets.retain(|_, bucket| bucket.empty_at > now);
            self.sweep_from = self.buckets.values().map(|bucket| bucket.empty_at).min().unwrap_or(0);
        }
        if self.buckets.len() + more <= most {
            return Ok(());
        }
        Err(Fault::unavailable("counting by key", "every counter is in use"))
    }
}

impl Counters for LocalCounters {
    fn take(&self, wanted: Wanted<'_>) -> BoxFuture<Result<Taken, Fault>> {
        Box::pin(std::future::ready(self.take_now(wanted.key, wanted.cost, wanted.rate)))
    }

    fn take_all(&self, wanted: &[Wanted<'_>]) -> BoxFuture<Result<Vec<Taken>, Fault>> {
        Box::pin(std::future::ready(self.take_all_now(wanted)))
    }
}

#[cfg(test)]
mod tests;
