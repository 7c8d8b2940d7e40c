//! Tokens whose signature was verified before.
//!
//! What is remembered is the signature, by the SHA-256 of the whole token, and never the decision: each
//! hit is judged anew against the time, the issuer's keys and the tenant's snapshot. The memory is
//! bounded, and each tenant has its share, so that no tenant pushes another's tokens out.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use lockgate_vocabulary::TenantId;
use quick_cache::sync::Cache;

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

/// The memory of tokens.
pub(crate) struct SeenTokens {
    tokens: Cache<TokenDigest, Arc<Seen>>,
    /// What was remembered of each tenant, oldest first.
    shares: Mutex<HashMap<TenantId, VecDeque<TokenDigest>>>,
    share: usize,
}

impl SeenTokens {
    pub(crate) fn new(most: usize, share: usize) -> Self {
        Self { tokens: Cache::new(most), shares: Mutex::new(HashMap::new()), share }
    }

    pub(crate) fn find(&self, digest: &TokenDigest) -> Option<Arc<Seen>> {
        self.tokens.get(digest)
    }

    /// Remembers a token; where the tenant's share is used up, its oldest one is forgotten.
    /// A share of nought remembers nothing.
    pub(crate) fn remember(&self, digest: TokenDigest, seen: Arc<Seen>) {
        if self.share == 0 {
            return;
        }
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let share = shares.entry(seen.tenant).or_default();
        // A token that was verified anew, since keys changed, has its place already.
        let known = self.tokens.peek(&digest).is_some();
        if !known {
            if share.len() >= self.share
                && let Some(oldest) = share.pop_front()
            {
                self.tokens.remove(&oldest);
            }
            share.push_back(digest);
        }
        self.tokens.insert(digest, seen);
    }
}

#[cfg(test)]
mod tests;
