//! What is done with a vendor's answer: tokens are kept before anybody uses them, and what brought none is written
//! down as that, each with its record in one change.

use std::time::Duration;

use lockgate_access::registry::{Event, EventKind};
use lockgate_audit::Deed;
use lockgate_store::{ApplyFailure, Change, values};
use lockgate_vocabulary::{Fault, Secret, Timestamp};

use super::kept::{Kept, Lease};
use super::request::Got;
use super::shelf::Fresh;
use super::{Short, Tokens, Wanted};
use crate::equip::Loan;
use crate::refusal::VaultRefusal;
use crate::rows;

/// How often keeping tokens is tried again, and how long it waits each time. A vendor that gave them takes the ones
/// before no more, so that they are not given up for a store that is away for a minute. It tries more often than
/// others wait until they take the lease over.
const TRIES: u32 = 60;
const TRY: Duration = Duration::from_secs(1);

/// Why a connection is degraded, as it shows.
const ENDED: &str = "the vendor ended what a person had granted; connect the account again";
const LOST: &str =
    "the vendor's answer to a refresh was lost, and it takes the refresh token no more; connect the account again";

impl Tokens {
    /// Keeps what was had, and then puts it where calls find it. Nothing where somebody else has kept tokens.
    pub(super) async fn keep(
        &self,
        wanted: &Wanted,
        loan: &Loan,
        (kept, refresh): (&Kept, Option<&Secret>),
        got: Got,
        (had_at, asked): (Timestamp, Duration),
    ) -> Option<Result<(), Short>> {
        // A vendor that names no new refresh token means the one before (RFC 6749 section 6).
        let next = got.refresh.as_ref().or(refresh);
        let deed = self.deed(wanted, loan, "").with("scope", got.scope.clone().unwrap_or_default());
        let make = || {
            let change = self.vault.keep_step(&wanted.connection, loan, (kept, next), &got, had_at)?;
            let (statement, values) = self.audit.step(&deed);
            Ok(change.step(statement, values))
        };
        match self.insist(make).await {
            Ok(true) => {}
            Ok(false) => return None,
            Err(fault) => return Some(Err(fault.into())),
        }
        let clock = &self.vault.inner.clock;
        // It lives from when it was asked for: nobody knows when on the way it was made.
        let age = clock.elapsed().saturating_sub(asked);
        let fresh = Fresh { number: kept.number + 1, value: got.access, key: got.key, age, lives: got.lives };
        let lives = wanted.slot.put(fresh, clock.elapsed());
        Some(match got.flaw {
            Some(why) => Err(why.into()),
            None if lives => Ok(()),
            None => Err(VaultRefusal::TokenUnavailable.into()),
        })
    }

    /// Applies the change, and again where the store is away. Whether it holds: it does not where its row is another
    /// one by now.
    pub(crate) async fn insist(&self, make: impl Fn() -> Result<Change, Fault>) -> Result<bool, Fault> {
        let inner = &self.vault.inner;
        let mut tries = 0;
        loop {
            match inner.store.apply(make()?).await {
                Ok(_) => return Ok(true),
                Err(ApplyFailure::Fault(fault)) if tries == TRIES => {
                    tracing::error!(%fault, "what a vendor did could not be kept and is lost");
                    return Err(fault);
                }
                Err(ApplyFailure::Fault(fault)) => {
                    tracing::warn!(%fault, "what a vendor did is not kept yet");
                    tries += 1;
                    inner.clock.sleep(TRY).await;
                }
                Err(_) => return Ok(false),
            }
        }
    }

    /// Writes down that the vendor gave none. What was unknown before stays that.
    pub(super) async fn nothing(
        &self,
        wanted: &Wanted,
        loan: &Loan,
        lease: Lease,
        why: VaultRefusal,
    ) -> Option<Result<(), Short>> {
        let asked_at = lease.unknown_since;
        Some(self.released(wanted, loan, (lease, asked_at), why).await)
    }

    /// Writes down that nobody knows whether the vendor gave any.
    pub(super) async fn unknown(
        &self,
        wanted: &Wanted,
        loan: &Loan,
        lease: Lease,
        asked_at: Timestamp,
    ) -> Option<Result<(), Short>> {
        let since = lease.unknown_since.unwrap_or(asked_at);
        Some(self.released(wanted, loan, (lease, Some(since)), VaultRefusal::GrantUnknown).await)
    }

    async fn released(
        &self,
        wanted: &Wanted,
        loan: &Loan,
        (lease, asked_at): (Lease, Option<Timestamp>),
        why: VaultRefusal,
    ) -> Result<(), Short> {
        let code = why.info().code;
        let (statement, values) = self.audit.step(&self.deed(wanted, loan, code));
        let released =
            self.vault.release_step(wanted.connection.tenant, loan.credential, &lease, asked_at, Some(code))?;
        let applied = self.vault.inner.store.apply(released.step(statement, values)).await;
        applied.map_err(|failure| failure.into_fault("ending a lease of tokens"))?;
        Err(Short::Refused(why, lease.retry_after))
    }

    /// The vendor knows the grant no more: the connection runs nothing until a person connects it again. Nothing where
    /// somebody else has kept tokens meanwhile, which the vendor takes.
    pub(super) async fn end(
        &self,
        wanted: &Wanted,
        loan: &Loan,
        kept: Kept,
        lease: Lease,
    ) -> Option<Result<(), Short>> {
        let why = VaultRefusal::GrantEnded;
        let (inner, connection) = (&self.vault.inner, &wanted.connection);
        match self.vault.kept(connection.tenant, loan.credential, loan.series).await {
            Ok(now) if (now.series, now.number) != (kept.series, kept.number) => return None,
            Ok(_) => {}
            Err(fault) => return Some(Err(fault.into())),
        }
        let (code, reason) = (why.info().code, if lease.unknown_since.is_some() { LOST } else { ENDED });
        let event = Event::new(EventKind::IntegrationConnectionDegraded, connection.tenant, connection.id)
            .with("connection", connection.id.to_string())
            .with("credential", loan.credential.to_string())
            .with("reason", reason);
        let (told, telling) = event.step(inner.clock.as_ref(), inner.entropy.as_ref());
        let (recorded, recording) = self.audit.step(&self.deed(wanted, loan, code).with("reason", reason));
        let change = self
            .vault
            .end_step(connection.tenant, loan.credential, &lease, ("ended", Some(code), kept.series))
            .step(&rows::CONNECTION_DEGRADE, values![loan.credential, reason])
            .step(told, telling)
            .step(recorded, recording);
        match inner.store.apply(change).await {
            Ok(_) => {
                inner.tokens.forget(connection.tenant, loan.credential);
                Some(Err(why.into()))
            }
            Err(ApplyFailure::Fault(fault)) => Some(Err(fault.into())),
            Err(_) => None,
        }
    }

    fn deed(&self, wanted: &Wanted, loan: &Loan, code: &'static str) -> Deed {
        let connection = &wanted.connection;
        let grant = if wanted.spec.authorization.is_some() { "refresh_token" } else { "client_credentials" };
        Deed::by_house(Some(connection.tenant), "credential.token", loan.credential)
            .with("connection", connection.id.to_string())
            .with("version", i64::from(loan.version))
            .with("grant", grant)
            .with("code", code)
    }
}
