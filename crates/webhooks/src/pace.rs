//! How much may be under way, and to whom nothing goes for the moment.
//!
//! All of a node's deliveries share its workers. A subscription has a quarter of them and a tenant half, at the
//! most, so that endpoints which only hang hold nobody else's deliveries up. An endpoint that failed five
//! times in a row is left alone for half a minute, then gets one delivery to try; each further failure
//! doubles the pause, up to five minutes. It is this node's own view: nodes do not tell each other, and each
//! counts a subscription's rate for itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lockgate_store::{Level, Rate};
use lockgate_vocabulary::{Clock, SubscriptionId, TenantId};

use crate::judge::Attempt;
use crate::subscription::Subscription;

/// Failures in a row after which an endpoint is left alone.
pub(crate) const FAILURES: u32 = 5;

/// For how long, at first.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_secs(30);

/// For how long, at the most.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// How long all deliveries to an endpoint wait, at the most, because it said so to one of them.
const LONGEST_HOLD: Duration = Duration::from_secs(3_600);

/// How the far side did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    /// It answered, be it with a refusal of this one delivery.
    Good,
    /// It failed, or has too much to do.
    Bad,
    /// Nothing was learned of it.
    Neutral,
}

/// What is under way on this node.
pub(crate) struct Paces {
    clock: Arc<dyn Clock>,
    workers: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    under_way: u32,
    tenants: HashMap<TenantId, u32>,
    each: HashMap<SubscriptionId, Pace>,
}

/// One subscription's.
#[derive(Debug, Default)]
struct Pace {
    under_way: u32,
    failures: u32,
    held_until: Duration,
    level: Level,
    rate: Option<Rate>,
}

/// A worker that one delivery has. It is free again when this is dropped.
pub(crate) struct Slot {
    paces: Arc<Paces>,
    tenant: TenantId,
    subscription: SubscriptionId,
}

impl Paces {
    pub(crate) fn new(workers: u32, clock: Arc<dyn Clock>) -> Self {
        Self { clock, workers: workers.max(1), state: Mutex::default() }
    }

    /// Workers that nobody has.
    pub(crate) fn free(&self) -> u32 {
        self.workers.saturating_sub(self.state().under_way)
    }

    /// Workers for this subscription: `most` at the most, and as many as it may have now.
    pub(crate) fn reserve(self: &Arc<Self>, subscription: &Subscription, most: u32) -> Vec<Slot> {
        let now = self.clock.elapsed();
        let (tenant, id, onward) = (subscription.tenant, subscription.id, &subscription.onward);
        let mut state = self.state();
        let free = self.workers.saturating_sub(state.under_way);
        let of_tenant = state.tenants.get(&tenant).copied().unwrap_or_default();
        let pace = state.each.entry(id).or_default();
        let rate = onward.per_minute.and_then(|amount| Rate::per_minute(amount, (amount / 10).max(1)));
        if rate != pace.rate {
            // A rate that was changed is counted anew: its units are others.
            (pace.rate, pace.level) = (rate, Level::default());
        }
        let share = (self.workers / 4).max(1).min(onward.concurrent.max(1));
        let most = most
            .min(free)
            .min((self.workers / 2).max(1).saturating_sub(of_tenant))
            .min(share.saturating_sub(pace.under_way));
        let many = pace.room(most, now);
        pace.under_way += many;
        state.under_way += many;
        *state.tenants.entry(tenant).or_default() += many;
        drop(state);
        (0..many).map(|_| Slot { paces: Arc::clone(self), tenant, subscription: id }).collect()
    }

    /// Takes in how a try went.
    pub(crate) fn report(&self, subscription: SubscriptionId, attempt: &Attempt) {
        let now = self.clock.elapsed();
        let mut state = self.state();
        let pace = state.each.entry(subscription).or_default();
        if let Some(said) = attempt.said() {
            pace.held_until = pace.held_until.max(now.saturating_add(said.min(LONGEST_HOLD)));
        }
        match health(attempt) {
            Health::Good => pace.failures = 0,
            Health::Bad => {
                pace.failures = pace.failures.saturating_add(1);
                if let Some(beyond) = pace.failures.checked_sub(FAILURES) {
                    let doubled = FIRST_PAUSE.saturating_mul(1u32.checked_shl(beyond).unwrap_or(u32::MAX));
                    pace.held_until = pace.held_until.max(now.saturating_add(doubled.min(LONGEST_PAUSE)));
                }
            }
            Health::Neutral => {}
        }
    }

    /// Forgets subscriptions of which nothing is known that matters.
    pub(crate) fn sweep(&self) {
        let now = self.clock.elapsed();
        let mut state = self.state();
        state.each.retain(|_, pace| !pace.is_at_rest(now));
        state.tenants.retain(|_, under_way| *under_way > 0);
    }

    fn leave(&self, tenant: TenantId, subscription: SubscriptionId) {
        let mut state = self.state();
        state.under_way = state.under_way.saturating_sub(1);
        if let Some(under_way) = state.tenants.get_mut(&tenant) {
            *under_way = under_way.saturating_sub(1);
        }
        if let Some(pace) = state.each.get_mut(&subscription) {
            pace.under_way = pace.under_way.saturating_sub(1);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace {
    /// How many of so many may begin now.
    fn room(&self, most: u32, now: Duration) -> u32 {
        if now < self.held_until {
            return 0;
        }
        let most = if self.failures >= FAILURES { most.min(1u32.saturating_sub(self.under_way)) } else { most };
        let Some(rate) = self.rate else { return most };
        let mut level = self.level;
        let fits = |_: &u32| match rate.take(level, 1, micros(now)) {
            Ok((next, taken)) if taken.allowed => {
                level = next;
                true
            }
            _ => false,
        };
        u32::try_from((0..most).take_while(fits).count()).unwrap_or(most)
    }

    fn is_at_rest(&self, now: Duration) -> bool {
        let empty = self.rate.is_none_or(|rate| rate.leaked(self.level, micros(now)) == 0);
        self.under_way == 0 && self.failures == 0 && self.held_until <= now && empty
    }
}

impl Slot {
    /// A delivery has it now: it counts towards its subscription's rate.
    pub(crate) fn begin(&self) {
        let now = micros(self.paces.clock.elapsed());
        let mut state = self.paces.state();
        let pace = state.each.entry(self.subscription).or_default();
        if let Some(Ok((level, _))) = pace.rate.map(|rate| rate.take(pace.level, 1, now)) {
            pace.level = level;
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.paces.leave(self.tenant, self.subscription);
    }
}

/// What a try says of the endpoint. One that refuses a delivery for its content is well.
const fn health(attempt: &Attempt) -> Health {
    match attempt {
        Attempt::Answered { status: 408 | 425 | 429 | 500.., .. } | Attempt::Unanswered(_) => Health::Bad,
        Attempt::Answered { .. } => Health::Good,
        Attempt::Broken(_) | Attempt::Unfit(_) => Health::Neutral,
    }
}

fn micros(moment: Duration) -> u64 {
    u64::try_from(moment.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
