//! Our own tokens: the keys that sign them, the endpoint that issues them, revocation, introspection.
//!
//! In reading order: [`Tokens`] is the whole; `client` authenticates who asks, by secret or by
//! `assertion`; `issue` answers with a token; `revoke` takes one back and looks into one; `ring` and
//! `rotate` keep the signing keys; `ceiling` says how long any credential may live. Not here: judging a
//! presented token (`authn`), and HTTP: the doors read requests and write answers.

mod assertion;
mod attempts;
mod ceiling;
mod client;
mod denied;
mod form;
mod issue;
mod metadata;
mod oauth_error;
mod pace;
mod revoke;
mod ring;
mod rotate;
pub(crate) mod rows;
mod seal;
mod signing_key;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use arc_swap::ArcSwap;
use lockgate_audit::Audit;
use lockgate_store::Store;
use lockgate_vocabulary::limit::OPERATION_TIME;
use lockgate_vocabulary::{Clock, Entropy, Fault, Timestamp};

pub use assertion::{ASSERTION_LIFETIME_MOST, Assertion, Parties, judge_assertion};
pub use ceiling::CredentialLife;
pub use client::Posted;
pub use denied::Denied;
pub use form::FORM_BYTES;
pub use issue::Issued;
pub use oauth_error::OauthError;
pub use ring::SigningKeyRecord;
pub use seal::SealKeys;
pub use signing_key::SigningAlgorithm;

use self::attempts::Attempts;
use self::pace::Pace;
use self::ring::Ring;
use crate::AccessRefusal;
use crate::authn::{Claims, TokenPolicy, judge_token};
use crate::config::TokenConfig;
use crate::jose::{Algorithm, Algorithms};

/// The issuer of our own tokens.
pub struct Tokens {
    store: Store,
    audit: Option<Audit>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    seal: SealKeys,
    /// What our own tokens must be.
    policy: TokenPolicy,
    algorithm: SigningAlgorithm,
    lifetime: Duration,
    /// How long a key signs.
    rotation: Duration,
    metadata: Arc<str>,
    ring: ArcSwap<Ring>,
    reloading: tokio::sync::Mutex<()>,
    /// Since when the store is known to have changed and the keys were not read anew: microseconds of the clock's
    /// elapsed time and one, or 0.
    behind_since: AtomicU64,
    attempts: Attempts,
    pace: Pace,
    /// Looking into a token costs no record, so it has a pace of its own.
    introspections: Pace,
}

/// What the issuer stands on.
pub(crate) struct Grounds {
    pub(crate) store: Store,
    pub(crate) audit: Option<Audit>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) seal: SealKeys,
}

impl Tokens {
    /// Opens the issuer, and makes its first keys where it has none.
    pub(crate) async fn open(config: &TokenConfig, grounds: Grounds) -> Result<Self, Fault> {
        let (issuer, audience) = (config.issuer.as_str(), config.audience());
        let mut policy = TokenPolicy::strict(issuer, audience);
        policy.header.algorithms = Algorithms::of(&[Algorithm::EdDsa, Algorithm::Es256]);
        let Grounds { store, audit, clock, entropy, seal } = grounds;
        let tokens = Self {
            store,
            audit,
            clock,
            entropy,
            seal,
            policy,
            algorithm: config.algorithm,
            lifetime: config.lifetime(),
            rotation: config.rotation(),
            metadata: metadata::metadata(issuer).into(),
            ring: ArcSwap::default(),
            reloading: tokio::sync::Mutex::new(()),
            behind_since: AtomicU64::new(0),
            attempts: Attempts::new(),
            pace: Pace::new(config.per_client_per_minute),
            introspections: Pace::new(config.introspections_per_client_per_minute),
        };
        tokens.start().await?;
        Ok(tokens)
    }

    /// The document of `/.well-known/jwks.json`.
    pub fn jwks(&self) -> Arc<str> {
        self.ring.load().jwks()
    }

    /// The document of `/.well-known/oauth-authorization-server` (RFC 8414).
    pub fn metadata(&self) -> Arc<str> {
        Arc::clone(&self.metadata)
    }

    /// Judges a token of our own, and says under which generation of keys.
    pub(crate) fn judge(&self, token: &str, now: Timestamp) -> Result<(Claims, u64), AccessRefusal> {
        let ring = self.ring.load();
        judge_token(token, ring.keys(), &self.policy, now).map(|claims| (claims, ring.generation()))
    }

    /// Demands that this key of ours still verifies.
    pub(crate) fn demand_key(&self, kid: &str) -> Result<(), AccessRefusal> {
        self.ring.load().keys().find(kid).map(drop)
    }

    pub(crate) fn generation(&self) -> u64 {
        self.ring.load().generation()
    }

    pub(crate) const fn policy(&self) -> &TokenPolicy {
        &self.policy
    }

    /// Until when a revocation has to be remembered: as long as the token would be taken, and then as long
    /// as an operation may go on that was accepted with it at the last moment. Whether an operation may go
    /// on is judged without the token's expiry, so a revocation that was forgotten would let it revive.
    fn forget_at(&self, claims: &Claims) -> Timestamp {
        let taken_until = Timestamp::from_secs(claims.expires_at).after(self.policy.skew).after(self.policy.skew);
        taken_until.after(OPERATION_TIME)
    }
}

#[cfg(test)]
pub(crate) mod tests;
