//! A clock that stands still until the test moves it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lockgate_vocabulary::{BoxFuture, Clock, Timestamp};
use tokio::sync::oneshot;

/// A clock that the test moves. Clones show the same time.
#[derive(Clone, Default)]
pub struct ManualClock {
    state: Arc<Mutex<State>>,
    /// Who sleeps by this handle.
    whose: u64,
}

#[derive(Default)]
struct State {
    start: Timestamp,
    elapsed: Duration,
    /// How far the time of day was set forward or back against what went by.
    skew_micros: i64,
    /// Who sleeps until when; the number tells two sleepers with one deadline apart.
    sleepers: BTreeMap<(Duration, u64), Sleeper>,
    count: u64,
}

struct Sleeper {
    whose: u64,
    wake: oneshot::Sender<()>,
}

impl ManualClock {
    /// A clock that shows this moment.
    pub fn at(start: Timestamp) -> Self {
        Self { state: Arc::new(Mutex::new(State { start, ..State::default() })), whose: 0 }
    }

    /// A clock that shows a moment in 2026.
    pub fn new() -> Self {
        Self::at(Timestamp::from_secs(1_780_000_000))
    }

    /// The same clock for somebody whose sleep is to be told from others', by [`ManualClock::wakes`].
    pub fn apart(&self) -> Self {
        let mut state = self.state();
        state.count += 1;
        Self { state: Arc::clone(&self.state), whose: state.count }
    }

    /// Lets so much time go by, and wakes whoever slept until then, earliest first.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state();
        state.elapsed += by;
        let beyond = (state.elapsed + Duration::from_nanos(1), 0);
        let later = state.sleepers.split_off(&beyond);
        for (_, sleeper) in std::mem::replace(&mut state.sleepers, later) {
            // A sleeper that was dropped needs no waking.
            let _ = sleeper.wake.send(());
        }
    }

    /// Lets time go by in small steps with room for other tasks in between, so that whoever sleeps again
    /// after waking is woken again: for loops that tick.
    pub async fn run(&self, by: Duration, step: Duration) {
        let mut left = by;
        while left > Duration::ZERO {
            let now = left.min(step);
            self.advance(now);
            left -= now;
            for _ in 0..16 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Sets the time of day forward (or back), as an operator or a time server does; no time goes by.
    pub fn skew(&self, seconds: i64) {
        self.state().skew_micros += seconds * 1_000_000;
    }

    /// How many sleep at this moment. Sleepers that were dropped do not count.
    pub fn sleepers(&self) -> usize {
        self.state().sleepers.values().filter(|sleeper| !sleeper.wake.is_closed()).count()
    }

    /// When those wake who sleep by this handle or a clone of it, as [`Clock::elapsed`] counts, earliest
    /// first: a test that moves the clock beside real sockets waits until it finds there what it waits for.
    pub fn wakes(&self) -> Vec<Duration> {
        let state = self.state();
        let ours =
            state.sleepers.iter().filter(|(_, sleeper)| sleeper.whose == self.whose && !sleeper.wake.is_closed());
        ours.map(|((wakes, _), _)| *wakes).collect()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        let state = self.state();
        Timestamp::from_micros(state.start.after(state.elapsed).as_micros() + state.skew_micros)
    }

    fn elapsed(&self) -> Duration {
        self.state().elapsed
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<()> {
        let mut state = self.state();
        if wait.is_zero() {
            return Box::pin(std::future::ready(()));
        }
        let (wake, woken) = oneshot::channel();
        state.count += 1;
        let deadline = (state.elapsed + wait, state.count);
        state.sleepers.insert(deadline, Sleeper { whose: self.whose, wake });
        Box::pin(async move {
            // The clock is never dropped before its sleepers in a test that means something; if it is,
            // time has ended and they may go on.
            let _ = woken.await;
        })
    }
}

#[cfg(test)]
mod tests;
