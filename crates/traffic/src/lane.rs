//! What is counted of one connection: its rate, its breaker, its calls under way, its vendor's limits.
//!
//! One lock for all of it, held for some tens of nanoseconds and never across an await. Settings are
//! resolved once per change of the connection; a call that still holds an older snapshot does not bring
//! the older settings back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lockgate_access::directory::Connection;
use lockgate_access::spec::LimitSpec;
use lockgate_vocabulary::Fault;

use crate::breaker::{Breaker, Health, Rules, Standing, Ticket};
use crate::bucket::{Bucket, Look, Rate};
use crate::day::Day;
use crate::lanes::Rest;
use crate::vendor::{RateNames, Vendor, VendorLimits};

/// Calls a minute where the connection says nothing.
const PER_MINUTE: u32 = 600;

/// Calls under way at once where the connection says nothing.
const CONCURRENT: u32 = 64;

/// How a connection stands, for operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pressure {
    /// The breaker.
    pub breaker: Standing,
    /// How long an open breaker lets nothing out.
    pub breaker_open_for: Option<Duration>,
    /// Calls under way.
    pub under_way: u32,
    /// Calls that may be under way at once.
    pub concurrent: u32,
    /// What the vendor has left for us, where it said so.
    pub vendor_remaining: Option<u32>,
    /// How long nothing leaves because the vendor's limit is used up.
    pub vendor_held_for: Option<Duration>,
}

/// Why a call may not leave now, and how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    Breaker(Duration),
    Concurrency,
    Vendor(Duration),
}

/// The state of one connection.
pub(crate) struct Lane(Mutex<State>);

struct State {
    changed: u64,
    concurrent: u32,
    per_day: Option<u32>,
    day: Day,
    under_way: u32,
    bucket: Bucket,
    breaker: Breaker,
    vendor: Vendor,
    names: Arc<RateNames>,
}

impl Lane {
    /// A lane at rest with the settings of this connection.
    pub(crate) fn new(connection: &Connection) -> Result<Self, Fault> {
        let limits = &connection.settings.limits;
        Ok(Self(Mutex::new(State {
            changed: connection.changed,
            concurrent: limits.concurrent.unwrap_or(CONCURRENT),
            per_day: limits.per_day,
            day: Day::default(),
            under_way: 0,
            bucket: Bucket::new(rate(limits)?),
            breaker: Breaker::new(Rules::of(&connection.settings.breaker)),
            vendor: Vendor::default(),
            names: Arc::new(RateNames::of(&connection.provider.rate_headers)),
        })))
    }

    /// The rate of our own limit.
    pub(crate) fn rate(&self) -> Rate {
        self.state().bucket.rate()
    }

    /// Looks whether one more call fits; takes it where `also` agrees, under the same lock.
    pub(crate) fn take(
        &self,
        connection: &Connection,
        now: Duration,
        also: impl FnOnce(&Look) -> Result<bool, Fault>,
    ) -> Result<Look, Fault> {
        let mut state = self.state();
        state.adopt(connection)?;
        let look = state.bucket.look(now)?;
        if also(&look)? {
            state.bucket.take(look);
        }
        Ok(look)
    }

    /// The quota of a day, where there is one.
    pub(crate) fn per_day(&self) -> Option<u32> {
        self.state().per_day
    }

    /// Does something with what is counted of this day, where there is a quota.
    pub(crate) fn of_day<T>(&self, look: impl FnOnce(&mut Day, u32) -> T) -> Option<T> {
        let mut state = self.state();
        let most = state.per_day?;
        Some(look(&mut state.day, most))
    }

    /// Lets one call leave.
    pub(crate) fn enter(&self, connection: &Connection, now: Duration) -> Result<Result<Ticket, Held>, Fault> {
        let mut state = self.state();
        state.adopt(connection)?;
        Ok(state.enter(now))
    }

    /// Takes in how a call went. It is still under way.
    pub(crate) fn report(&self, ticket: Ticket, health: Health, now: Duration) {
        self.state().breaker.report(ticket, health, now);
    }

    /// Frees the place of a call. One that was never reported has told nothing and may never have left.
    pub(crate) fn leave(&self, unreported: Option<(Ticket, Duration)>) {
        let mut state = self.state();
        state.under_way = state.under_way.saturating_sub(1);
        if let Some((ticket, now)) = unreported {
            state.breaker.report(ticket, Health::Neutral, now);
            state.vendor.unsend();
        }
    }

    /// Takes in what the vendor said in the answer to a call that is still under way.
    pub(crate) fn heed(&self, said: VendorLimits, now: Duration) {
        let mut state = self.state();
        let others = state.under_way.saturating_sub(1);
        state.vendor.heed(said, others, now);
    }

    /// The names of the headers in which the vendor tells its limits.
    pub(crate) fn names(&self) -> Arc<RateNames> {
        Arc::clone(&self.state().names)
    }

    /// How it stands.
    pub(crate) fn pressure(&self, now: Duration) -> Pressure {
        let state = self.state();
        Pressure {
            breaker: state.breaker.standing(),
            breaker_open_for: state.breaker.open_for(now),
            under_way: state.under_way,
            concurrent: state.concurrent,
            vendor_remaining: state.vendor.remaining(now),
            vendor_held_for: state.vendor.held_for(now, state.under_way),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Goes on under the settings of this connection, if they are newer.
    fn adopt(&mut self, connection: &Connection) -> Result<(), Fault> {
        if connection.changed <= self.changed {
            return Ok(());
        }
        let limits = &connection.settings.limits;
        let rate = rate(limits)?;
        if rate != self.bucket.rate() {
            self.bucket = Bucket::new(rate);
        }
        self.concurrent = limits.concurrent.unwrap_or(CONCURRENT);
        self.per_day = limits.per_day;
        self.breaker.adopt(Rules::of(&connection.settings.breaker));
        self.names = Arc::new(RateNames::of(&connection.provider.rate_headers));
        self.changed = connection.changed;
        Ok(())
    }

    fn enter(&mut self, now: Duration) -> Result<Ticket, Held> {
        self.vendor.check(now, self.under_way).map_err(Held::Vendor)?;
        // The place is looked at first: a breaker that opens for one try must not lose it to a full house.
        if self.under_way >= self.concurrent {
            return Err(Held::Concurrency);
        }
        let ticket = self.breaker.enter(now).map_err(Held::Breaker)?;
        self.under_way += 1;
        self.vendor.send();
        Ok(ticket)
    }
}

impl Rest for Lane {
    fn is_at_rest(&self, now: Duration) -> bool {
        let state = self.state();
        state.under_way == 0
            && state.bucket.is_empty(now)
            && state.day.is_at_rest(now)
            && state.breaker.is_at_rest(now)
            && state.vendor.is_at_rest(now)
    }
}

fn rate(limits: &LimitSpec) -> Result<Rate, Fault> {
    let per_minute = limits.per_minute.unwrap_or(PER_MINUTE);
    let burst = limits.burst.unwrap_or_else(|| (per_minute / 10).max(1));
    Rate::per_minute(per_minute, burst).ok_or_else(|| Fault::violated("a connection's limits are above nought"))
}

#[cfg(test)]
mod tests;
