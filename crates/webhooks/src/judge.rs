//! What becomes of a delivery after a try: pure, so that every answer to it can be tested.
//!
//! The schedule says how long to wait before each further try; chance makes a wait up to a fifth shorter or
//! longer, so that what failed together does not come back together. An endpoint that says how long it wants
//! to be left alone is left alone as long, up to a day.

use std::time::Duration;

use lockgate_vocabulary::Timestamp;

use crate::refusal::WebhookRefusal;

/// The waits where a subscription names none: after the first try, which is made at once.
pub const SCHEDULE: [Duration; 8] = [
    Duration::from_secs(5),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3_600),
    Duration::from_secs(5 * 3_600),
    Duration::from_secs(10 * 3_600),
    Duration::from_secs(14 * 3_600),
];

/// How long an endpoint is left alone at the most because it said so.
pub const LONGEST_SAID: Duration = Duration::from_secs(24 * 3_600);

/// How a try went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// The endpoint answered.
    Answered {
        /// With this status.
        status: u16,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// No answer came, or the endpoint must not be reached: this is why.
    Unanswered(&'static str),
    /// We could not even try, or had no room to: this is why.
    Broken(&'static str),
    /// We cannot pass it on, and no further try would change that: this is why.
    Unfit(&'static str),
}

/// On whose side a delivery died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The tenant's endpoint failed.
    Endpoint,
    /// We failed.
    Pipeline,
}

impl Cause {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::Pipeline => "pipeline",
        }
    }
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// The endpoint took it.
    Delivered,
    /// It is tried again then.
    Again {
        /// When, at the earliest.
        at: Timestamp,
    },
    /// It is not tried again.
    Dead {
        /// On whose side that is.
        cause: Cause,
    },
    /// The endpoint says that it is gone for good, so nothing more goes to it until somebody makes it active
    /// again. This one waits for that, unless it was its last try.
    Gone {
        /// When it could be tried again; none where it was tried often enough.
        at: Option<Timestamp>,
    },
}

impl Attempt {
    /// The code under which the try is kept; none where it was taken.
    pub const fn code(&self) -> Option<&'static str> {
        match self {
            Self::Answered { status: 200..=299, .. } => None,
            Self::Answered { status: 410, .. } => Some(WebhookRefusal::EndpointGone.info().code),
            Self::Answered { .. } => Some(WebhookRefusal::EndpointStatus.info().code),
            Self::Unanswered(code) | Self::Broken(code) | Self::Unfit(code) => Some(code),
        }
    }

    /// The word under which the try is kept.
    pub const fn outcome(&self) -> &'static str {
        match self {
            Self::Answered { status: 200..=299, .. } => "taken",
            Self::Answered { .. } => "answered",
            Self::Unanswered(_) => "unanswered",
            Self::Broken(_) | Self::Unfit(_) => "broken",
        }
    }

    /// The status, where there was an answer.
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(*status),
            Self::Unanswered(_) | Self::Broken(_) | Self::Unfit(_) => None,
        }
    }

    /// How long the endpoint asks to be left alone, where its status gives that a meaning.
    pub fn said(&self) -> Option<Duration> {
        match self {
            Self::Answered { status: 429 | 503, retry_after } => retry_after.map(|said| said.min(LONGEST_SAID)),
            _ => None,
        }
    }

    /// On whose side it failed, if it did.
    pub const fn cause(&self) -> Cause {
        match self {
            Self::Answered { .. } | Self::Unanswered(_) => Cause::Endpoint,
            Self::Broken(_) | Self::Unfit(_) => Cause::Pipeline,
        }
    }
}

/// Judges a try. `tries` counts it in; `chance` is any number.
pub fn judge(attempt: &Attempt, tries: u32, schedule: &[Duration], now: Timestamp, chance: u16) -> Judged {
    if matches!(attempt, Attempt::Answered { status: 200..=299, .. }) {
        return Judged::Delivered;
    }
    if matches!(attempt, Attempt::Unfit(_)) {
        return Judged::Dead { cause: attempt.cause() };
    }
    let at = wait(attempt, tries, schedule, chance).map(|wait| now.after(wait));
    if matches!(attempt, Attempt::Answered { status: 410, .. }) {
        return Judged::Gone { at };
    }
    at.map_or(Judged::Dead { cause: attempt.cause() }, |at| Judged::Again { at })
}

/// How long to wait after so many tries; none where there were enough.
fn wait(attempt: &Attempt, tries: u32, schedule: &[Duration], chance: u16) -> Option<Duration> {
    let made = usize::try_from(tries.max(1) - 1).unwrap_or(usize::MAX);
    let plain = *schedule.get(made)?;
    let part = |whole: Duration, fifths: u32| whole / 5 * fifths * u32::from(chance) / u32::from(u16::MAX);
    // Four fifths and up to two more.
    let scheduled = (plain / 5 * 4).saturating_add(part(plain, 2));
    let said = attempt.said().map(|said| said.saturating_add(part(said, 1)).min(LONGEST_SAID));
    Some(scheduled.max(said.unwrap_or_default()))
}

#[cfg(test)]
mod tests;
