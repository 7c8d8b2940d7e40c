//! What was vetted, kept for a while: one look-up for all who ask at the same time, one judgement for
//! all who ask within 30 s.
//!
//! The key is everything that the judgement depends on (scheme, host, port, opened networks), so a changed
//! connection never meets an old judgement, and connections to the same vendor share one entry. From 20 s
//! on the name is looked up again beside the calls, so that none of them waits; what that look-up finds to
//! be forbidden holds at once, and a name server that fails costs nothing before the 30 s are over. Where it
//! is silent, or there is no room to ask it, what was judged to be allowed is used for five minutes at the
//! most: the addresses are those that were judged, and are tried in no other way. A failure is kept for a
//! second, so that a broken name does not become a stream of look-ups.
//!
//! A tenant has a quarter of the look-ups under way and of the system's places, and keeps a place until the
//! system answers, so that whoever names hosts which nobody answers for keeps nobody else waiting.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};
use ipnet::IpNet;
use lockgate_vocabulary::{Clock, TenantId};
use quick_cache::Equivalent;
use quick_cache::sync::Cache;
use tokio::sync::watch;

use super::host::Host;
use super::judge::{judge_answers, judge_host};
use super::pinned::PinnedTarget;
use super::resolve::{ResolveFailure, Resolver, SYSTEM_LOOKUPS};
use super::url::Scheme;
use crate::refusal::EgressRefusal;
use crate::share::{Share, Shares};
use crate::turns::Turns;

/// How long a name server may take.
pub(super) const LOOKUP_TIME: Duration = Duration::from_secs(5);

/// How long a judgement is used.
pub(super) const FRESH_FOR: Duration = Duration::from_secs(30);

/// How long a judgement is used, at the most, where the name server is silent or cannot be asked.
pub(super) const LAST_GOOD_FOR: Duration = Duration::from_secs(300);

/// When a judgement is renewed beside the calls that still use it.
pub(super) const RENEWED_AFTER: Duration = Duration::from_secs(20);

/// How long a failure is used, and how long a renewal that failed is not tried again.
pub(super) const FAILED_FOR: Duration = Duration::from_secs(1);

/// Destinations that are remembered.
const REMEMBERED: usize = 16_384;

/// Look-ups that may be under way at once.
pub(super) const UNDER_WAY: usize = 256;

/// The same for one tenant.
pub(super) const UNDER_WAY_EACH: usize = UNDER_WAY / 4;

/// Look-ups of one tenant that may stand in the system at once.
pub(super) const SYSTEM_EACH: usize = SYSTEM_LOOKUPS / 4;

type Outcome = Result<PinnedTarget, EgressRefusal>;

/// Everything that a judgement depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) scheme: Scheme,
    pub(super) host: Arc<str>,
    pub(super) port: u16,
    pub(super) opened: Box<[IpNet]>,
}

/// The same, borrowed, so that asking for what is there allocates nothing.
#[derive(Debug, Clone, Copy, Hash)]
pub(super) struct KeyRef<'a> {
    pub(super) scheme: Scheme,
    pub(super) host: &'a Arc<str>,
    pub(super) port: u16,
    pub(super) opened: &'a [IpNet],
}

impl Key {
    fn borrowed(&self) -> KeyRef<'_> {
        KeyRef { scheme: self.scheme, host: &self.host, port: self.port, opened: &self.opened }
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.borrowed().hash(state);
    }
}

impl KeyRef<'_> {
    fn owned(&self) -> Key {
        Key { scheme: self.scheme, host: Arc::clone(self.host), port: self.port, opened: self.opened.into() }
    }
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.port == key.port && self.scheme == key.scheme && **self.host == *key.host && *self.opened == *key.opened
    }
}

#[derive(Clone)]
struct Kept {
    renew_from: Duration,
    until: Duration,
    /// Until when it is used where the name server is silent.
    silent_until: Duration,
    outcome: Outcome,
}

impl Kept {
    /// An address never changes its kind, so its judgement holds as long as the process.
    fn for_good(outcome: Outcome) -> Self {
        Self { renew_from: Duration::MAX, until: Duration::MAX, silent_until: Duration::MAX, outcome }
    }

    fn of(outcome: Outcome, now: Duration) -> Self {
        let (renewed_after, for_how_long) =
            if outcome.is_ok() { (RENEWED_AFTER, FRESH_FOR) } else { (FAILED_FOR, FAILED_FOR) };
        let [renew_from, until, silent_until] =
            [renewed_after, for_how_long, LAST_GOOD_FOR].map(|long| now.saturating_add(long));
        Self { renew_from, until, silent_until, outcome }
    }
}

/// A look-up to wait for, and whether whoever waits began it.
type UnderWay = (watch::Receiver<Option<Outcome>>, bool);

/// The memory of judgements, and the look-ups under way.
pub(super) struct Lookups {
    resolver: Arc<dyn Resolver>,
    clock: Arc<dyn Clock>,
    kept: Cache<Key, Kept>,
    under_way: Mutex<HashMap<Key, watch::Receiver<Option<Outcome>>>>,
    shares: Arc<Shares>,
    turns: Turns,
}

impl Lookups {
    pub(super) fn new(resolver: Arc<dyn Resolver>, clock: Arc<dyn Clock>) -> Self {
        let (shares, turns) = (Shares::new(UNDER_WAY_EACH as u64), Turns::new(SYSTEM_LOOKUPS, SYSTEM_EACH));
        Self { resolver, clock, kept: Cache::new(REMEMBERED), under_way: Mutex::default(), shares, turns }
    }

    /// The judgement, from memory or by a look-up that is this tenant's.
    pub(super) async fn judge(self: &Arc<Self>, tenant: TenantId, key: KeyRef<'_>) -> Outcome {
        let now = self.clock.elapsed();
        let Some(kept) = self.kept.get(&key).filter(|kept| now < kept.until) else {
            let owned = key.owned();
            return match self.look_up(tenant, owned).await {
                Err(EgressRefusal::NameBusy) => self.last_good(&key, now).ok_or(EgressRefusal::NameBusy),
                outcome => outcome,
            };
        };
        if now >= kept.renew_from {
            // Nobody waits for it, and where there is no room for it now there will be for the next call's.
            drop(self.join(tenant, key.owned()));
        }
        kept.outcome
    }

    /// What was judged last, where its addresses may be called and it is not too old.
    fn last_good(&self, key: &KeyRef<'_>, now: Duration) -> Option<PinnedTarget> {
        self.kept.get(key).filter(|kept| now < kept.silent_until)?.outcome.ok()
    }

    /// Judges the text, then joins the look-up of the name or starts it.
    async fn look_up(self: &Arc<Self>, tenant: TenantId, key: Key) -> Outcome {
        let host = Host::parse(&key.host)?;
        // INVARIANT: what is dialled and verified is what was judged, so a host in another form is refused.
        if host.to_string() != *key.host {
            return Err(EgressRefusal::HostLookalike);
        }
        if let Some(address) = judge_host(&host, &key.opened)? {
            let target = PinnedTarget::new(&key, vec![SocketAddr::new(address, key.port)]);
            self.kept.insert(key, Kept::for_good(Ok(target.clone())));
            return Ok(target);
        }
        loop {
            let (mut answer, ours) = self.join(tenant, key.clone())?;
            let outcome = match answer.wait_for(Option::is_some).await {
                Ok(outcome) => outcome.clone().unwrap_or(Err(EgressRefusal::NameUnresolved)),
                // The task that looked it up died; the name counts as not resolved.
                Err(_) => Err(EgressRefusal::NameUnresolved),
            };
            // Whoever else began it had no turn left; this tenant may have one.
            if ours || outcome != Err(EgressRefusal::NameBusy) {
                return outcome;
            }
        }
    }

    /// The look-up that is under way, or a new one; whether it is this tenant's own.
    fn join(self: &Arc<Self>, tenant: TenantId, key: Key) -> Result<UnderWay, EgressRefusal> {
        let mut under_way = self.under_way();
        if let Some(answer) = under_way.get(&key) {
            return Ok((answer.clone(), false));
        }
        if under_way.len() >= UNDER_WAY {
            return Err(EgressRefusal::NameBusy);
        }
        let share = self.shares.take(tenant, 1).ok_or(EgressRefusal::NameBusy)?;
        let (told, answer) = watch::channel(None);
        under_way.insert(key.clone(), answer.clone());
        drop(under_way);
        // A task of its own, so that it ends and is remembered even when the first who asked goes away.
        let lookups = Arc::clone(self);
        tokio::spawn(async move {
            let landing = Landing { lookups: &lookups, key: &key, _share: share };
            let outcome = lookups.ask(tenant, &key).await.map(|sockets| PinnedTarget::new(&key, sockets));
            let outcome = lookups.keep(key.clone(), outcome);
            drop(landing);
            told.send_replace(Some(outcome));
        });
        Ok((answer, true))
    }

    async fn ask(&self, tenant: TenantId, key: &Key) -> Result<Vec<SocketAddr>, EgressRefusal> {
        let turn = pin!(self.turns.take(tenant));
        let (turn, time) = match select(turn, self.clock.sleep(LOOKUP_TIME)).await {
            Either::Left((Ok(turn), time)) => (turn, time),
            Either::Left((Err(_), _)) | Either::Right(_) => return Err(EgressRefusal::NameBusy),
        };
        let answers = self.resolver.resolve(Arc::clone(&key.host));
        // A task of its own: it keeps its turn until the system answers, even when nobody waits.
        let answers = tokio::spawn(async move {
            let answers = answers.await;
            drop(turn);
            answers
        });
        match select(answers, time).await {
            Either::Left((Ok(Ok(answers)), _)) => judge_answers(&answers, key.port, &key.opened),
            Either::Left((Ok(Err(ResolveFailure::Busy)), _)) => Err(EgressRefusal::NameBusy),
            Either::Left((Ok(Err(ResolveFailure::NotFound)) | Err(_), _)) => Err(EgressRefusal::NameUnresolved),
            Either::Right(_) => Err(EgressRefusal::NameTimeout),
        }
    }

    /// Remembers what came of a look-up; what holds from now on, which is what was judged before where the
    /// look-up failed on its way and that may still be used.
    fn keep(&self, key: Key, outcome: Outcome) -> Outcome {
        let now = self.clock.elapsed();
        let silent = matches!(outcome, Err(EgressRefusal::NameTimeout | EgressRefusal::NameBusy));
        let failed_on_the_way = silent || matches!(outcome, Err(EgressRefusal::NameUnresolved));
        let holds = |kept: &Kept| now < kept.until || (silent && now < kept.silent_until);
        let kept = match self.kept.get(&key).filter(|kept| kept.outcome.is_ok() && holds(kept)) {
            Some(good) if failed_on_the_way => {
                let longer = if silent { now.saturating_add(FRESH_FOR).min(good.silent_until) } else { good.until };
                Kept { renew_from: now.saturating_add(FAILED_FOR), until: good.until.max(longer), ..good }
            }
            // That somebody had no turn says nothing of the name.
            _ if outcome == Err(EgressRefusal::NameBusy) => return outcome,
            _ => Kept::of(outcome, now),
        };
        self.kept.insert(key, kept.clone());
        kept.outcome
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<Key, watch::Receiver<Option<Outcome>>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a look-up off the list when it ends, however it ends.
struct Landing<'a> {
    lookups: &'a Lookups,
    key: &'a Key,
    _share: Share,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.lookups.under_way().remove(self.key);
    }
}
