//! What falls due by itself: rotations that go on or were left behind, those that somebody has to begin, and values
//! whose recovery window is over. Every step may be repeated, on any node, after any end of the one before.

use lockgate_access::registry::{Event, EventKind};
use lockgate_store::{Change, Row, values};
use lockgate_vocabulary::{CredentialId, Fault, Stop, TenantId, Timestamp};
use tokio::task::JoinSet;

use super::finish::{Ground, told};
use super::record::{DAY, due_at};
use super::{By, CommitFailure, Custodian, RotationState};
use crate::refusal::VaultRefusal;
use crate::rows;

/// Rows of each kind that one pass looks at, and rotations that are gone on with at once.
const PASS: i64 = 200;
const AT_ONCE: usize = 8;

impl Custodian {
    /// Does once what is due. What goes wrong with one credential keeps nothing from the others.
    pub async fn tend(&self) -> Result<(), Fault> {
        self.pursue_due().await?;
        self.plan().await?;
        self.tell_due().await?;
        self.end_recoveries().await
    }

    /// Goes on with rotations that wait for their moment, or whose node died.
    async fn pursue_due(&self) -> Result<(), Fault> {
        let due = self.vault.inner.store.survey(&rows::ROTATIONS_DUE, values![self.now(), PASS]).await?;
        for some in due.chunks(AT_ONCE) {
            let mut going = JoinSet::new();
            for row in some {
                let (custodian, tenant, id) = (self.clone(), row.parsed(0)?, row.parsed(1)?);
                let version = u32::try_from(row.int(2)?).map_err(|error| Fault::broken("reading a version", error))?;
                going.spawn(async move { custodian.pursue(tenant, id, version).await });
            }
            while going.join_next().await.is_some() {}
        }
        Ok(())
    }

    async fn pursue(&self, tenant: TenantId, id: CredentialId, version: u32) {
        let Err(stop) = self.pursued(tenant, id, version).await else { return };
        let Stop::Refused(refusal) = stop else {
            tracing::warn!(%stop, credential = %id, "a rotation could not be gone on with");
            return;
        };
        // A verification that did not pass was settled, and what is away may be there the next time; what else is in the
        // way stays so until somebody acts.
        let settled = [VaultRefusal::VersionPaced, VaultRefusal::VersionUnaccepted, VaultRefusal::VersionVerifying];
        if refusal.status() < 500 && settled.iter().all(|settled| settled.info().code != refusal.code()) {
            self.give_up(tenant, id, version, refusal.code()).await;
        }
    }

    /// The next steps of one rotation, as far as they are due.
    async fn pursued(&self, tenant: TenantId, id: CredentialId, version: u32) -> Result<(), Stop> {
        let mut rotation = self.rotation(tenant, id, version).await?;
        if !rotation.is_passed(self.now()) {
            rotation = self.verified(By::House, tenant, id, version).await?;
        }
        // One that somebody had verified waits for them to finish it.
        if rotation.finish_at.is_none_or(|at| at > self.now()) {
            return Ok(());
        }
        let passed = self.passed(tenant, id, version).await?;
        self.put_to_use(By::House, tenant, id, Ground::Passed(passed)).await.map(drop)
    }

    async fn give_up(&self, tenant: TenantId, id: CredentialId, version: u32, code: &'static str) {
        let values = values![id, version, code, self.now()];
        let change = Change::of(tenant).step(&rows::ROTATION_GIVE_UP, values).expecting(1);
        let change = self.failed(change, (By::House, tenant), (id, version), Some(code));
        let deed = told(By::House, tenant, id, version, RotationState::Failed).with("code", code);
        if let Err(failure) = self.commit(change, &deed).await {
            tracing::warn!(stop = %failure.stop(), credential = %id, "a rotation was not given up");
        }
    }

    /// Works out when rotations are to be told of: up to a day, or a tenth of the time, before they are due, so that
    /// what was taken in at once is not told of at once.
    async fn plan(&self) -> Result<(), Fault> {
        let store = &self.vault.inner.store;
        for row in store.survey(&rows::CREDENTIALS_UNPLANNED, values![PASS]).await? {
            let Some(at) = tell_at(&row)? else { continue };
            let (tenant, id) = (row.parsed(0)?, row.parsed::<CredentialId>(1)?);
            let change = Change::of(tenant).step(&rows::CREDENTIAL_PLAN, values![id, row.int(5)?, at]);
            store.apply(change).await.map_err(|failure| failure.into_fault("planning a rotation"))?;
        }
        Ok(())
    }

    /// Says once of each credential that somebody has to rotate it.
    async fn tell_due(&self) -> Result<(), Fault> {
        let due = self.vault.inner.store.survey(&rows::CREDENTIALS_TELLABLE, values![self.now(), PASS]).await?;
        for row in due {
            let (tenant, id) = (row.parsed(0)?, row.parsed::<CredentialId>(1)?);
            let version = row.int(4)?;
            let change = Change::of(tenant).step(&rows::CREDENTIAL_TOLD, values![id, version, self.now()]).expecting(1);
            let event = Event::new(EventKind::SecurityAlertRaised, tenant, id)
                .with("alert", "credential.rotation_due")
                .with("credential", id.to_string())
                .with("name", row.text(2)?)
                .with("owner", row.text(3)?)
                .with("version", version);
            let change = self.telling(change, event, By::House);
            let deed = By::House.deed(tenant, "credential.rotation_due", id).with("version", version);
            settled(self.commit(change, &deed).await)?;
        }
        Ok(())
    }

    /// Destroys the values of revoked credentials that may not be brought back any more, and goes on with what another
    /// vault has not destroyed yet.
    async fn end_recoveries(&self) -> Result<(), Fault> {
        for row in self.vault.inner.store.survey(&rows::RECOVERIES_OVER, values![self.now(), PASS]).await? {
            let (tenant, id) = (row.parsed(0)?, row.parsed::<CredentialId>(1)?);
            if let Err(stop) = self.purged(By::House, tenant, id).await {
                // The next pass takes it up again, or one hours later where another vault is in the way.
                tracing::warn!(%stop, credential = %id, "a credential's values were not destroyed");
            }
        }
        Ok(())
    }
}

/// Another node that was quicker has done the same.
fn settled(done: Result<(), CommitFailure>) -> Result<(), Fault> {
    match done {
        Err(CommitFailure::Fault(fault)) => Err(fault),
        Ok(()) | Err(CommitFailure::Conflict(_) | CommitFailure::Unmet(_)) => Ok(()),
    }
}

/// When the rotation of this row's credential is told of.
fn tell_at(row: &Row) -> Result<Option<Timestamp>, Fault> {
    let days = row.opt_int(2)?.and_then(|days| u32::try_from(days).ok());
    let taken = row.moment(4)?;
    let due = due_at(taken, days, row.opt_moment(3)?);
    let id = row.parsed(1)?;
    Ok(due.map(|due| ahead_of(due, taken, id)))
}

/// Somewhat before that. A credential's id is chance enough to spread them.
fn ahead_of(due: Timestamp, taken: Timestamp, id: CredentialId) -> Timestamp {
    let most = DAY.min(due.since(taken) / 10);
    let chance = u32::try_from(id.as_u128() & 0xffff).unwrap_or(0);
    due.before(most * chance / 0xffff)
}

#[cfg(test)]
mod tests;
