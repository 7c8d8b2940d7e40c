//! Access tokens for credentials that are a client's id and secret (client credentials, RFC 6749 section 4.4).
//!
//! A token is in memory and nowhere else. It is had when a call needs one, once for all calls that wait for it;
//! shortly before it ends the next call has another one fetched behind its back and goes with the one that there
//! is. Where the vendor does not take it any more, another
//! one is had once in its place.
//!
//! Each node has tokens of its own: client credentials may have many at the same time.

mod request;
mod shelf;

use std::sync::Arc;
use std::time::Duration;

use lockgate_access::Grant;
use lockgate_access::directory::Connection;
use lockgate_access::spec::{AuthPlacement, TokenSpec};
use lockgate_audit::{Audit, Deed};
use lockgate_vocabulary::{CredentialId, Errand, Stop};
use tokio::sync::OwnedMutexGuard;

use crate::equip::Loan;
use crate::refusal::VaultRefusal;
use crate::vault::Vault;

pub(crate) use shelf::Shelf;
use shelf::{Failed, Slot, Standing};

/// For how long a first failure stands for all who ask, and the longest: it doubles each time. A token endpoint that
/// refuses is not asked by every call, nor for ever as often.
const FAILURE_HOLDS: Duration = Duration::from_secs(1);
const FAILURE_HOLDS_MOST: Duration = Duration::from_secs(60);

/// Sees to it that a token is there when a request is to be equipped with it.
#[derive(Clone)]
pub struct Tokens {
    vault: Vault,
    errand: Arc<dyn Errand>,
    audit: Audit,
}

impl Tokens {
    /// Tokens of this vault, which `errand` asks for. Each that is had, or not, is recorded by `audit`.
    pub fn new(vault: Vault, errand: Arc<dyn Errand>, audit: Audit) -> Self {
        Self { vault, errand, audit }
    }

    /// Makes sure that there is what the call is equipped with: the value, where another vault keeps it, and a token,
    /// where its connection wants one. Otherwise there is nothing to do.
    pub async fn ready(&self, grant: &Grant) -> Result<(), Stop> {
        let connection = grant.connection();
        self.vault.inner.await_held(connection).await?;
        let AuthPlacement::OAuth(spec) = &connection.provider.auth else { return Ok(()) };
        let inner = &self.vault.inner;
        let loan = inner.lend(connection)?;
        let slot = inner.tokens.slot(connection.tenant, loan.credential, loan.version);
        match slot.standing(inner.clock.elapsed()) {
            Standing::Fresh => return Ok(()),
            Standing::Ageing => {
                // Somebody fetches already, or this call has it done behind its back.
                if let Ok(turn) = Arc::clone(&slot.turn).try_lock_owned()
                    && self.is_worth_asking(&turn)
                {
                    drop(tokio::spawn(self.clone().obtain(Arc::clone(connection), (**spec).clone(), loan, slot, turn)));
                }
                return Ok(());
            }
            Standing::Over => {}
        }
        let turn = Arc::clone(&slot.turn).lock_owned().await;
        // While it waited the credential may have been revoked, rotated or bound elsewhere.
        let loan = inner.lend(connection)?;
        if loan.version != slot.version {
            drop(turn);
            return Box::pin(self.ready(grant)).await;
        }
        if slot.standing(inner.clock.elapsed()) != Standing::Over {
            return Ok(());
        }
        self.obtained(connection, spec, loan, slot, turn).await
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
        let slot = inner.tokens.slot(connection.tenant, loan.credential, version);
        let turn = Arc::clone(&slot.turn).lock_owned().await;
        match slot.is_doubtful(token, inner.clock.elapsed()) {
            None => return slot.standing(inner.clock.elapsed()) != Standing::Over,
            Some(false) => return false,
            Some(true) => {}
        }
        let Ok(loan) = inner.lend(connection) else { return false };
        loan.version == version && self.obtained(connection, spec, loan, slot, turn).await.is_ok()
    }

    /// Has a token, unless that failed just now. It goes on if the call is given up: others wait for it, and the
    /// vendor was asked.
    async fn obtained(
        &self,
        connection: &Arc<Connection>,
        spec: &TokenSpec,
        loan: Loan,
        slot: Arc<Slot>,
        turn: OwnedMutexGuard<Option<Failed>>,
    ) -> Result<(), Stop> {
        if let Some(failed) = turn.as_ref().filter(|_| !self.is_worth_asking(&turn)) {
            let left = (failed.at + failed.holds).saturating_sub(self.vault.inner.clock.elapsed());
            return Err(failed.why.refuse().retry_after(left).into());
        }
        let obtaining = tokio::spawn(self.clone().obtain(Arc::clone(connection), spec.clone(), loan, slot, turn));
        obtaining.await.unwrap_or_else(|_| Err(VaultRefusal::TokenUnavailable.into()))
    }

    fn is_worth_asking(&self, turn: &OwnedMutexGuard<Option<Failed>>) -> bool {
        let now = self.vault.inner.clock.elapsed();
        turn.as_ref().is_none_or(|failed| now.saturating_sub(failed.at) >= failed.holds)
    }

    /// Has a token, and puts it where calls find it once the record of it holds.
    async fn obtain(
        self,
        connection: Arc<Connection>,
        spec: TokenSpec,
        loan: Loan,
        slot: Arc<Slot>,
        mut turn: OwnedMutexGuard<Option<Failed>>,
    ) -> Result<(), Stop> {
        let clock = &self.vault.inner.clock;
        let (credential, version, asked) = (loan.credential, loan.version, clock.elapsed());
        let order = request::order(&connection, &spec, loan);
        let got = match self.errand.run(order).await {
            Ok(answer) => request::judge(answer),
            Err(failure) => {
                // Whoever calls does not learn what is in the way; whoever operates the gateway has to.
                tracing::warn!(?failure, connection = %connection.id, "a token endpoint was not reached");
                Err(VaultRefusal::TokenUnavailable)
            }
        };
        let code = got.as_ref().err().map_or("", |refusal| refusal.info().code);
        let recorded = self.record(&connection, (credential, version), code).await;
        let got = match (got, recorded) {
            (Ok(got), Ok(())) => {
                // It lives from when it was asked for: nobody knows when on the way it was made.
                let lives = slot.put(got.value, asked, got.lives, clock.elapsed());
                if lives { Ok(()) } else { Err((VaultRefusal::TokenUnavailable, None)) }
            }
            (Ok(_), Err(unrecorded)) => Err((VaultRefusal::TokenUnavailable, Some(unrecorded))),
            (Err(why), recorded) => Err((why, recorded.err())),
        };
        let Err((why, unrecorded)) = got else {
            *turn = None;
            return Ok(());
        };
        tracing::warn!(code = why.info().code, connection = %connection.id, "no access token was had");
        let holds = turn.as_ref().map_or(FAILURE_HOLDS, |last| (last.holds * 2).min(FAILURE_HOLDS_MOST));
        *turn = Some(Failed { at: clock.elapsed(), why, holds });
        Err(unrecorded.unwrap_or_else(|| why.into()))
    }

    async fn record(
        &self,
        connection: &Connection,
        (credential, version): (CredentialId, u32),
        code: &'static str,
    ) -> Result<(), Stop> {
        let deed = Deed::by_house(Some(connection.tenant), "credential.token", credential)
            .with("connection", connection.id.to_string())
            .with("version", i64::from(version))
            .with("code", code);
        self.audit.record(deed).await.map(drop)
    }
}

#[cfg(test)]
mod tests;
