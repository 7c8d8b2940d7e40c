//! Admission by rate: of the caller's credential, of the connection, and of the tenant; and by the day's quota.
//!
//! Every request of an identified caller is taken from its rate, whatever becomes of it: what is refused
//! costs a record. So a call asks first, then is judged, and is admitted with what it was counted by.
//! A node counts for itself first, so that a call which is over the limit costs nobody a round trip.
//! Where counters are shared, they are then asked exactly, all limits in one take from all or from none;
//! if they are away the call is refused, unless an operator chose otherwise. What they refuse still counts
//! on this node, so that who hammers on is held off here and not by them. What the vendor has left is
//! looked at on the way out: whoever comes back with an idempotency key for an answer that is kept sends
//! the vendor nothing.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lockgate_access::directory::Connection;
use lockgate_access::{Caller, Grant};
use lockgate_store::{Counters, Wanted};
use lockgate_vocabulary::{Fault, Refusal, Stop, Timestamp};

use crate::bucket::{Bucket, Rate, Taken};
use crate::day;
use crate::lane::{Held, Lane};
use crate::lanes::Rest;
use crate::refusal::TrafficRefusal;
use crate::traffic::{CallerKey, Traffic, no_room};

/// Proof that a call is within its rates. It tells the tighter of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permit {
    limit: u32,
    remaining: u32,
    reset_at: Timestamp,
}

impl Permit {
    /// Calls that may be made at once (`X-RateLimit-Limit`).
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// Calls that may be made right now (`X-RateLimit-Remaining`).
    pub const fn remaining(&self) -> u32 {
        self.remaining
    }

    /// When the whole limit may be used again (`X-RateLimit-Reset`).
    pub const fn reset_at(&self) -> Timestamp {
        self.reset_at
    }
}

/// Proof that a request was taken from its caller's rate on this node, before anything is decided about it.
/// Whatever becomes of the request, it was counted; a call goes on to [`Traffic::admit_asked`] with it.
#[derive(Debug)]
#[must_use = "a call that goes on is admitted with it"]
pub struct Asked {
    key: CallerKey,
    taken: Taken,
}

/// What is counted of one credential of a caller, or of a tenant.
pub(crate) struct CallerLane(Mutex<Bucket>);

impl CallerLane {
    pub(crate) fn new(rate: Rate) -> Self {
        Self(Mutex::new(Bucket::new(rate)))
    }

    /// Takes one call where it fits and `and_fits` holds, under one lock.
    pub(crate) fn take(&self, now: Duration, and_fits: bool) -> Result<Taken, Fault> {
        let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let look = bucket.look(now)?;
        if look.taken.allowed && and_fits {
            bucket.take(look);
        }
        Ok(look.taken)
    }
}

impl Rest for CallerLane {
    fn is_at_rest(&self, now: Duration) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty(now)
    }
}

/// Whose rate it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    Caller,
    Connection,
    Tenant,
    /// The connection's quota of this day.
    Day,
    /// A subscription's, for deliveries.
    Subscription,
}

impl Whose {
    fn refusal(self) -> Refusal {
        match self {
            Self::Caller => {
                TrafficRefusal::RateExceeded.refuse().detail("The rate of the caller's credential is used up.")
            }
            Self::Connection => TrafficRefusal::RateExceeded.refuse().detail("The rate of the connection is used up."),
            Self::Tenant => TrafficRefusal::TenantExceeded.into(),
            Self::Day => TrafficRefusal::QuotaExceeded.into(),
            Self::Subscription => TrafficRefusal::SubscriptionExceeded.into(),
        }
    }
}

impl Traffic {
    /// Takes a call from its caller's rate on this node. It comes before the call is judged, since what is
    /// refused costs a record.
    pub fn ask(&self, caller: &Caller) -> Result<Asked, Stop> {
        self.ask_key(CallerKey::of(caller))
    }

    /// Admits the first attempt of a granted call, which was taken from its caller's rate already.
    pub async fn admit_asked(&self, grant: &Grant, asked: Asked) -> Result<Permit, Stop> {
        self.admit_call_asked(grant.connection(), asked).await
    }

    /// Admits another attempt of a granted call.
    pub async fn admit(&self, grant: &Grant) -> Result<Permit, Stop> {
        self.admit_call(CallerKey::of(grant.caller()), grant.connection()).await
    }

    /// Admits what the house itself sends to a connection's vendor, such as the verification of a new credential: it
    /// counts as a call, and nobody's own rate is taken for it.
    pub async fn admit_of_house(&self, connection: &Connection) -> Result<Permit, Stop> {
        let lane = self.lane(connection)?;
        let look = lane.take(connection, self.now(), |look| Ok(look.taken.allowed))?;
        let own = self.fits(look.taken, Whose::Connection)?;
        self.admit_beyond(None, connection, &lane, own).await
    }

    /// Admits a request that calls nobody, such as one to the operator's side.
    pub async fn admit_caller(&self, caller: &Caller) -> Result<Permit, Stop> {
        self.admit_key(CallerKey::of(caller)).await
    }

    /// What a caller has left, without taking any of it: for answers to calls that were refused.
    pub fn allowance(&self, caller: &Caller) -> Option<Permit> {
        self.allowance_of(CallerKey::of(caller))
    }

    pub(crate) fn ask_key(&self, key: CallerKey) -> Result<Asked, Stop> {
        let now = self.now();
        let taken = self.caller_lane(key, now)?.take(now, true)?;
        self.fits(taken, Whose::Caller).map(|taken| Asked { key, taken })
    }

    pub(crate) async fn admit_call_asked(&self, connection: &Connection, asked: Asked) -> Result<Permit, Stop> {
        let lane = self.lane(connection)?;
        let look = lane.take(connection, self.now(), |look| Ok(look.taken.allowed))?;
        let own = tighter(asked.taken, self.fits(look.taken, Whose::Connection)?);
        self.admit_beyond(Some(asked.key), connection, &lane, own).await
    }

    pub(crate) async fn admit_key(&self, key: CallerKey) -> Result<Permit, Stop> {
        let own = self.ask_key(key)?.taken;
        match &self.0.shared {
            None => Ok(self.permit(own)),
            Some(shared) => {
                let wanted = Wanted { key: &caller_name(key), cost: 1, rate: self.0.caller_rate };
                let told = self.told(shared.take(wanted).await)?;
                Ok(self.permit(tighter(own, self.fits(told.unwrap_or(own), Whose::Caller)?)))
            }
        }
    }

    pub(crate) fn allowance_of(&self, key: CallerKey) -> Option<Permit> {
        let now = self.now();
        let lane = self.caller_lane(key, now).ok()?;
        lane.take(now, false).ok().map(|taken| {
            // Looking took one off in thought; what is there is one more, unless nothing fitted.
            let remaining = taken.remaining.saturating_add(u32::from(taken.allowed));
            self.permit(Taken { remaining, ..taken })
        })
    }

    pub(crate) async fn admit_call(&self, key: CallerKey, connection: &Connection) -> Result<Permit, Stop> {
        let lane = self.lane(connection)?;
        let own = self.admit_here(key, connection, &lane)?;
        self.admit_beyond(Some(key), connection, &lane, own).await
    }

    /// What a call passes that is within the rates of its caller and its connection. Who is over one of those
    /// takes nothing of the tenant's, or one caller's flood would hold off all others.
    async fn admit_beyond(
        &self,
        key: Option<CallerKey>,
        connection: &Connection,
        lane: &Lane,
        own: Taken,
    ) -> Result<Permit, Stop> {
        let now = self.now();
        let tenant = self.0.tenants.lane(connection.tenant, now, || CallerLane::new(self.0.tenant_rate));
        let taken = tenant.ok_or_else(no_room)?.take(now, true)?;
        let own = tighter(own, self.fits(taken, Whose::Tenant)?);
        match &self.0.shared {
            None => Ok(self.permit(self.admit_on_this_day(lane, own)?)),
            Some(shared) => self.admit_everywhere(shared.as_ref(), key, connection, lane, own).await,
        }
    }

    /// Takes from the day's quota as this node counts it, where there is one.
    fn admit_on_this_day(&self, lane: &Lane, own: Taken) -> Result<Taken, Stop> {
        let (now, wall) = (self.now(), self.0.clock.now());
        match lane.of_day(|day, most| day.take(most, now, wall)) {
            None => Ok(own),
            Some(taken) => Ok(tighter(own, self.fits(taken, Whose::Day)?)),
        }
    }

    /// Takes from both of this node's buckets, or from neither. INVARIANT: the connection's lock is always
    /// taken before the caller's.
    fn admit_here(&self, key: CallerKey, connection: &Connection, lane: &Lane) -> Result<Taken, Stop> {
        let now = self.now();
        let caller_lane = self.caller_lane(key, now)?;
        let mut caller = None;
        let look = lane.take(connection, now, |look| {
            let taken = caller_lane.take(now, look.taken.allowed)?;
            caller = Some(taken);
            Ok(taken.allowed && look.taken.allowed)
        })?;
        let caller = caller.ok_or_else(|| Fault::violated("both buckets are looked at"))?;
        Ok(tighter(self.fits(caller, Whose::Caller)?, self.fits(look.taken, Whose::Connection)?))
    }

    async fn admit_everywhere(
        &self,
        shared: &dyn Counters,
        key: Option<CallerKey>,
        connection: &Connection,
        lane: &Lane,
        own: Taken,
    ) -> Result<Permit, Stop> {
        let (now, wall) = (self.now(), self.0.clock.now());
        // A day that all nodes together have used up costs no round trip any more.
        if let Some(look) = lane.of_day(|day, most| day.look(most, now, wall)) {
            self.fits(look, Whose::Day)?;
        }
        let (tenant, id) = (connection.tenant, connection.id);
        let quota = lane.per_day().and_then(day::rate);
        let all = [
            key.map(|key| (Whose::Caller, caller_name(key), self.0.caller_rate)),
            Some((Whose::Connection, format!("n:{tenant}:{id}"), lane.rate())),
            Some((Whose::Tenant, format!("t:{tenant}"), self.0.tenant_rate)),
            quota.map(|rate| (Whose::Day, format!("q:{tenant}:{id}:{}", day::number(wall)), rate)),
        ];
        let all: Vec<_> = all.into_iter().flatten().collect();
        let wanted: Vec<_> = all.iter().map(|(_, key, rate)| Wanted { key, cost: 1, rate: *rate }).collect();
        let Some(told) = self.told(shared.take_all(&wanted).await)? else {
            return Ok(self.permit(self.admit_on_this_day(lane, own)?));
        };
        if told.len() != wanted.len() {
            return Err(Fault::violated("the shared counters tell of each key").into());
        }
        let mut everywhere = own;
        for (taken, (whose, ..)) in told.into_iter().zip(all) {
            let taken = if whose == Whose::Day { day::until_its_end(taken, wall) } else { taken };
            if whose == Whose::Day && !taken.allowed {
                lane.of_day(|day, most| day.use_up(most, now, wall));
            }
            everywhere = tighter(everywhere, self.fits(taken, whose)?);
        }
        Ok(self.permit(everywhere))
    }

    /// What the shared counters told; nothing where they are away and this node counts for itself.
    pub(crate) fn told<T>(&self, answer: Result<T, Fault>) -> Result<Option<T>, Stop> {
        match answer {
            Ok(told) => Ok(Some(told)),
            Err(fault) if !fault.is_unavailable() => Err(fault.into()),
            Err(fault) => {
                self.0.unchecked.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%fault, falls_back = self.0.falls_back, "the shared counters are away");
                if self.0.falls_back { Ok(None) } else { Err(no_room()) }
            }
        }
    }

    pub(crate) fn fits(&self, taken: Taken, whose: Whose) -> Result<Taken, Stop> {
        if taken.allowed {
            return Ok(taken);
        }
        Err(whose.refusal().retry_after(taken.retry_after).into())
    }

    fn caller_lane(&self, key: CallerKey, now: Duration) -> Result<Arc<CallerLane>, Stop> {
        self.0.callers.lane(key, now, || CallerLane::new(self.0.caller_rate)).ok_or_else(no_room)
    }

    fn permit(&self, taken: Taken) -> Permit {
        let reset_at = self.0.clock.now().after(taken.reset_after);
        Permit { limit: taken.limit, remaining: taken.remaining, reset_at }
    }
}

impl Held {
    pub(crate) fn refuse(self) -> Stop {
        match self {
            Self::Breaker(wait) => TrafficRefusal::BreakerOpen.refuse().retry_after(wait).into(),
            Self::Concurrency => {
                TrafficRefusal::ConcurrencyExceeded.refuse().retry_after(Duration::from_secs(1)).into()
            }
            Self::Vendor(wait) => TrafficRefusal::VendorLimited.refuse().retry_after(wait).into(),
        }
    }
}

fn caller_name(key: CallerKey) -> String {
    format!("c:{}:{:032x}", key.tenant, key.credential)
}

fn tighter(one: Taken, other: Taken) -> Taken {
    if other.remaining < one.remaining { other } else { one }
}

#[cfg(test)]
mod tests;
