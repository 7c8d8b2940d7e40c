//! The verification run: that it begins is kept before the vendor is asked, and what it said after it.
//!
//! Whoever dies in between leaves a run that others take over once its lease is over: it is a read, so that asking
//! again does no harm.

use std::sync::Arc;
use std::time::Duration;

use lockgate_access::directory::Connection;
use lockgate_access::registry::{Event, EventKind};
use lockgate_access::scope::Scope;
use lockgate_store::{Change, values};
use lockgate_vocabulary::{CredentialId, Present, Stop, TenantId, Timestamp};
use tokio::runtime::Handle;

use super::attempt::RotationView;
use super::finish::{ROTATION, told};
use super::rotate::is_verifiable;
use super::trial::{self, Said};
use super::{Act, By, CommitFailure, Custodian, RotationState};
use crate::equip::Loan;
use crate::refusal::VaultRefusal;
use crate::rows;

/// How long a run may take before others take it over: more than its turn, the vendor and its token endpoint get
/// together, each of them asked twice, and time to keep what they said.
const LEASE: Duration = Duration::from_secs(60);

/// How often a vendor that does not answer is asked by itself, and how long at the least and at the most in between.
const TRIES: i64 = 10;
const AGAIN: Duration = Duration::from_secs(30);
const AGAIN_MOST: Duration = Duration::from_secs(3_600);

/// A run that began. Where it is cut off, since the process stops or something of ours broke, its lease ends with it: the
/// vendor did not say. Who only went away does not cut it off: what the vendor says is kept.
struct Run(Option<Begun>);

/// What is known of it.
struct Begun {
    custodian: Custodian,
    tenant: TenantId,
    before: RotationView,
    tries: i64,
    present: Present,
}

/// How a rotation stands after a run.
struct Settled<'a> {
    state: RotationState,
    code: Option<&'a str>,
    status: Option<i64>,
    at: Timestamp,
    due: Option<Timestamp>,
}

impl Begun {
    async fn end(self) {
        let settled = self.custodian.settle(By::House, self.tenant, &self.before, self.tries, Said::Cut).await;
        if let Err(Stop::Fault(fault)) = settled {
            let credential = self.before.credential;
            tracing::warn!(%fault, %credential, "a verification that was cut off ends with its lease");
        }
        drop(self.present);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Without a runtime nothing can be kept any more, and others wait for the end of the lease.
        let Some((begun, runtime)) = self.0.take().zip(Handle::try_current().ok()) else { return };
        drop(runtime.spawn(begun.end()));
    }
}

impl Custodian {
    /// Asks the vendor whether it takes a staged version. What it says is kept either way; the version in use is not
    /// touched by it.
    pub async fn verify(&self, act: Act<'_>, id: CredentialId, version: u32) -> Result<RotationView, Stop> {
        let tenant = self.demand(act, Scope::CredentialsRotate)?;
        self.verified(By::Somebody(act), tenant, id, version).await
    }

    /// The same in anybody's hands. Where it did not pass, the error says so, and it is recorded.
    pub(super) async fn verified(
        &self,
        by: By<'_>,
        tenant: TenantId,
        id: CredentialId,
        version: u32,
    ) -> Result<RotationView, Stop> {
        self.active(tenant, id).await?;
        let connection = self.connection_of(tenant, id).await?;
        if !is_verifiable(&connection) {
            return Err(VaultRefusal::RotationBlind.into());
        }
        let loan = self.lent_staged(&connection, id, version).await?;
        let before = self.rotation(tenant, id, version).await?;
        let tries = self.begin(by, tenant, &before).await?;
        let (custodian, present) = (self.clone(), self.background.enter());
        let mut run = Run(Some(Begun { custodian, tenant, before: before.clone(), tries, present }));
        let said = trial::ask(&*self.errand, &self.vault.inner, &connection, loan).await?;
        self.settle(by, tenant, &before, tries, said).await?;
        run.0 = None;
        match said.refused() {
            None => self.rotation(tenant, id, version).await,
            Some(refused) => Err(refused),
        }
    }

    /// Opens a staged version. Nothing but a verification gets it, and no call.
    async fn lent_staged(&self, connection: &Arc<Connection>, id: CredentialId, version: u32) -> Result<Loan, Stop> {
        let inner = &self.vault.inner;
        let rows = inner.store.read(connection.tenant, &rows::VERSION_SEALED, values![id, version]).await?;
        let row = rows.first().ok_or(VaultRefusal::VersionUnfit)?;
        let record = row.opt_bytes(0)?.filter(|_| row.text(1).is_ok_and(|status| status == "staged"));
        let record = record.ok_or(VaultRefusal::VersionUnfit)?;
        inner.prepare(connection.tenant).await?;
        inner.lend_apart(connection, id, (version, record)).await
    }

    /// Keeps that the vendor is about to be asked; which try it is.
    async fn begin(&self, by: By<'_>, tenant: TenantId, before: &RotationView) -> Result<i64, Stop> {
        let (id, version, now) = (before.credential, before.version, self.now());
        let values = values![id, version, now.after(LEASE), now, before.tries];
        let change = Change::of(tenant).step(&rows::ROTATION_BEGIN, values).expecting(1);
        let deed = told(by, tenant, id, version, RotationState::Verifying).with("asked_by", before.by.as_str());
        self.commit(change, &deed).await.map_err(|failure| match failure {
            CommitFailure::Unmet(0) => VaultRefusal::VersionVerifying.into(),
            other => other.stop(),
        })?;
        Ok(before.tries + 1)
    }

    async fn settle(
        &self,
        by: By<'_>,
        tenant: TenantId,
        before: &RotationView,
        tries: i64,
        said: Said,
    ) -> Result<(), Stop> {
        let (id, version) = (before.credential, before.version);
        let Settled { state, code, status, at, due } = self.outcome(before, tries, said);
        let untried = i64::from(matches!(said, Said::Paced(_)));
        let values = values![id, version, tries, state.as_str(), code, status, at, due, untried];
        let change = Change::of(tenant).step(&rows::ROTATION_SETTLE, values).expecting(1);
        // What is tried again by itself has not failed for good, and what the vendor was not heard on has not failed.
        let change = match (said, state, due) {
            (Said::Paced(_) | Said::Cut, _, _) => change,
            (_, RotationState::Failed, None) => self.failed(change, (by, tenant), (id, version), said.code()),
            _ => change,
        };
        let outcome = match said {
            Said::Paced(_) => "put_off",
            Said::Cut => "cut_off",
            _ => state.as_str(),
        };
        let deed = by
            .deed(tenant, ROTATION, id)
            .with("version", i64::from(version))
            .with("outcome", outcome)
            .with("asked_by", before.by.as_str())
            .with("code", said.code().unwrap_or_default())
            .with("vendor_status", said.status().map(i64::from).unwrap_or_default());
        self.commit(change, &deed).await.map_err(|failure| match failure {
            CommitFailure::Unmet(0) => VaultRefusal::VersionVerifying.into(),
            other => other.stop(),
        })
    }

    /// How a rotation stands after this.
    fn outcome<'a>(&self, before: &'a RotationView, tries: i64, said: Said) -> Settled<'a> {
        let now = self.now();
        let (state, due) = match said {
            Said::Took(_) => (RotationState::Verified, before.finish_at),
            // Whoever planned it need do nothing. What is not the vendor's doing is not counted up to an end.
            Said::Paced(wait) => return Self::as_before(before, said, now, now.after(wait.max(AGAIN))),
            Said::Cut => {
                let again = self.again(tries.min(TRIES - 1), now).unwrap_or(now.after(AGAIN_MOST));
                return Self::as_before(before, said, now, again);
            }
            Said::Nothing(_) => (RotationState::Failed, before.finish_at.and_then(|_| self.again(tries, now))),
            Said::Refused(_) | Said::Unasked(_) => (RotationState::Failed, None),
        };
        Settled { state, code: said.code(), status: said.status().map(i64::from), at: now, due }
    }

    /// What the vendor said before stands where it said nothing this time. One that was planned is gone on with then.
    fn as_before(before: &RotationView, said: Said, now: Timestamp, then: Timestamp) -> Settled<'_> {
        let planned = before.finish_at.map(|_| then);
        let (code, status) = (before.code.as_deref(), before.vendor_status.map(i64::from));
        match before.state {
            RotationState::Verified => {
                let due = if before.is_passed(now) { before.finish_at } else { planned };
                Settled { state: before.state, code, status, at: before.at, due }
            }
            RotationState::Failed => {
                // One that failed for good is not asked again by itself.
                let unanswered = code == Some(VaultRefusal::VersionUnanswered.info().code);
                let due = planned.filter(|_| unanswered && before.tries < TRIES);
                Settled { state: before.state, code, status, at: before.at, due }
            }
            _ => Settled { state: RotationState::Staged, code: said.code(), status: None, at: now, due: planned },
        }
    }

    /// Adds the alert that a rotation failed.
    pub(super) fn failed(
        &self,
        change: Change,
        (by, tenant): (By<'_>, TenantId),
        (id, version): (CredentialId, u32),
        code: Option<&str>,
    ) -> Change {
        let event = Event::new(EventKind::SecurityAlertRaised, tenant, id)
            .with("alert", "credential.rotation_failed")
            .with("credential", id.to_string())
            .with("version", version)
            .with("code", code.unwrap_or_default());
        self.telling(change, event, by)
    }

    /// When a vendor that did not answer is asked again: later each time, and not all credentials at once.
    fn again(&self, tries: i64, now: Timestamp) -> Option<Timestamp> {
        if tries >= TRIES {
            return None;
        }
        let doubled = AGAIN * (1 << u32::try_from(tries.clamp(0, 16)).unwrap_or(0));
        let most = doubled.min(AGAIN_MOST);
        let mut chance = [0; 2];
        self.vault.inner.entropy.fill(&mut chance);
        let share = u32::from(u16::from_be_bytes(chance));
        Some(now.after(most / 2 + most / 2 * share / u32::from(u16::MAX)))
    }
}
