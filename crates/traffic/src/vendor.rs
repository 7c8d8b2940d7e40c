//! What a vendor says about its limits, and what is left of them.
//!
//! Pure. A vendor is obeyed before it refuses: its last word about what is left is counted down with
//! every call that leaves, and nothing leaves once it is used up. All times are cut at an hour, so that a
//! vendor that writes nonsense is asked again; what it then says counts.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, StatusCode};
use lockgate_access::spec::{RateHeaders, ResetStyle};
use lockgate_vocabulary::Timestamp;

/// The longest that a vendor's word is obeyed without asking again.
const LONGEST: Duration = Duration::from_secs(3_600);

/// How long a refusal is obeyed that says no time.
const UNSAID: Duration = Duration::from_secs(1);

/// How long to wait where calls under way may have used up what is left.
const UNDER_WAY: Duration = Duration::from_secs(1);

/// What one answer says about the vendor's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VendorLimits {
    /// Calls allowed in the window.
    pub limit: Option<u32>,
    /// Calls left in the window.
    pub remaining: Option<u32>,
    /// How long until the window starts anew.
    pub reset_after: Option<Duration>,
    /// How long to send nothing at all.
    pub retry_after: Option<Duration>,
}

/// The headers by which a vendor tells its limits, their names read once. A name that is none is never
/// found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateNames {
    limit: Option<HeaderName>,
    remaining: Option<HeaderName>,
    reset: Option<HeaderName>,
    style: ResetStyle,
}

impl RateNames {
    /// Reads the names.
    pub fn of(headers: &RateHeaders) -> Self {
        let name = |text: &str| HeaderName::from_bytes(text.as_bytes()).ok();
        Self {
            limit: name(&headers.limit),
            remaining: name(&headers.remaining),
            reset: name(&headers.reset),
            style: headers.reset_style,
        }
    }
}

impl VendorLimits {
    /// Reads an answer's head; none where it says nothing.
    pub fn read(names: &RateNames, status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Option<Self> {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let told = |name: &Option<HeaderName>| name.as_ref().and_then(text);
        let refuses = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let mut said = Self {
            limit: told(&names.limit).and_then(leading_number),
            remaining: told(&names.remaining).and_then(leading_number),
            reset_after: told(&names.reset).and_then(|reset| reset_after(reset, names.style, now)),
            retry_after: None,
        };
        // GitHub answers 403 with Retry-After where others answer 429.
        if refuses || status == StatusCode::FORBIDDEN {
            said.retry_after = text(&RETRY_AFTER).and_then(|wait| retry_after(wait, now));
        }
        if status == StatusCode::TOO_MANY_REQUESTS && said.retry_after.is_none() {
            said.retry_after = said.reset_after.or(Some(UNSAID));
        }
        (said != Self::default()).then_some(said)
    }
}

/// `Retry-After`: seconds, or a date (RFC 9110 section 10.2.3).
pub fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let moment = httpdate::parse_http_date(text).ok()?;
    let since_1970 = moment.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Timestamp::from_micros(i64::try_from(since_1970.as_micros()).ok()?).since(now))
}

/// The number at the front of `100`, `100, 100;w=60` or `100;w=60`.
fn leading_number(text: &str) -> Option<u32> {
    let text = text.trim_start();
    let digits = text.find(|c: char| !c.is_ascii_digit()).map_or(Some(text), |end| text.get(..end))?;
    digits.parse().ok()
}

/// When the window starts anew: a number as the style says, or lengths such as `6m0s` and `20ms`.
fn reset_after(text: &str, style: ResetStyle, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let Ok(number) = text.parse::<f64>() else { return length(text) };
    if !number.is_finite() || number < 0.0 {
        return None;
    }
    let unix = |seconds: f64| Timestamp::from_micros((seconds * 1e6) as i64).since(now);
    Some(match style {
        ResetStyle::Seconds => Duration::try_from_secs_f64(number).ok()?,
        ResetStyle::Unix => unix(number),
        ResetStyle::UnixMillis => unix(number / 1e3),
        // Three years of seconds end where Unix time in seconds began to be used; the year 5138 in
        // seconds is where Unix time in milliseconds begins.
        ResetStyle::Auto if number < 1e8 => Duration::try_from_secs_f64(number).ok()?,
        ResetStyle::Auto if number < 1e11 => unix(number),
        ResetStyle::Auto => unix(number / 1e3),
    })
}

/// A length as Go writes it: `1h2m3.5s`, `20ms`.
fn length(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at_checked(digits)?;
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(letters)?;
        let seconds = match unit {
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?)?;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}

/// What is known of a vendor's limits.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Vendor {
    held_until: Duration,
    window: Option<Window>,
}

/// A window of which the vendor said how much is left.
#[derive(Debug, Clone, Copy)]
struct Window {
    /// As the vendor said.
    left: u32,
    /// What has left the house since, or was still on its way then.
    sent: u32,
    resets_at: Duration,
}

impl Vendor {
    /// Whether a call may leave while so many are under way, or how long to wait.
    pub(crate) fn check(&self, now: Duration, under_way: u32) -> Result<(), Duration> {
        if now < self.held_until {
            return Err(self.held_until.saturating_sub(now));
        }
        match self.window {
            Some(window) if now < window.resets_at && window.sent >= window.left => {
                let until_reset = window.resets_at.saturating_sub(now);
                // What is under way will bring a newer word; without it, or after "none left", nothing will.
                let is_final = window.left == 0 || under_way == 0;
                Err(if is_final { until_reset } else { until_reset.min(UNDER_WAY) })
            }
            _ => Ok(()),
        }
    }

    /// Counts a call that leaves.
    pub(crate) fn send(&mut self) {
        if let Some(window) = &mut self.window {
            window.sent = window.sent.saturating_add(1);
        }
    }

    /// Takes a call back that did not leave after all.
    pub(crate) fn unsend(&mut self) {
        if let Some(window) = &mut self.window {
            window.sent = window.sent.saturating_sub(1);
        }
    }

    /// Takes in what an answer said while so many other calls were under way.
    pub(crate) fn heed(&mut self, said: VendorLimits, others: u32, now: Duration) {
        if let Some(wait) = said.retry_after {
            self.held_until = self.held_until.max(now.saturating_add(wait.min(LONGEST)));
        }
        if let Some(left) = said.remaining {
            let wait = said.reset_after.unwrap_or(UNSAID).min(LONGEST);
            self.window = Some(Window { left, sent: others, resets_at: now.saturating_add(wait) });
        }
    }

    /// What is left in the window, where that is known.
    pub(crate) fn remaining(&self, now: Duration) -> Option<u32> {
        self.window.filter(|window| now < window.resets_at).map(|window| window.left.saturating_sub(window.sent))
    }

    /// Until when nothing leaves, where that is so.
    pub(crate) fn held_for(&self, now: Duration, under_way: u32) -> Option<Duration> {
        self.check(now, under_way).err()
    }

    /// Whether it knows nothing that forgetting it would lose.
    pub(crate) fn is_at_rest(&self, now: Duration) -> bool {
        now >= self.held_until && self.window.is_none_or(|window| now >= window.resets_at)
    }
}

#[cfg(test)]
mod tests;
