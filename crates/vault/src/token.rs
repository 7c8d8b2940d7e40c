//! Access tokens for credentials that are a client's id and secret (client credentials, RFC 6749 section 4.4).
//!
//! A token is in memory and nowhere else. It is had when a call needs one, once for all calls that wait for it;
//! shortly before it ends the next call has another one fetched behind its back and goes with the one that there
//! is. A token that the vendor does not take any more is thrown away, and another one is had once.
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

/// For how long a failure stands for all who ask: a token endpoint that refuses is not asked by every call.
const FAILURE_HOLDS: Duration = Duration::from_secs(1);

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

    /// Makes sure that there is a token for the call, where its connection wants one. Otherwise there is nothing to do.
    pub async fn ready(&self, grant: &Grant) -> Result<(), Stop> {
        let connection = grant.connection();
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
                    drop(tokio::spawn(self.clone().obtain(Arc::clone(connection), spec.clone(), loan, slot, turn)));
                }
                return Ok(());
            }
            Standing::Over => {}
        }
        let turn = Arc::clone(&slot.turn).lock_owned().await;
        if slot.standing(inner.clock.elapsed()) != Standing::Over {
            return Ok(());
        }
        if let Some(failed) = turn.as_ref().filter(|_| !self.is_worth_asking(&turn)) {
            return Err(failed.why.refuse().retry_after(FAILURE_HOLDS).into());
        }
        // It goes on if this call is given up: others wait for it, and the vendor was asked.
        let obtaining = tokio::spawn(self.clone().obtain(Arc::clone(connection), spec.clone(), loan, slot, turn));
        obtaining.await.unwrap_or_else(|_| Err(VaultRefusal::TokenUnavailable.into()))
    }

    /// Throws the token away by which the vendor did not know the call, unless there is another one by now.
    pub fn spend(&self, grant: &Grant, token: u64) -> Result<(), Stop> {
        let (inner, connection) = (&self.vault.inner, grant.connection());
        let loan = inner.lend(connection)?;
        inner.tokens.slot(connection.tenant, loan.credential, loan.version).spend(token);
        Ok(())
    }

    fn is_worth_asking(&self, turn: &OwnedMutexGuard<Option<Failed>>) -> bool {
        let now = self.vault.inner.clock.elapsed();
        turn.as_ref().is_none_or(|failed| now.saturating_sub(failed.at) >= FAILURE_HOLDS)
    }

    /// Has a token, and puts it where calls find it once the record of it holds.
    async fn obtain(
        self,
        connection: Arc<Connection>,
        spec: Box<TokenSpec>,
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
        self.record(&connection, (credential, version), code).await?;
        match got {
            Ok(got) => {
                *turn = None;
                // It lives from when it was asked for: nobody knows when on the way it was made.
                slot.put(got.value, asked, got.lives);
                Ok(())
            }
            Err(why) => {
                tracing::warn!(code, connection = %connection.id, "no access token was had");
                *turn = Some(Failed { at: clock.elapsed(), why });
                Err(why.into())
            }
        }
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
