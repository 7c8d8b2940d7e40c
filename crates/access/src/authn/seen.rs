//! Tokens whose signature was verified before.
//!
//! What is remembered is the signature, by the SHA-256 of the whole token, and never the decision: each
//! hit is judged anew against the time, the issuer's keys and the tenant's snapshot. The memory is
//! bounded, and each tenant has its share, so that no tenant pushes another's tokens out.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use lockgate_vocabulary::TenantId;
use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Lifecycle, UnitWeighter};

use super::claims::Claims;
use super::standing::Standing;
use crate::issuer::TrustedIssuer;

/// Tokens that are remembered.
pub(crate) const TOKENS_MOST: usize = 32 * 1024;

/// Tokens that are remembered of one tenant.
pub(crate) const TOKENS_OF_TENANT: usize = 4 * 1024;

/// The SHA-256 of a token.
pub(crate) type TokenDigest = [u8; 32];

/// A token whose signature was verified.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) claims: Claims,
    pub(crate) tenant: TenantId,
    pub(crate) voucher: Voucher,
    /// What it amounted to when it was last used.
    pub(crate) standing: ArcSwap<Standing>,
}

/// Under which keys a signature was verified.
#[derive(Debug)]
pub(crate) enum Voucher {
    /// Our own, in this generation.
    Own(u64),
    /// An external issuer's, in this generation.
    Issuer(Arc<TrustedIssuer>, u64),
}

/// A token in the memory, and its place among those of its tenant.
#[derive(Clone)]
struct Remembered {
    place: u64,
    seen: Arc<Seen>,
}

/// The memory of tokens.
pub(crate) struct SeenTokens {
    tokens: Cache<TokenDigest, Remembered, UnitWeighter, DefaultHashBuilder, Told>,
    shares: Mutex<Shares>,
    share: usize,
}

/// What is remembered of each tenant.
///
/// INVARIANT: it holds exactly what `tokens` holds, so that it is bounded as that is. Only
/// [`SeenTokens::remember`] adds and removes, and it holds this while it does.
#[derive(Default)]
struct Shares {
    /// Each tenant's, oldest first.
    tenants: HashMap<TenantId, BTreeMap<u64, TokenDigest>>,
    /// The next place.
    next: u64,
}

impl Shares {
    fn forget(&mut self, tenant: TenantId, place: u64) {
        if let Some(share) = self.tenants.get_mut(&tenant) {
            share.remove(&place);
            if share.is_empty() {
                self.tenants.remove(&tenant);
            }
        }
    }
}

/// Tells what had to make room for a token.
#[derive(Clone)]
struct Told;

impl Lifecycle<TokenDigest, Remembered> for Told {
    type RequestState = Vec<(TenantId, u64)>;

    fn on_evict(&self, evicted: &mut Self::RequestState, _: TokenDigest, value: Remembered) {
        evicted.push((value.seen.tenant, value.place));
    }
}

impl SeenTokens {
    pub(crate) fn new(most: usize, share: usize) -> Self {
        let capacity = u64::try_from(most).unwrap_or(u64::MAX);
        let tokens = Cache::with(most, capacity, UnitWeighter, DefaultHashBuilder::default(), Told);
        Self { tokens, shares: Mutex::default(), share }
    }

    pub(crate) fn find(&self, digest: &TokenDigest) -> Option<Arc<Seen>> {
        self.tokens.get(digest).map(|found| found.seen)
    }

    /// Remembers a token; where the tenant's share is used up, its oldest one is forgotten.
    /// A share of nought remembers nothing.
    pub(crate) fn remember(&self, digest: TokenDigest, seen: Arc<Seen>) {
        if self.share == 0 {
            return;
        }
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let tenant = seen.tenant;
        let place = match self.tokens.peek(&digest) {
            // A token that was verified anew, since keys changed, has its place already.
            Some(known) => known.place,
            None => {
                shares.next += 1;
                let full = shares.tenants.get_mut(&tenant).filter(|share| share.len() >= self.share);
                if let Some((_, oldest)) = full.and_then(BTreeMap::pop_first) {
                    self.tokens.remove(&oldest);
                }
                shares.next
            }
        };
        let mut evicted = Vec::new();
        self.tokens.insert_with_lifecycle(digest, Remembered { place, seen }, &mut evicted);
        for (tenant, place) in evicted {
            shares.forget(tenant, place);
        }
        // The memory may have had no room for this one itself.
        if self.tokens.peek(&digest).is_some() {
            shares.tenants.entry(tenant).or_default().insert(place, digest);
        }
    }
}

#[cfg(test)]
mod tests;
