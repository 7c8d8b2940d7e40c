//! Access tokens for credentials that are a client's id and secret: of its own account (client credentials, RFC 6749
//! section 4.4), or of one that a person connected (refresh tokens, section 6).
//!
//! A token is lent from memory. It is had when a call needs one, once for all calls that wait for it; shortly before it
//! ends the next call has another one fetched behind its back and goes with the one that there is. Where the vendor
//! does not take it any more, another one is had once in its place.
//!
//! All nodes have the same tokens: they are kept sealed in the store, and whoever asks for the next ones holds their
//! lease. What is asked is written down before it is asked, and what came is kept before anybody uses it. So a vendor
//! that takes a refresh token once is asked with it once, and an attempt whose answer was lost shows as that.

mod keep;
mod kept;
mod request;
mod shelf;
mod tidy;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use lockgate_access::Grant;
use lockgate_access::directory::Connection;
use lockgate_access::spec::{AuthPlacement, TokenSpec};
use lockgate_audit::Audit;
use lockgate_vocabulary::{Background, Entropy, Errand, ErrandFailure, Fault, Secret, Stop};
use tokio::sync::OwnedMutexGuard;

use crate::dpop::{self, DpopKey, Nonce, ProofVerdict};
use crate::equip::{Equipped, Loan};
use crate::refusal::VaultRefusal;
use crate::vault::{Inner, Vault};

use kept::LEASE;
pub(crate) use kept::{Kept, KeptState, LONG_LEASE, Lease, Pair, Patience, TokensToSeal};
pub(crate) use request::{Client, Got, Proof, judge};
pub(crate) use shelf::Shelf;
use shelf::{Failed, Slot, Standing};

/// For how long a first failure stands for all who ask, and the longest: it doubles each time. A token endpoint that
/// refuses is not asked by every call, nor for ever as often.
const FAILURE_HOLDS: Duration = Duration::from_secs(1);
const FAILURE_HOLDS_MOST: Duration = Duration::from_secs(60);

/// How long a token endpoint is left alone at the most where it asks for that (`Retry-After`).
pub(crate) const ASKED_FOR_MOST: Duration = Duration::from_secs(300);

/// How often it is looked whether another node has had the tokens that it asks for, and how many times.
const LOOK: Duration = Duration::from_millis(100);
const LOOKS: u32 = 300;

/// Sees to it that a token is there when a request is to be equipped with it.
#[derive(Clone)]
pub struct Tokens {
    pub(crate) vault: Vault,
    pub(crate) errand: Arc<dyn Errand>,
    pub(crate) audit: Audit,
    /// Whoever asks a vendor and keeps what it gives: a gateway that stops waits for them.
    pub(crate) background: Arc<Background>,
}

/// What tokens are wanted for.
#[derive(Clone)]
struct Wanted {
    connection: Arc<Connection>,
    spec: Arc<TokenSpec>,
    slot: Arc<Slot>,
}

/// How a person's grant is had and what for, where the connection's vendor wants one.
pub(crate) fn grant_spec(connection: &Connection) -> Option<&TokenSpec> {
    match &connection.provider.auth {
        AuthPlacement::OAuth(spec) => Some(&**spec).filter(|spec| spec.authorization.is_some()),
        _ => None,
    }
}

impl Tokens {
    /// Tokens of this vault, which `errand` asks for. Each that is had, or not, is recorded by `audit`.
    pub fn new(vault: Vault, errand: Arc<dyn Errand>, audit: Audit) -> Self {
        Self { vault, errand, audit, background: Arc::default() }
    }

    /// Makes sure that there is what the call is equipped with: the value, where another vault keeps it, and a token,
    /// where its connection wants one. Otherwise there is nothing to do.
    pub async fn ready(&self, grant: &Grant) -> Result<(), Stop> {
        let connection = grant.connection();
        self.vault.inner.await_held(connection).await?;
        let AuthPlacement::OAuth(spec) = &connection.provider.auth else { return Ok(()) };
        let inner = &self.vault.inner;
        let slot = inner.tokens.slot(connection.tenant, inner.would_lend(connection)?);
        let standing = slot.standing(inner.clock.elapsed());
        if standing == Standing::Fresh {
            return Ok(());
        }
        let loan = inner.lend(connection)?;
        let wanted = Wanted { connection: Arc::clone(connection), spec: Arc::new((**spec).clone()), slot };
        if standing == Standing::Ageing {
            // Somebody fetches already, or this call has it done behind its back.
            if let Ok(turn) = Arc::clone(&wanted.slot.turn).try_lock_owned()
                && self.is_worth_asking(&turn)
                && wanted.slot.is_of(loan.of())
            {
                drop(tokio::spawn(self.clone().obtain(wanted, loan, turn)));
            }
            return Ok(());
        }
        let turn = Arc::clone(&wanted.slot.turn).lock_owned().await;
        // While it waited the credential may have been revoked, rotated or bound elsewhere.
        let loan = inner.lend(connection)?;
        if !wanted.slot.is_of(loan.of()) {
            drop(turn);
            return Box::pin(self.ready(grant)).await;
        }
        if wanted.slot.standing(inner.clock.elapsed()) != Standing::Over {
            return Ok(());
        }
        self.obtained(wanted, loan, turn).await
    }

    /// Has another token in the place of one that the vendor did not know; whether there is another one now. The old
    /// one stays until then, and where none is to be had: the vendor may have meant something else.
    pub async fn renew(&self, grant: &Grant, (version, token): (u32, u64)) -> bool {
        let (inner, connection) = (&self.vault.inner, grant.connection());
        let AuthPlacement::OAuth(spec) = &connection.provider.auth else { return false };
        let Ok(loan) = inner.lend(connection) else { return false };
        if loan.version != version {
            return true;
        }
        let slot = inner.tokens.slot(connection.tenant, loan.of());
        let wanted = Wanted { connection: Arc::clone(connection), spec: Arc::new((**spec).clone()), slot };
        let turn = Arc::clone(&wanted.slot.turn).lock_owned().await;
        match wanted.slot.is_doubtful(token, inner.clock.elapsed()) {
            None => return wanted.slot.standing(inner.clock.elapsed()) != Standing::Over,
            Some(false) => return false,
            Some(true) => {}
        }
        let Ok(loan) = inner.lend(connection) else { return false };
        wanted.slot.is_of(loan.of()) && self.obtained(wanted, loan, turn).await.is_ok()
    }

    /// Takes in what the vendor wants to see in the next proof of possession, as the head of its answer says (RFC 9449
    /// section 8.2), and what it says of the one that it was shown.
    pub fn heed(&self, grant: &Grant, equipped: &Equipped, status: StatusCode, headers: &HeaderMap) -> ProofVerdict {
        if !equipped.is_bound() {
            return ProofVerdict::Unquestioned;
        }
        let (inner, connection, nonce) = (&self.vault.inner, grant.connection(), dpop::dpop_nonce(headers));
        if let (Some(nonce), Ok(loan)) = (&nonce, inner.would_lend(connection)) {
            inner.tokens.slot(connection.tenant, loan).at_api.hear(nonce.clone());
        }
        if status != StatusCode::UNAUTHORIZED || !dpop::wants_nonce(headers) {
            return ProofVerdict::Unquestioned;
        }
        // Of many calls that lacked it each is told the same nonce: what counts is what this one showed.
        if nonce.is_some() && nonce.as_ref() != equipped.nonce() {
            ProofVerdict::NonceMissing
        } else {
            ProofVerdict::NonceRefused
        }
    }

    /// Has a token, unless that failed just now. It goes on if the call is given up: others wait for it, and the
    /// vendor was asked.
    async fn obtained(&self, wanted: Wanted, loan: Loan, turn: OwnedMutexGuard<Option<Failed>>) -> Result<(), Stop> {
        if let Some(failed) = turn.as_ref().filter(|_| !self.is_worth_asking(&turn)) {
            let left = (failed.at + failed.holds).saturating_sub(self.vault.inner.clock.elapsed());
            return Err(failed.why.refuse().retry_after(left).into());
        }
        let obtaining = tokio::spawn(self.clone().obtain(wanted, loan, turn));
        obtaining.await.unwrap_or_else(|_| Err(VaultRefusal::TokenUnavailable.into()))
    }

    fn is_worth_asking(&self, turn: &OwnedMutexGuard<Option<Failed>>) -> bool {
        let now = self.vault.inner.clock.elapsed();
        turn.as_ref().is_none_or(|failed| now.saturating_sub(failed.at) >= failed.holds)
    }

    /// Has a token, and remembers for how long nobody asks again where there is none.
    async fn obtain(self, wanted: Wanted, loan: Loan, mut turn: OwnedMutexGuard<Option<Failed>>) -> Result<(), Stop> {
        let _present = self.background.enter();
        match self.fetch(&wanted, &loan).await {
            Ok(()) => {
                *turn = None;
                Ok(())
            }
            Err(Short::Refused(why, asked)) => {
                tracing::warn!(code = why.info().code, connection = %wanted.connection.id, "no access token was had");
                let holds = turn.as_ref().map_or(FAILURE_HOLDS, |last| (last.holds * 2).min(FAILURE_HOLDS_MOST));
                let holds = holds.max(asked.min(ASKED_FOR_MOST));
                *turn = Some(Failed { at: self.vault.inner.clock.elapsed(), why, holds });
                Err(why.into())
            }
            Err(Short::Stop(stop)) => Err(stop),
        }
    }

    /// Takes what another node had meanwhile, or asks for it.
    async fn fetch(&self, wanted: &Wanted, loan: &Loan) -> Result<(), Short> {
        let (clock, tenant) = (&self.vault.inner.clock, wanted.connection.tenant);
        let mut patience = Patience::default();
        for _ in 0..LOOKS {
            let kept = self.vault.kept(tenant, loan.credential, loan.series).await?;
            if kept.series != loan.series {
                // The account was connected anew, or disconnected, and this node is about to learn of it.
                return Err(VaultRefusal::TokenUnavailable.into());
            }
            if self.take(wanted, loan, &kept)? {
                return Ok(());
            }
            let theirs = wanted.spec.authorization.is_some();
            match kept.state {
                KeptState::None if theirs => return Err(VaultRefusal::GrantAbsent.into()),
                KeptState::Ended if theirs => return Err(VaultRefusal::GrantEnded.into()),
                _ => {}
            }
            if let Some(left) = kept.rests(clock.now()) {
                let is_unknown = theirs && kept.asked_at.is_some();
                let why = if is_unknown { VaultRefusal::GrantUnknown } else { VaultRefusal::TokenUnavailable };
                return Err(Short::Refused(why, left));
            }
            let lease = if patience.is_over(&kept, clock.now(), clock.elapsed()) {
                self.vault.lease(tenant, (loan.credential, loan.version), &kept, LEASE).await?
            } else {
                None
            };
            match lease {
                Some(lease) => {
                    if let Some(done) = self.ask(wanted, loan, kept, lease).await {
                        return done;
                    }
                }
                None => tokio::select! {
                    () = clock.sleep(LOOK) => {}
                    () = self.background.closing() => break,
                },
            }
        }
        Err(VaultRefusal::TokenUnavailable.into())
    }

    /// Puts what is kept where calls find it, if it is newer than what is there and has not ended.
    fn take(&self, wanted: &Wanted, loan: &Loan, kept: &Kept) -> Result<bool, Short> {
        let own_account = wanted.spec.authorization.is_none();
        let newer = kept.state == KeptState::Held && kept.number > wanted.slot.number();
        // A client's own tokens go with its secret, and bound ones with their certificate; a person's consent is to the
        // client, whatever its secret is.
        let of_version = own_account || wanted.spec.certificate_bound;
        if !newer || (of_version && kept.version != loan.version) {
            return Ok(false);
        }
        let clock = &self.vault.inner.clock;
        let Some(times) = kept.times(clock.now()) else { return Ok(false) };
        let Ok(pair) = self.vault.open_pair(&wanted.connection, loan.credential, kept) else {
            // The connection leads elsewhere than when they were had: for where it leads nobody has granted anything.
            return if own_account { Ok(false) } else { Err(VaultRefusal::GrantAbsent.into()) };
        };
        Ok(wanted.slot.put(kept.fresh(pair, times), clock.elapsed()))
    }

    /// Asks the vendor, under the lease. Nothing where somebody else has kept tokens meanwhile.
    async fn ask(&self, wanted: &Wanted, loan: &Loan, kept: Kept, mut lease: Lease) -> Option<Result<(), Short>> {
        let (inner, connection) = (&self.vault.inner, &wanted.connection);
        let mut before = None;
        let refresh = if wanted.spec.authorization.is_some() {
            match self.vault.open_pair(connection, loan.credential, &kept) {
                Ok(pair) => match pair.refresh {
                    Some(refresh) => {
                        before = pair.key;
                        Some(refresh)
                    }
                    // A vendor that does not know a token may mean something else, as long as it has not ended.
                    None if kept.times(inner.clock.now()).is_some() => {
                        return self.nothing(wanted, loan, lease, VaultRefusal::TokenUnavailable).await;
                    }
                    None => return self.end(wanted, loan, kept, lease).await,
                },
                Err(_) => return self.nothing(wanted, loan, lease, VaultRefusal::GrantAbsent).await,
            }
        } else {
            None
        };
        let proof = refresh.as_ref().map_or(Proof::Client, |token| Proof::Refresh(token.expose()));
        let asked = (inner.clock.now(), inner.clock.elapsed());
        let Ok(key) = inner.dpop_key(&wanted.spec, before) else {
            return self.nothing(wanted, loan, lease, VaultRefusal::TokenUnavailable).await;
        };
        let client = inner.client(connection, &wanted.spec, &loan.value);
        match client.ask(self.errand.as_ref(), &proof, dpop_of(&key, &wanted.slot.at_issuer)).await {
            Ok(answer) => {
                lease.retry_after = answer.retry_after.unwrap_or_default().min(ASKED_FOR_MOST);
                match judge(answer, &proof, key) {
                    Ok(got) => self.keep(wanted, loan, (&kept, refresh.as_ref()), got, asked).await,
                    Err(VaultRefusal::GrantEnded) => self.end(wanted, loan, kept, lease).await,
                    // It may have given the next ones all the same.
                    Err(VaultRefusal::TokenMalformed | VaultRefusal::TokenUnavailable) if refresh.is_some() => {
                        self.unknown(wanted, loan, lease, asked.0).await
                    }
                    Err(why) => self.nothing(wanted, loan, lease, why).await,
                }
            }
            Err(failure) => {
                // Whoever calls does not learn what is in the way; whoever operates the gateway has to.
                tracing::warn!(?failure, connection = %connection.id, "a token endpoint did not answer");
                match failure {
                    ErrandFailure::Unanswered(_) if refresh.is_some() => {
                        self.unknown(wanted, loan, lease, asked.0).await
                    }
                    ErrandFailure::Unidentified => self.nothing(wanted, loan, lease, VaultRefusal::TokenRefused).await,
                    ErrandFailure::Refused(code) if code == VaultRefusal::ClientKeyUnfit.info().code => {
                        self.nothing(wanted, loan, lease, VaultRefusal::ClientKeyUnfit).await
                    }
                    _ => self.nothing(wanted, loan, lease, VaultRefusal::TokenUnavailable).await,
                }
            }
        }
    }
}

/// Why there is no token.
pub(super) enum Short {
    /// For a while, and for all who ask; for so long at least.
    Refused(VaultRefusal, Duration),
    /// For this call.
    Stop(Stop),
}

impl From<VaultRefusal> for Short {
    fn from(why: VaultRefusal) -> Self {
        Self::Refused(why, Duration::ZERO)
    }
}

impl From<Fault> for Short {
    fn from(fault: Fault) -> Self {
        Self::Stop(fault.into())
    }
}

/// Has a token by this client for one use, and keeps it nowhere: for a credential that is only tried.
pub(crate) async fn once(errand: &dyn Errand, client: Client<'_>) -> Result<Got, VaultRefusal> {
    let key = new_dpop_key(client.spec, client.entropy).map_err(|_| VaultRefusal::TokenUnavailable)?;
    let answer = client.ask(errand, &Proof::Client, dpop_of(&key, &Nonce::default())).await;
    judge(answer.map_err(refused)?, &Proof::Client, key)
}

/// Whether the vendor knows this client, where what it gives takes a person: a refresh token that nobody has is refused
/// as that (`invalid_grant`) to a client whose proof is right, and to no other (RFC 6749 section 5.2).
pub(crate) async fn is_known(errand: &dyn Errand, client: Client<'_>) -> Result<(), VaultRefusal> {
    let proof = Proof::Refresh(b"lockgate-asks-whether-it-is-known");
    let key = new_dpop_key(client.spec, client.entropy).map_err(|_| VaultRefusal::TokenUnavailable)?;
    let answer = client.ask(errand, &proof, dpop_of(&key, &Nonce::default())).await;
    match judge(answer.map_err(refused)?, &proof, key) {
        Err(VaultRefusal::GrantEnded) => Ok(()),
        Err(why) => Err(why),
        // A vendor that gives tokens for what nobody has says nothing by it.
        Ok(_) => Err(VaultRefusal::TokenMalformed),
    }
}

/// Why there is no answer of a token endpoint's.
fn refused(failure: ErrandFailure) -> VaultRefusal {
    match failure {
        ErrandFailure::Unidentified => VaultRefusal::TokenRefused,
        _ => VaultRefusal::TokenUnavailable,
    }
}

/// A key to bind tokens to, where they are bound.
pub(crate) fn new_dpop_key(spec: &TokenSpec, entropy: &dyn Entropy) -> Result<Option<Arc<DpopKey>>, Fault> {
    spec.dpop.then(|| DpopKey::generate(entropy).map(Arc::new)).transpose()
}

/// The key, and what the token endpoint said before that it wants to see; where tokens are bound.
pub(crate) fn dpop_of<'a>(key: &'a Option<Arc<DpopKey>>, nonce: &'a Nonce) -> Option<(&'a DpopKey, &'a Nonce)> {
    key.as_deref().map(|key| (key, nonce))
}

impl Inner {
    /// Who asks for the connection's tokens.
    pub(crate) fn client<'a>(
        &'a self,
        connection: &'a Connection,
        spec: &'a TokenSpec,
        secret: &'a Secret,
    ) -> Client<'a> {
        Client { connection, spec, secret, clock: self.clock.as_ref(), entropy: self.entropy.as_ref() }
    }

    /// The key to bind the next tokens to, where they are bound: the one before, where there is one.
    fn dpop_key(&self, spec: &TokenSpec, before: Option<Arc<DpopKey>>) -> Result<Option<Arc<DpopKey>>, Fault> {
        match before.filter(|_| spec.dpop) {
            Some(key) => Ok(Some(key)),
            None => new_dpop_key(spec, self.entropy.as_ref()),
        }
    }
}

#[cfg(test)]
mod tests;
