//! The keys of an external issuer, held and fetched anew.
//!
//! A token may name a key that is not known yet, since issuers rotate; but anybody can write such a
//! token. So a fetch is made at most once in ten seconds, by one request at a time, and everybody else
//! is judged by what is known.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use ipnet::IpNet;
use lockgate_vocabulary::{Clock, Errand};
use tokio::sync::Mutex;

use super::fetch::{self, FetchFailure};
use super::trusted::TrustedIssuer;
use crate::AccessRefusal;
use crate::keyset::KeySet;

/// How far apart two fetches are at least.
pub(crate) const FETCH_GAP: Duration = Duration::from_secs(10);

/// How long keys are fresh where the issuer does not say.
pub(crate) const FRESH: Duration = Duration::from_secs(300);

/// The bounds of what an issuer may say.
const FRESH_BOUNDS: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(900));

/// How long keys are used while the issuer cannot be reached. Its tokens live no longer either.
pub(crate) const STALE_MOST: Duration = Duration::from_secs(3600);

/// The keys of one issuer.
#[derive(Debug, Default)]
pub(crate) struct IssuerKeys {
    held: ArcSwapOption<Held>,
    /// Rises whenever other keys are held than before, so that signatures are verified anew.
    generation: AtomicU64,
    /// When a fetch was last begun: microseconds of the clock, plus one; nought before the first.
    begun: AtomicU64,
    fetching: Mutex<()>,
}

/// Keys, and when they were fetched.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) set: KeySet,
    pub(crate) generation: u64,
    fetched: Duration,
    fresh_for: Duration,
}

/// What a fetch needs.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) errand: Arc<dyn Errand>,
    /// Private networks that tenants may open to their issuers.
    pub(crate) open: Box<[IpNet]>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl IssuerKeys {
    /// Whether a signature that was verified under this generation still counts, and no fetch is due.
    pub(crate) fn vouch(&self, generation: u64, clock: &dyn Clock) -> bool {
        let Some(held) = &*self.held.load() else { return false };
        let age = clock.elapsed().saturating_sub(held.fetched);
        held.generation == generation && age <= STALE_MOST && (age <= held.fresh_for || !self.may_fetch(clock))
    }

    /// Demands that this key still verifies.
    pub(crate) fn demand_key(&self, kid: &str, clock: &dyn Clock) -> Result<(), AccessRefusal> {
        let held = self.held.load();
        let held = held.as_ref().ok_or(AccessRefusal::IssuerUnavailable)?;
        if clock.elapsed().saturating_sub(held.fetched) > STALE_MOST {
            return Err(AccessRefusal::IssuerUnavailable);
        }
        held.set.find(kid).map(drop)
    }

    fn may_fetch(&self, clock: &dyn Clock) -> bool {
        let begun = self.begun.load(Ordering::Acquire);
        begun == 0 || micros(clock.elapsed()).saturating_sub(begun - 1) >= micros(FETCH_GAP)
    }
}

impl TrustedIssuer {
    /// The keys by which a token that names this one is judged, fetched if need be.
    pub(crate) async fn keys_for(&self, kid: &str, network: &Network) -> Result<Arc<Held>, AccessRefusal> {
        let keys = &self.keys;
        let before = keys.held.load_full();
        let now = network.clock.elapsed();
        let knows = |held: &Held| held.set.find(kid).err() != Some(AccessRefusal::TokenKeyUnknown);
        match &before {
            Some(held) if knows(held) && now.saturating_sub(held.fetched) <= held.fresh_for => {
                return Ok(Arc::clone(held));
            }
            // Known but not fresh: one request fetches, the others go on with what there is.
            Some(held) if knows(held) => {
                if let Ok(guard) = keys.fetching.try_lock() {
                    self.refetch(network).await;
                    drop(guard);
                }
            }
            // Unknown: whoever comes second waits for the first, and finds what that one fetched.
            _ => {
                let guard = keys.fetching.lock().await;
                self.refetch(network).await;
                drop(guard);
            }
        }
        let held = keys.held.load_full().ok_or(AccessRefusal::IssuerUnavailable)?;
        if network.clock.elapsed().saturating_sub(held.fetched) > STALE_MOST {
            return Err(AccessRefusal::IssuerUnavailable);
        }
        Ok(held)
    }

    /// Fetches unless that was just done. INVARIANT: the caller holds `fetching`.
    async fn refetch(&self, network: &Network) {
        let keys = &self.keys;
        if !keys.may_fetch(&*network.clock) {
            return;
        }
        let begun = network.clock.elapsed();
        keys.begun.store(micros(begun).saturating_add(1), Ordering::Release);
        let courier = fetch::Courier { errand: &*network.errand, owner: self.errand_owner(&network.open) };
        match fetch::fetch(&self.url, &self.source, &courier).await {
            Ok(fetched) => {
                let old = keys.held.load_full();
                let same = old.is_some_and(|old| old.set.is_same(&fetched.set));
                let generation = keys.generation.fetch_add(u64::from(!same), Ordering::AcqRel) + u64::from(!same);
                for (kid, refusal) in fetched.set.left_out() {
                    tracing::debug!(issuer = &*self.url, kid, code = refusal.info().code, "left out a key");
                }
                let (least, most) = FRESH_BOUNDS;
                let fresh_for = fetched.fresh_for.unwrap_or(FRESH).clamp(least, most);
                keys.held.store(Some(Arc::new(Held { set: fetched.set, generation, fetched: begun, fresh_for })));
            }
            Err(FetchFailure::Unavailable(reason)) => {
                tracing::warn!(issuer = &*self.url, reason, "an issuer's keys were not fetched");
            }
            Err(FetchFailure::Refused(refusal)) => {
                // Whoever published this has lost a key or the control of the document.
                tracing::error!(issuer = &*self.url, code = refusal.info().code, "an issuer's keys are refused");
                keys.generation.fetch_add(1, Ordering::AcqRel);
                keys.held.store(None);
            }
        }
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
