//! Lines that wait for their next call.
//!
//! They are kept for each tenant, far side (a connection, or an endpoint that the tenant declared) and
//! origin, and never handed from one to another: a line holds what a vendor knows of whoever opened it. The
//! newest is used first, so that as few as possible are kept warm. Nothing waits here while it holds a lock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use lockgate_access::directory::{Connection, Settings};
use lockgate_vault::Identity;
use lockgate_vocabulary::{ConnectionId, CredentialId, TenantId};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::failure::WireFailure;
use super::line::{Line, Sender, Wired};
use crate::alarm::Alarm;
use crate::config::Times;
use crate::destination::{PinnedTarget, Scheme};

/// Locks over which connections are spread.
const SHARDS: usize = 16;

/// Origins of one connection: its base, and hosts that it may be redirected to.
const ORIGINS: usize = 40;

/// What a tenant reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Far {
    /// A vendor, through a connection.
    Connection(ConnectionId),
    /// An endpoint, by a digest of its URL and of whom it trusts.
    Endpoint(u128),
}

/// Whose lines they are, and whom they trust.
#[derive(Clone, Copy)]
pub(crate) struct Kin<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) far: Far,
    pub(crate) settings: &'a Arc<Settings>,
    /// What they name themselves by.
    pub(crate) identity: Option<&'a Identity>,
}

impl<'a> Kin<'a> {
    /// Those of a connection.
    pub(super) fn of(connection: &'a Connection, identity: Option<&'a Identity>) -> Self {
        let far = Far::Connection(connection.id);
        Self { tenant: connection.tenant, far, settings: &connection.settings, identity }
    }

    /// Which version of which credential they name themselves by.
    fn named(&self) -> Named {
        self.identity.map(Identity::lent)
    }
}

/// Which version of which credential a line named itself by in its handshake; none for most.
type Named = Option<(CredentialId, u32)>;

/// Places where lines wait.
pub(super) struct Pool {
    shards: [Mutex<HashMap<(TenantId, Far), Lane>>; SHARDS],
    most_idle: usize,
    times: Times,
}

/// The places of one far side.
struct Lane {
    settings: Arc<Settings>,
    places: Vec<Arc<Place>>,
}

/// Where lines of one far side to one origin wait.
pub(super) struct Place {
    scheme: Scheme,
    port: u16,
    host: Box<str>,
    host_value: HeaderValue,
    name: ServerName<'static>,
    named: Named,
    tls: Option<Arc<ClientConfig>>,
    most_idle: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    /// HTTP/1.1 lines, the newest last, and since when each waits.
    one: Vec<(Wired, Duration)>,
    /// The HTTP/2 line that all share, and when it was last taken.
    two: Option<(Wired, Duration)>,
}

impl Pool {
    pub(super) fn new(most_idle: usize, times: Times) -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), most_idle, times }
    }

    /// The place for these lines and this origin. Where whom to trust has changed, what is there goes, and a
    /// place that was made under settings which have been replaced meanwhile is its call's alone.
    pub(super) fn place(
        &self,
        kin: Kin<'_>,
        target: &PinnedTarget,
        trust: impl FnOnce(&Settings) -> Result<Arc<ClientConfig>, WireFailure>,
    ) -> Result<Arc<Place>, WireFailure> {
        if let Some(place) = self.find(kin, target) {
            return Ok(place);
        }
        let tls = match target.scheme() {
            Scheme::Https => Some(trust(kin.settings)?),
            Scheme::Http => None,
        };
        let place = Arc::new(Place::new(target, (kin.named(), tls), self.most_idle)?);
        let mut shard = self.shard(kin.far);
        let lane = shard
            .entry((kin.tenant, kin.far))
            .or_insert_with(|| Lane { settings: Arc::clone(kin.settings), places: Vec::with_capacity(1) });
        if !lane.trusts_like(kin.settings) {
            return Ok(place);
        }
        if let Some(first) = lane.at(target, kin.named()) {
            return Ok(first);
        }
        if lane.places.len() < ORIGINS {
            lane.places.push(Arc::clone(&place));
        }
        Ok(place)
    }

    fn find(&self, kin: Kin<'_>, target: &PinnedTarget) -> Option<Arc<Place>> {
        let mut shard = self.shard(kin.far);
        let lane = shard.get_mut(&(kin.tenant, kin.far))?;
        if !lane.trusts_like(kin.settings) {
            lane.places.clear();
        }
        if !Arc::ptr_eq(&lane.settings, kin.settings) {
            lane.settings = Arc::clone(kin.settings);
        }
        lane.at(target, kin.named())
    }

    fn shard(&self, far: Far) -> MutexGuard<'_, HashMap<(TenantId, Far), Lane>> {
        // The low bits of an identifier are chance, and those of a digest too.
        let low = match far {
            Far::Connection(connection) => connection.as_u128(),
            Far::Endpoint(digest) => digest,
        };
        let [first, rest @ ..] = &self.shards;
        let number = (low as usize) % SHARDS;
        let shard = number.checked_sub(1).and_then(|number| rest.get(number)).unwrap_or(first);
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line that waits, if there is one that may still be used.
    pub(super) async fn take(
        &self,
        place: &Arc<Place>,
        target: &PinnedTarget,
        alarm: &mut Alarm,
        until: Duration,
    ) -> Option<Line> {
        let now = alarm.now();
        while let Some(mut wired) = place.pop(target, self.times, now) {
            let ready = match &mut wired.sender {
                Sender::One(one) if one.is_ready() => true,
                // Its last answer is complete but its task has yet to say so.
                Sender::One(one) => matches!(alarm.race(until, one.ready()).await, Ok(Ok(()))),
                Sender::Two(two) => !two.is_closed(),
            };
            if ready {
                return Some(Line { wired, place: Arc::clone(place), reused: true });
            }
        }
        None
    }

    /// Closes lines that waited too long, and forgets places that are empty and unused.
    pub(super) fn sweep(&self, now: Duration) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for lane in shard.values_mut() {
                lane.places.retain(|place| !place.sweep(self.times, now) || Arc::strong_count(place) > 1);
            }
            shard.retain(|_, lane| !lane.places.is_empty());
        }
    }

    /// Lines that wait.
    pub(super) fn idle(&self) -> usize {
        let count = |place: &Arc<Place>| {
            let waiting = place.waiting();
            waiting.one.len() + usize::from(waiting.two.is_some())
        };
        let of_shard = |shard: &Mutex<HashMap<_, Lane>>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.values().flat_map(|lane| &lane.places).map(count).sum::<usize>()
        };
        self.shards.iter().map(of_shard).sum()
    }
}

impl Lane {
    /// INVARIANT: every place of a lane was made under settings that trust whom the lane's settings trust.
    fn trusts_like(&self, settings: &Arc<Settings>) -> bool {
        let own = &self.settings;
        Arc::ptr_eq(own, settings) || (own.trust_pem == settings.trust_pem && own.pins == settings.pins)
    }

    /// INVARIANT: a line that named itself by one version of a credential is used for calls with that version alone.
    fn at(&self, target: &PinnedTarget, named: Named) -> Option<Arc<Place>> {
        self.places.iter().find(|place| place.named == named && place.is_at(target)).cloned()
    }
}

impl Place {
    fn new(
        target: &PinnedTarget,
        (named, tls): (Named, Option<Arc<ClientConfig>>),
        most_idle: usize,
    ) -> Result<Self, WireFailure> {
        let name = ServerName::try_from(target.server_name().to_owned()).map_err(|_| WireFailure::Tls)?;
        let host_value = HeaderValue::from_str(target.authority()).map_err(|_| WireFailure::Tls)?;
        Ok(Self {
            scheme: target.scheme(),
            port: target.port(),
            host: target.host().into(),
            host_value,
            name,
            named,
            tls,
            most_idle,
            waiting: Mutex::default(),
        })
    }

    fn is_at(&self, target: &PinnedTarget) -> bool {
        self.port == target.port() && self.scheme == target.scheme() && *self.host == *target.host()
    }

    pub(super) fn tls(&self) -> Option<Arc<ClientConfig>> {
        self.tls.clone()
    }

    pub(super) fn server_name(&self) -> ServerName<'static> {
        self.name.clone()
    }

    pub(super) fn host_value(&self) -> HeaderValue {
        self.host_value.clone()
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes out the newest line that may be used. INVARIANT: an address that is no longer among those
    /// that were vetted is not spoken to again.
    fn pop(&self, target: &PinnedTarget, times: Times, now: Duration) -> Option<Wired> {
        let mut waiting = self.waiting();
        if let Some((two, taken)) = &mut waiting.two {
            if target.permits(two.peer) && !two.is_closed() && !two.is_old(times, now) {
                *taken = now;
                return two.another();
            }
            waiting.two = None;
        }
        loop {
            let newest_ready = waiting.one.iter().rposition(|(wired, _)| wired.is_ready());
            let at = newest_ready.or(waiting.one.len().checked_sub(1))?;
            let (wired, since) = waiting.one.remove(at);
            let waited = now.saturating_sub(since);
            if waited < times.idle && target.permits(wired.peer) && !wired.is_closed() && !wired.is_old(times, now) {
                return Some(wired);
            }
        }
    }

    /// Keeps an HTTP/1.1 line for its next call.
    pub(super) fn keep(&self, wired: Wired, now: Duration) {
        let mut waiting = self.waiting();
        waiting.one.push((wired, now));
        // The oldest goes where there are too many; it is closed without the lock.
        let surplus = (waiting.one.len() > self.most_idle).then(|| waiting.one.remove(0));
        drop(waiting);
        drop(surplus);
    }

    /// Lets others use a new HTTP/2 line too.
    pub(super) fn share(&self, wired: &Wired) {
        if let Some(another) = wired.another() {
            let born = wired.born;
            self.waiting().two = Some((another, born));
        }
    }

    /// Closes what waited too long; whether nothing is left.
    fn sweep(&self, times: Times, now: Duration) -> bool {
        let mut waiting = self.waiting();
        let stays = |wired: &Wired, since: Duration| {
            now.saturating_sub(since) < times.idle && !wired.is_closed() && !wired.is_old(times, now)
        };
        waiting.one.retain(|(wired, since)| stays(wired, *since));
        if waiting.two.as_ref().is_some_and(|(wired, since)| !stays(wired, *since)) {
            waiting.two = None;
        }
        waiting.one.is_empty() && waiting.two.is_none()
    }
}

impl Wired {
    fn is_ready(&self) -> bool {
        match &self.sender {
            Sender::One(one) => one.is_ready(),
            Sender::Two(two) => two.is_ready(),
        }
    }

    fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::One(one) => one.is_closed(),
            Sender::Two(two) => two.is_closed(),
        }
    }

    fn is_old(&self, times: Times, now: Duration) -> bool {
        now.saturating_sub(self.born) >= times.age
    }

    /// Another handle on a line that can be shared.
    fn another(&self) -> Option<Self> {
        match &self.sender {
            Sender::Two(two) => Some(Self {
                sender: Sender::Two(two.clone()),
                gauge: self.gauge.clone(),
                peer: self.peer,
                born: self.born,
            }),
            Sender::One(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
