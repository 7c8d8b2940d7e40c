//! The circuit breaker of one connection: opens when too large a share of calls fails, lets exactly one
//! try when it has been open for a while, and closes when that one succeeds.
//!
//! Pure: a state machine that is told the time. What was begun before the state changed says nothing
//! about the state after, so every ticket carries the turn in which it was given out.

use std::time::Duration;

use lockgate_access::spec::BreakerSpec;

use crate::bucket::micros;

/// How a call went, as far as the health of the far side is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It answered as it should, be it with a refusal of its own.
    Good,
    /// It failed: not reached, too slow, a 5xx, garbage.
    Bad,
    /// Nothing was learned: the call never left, or the caller went away.
    Neutral,
}

/// What the breaker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Calls pass.
    Closed,
    /// No call passes.
    Open,
    /// One call tries; no other passes.
    HalfOpen,
}

impl Standing {
    /// The word for it in answers and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

/// When it opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rules {
    failure_percent: u64,
    least_calls: u64,
    slice: Duration,
    open: Duration,
}

impl Rules {
    pub(crate) fn of(spec: &BreakerSpec) -> Self {
        let window = Duration::from_secs(u64::from(spec.window_seconds.unwrap_or(30).clamp(1, 3_600)));
        Self {
            failure_percent: u64::from(spec.failure_percent.unwrap_or(50).clamp(1, 100)),
            least_calls: u64::from(spec.least_calls.unwrap_or(10).max(1)),
            slice: window / SLICES as u32,
            open: Duration::from_secs(u64::from(spec.open_seconds.unwrap_or(15).clamp(1, 3_600))),
        }
    }
}

/// Slices of the window. What is older than the window is forgotten slice by slice.
const SLICES: usize = 10;

/// How long who comes while one call tries is told to wait.
const WHILE_TRYING: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, Default)]
struct Slice {
    number: u64,
    good: u32,
    bad: u32,
}

/// Calls of the last while.
#[derive(Debug, Clone, Copy, Default)]
struct Window([Slice; SLICES]);

impl Window {
    fn count(&mut self, number: u64, health: Health) {
        let place = (number % SLICES as u64) as usize;
        let Some(slice) = self.0.get_mut(place) else { return };
        if slice.number != number {
            *slice = Slice { number, good: 0, bad: 0 };
        }
        match health {
            Health::Good => slice.good = slice.good.saturating_add(1),
            Health::Bad => slice.bad = slice.bad.saturating_add(1),
            Health::Neutral => {}
        }
    }

    /// Good and bad calls of the window that ends with this slice.
    fn sum(&self, number: u64) -> (u64, u64) {
        let recent = self.0.iter().filter(|slice| number.saturating_sub(slice.number) < SLICES as u64);
        recent.fold((0, 0), |(good, bad), slice| (good + u64::from(slice.good), bad + u64::from(slice.bad)))
    }
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed(Window),
    Open { until: Duration },
    Trying,
}

/// Leave to make one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    turn: u64,
}

/// The breaker.
#[derive(Debug)]
pub(crate) struct Breaker {
    rules: Rules,
    state: State,
    turn: u64,
}

impl Breaker {
    pub(crate) fn new(rules: Rules) -> Self {
        Self { rules, state: State::Closed(Window::default()), turn: 0 }
    }

    /// Goes on under other rules. A closed breaker starts counting anew: its slices had another length.
    pub(crate) fn adopt(&mut self, rules: Rules) {
        if rules != self.rules {
            self.rules = rules;
            if matches!(self.state, State::Closed(_)) {
                self.state = State::Closed(Window::default());
            }
        }
    }

    /// Leave to call, or how long to wait.
    pub(crate) fn enter(&mut self, now: Duration) -> Result<Ticket, Duration> {
        match self.state {
            State::Closed(_) => {}
            State::Open { until } if now < until => return Err(until.saturating_sub(now)),
            State::Open { .. } => self.turn_to(State::Trying),
            State::Trying => return Err(WHILE_TRYING),
        }
        Ok(Ticket { turn: self.turn })
    }

    /// Takes in how a call went. What belongs to an earlier turn is ignored.
    pub(crate) fn report(&mut self, ticket: Ticket, health: Health, now: Duration) {
        if ticket.turn != self.turn {
            return;
        }
        let number = micros(now) / micros(self.rules.slice).max(1);
        match (&mut self.state, health) {
            (State::Closed(window), health) => {
                window.count(number, health);
                let (good, bad) = window.sum(number);
                let calls = good + bad;
                if calls >= self.rules.least_calls && bad * 100 >= self.rules.failure_percent * calls && bad > 0 {
                    self.turn_to(State::Open { until: now.saturating_add(self.rules.open) });
                }
            }
            (State::Trying, Health::Good) => self.turn_to(State::Closed(Window::default())),
            (State::Trying, Health::Bad) => {
                self.turn_to(State::Open { until: now.saturating_add(self.rules.open) });
            }
            // The one that tried learned nothing, so the next may try at once.
            (State::Trying, Health::Neutral) => self.turn_to(State::Open { until: now }),
            (State::Open { .. }, _) => {}
        }
    }

    /// What it is doing.
    pub(crate) fn standing(&self) -> Standing {
        match self.state {
            State::Closed(_) => Standing::Closed,
            State::Open { .. } => Standing::Open,
            State::Trying => Standing::HalfOpen,
        }
    }

    /// How long it lets nothing out; none where it does, if it be one call that tries.
    pub(crate) fn open_for(&self, now: Duration) -> Option<Duration> {
        match self.state {
            State::Open { until } if now < until => Some(until.saturating_sub(now)),
            State::Open { .. } | State::Closed(_) | State::Trying => None,
        }
    }

    /// Whether it knows nothing that forgetting it would lose.
    pub(crate) fn is_at_rest(&self, now: Duration) -> bool {
        let number = micros(now) / micros(self.rules.slice).max(1);
        match &self.state {
            State::Closed(window) => window.sum(number) == (0, 0),
            State::Open { .. } | State::Trying => false,
        }
    }

    fn turn_to(&mut self, state: State) {
        self.state = state;
        self.turn = self.turn.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests;
