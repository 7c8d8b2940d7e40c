//! Identifying: the story from a presented credential to a [`Caller`].

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use lockgate_vocabulary::{Arrival, Clock, Errand, Fault, KeyId, Stop, Timestamp};
use quick_cache::sync::Cache;

use super::claims::{Claims, TenantClaim};
use super::judge::judge_token;
use super::presented::{Credential, Presented};
use super::seen::{Seen, SeenTokens, TOKENS_OF_TENANT, TokenDigest, Voucher};
use super::standing::Standing;
use super::text_key::{api_key_id, fingerprint, proves};
use crate::AccessRefusal;
use crate::caller::Caller;
use crate::config::Config;
use crate::directory::{Directory, Key, TenantView, Verifier};
use crate::issuer::book::IssuerBook;
use crate::issuer::keys::Network;
use crate::issuer::{Mapped, TrustedIssuer};
use crate::jose::json::Object;
use crate::jose::{self, Compact};
use crate::scope::ScopeSet;
use crate::tokens::{Grounds, Tokens};

/// Keys whose standing is remembered.
const KEYS_MOST: usize = 16 * 1024;

/// Identifies callers.
pub(crate) struct Identity {
    pub(crate) tokens: Tokens,
    book: IssuerBook,
    network: Network,
    clock: Arc<dyn Clock>,
    seen: SeenTokens,
    standings: Cache<KeyId, Arc<Standing>>,
}

impl Identity {
    /// Opens what identifies callers: our own tokens, and the issuers of the house's configuration.
    pub(crate) async fn open(config: &Config, grounds: Grounds, errand: Arc<dyn Errand>) -> Result<Self, Fault> {
        config.tokens.checked()?;
        let audience = config.tokens.audience().into();
        let book = IssuerBook::new(&config.issuers, audience)
            .map_err(|refusal| Fault::broken("reading the house's issuers", refusal))?;
        let network = Network {
            errand,
            open: config.danger_private_networks.as_slice().into(),
            clock: Arc::clone(&grounds.clock),
        };
        let remembered = config.remembered_tokens()?;
        Ok(Self::new(Tokens::open(&config.tokens, grounds).await?, book, network, remembered))
    }

    fn new(tokens: Tokens, book: IssuerBook, network: Network, remembered: usize) -> Self {
        let clock = Arc::clone(&network.clock);
        let seen = SeenTokens::new(remembered, TOKENS_OF_TENANT.min(remembered));
        Self { tokens, book, network, clock, seen, standings: Cache::new(KEYS_MOST) }
    }

    /// Who presents this, if it is worth anything here. Whoever asks has made sure that the snapshot may be
    /// relied upon, since a revocation could have passed it by.
    pub(crate) async fn identify(
        &self,
        directory: &Directory,
        presented: Presented<'_>,
        arrival: &Arrival,
    ) -> Result<Caller, Stop> {
        let peer = arrival.peer.ip();
        let (found, veil) = match presented.credential() {
            Ok(Credential::ApiKey(text)) => (self.by_api_key(directory, text, peer), AccessRefusal::KeyInvalid),
            Ok(Credential::Bearer(token)) => (self.by_token(directory, token, peer).await, AccessRefusal::TokenInvalid),
            Err(refusal) => (Err(refusal), AccessRefusal::TokenInvalid),
        };
        found.map_err(|refusal| shown(refusal, veil, arrival).into())
    }

    fn by_api_key(&self, directory: &Directory, text: &[u8], peer: IpAddr) -> Result<Caller, AccessRefusal> {
        let id = api_key_id(text).ok_or(AccessRefusal::KeyMalformed)?;
        let known = directory.key(id).and_then(|(view, key)| match &key.verifier {
            Verifier::ApiKey(verifier) => Some((view, key, verifier)),
            Verifier::ClientSecret(_) | Verifier::ClientKeys(_) => None,
        });
        // An unknown key costs what a known one costs.
        let proven = proves(text, known.map_or(&[0; 32], |(.., verifier)| verifier));
        let (view, key, _) = known.ok_or(AccessRefusal::KeyUnknown)?;
        if !proven {
            return Err(AccessRefusal::KeyWrong);
        }
        let standing = self.standing_of(view, key)?;
        standing.demand(self.clock.now(), peer)?;
        Ok(standing.caller(view))
    }

    fn standing_of(&self, view: &Arc<TenantView>, key: &Arc<Key>) -> Result<Arc<Standing>, AccessRefusal> {
        if let Some(standing) = self.standings.get(&key.id).filter(|standing| standing.is_of(view)) {
            return Ok(standing);
        }
        let standing = Arc::new(Standing::resolve(view, key.principal, Some(key), None)?);
        self.standings.insert(key.id, Arc::clone(&standing));
        Ok(standing)
    }

    async fn by_token(&self, directory: &Directory, token: &str, peer: IpAddr) -> Result<Caller, AccessRefusal> {
        let digest = fingerprint(token.as_bytes());
        let remembered = self.seen.find(&digest).filter(|seen| self.is_vouched(seen));
        let seen = match remembered {
            Some(seen) => seen,
            None => self.verify(directory, token, digest).await?,
        };
        self.judge_seen(directory, seen, self.clock.now(), peer)
    }

    /// Whether the keys under which the signature was verified are still the issuer's.
    fn is_vouched(&self, seen: &Seen) -> bool {
        match &seen.voucher {
            Voucher::Own(generation) => self.tokens.generation() == *generation,
            Voucher::Issuer(issuer, generation) => issuer.keys.vouch(*generation, &*self.clock),
        }
    }

    /// Judges a token whose signature stands: the time, the tenant, the principal, revocation.
    fn judge_seen(
        &self,
        directory: &Directory,
        seen: Arc<Seen>,
        now: Timestamp,
        peer: IpAddr,
    ) -> Result<Caller, AccessRefusal> {
        let skew = match &seen.voucher {
            Voucher::Own(_) => self.tokens.policy().skew,
            Voucher::Issuer(issuer, _) => issuer.policy.skew,
        };
        seen.claims.demand_valid_at(now, skew)?;
        let view = directory.tenants.get(&seen.tenant).ok_or(AccessRefusal::TenantInactive)?;
        let mut standing = seen.standing.load_full();
        if !standing.is_of(view) {
            standing = Arc::new(stand(view, &seen.claims, &seen.voucher)?);
            seen.standing.store(Arc::clone(&standing));
        }
        standing.demand(now, peer)?;
        Ok(standing.caller(view).by_token(seen))
    }

    /// Verifies a token that was not seen before, or not under these keys.
    async fn verify(
        &self,
        directory: &Directory,
        token: &str,
        digest: TokenDigest,
    ) -> Result<Arc<Seen>, AccessRefusal> {
        let unverified = jose::peek(token)?;
        let own = unverified.text("iss") == Some(&*self.tokens.policy().issuer);
        let (claims, view, voucher) = if own {
            self.verify_own(directory, token)?
        } else {
            self.verify_external(directory, token, &unverified).await?
        };
        let standing = stand(&view, &claims, &voucher)?;
        let seen = Arc::new(Seen { claims, tenant: view.tenant, voucher, standing: ArcSwap::from_pointee(standing) });
        self.seen.remember(digest, Arc::clone(&seen));
        Ok(seen)
    }

    fn verify_own(
        &self,
        directory: &Directory,
        token: &str,
    ) -> Result<(Claims, Arc<TenantView>, Voucher), AccessRefusal> {
        let (claims, generation) = self.tokens.judge(token, self.clock.now())?;
        let view = own_tenant(directory, &claims)?;
        Ok((claims, Arc::clone(view), Voucher::Own(generation)))
    }

    async fn verify_external(
        &self,
        directory: &Directory,
        token: &str,
        unverified: &Object,
    ) -> Result<(Claims, Arc<TenantView>, Voucher), AccessRefusal> {
        let (issuer, view) = self.book.find(directory, unverified)?;
        // Nothing is fetched for a token whose header is refused anyway.
        let compact = Compact::parse(token, &issuer.policy.header)?;
        let held = issuer.keys_for(&compact.kid, &self.network).await?;
        let claims = judge_token(token, &held.set, &issuer.policy, self.clock.now())?;
        Ok((claims, Arc::clone(view), Voucher::Issuer(issuer, held.generation)))
    }

    /// Demands that the key that signed the token is still its issuer's. A rotation leaves it there until
    /// its last token has expired; a withdrawal does not.
    fn demand_key(&self, seen: &Seen) -> Result<(), AccessRefusal> {
        if self.is_vouched(seen) {
            return Ok(());
        }
        match &seen.voucher {
            Voucher::Own(_) => self.tokens.demand_key(&seen.claims.signed_by),
            Voucher::Issuer(issuer, _) => issuer.keys.demand_key(&seen.claims.signed_by, &*self.clock),
        }
    }

    /// Whether a caller who was identified before still is one: nothing of theirs was revoked since.
    pub(crate) fn still_stands(&self, directory: &Directory, caller: &Caller) -> Result<(), AccessRefusal> {
        if let Some(seen) = caller.token() {
            self.demand_key(seen)?;
        }
        let view = directory.tenants.get(&caller.tenant()).ok_or(AccessRefusal::TenantInactive)?;
        if Arc::ptr_eq(view, caller.view()) {
            return Ok(());
        }
        match (caller.token(), caller.key()) {
            (Some(seen), _) => stand(view, &seen.claims, &seen.voucher).map(drop),
            (None, Some(key)) => {
                let key = view.keys.get(&key).ok_or(AccessRefusal::KeyUnknown)?;
                Standing::resolve(view, key.principal, Some(key), None).map(drop)
            }
            (None, None) => Err(AccessRefusal::KeyUnknown),
        }
    }
}

/// The tenant of a token of our own, which always names it by its id.
pub(crate) fn own_tenant<'d>(directory: &'d Directory, claims: &Claims) -> Result<&'d Arc<TenantView>, AccessRefusal> {
    match &claims.tenant {
        TenantClaim::Id(id) => directory.tenants.get(id).ok_or(AccessRefusal::TenantInactive),
        TenantClaim::Alias(_) => Err(AccessRefusal::TokenTenant),
    }
}

/// What a token amounts to in this snapshot of its tenant.
pub(crate) fn stand(view: &Arc<TenantView>, claims: &Claims, voucher: &Voucher) -> Result<Standing, AccessRefusal> {
    if view.revoked.contains_key(&*claims.id) {
        return Err(AccessRefusal::TokenRevoked);
    }
    match voucher {
        Voucher::Own(_) => {
            let key = claims.key.and_then(|key| view.keys.get(&key)).ok_or(AccessRefusal::KeyUnknown)?;
            let granted: ScopeSet = claims.scope.parse().map_err(|_| AccessRefusal::TokenScope)?;
            Standing::resolve(view, key.principal, Some(key), Some(&granted))
        }
        Voucher::Issuer(issuer, _) => stand_external(view, claims, issuer),
    }
}

fn stand_external(view: &Arc<TenantView>, claims: &Claims, issuer: &TrustedIssuer) -> Result<Standing, AccessRefusal> {
    if !IssuerBook::still_trusts(issuer, view) {
        return Err(AccessRefusal::IssuerUnknown);
    }
    let named = match &claims.tenant {
        TenantClaim::Id(id) => view.tenant == *id,
        TenantClaim::Alias(alias) => view.alias.as_deref() == Some(alias.as_str()),
    };
    if !named {
        return Err(AccessRefusal::TenantInactive);
    }
    let mapped = issuer.principal(&claims.client).ok_or(AccessRefusal::PrincipalUnknown)?;
    let principal = match mapped {
        Mapped::Written(name) => match name.parse() {
            Ok(id) => view.principals.get(&id),
            Err(_) => view.principals.values().find(|principal| *principal.name == *name),
        },
        Mapped::Alike(name) => view.principals.values().find(|principal| *principal.name == *name),
    };
    let principal = principal.ok_or(AccessRefusal::PrincipalUnknown)?;
    // Nobody becomes an operator by happening to have an operator's name at another issuer.
    if mapped.is_alike() && principal.kind == lockgate_vocabulary::PrincipalKind::Operator {
        return Err(AccessRefusal::PrincipalUnknown);
    }
    Standing::resolve(view, principal.id, None, Some(&issuer.scopes(&claims.scope)))
}

/// What the caller is told. The reason goes to the log: it would tell an attacker how far an attempt came.
fn shown(refusal: AccessRefusal, veil: AccessRefusal, arrival: &Arrival) -> AccessRefusal {
    let code = refusal.info().code;
    tracing::info!(code, trace = %arrival.trace.trace, peer = %arrival.peer.ip(), "a credential was refused");
    match refusal {
        AccessRefusal::CredentialAmbiguous | AccessRefusal::CredentialMissing | AccessRefusal::IssuerUnavailable => {
            refusal
        }
        _ => veil,
    }
}

#[cfg(test)]
mod tests;
