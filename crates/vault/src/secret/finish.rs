//! Putting a version to use: one that passed its verification, or one that was used before.

use lockgate_access::registry::{Event, EventKind};
use lockgate_access::scope::Scope;
use lockgate_audit::Deed;
use lockgate_store::{Change, values};
use lockgate_vocabulary::{CredentialId, Stop, TenantId};

use super::attempt::Passed;
use super::rotate::{Rotation, demand_gap, demand_verified};
use super::{Act, By, CommitFailure, CredentialView, Custodian, RotationState};
use crate::binding::Binding;
use crate::refusal::VaultRefusal;
use crate::rows;

/// What an act of a rotation is recorded as.
pub(super) const ROTATION: &str = "credential.rotation";

/// Why a version may be used.
pub(super) enum Ground {
    /// The vendor took it.
    Passed(Passed),
    /// Somebody takes it upon themselves, where the vendor cannot be asked.
    Unverified(u32),
}

impl Ground {
    const fn version(&self) -> u32 {
        match self {
            Self::Passed(passed) => passed.version(),
            Self::Unverified(version) => *version,
        }
    }
}

impl Custodian {
    /// Puts a staged version to use once it has passed its verification. Of a version that is in use already nothing
    /// is done.
    pub async fn finish(
        &self,
        act: Act<'_>,
        id: CredentialId,
        version: u32,
        danger_unverified: bool,
    ) -> Result<CredentialView, Stop> {
        let tenant = self.demand(act, Scope::CredentialsRotate)?;
        let credential = self.active(tenant, id).await?;
        let rotation = self.rotation(tenant, id, version).await?;
        if credential.current_version == version && rotation.state == RotationState::Finished {
            return Ok(credential);
        }
        let connection = self.connection_of(tenant, id).await?;
        let ground = match demand_verified(&connection, danger_unverified)? {
            true => Ground::Passed(self.passed(tenant, id, version).await?),
            false => Ground::Unverified(version),
        };
        self.put_to_use(By::Somebody(act), tenant, id, ground).await
    }

    /// Puts a staged version to use on this ground.
    pub(super) async fn put_to_use(
        &self,
        by: By<'_>,
        tenant: TenantId,
        id: CredentialId,
        ground: Ground,
    ) -> Result<CredentialView, Stop> {
        let version = ground.version();
        let credential = self.active(tenant, id).await?;
        self.demand_bound(tenant, id, version).await?;
        let rotation = self.rotation(tenant, id, version).await?;
        let now = self.now();
        let change = self.chosen(tenant, id, version, "staged");
        let change = self.moved(change, &credential, version, rotation.expires_at)?;
        let change = match &ground {
            Ground::Passed(passed) => change.step(&rows::ROTATION_FINISH, values![id, version, passed.tries(), now]),
            Ground::Unverified(_) => change.step(&rows::ROTATION_FORCE, values![id, version, now]),
        };
        let change = self.rotated(change.expecting(1), (by, tenant), &credential, version);
        let deed = told(by, tenant, id, version, RotationState::Finished)
            .with("before", i64::from(credential.current_version))
            .with("asked_by", rotation.by.as_str())
            .with("danger_unverified", matches!(ground, Ground::Unverified(_)));
        self.commit(change, &deed).await.map_err(unfit)?;
        self.credential(tenant, id).await
    }

    /// Goes back to a version that was used before: this one, or the one that was used last.
    pub async fn roll_back(
        &self,
        act: Act<'_>,
        id: CredentialId,
        version: Option<u32>,
        acknowledge_gap: bool,
    ) -> Result<CredentialView, Stop> {
        let tenant = self.demand(act, Scope::CredentialsRotate)?;
        let (credential, by) = (self.active(tenant, id).await?, By::Somebody(act));
        let versions = self.versions(tenant, id).await?;
        let earlier = versions.iter().filter(|view| view.status == "previous");
        let wanted = earlier.filter(|view| version.is_none_or(|version| view.version == version));
        let version = wanted.max_by_key(|view| (view.retired_at, view.version)).map(|view| view.version);
        let version = version.ok_or(VaultRefusal::VersionUnfit)?;
        // Where the vendor holds one alone, the one before is gone there.
        demand_gap(&*self.connection_of(tenant, id).await?, acknowledge_gap)?;
        self.demand_bound(tenant, id, version).await?;
        let change = self.chosen(tenant, id, version, "previous");
        let change = self.moved(change, &credential, version, None)?;
        let begun = self.begun(act, id, version, RotationState::Restored, Rotation::default());
        let change = self.rotated(change.step(&rows::ROTATION_INSERT, begun), (by, tenant), &credential, version);
        let deed = told(by, tenant, id, version, RotationState::Restored)
            .with("before", i64::from(credential.current_version));
        self.commit(change, &deed).await.map_err(unfit)?;
        self.credential(tenant, id).await
    }

    /// The step that fails first tells most: it is the one about the version asked for.
    fn chosen(&self, tenant: TenantId, id: CredentialId, version: u32, from: &'static str) -> Change {
        let values = values![id, version, from];
        Change::of(tenant).raising_epoch().step(&rows::VERSION_MARK_CURRENT, values).expecting(1)
    }

    /// Demands that the version may be used where the connection leads now: otherwise it would stop all calls.
    pub(super) async fn demand_bound(&self, tenant: TenantId, id: CredentialId, version: u32) -> Result<(), Stop> {
        let connection = self.connection_of(tenant, id).await?;
        let rows = self.vault.inner.store.read(tenant, &rows::VERSION_SEALED, values![id, version]).await?;
        let row = rows.first().ok_or(VaultRefusal::VersionUnfit)?;
        let record = row.opt_bytes(0)?.ok_or(VaultRefusal::VersionUnfit)?;
        let bound = Binding::split(record).is_some_and(|(binding, _)| binding.holds_for(&connection));
        if bound { Ok(()) } else { Err(VaultRefusal::BindingMoved.into()) }
    }

    /// Adds what the governance side is told of a rotation.
    pub(super) fn rotated(
        &self,
        change: Change,
        (by, tenant): (By<'_>, TenantId),
        credential: &CredentialView,
        version: u32,
    ) -> Change {
        let event = Event::new(EventKind::CredentialRotated, tenant, credential.id)
            .with("credential", credential.id.to_string())
            .with("name", credential.name.as_str())
            .with("version", version);
        self.telling(change, event, by)
    }
}

/// The record of a rotation that reached this state.
pub(super) fn told(by: By<'_>, tenant: TenantId, id: CredentialId, version: u32, outcome: RotationState) -> Deed {
    by.deed(tenant, ROTATION, id).with("version", i64::from(version)).with("outcome", outcome.as_str())
}

/// Where the first step fails, the version is not what it has to be.
fn unfit(failure: CommitFailure) -> Stop {
    match failure {
        CommitFailure::Unmet(0) => VaultRefusal::VersionUnfit.into(),
        other => other.stop(),
    }
}
