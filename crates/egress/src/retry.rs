//! Whether and when a call is tried again. Pure.
//!
//! Only what is safe to repeat is repeated: what provably never left, what the method or the endpoint's
//! declaration makes harmless, and what the vendor recognises by a key. The schedule is 1 s, doubled each
//! time up to 60 s, at most five retries; chance makes each wait up to a quarter longer, never shorter.
//! A vendor that says how long to wait is waited for as long.

use std::time::Duration;

/// The wait before the first retry.
const FIRST: Duration = Duration::from_secs(1);

/// The longest wait of the schedule.
const LONGEST: Duration = Duration::from_secs(60);

/// The longest wait that a vendor may ask for before the call is given up, whoever waits for it.
pub(crate) const LONGEST_SAID: Duration = Duration::from_secs(3_600);

/// Time that an attempt is thought to take at the least.
const LEAST_ATTEMPT: Duration = Duration::from_millis(250);

/// What became of an attempt that brought no answer which could go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nothing of it can have reached the vendor.
    Unsent,
    /// It may have reached the vendor, and no complete answer came back.
    Lost,
    /// The vendor answered that it does not want it now.
    Declined,
    /// The vendor answered that it failed.
    Failed,
    /// The vendor's answer was not acceptable.
    Invalid,
    /// We ourselves hold it back, or something in it cannot be right by trying again.
    Final,
}

/// What makes a call safe to repeat once it may have reached the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Repeatable {
    /// Its method is idempotent (RFC 9110 section 9.2.2), or its endpoint is declared so.
    pub(crate) by_nature: bool,
    /// The vendor recognises it by a key.
    pub(crate) by_key: bool,
    /// Its body is in memory, or has a key; what was spooled without one is sent once.
    pub(crate) body: bool,
}

impl Repeatable {
    fn holds(self) -> bool {
        self.body && (self.by_nature || self.by_key)
    }
}

/// Where the call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Retries made so far.
    pub(crate) made: u8,
    /// Retries allowed.
    pub(crate) allowed: u8,
    /// How long the vendor asked to wait.
    pub(crate) said: Option<Duration>,
    /// Time that is left: for the whole call, or in the background until its key could be forgotten.
    pub(crate) left: Duration,
    /// How long the attempt took that has just ended.
    pub(crate) took: Duration,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Try again after so long.
    Again(Duration),
    /// It could be tried again after so long, but that is beyond this call's time.
    Later(Duration),
    /// It was tried as often as it may be; the vendor asked to be left alone for so long.
    Spent(Duration),
    /// It must not be tried again.
    Never,
}

/// Decides about the next attempt. `chance` is any number.
pub(crate) fn judge(trouble: Trouble, repeatable: Repeatable, progress: Progress, chance: u16) -> Verdict {
    let safe = match trouble {
        Trouble::Unsent => true,
        Trouble::Lost | Trouble::Declined | Trouble::Failed | Trouble::Invalid => repeatable.holds(),
        Trouble::Final => false,
    };
    if !safe {
        return Verdict::Never;
    }
    let said = progress.said.unwrap_or_default();
    let wait = scheduled(progress.made, chance).max(said);
    if progress.made >= progress.allowed {
        return if said.is_zero() { Verdict::Never } else { Verdict::Spent(said) };
    }
    let ends = wait.saturating_add(progress.took.max(LEAST_ATTEMPT));
    let fits = ends <= progress.left;
    if fits && said <= LONGEST_SAID { Verdict::Again(wait) } else { Verdict::Later(wait) }
}

/// The wait before the retry with this number, counted from 0.
fn scheduled(number: u8, chance: u16) -> Duration {
    let doubled = FIRST.saturating_mul(1u32.checked_shl(number.into()).unwrap_or(u32::MAX));
    let plain = doubled.min(LONGEST);
    let longer = plain / 4 * u32::from(chance) / u32::from(u16::MAX);
    plain.saturating_add(longer).min(LONGEST)
}

/// Whether an answer with this status may be followed by a better one.
pub(crate) fn of_status(status: u16) -> Option<Trouble> {
    match status {
        408 | 425 | 429 | 503 => Some(Trouble::Declined),
        501 | 505 => None,
        500.. => Some(Trouble::Failed),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
