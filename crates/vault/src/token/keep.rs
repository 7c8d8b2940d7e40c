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

/// How long keeping tokens waits before it is tried again, each time. A vendor that gave them takes the ones before no
/// more, so that they are not given up for a store that is away for a minute.
const TRIES: [u64; 9] = [50, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000];

/// Why a connection is degraded, as it shows.
const ENDED: &str = "the vendor ended what a person had granted; connect the account again";
const LOST: &str =
    "the vendor's answer to a refresh was lost, and it takes the refresh token no more; connect the account again";

/// That tokens are over.
pub(super) struct Ending {
    pub(super) kept: Kept,
    pub(super) lease: Lease,
    pub(super) why: VaultRefusal,
}

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
        let fresh = Fresh { number: kept.number + 1, value: got.access, age, lives: got.lives };
        let lives = wanted.slot.put(fresh, clock.elapsed());
        Some(if lives { Ok(()) } else { Err(Short::Refused(VaultRefusal::TokenUnavailable)) })
    }

    /// Applies the change, and again where the store is away. Whether it holds: it does not where its row is another
    /// one by now.
    pub(crate) async fn insist(&self, make: impl Fn() -> Result<Change, Fault>) -> Result<bool, Fault> {
        let inner = &self.vault.inner;
        let mut waits = TRIES.iter();
        loop {
            match inner.store.apply(make()?).await {
                Ok(_) => return Ok(true),
                Err(ApplyFailure::Fault(fault)) => {
                    let Some(wait) = waits.next() else {
                        tracing::error!(%fault, "tokens that a vendor gave could not be kept and are lost");
                        return Err(fault);
                    };
                    tracing::warn!(%fault, "tokens that a vendor gave are not kept yet");
                    inner.clock.sleep(Duration::from_millis(*wait)).await;
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
        (_, lease): (&Kept, Lease),
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
        (_, lease): (&Kept, Lease),
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
        let change = Change::of(wanted.connection.tenant)
            .step(&rows::TOKENS_RELEASE, values![loan.credential, lease.fence, asked_at, code])
            .step(statement, values);
        let applied = self.vault.inner.store.apply(change).await;
        applied.map_err(|failure| failure.into_fault("ending a lease of tokens"))?;
        Err(Short::Refused(why))
    }

    /// The vendor knows the grant no more: the connection runs nothing until a person connects it again. Nothing where
    /// somebody else has kept tokens meanwhile, which the vendor takes.
    pub(super) async fn end(&self, wanted: &Wanted, loan: &Loan, ending: Ending) -> Option<Result<(), Short>> {
        let Ending { kept, lease, why } = ending;
        let (inner, connection) = (&self.vault.inner, &wanted.connection);
        match self.vault.kept(connection.tenant, loan).await {
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
        let change = Change::of(connection.tenant)
            .raising_epoch()
            .step(&rows::TOKENS_END, values![loan.credential, lease.fence, "ended", code, kept.series])
            .expecting(1)
            .step(&rows::CONNECTION_DEGRADE, values![loan.credential, reason])
            .step(told, telling)
            .step(recorded, recording);
        match inner.store.apply(change).await {
            Ok(_) => Some(Err(Short::Refused(why))),
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
