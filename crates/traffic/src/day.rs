//! The calls of a connection on one day (UTC), where it has a quota of them. Pure.
//!
//! A quota is no rate: all of it may be used in the first minute, and none of it comes back before midnight.

use std::time::Duration;

use lockgate_store::{Rate, Taken};
use lockgate_vocabulary::Timestamp;

const DAY_MICROS: i64 = 86_400_000_000;

/// How long shared counters remember a day's calls: until no node's clock can mean that day any more.
const REMEMBERED: Duration = Duration::from_secs(2 * 86_400);

/// What is counted of one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Day {
    /// When it is over, on the clock's count.
    until: Duration,
    taken: u32,
}

impl Day {
    /// Takes one of so many, where there is one left.
    pub(crate) fn take(&mut self, most: u32, now: Duration, wall: Timestamp) -> Taken {
        self.begin(now, wall);
        let allowed = self.taken < most;
        self.taken += u32::from(allowed);
        self.told(most, allowed, now)
    }

    /// What one more call would be told, without taking it.
    pub(crate) fn look(&mut self, most: u32, now: Duration, wall: Timestamp) -> Taken {
        self.begin(now, wall);
        self.told(most, self.taken < most, now)
    }

    /// All nodes together have used it up.
    pub(crate) fn use_up(&mut self, most: u32, now: Duration, wall: Timestamp) {
        self.begin(now, wall);
        self.taken = self.taken.max(most);
    }

    /// Whether forgetting it forgives nothing.
    pub(crate) fn is_at_rest(&self, now: Duration) -> bool {
        self.taken == 0 || now >= self.until
    }

    fn begin(&mut self, now: Duration, wall: Timestamp) {
        if now >= self.until {
            *self = Self { until: now.saturating_add(until_midnight(wall)), taken: 0 };
        }
    }

    fn told(&self, most: u32, allowed: bool, now: Duration) -> Taken {
        let left = self.until.saturating_sub(now);
        let retry_after = if allowed { Duration::ZERO } else { left };
        Taken { allowed, limit: most, remaining: most.saturating_sub(self.taken), retry_after, reset_after: left }
    }
}

/// The number of the day, by which shared counters tell it from the next.
pub(crate) fn number(wall: Timestamp) -> i64 {
    wall.as_micros().div_euclid(DAY_MICROS)
}

/// The rate under which shared counters count it.
pub(crate) fn rate(most: u32) -> Option<Rate> {
    Rate::once(most, REMEMBERED)
}

/// What shared counters told of a day, with the time at which it is over.
pub(crate) fn until_its_end(told: Taken, wall: Timestamp) -> Taken {
    let left = until_midnight(wall);
    let retry_after = if told.allowed { Duration::ZERO } else { left };
    Taken { retry_after, reset_after: left, ..told }
}

fn until_midnight(wall: Timestamp) -> Duration {
    let gone = wall.as_micros().rem_euclid(DAY_MICROS);
    Duration::from_micros(u64::try_from(DAY_MICROS - gone).unwrap_or_default())
}

#[cfg(test)]
mod tests;
