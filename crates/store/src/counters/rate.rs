//! The arithmetic of a rate: the generic cell rate algorithm, exact in whole numbers. Pure.
//!
//! A bucket leaks `amount` drops per period and holds `burst` of them. Its level is kept in units so
//! small that a drop and a microsecond of leaking are both whole numbers of them: one drop is `period`
//! units (in microseconds) and one microsecond leaks `amount` units, both shortened by what they have
//! in common. So nothing is ever rounded in favour of either side, whatever the order of calls.
//!
//! INVARIANT: every number fits into 53 bits, so that the Redis script, which counts in doubles, gets
//! the same answers to the last unit.

use std::time::Duration;

use lockgate_vocabulary::Fault;

/// The largest whole number up to which a double has every one.
const EXACT: u64 = 1 << 53;

/// So much per period, and so much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    burst: u32,
    /// Units of one drop.
    drop: u64,
    /// Units that leak in a microsecond; nought where nothing does.
    leak: u64,
    /// After how many milliseconds a bucket is forgotten that does not leak.
    kept: u64,
}

/// How full a bucket was, and when. Time is in microseconds of whatever clock the counters use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Level {
    /// Units in the bucket.
    pub units: u64,
    /// When.
    pub at: u64,
}

/// What came of taking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Whether it was taken; if not, nothing was.
    pub allowed: bool,
    /// How much may be taken at once.
    pub limit: u32,
    /// How much may be taken right now, after this.
    pub remaining: u32,
    /// When the same cost could be taken; nought if it was.
    pub retry_after: Duration,
    /// When the whole of `limit` could be taken again.
    pub reset_after: Duration,
}

impl Rate {
    /// `amount` per `period`, `burst` at once. `None` where one of them is nought or the period is
    /// under a microsecond, or where burst and period are so large (billions of units over years)
    /// that the arithmetic would no longer be exact.
    pub fn new(amount: u32, period: Duration, burst: u32) -> Option<Self> {
        let period = u64::try_from(period.as_micros()).ok()?;
        if amount == 0 || period == 0 || burst == 0 {
            return None;
        }
        let common = greatest_common_divisor(period, u64::from(amount));
        let rate = Self { burst, drop: period / common, leak: u64::from(amount) / common, kept: 0 };
        let full = rate.drop.checked_mul(u64::from(burst))?;
        (full < EXACT).then_some(rate)
    }

    /// `amount` a minute, `burst` at once.
    pub fn per_minute(amount: u32, burst: u32) -> Option<Self> {
        Self::new(amount, Duration::from_secs(60), burst)
    }

    /// So much of a key altogether, which is forgotten so long after it was last taken from: for a key that
    /// names its own time, such as a day. `None` where one of them is nought or the time is beyond a year.
    pub fn once(amount: u32, kept: Duration) -> Option<Self> {
        let kept = u64::try_from(kept.as_millis()).ok()?;
        let fits = amount > 0 && (1..=366 * 86_400_000).contains(&kept);
        fits.then_some(Self { burst: amount, drop: 1, leak: 0, kept })
    }

    /// How much may be taken at once.
    pub const fn burst(self) -> u32 {
        self.burst
    }

    pub(crate) const fn leak_units(self) -> u64 {
        self.leak
    }

    pub(crate) const fn kept_millis(self) -> u64 {
        self.kept
    }

    /// A full bucket.
    pub(crate) const fn full_units(self) -> u64 {
        self.drop.saturating_mul(self.burst as u64)
    }

    /// Units of this cost, which must fit into the bucket.
    pub(crate) fn cost_units(self, cost: u32) -> Result<u64, Fault> {
        if cost > self.burst {
            return Err(Fault::violated("a cost that is taken from a rate is within its burst"));
        }
        Ok(self.drop.saturating_mul(u64::from(cost)))
    }

    /// What is left of a level at a later time. Time that went backwards leaks nothing.
    pub fn leaked(self, level: Level, now: u64) -> u64 {
        let gone = now.saturating_sub(level.at).saturating_mul(self.leak);
        level.units.saturating_sub(gone)
    }

    /// Takes this cost at this time, if it fits.
    pub fn take(self, level: Level, cost: u32, now: u64) -> Result<(Level, Taken), Fault> {
        let cost = self.cost_units(cost)?;
        let before = self.leaked(level, now);
        let wanted = before.saturating_add(cost);
        let allowed = wanted <= self.full_units();
        let units = if allowed { wanted } else { before };
        // A level never ages backwards: were `at` set back, the same microseconds would leak twice.
        let at = now.max(level.at);
        Ok((Level { units, at }, self.told(allowed, units, cost)))
    }

    /// What a caller is told about a bucket that now holds `units`.
    pub(crate) fn told(self, allowed: bool, units: u64, cost: u64) -> Taken {
        let room = self.full_units().saturating_sub(units);
        let excess = units.saturating_add(cost).saturating_sub(self.full_units());
        Taken {
            allowed,
            limit: self.burst,
            remaining: u32::try_from(room / self.drop.max(1)).unwrap_or(u32::MAX),
            retry_after: if allowed { Duration::ZERO } else { self.time_to_leak(excess) },
            reset_after: self.time_to_leak(units),
        }
    }

    /// How long until so many units have leaked, rounded up to a whole microsecond, or are forgotten.
    pub(crate) fn time_to_leak(self, units: u64) -> Duration {
        if self.leak == 0 && units > 0 {
            return Duration::from_millis(self.kept);
        }
        Duration::from_micros(units.div_ceil(self.leak.max(1)))
    }
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests;
