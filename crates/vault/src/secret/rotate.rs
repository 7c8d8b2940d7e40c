//! Taking a new version in: only that, as the first step of a rotation, or all steps in one go.

use lockgate_access::directory::Connection;
use lockgate_access::scope::Scope;
use lockgate_access::spec::AuthPlacement;
use lockgate_store::{Change, values};
use lockgate_vocabulary::{CredentialId, Fault, Refusal, Secret, Stop, Timestamp};

use super::finish::{Ground, told};
use super::{Act, By, CommitFailure, CredentialView, Custodian, RotationState};
use crate::keyring::LendFailure;
use crate::refusal::VaultRefusal;
use crate::rows;

/// Versions with a value that a credential keeps.
const VERSIONS_MOST: usize = 64;

/// How a version is to come into use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rotation {
    /// When the new version ends; the credential's expiry stays where none is given.
    pub expires_at: Option<Timestamp>,
    /// From when on a staged version is verified and finished by itself.
    pub finish_at: Option<Timestamp>,
    /// Uses it without asking the vendor, where the provider declares no way to ask.
    pub danger_unverified: bool,
    /// Says that calls may fail in between, where the provider cannot hold two live credentials.
    pub acknowledge_gap: bool,
}

impl Custodian {
    /// Takes a new version in without using it. The one in use stays in use.
    pub async fn stage(
        &self,
        act: Act<'_>,
        id: CredentialId,
        secret: Secret,
        how: Rotation,
    ) -> Result<CredentialView, Stop> {
        let tenant = self.demand(act, Scope::CredentialsRotate)?;
        self.active(tenant, id).await?;
        let connection = self.connection_of(tenant, id).await?;
        demand_gap(&connection, how.acknowledge_gap)?;
        if how.finish_at.is_some() && !is_verifiable(&connection) {
            return Err(VaultRefusal::RotationBlind.into());
        }
        self.checked_expiry(how.expires_at)?;
        self.staged(act, &connection, id, secret, how).await?;
        self.credential(tenant, id).await
    }

    /// Takes a new version in and uses it from now on, once the vendor took it. The one before is kept, so that one
    /// can go back.
    pub async fn rotate(
        &self,
        act: Act<'_>,
        id: CredentialId,
        secret: Secret,
        how: Rotation,
    ) -> Result<CredentialView, Stop> {
        let tenant = self.demand(act, Scope::CredentialsRotate)?;
        let credential = self.active(tenant, id).await?;
        let connection = self.connection_of(tenant, id).await?;
        demand_gap(&connection, how.acknowledge_gap)?;
        // What ends before it is used is refused before the vendor is asked.
        self.checked_expiry(how.expires_at.or(credential.expires_at))?;
        let verifiable = demand_verified(&connection, how.danger_unverified)?;
        if !verifiable {
            return self.replaced(act, &connection, &credential, secret, how).await;
        }
        let version = self.staged(act, &connection, id, secret, how).await?;
        let by = By::Somebody(act);
        self.verified(by, tenant, id, version).await?;
        let ground = Ground::Passed(self.passed(tenant, id, version).await?);
        self.put_to_use(by, tenant, id, ground).await
    }

    /// Keeps a staged version; its number.
    pub(super) async fn staged(
        &self,
        act: Act<'_>,
        connection: &Connection,
        id: CredentialId,
        secret: Secret,
        how: Rotation,
    ) -> Result<u32, Stop> {
        let tenant = act.caller.tenant();
        if let Some(version) = self.staged_before(connection, id, &secret).await? {
            let begun = self.begun(act, id, version, RotationState::Staged, how);
            let change = Change::of(tenant).step(&rows::ROTATION_INSERT, begun);
            let deed = told(By::Somebody(act), tenant, id, version, RotationState::Staged).with("again", true);
            self.commit(change, &deed).await.map_err(CommitFailure::stop)?;
            return Ok(version);
        }
        let Added { version, change, fingerprint } = self.added(connection, id, secret, "staged").await?;
        let begun = self.begun(act, id, version, RotationState::Staged, how);
        // INVARIANT: a credential that was revoked meanwhile, or purged, has no new value after that.
        let change = change.step(&rows::ROTATION_INSERT, begun);
        let change = change.step(&rows::CREDENTIAL_STANDS, values![id]).expecting(1);
        let deed = told(By::Somebody(act), tenant, id, version, RotationState::Staged).with("fingerprint", fingerprint);
        self.commit(change, &deed).await.map_err(CommitFailure::stop)?;
        Ok(version)
    }

    /// The version that has this value already and waits for the same place: whoever stages it again, not knowing
    /// whether the first time held, gets that one.
    async fn staged_before(
        &self,
        connection: &Connection,
        id: CredentialId,
        secret: &Secret,
    ) -> Result<Option<u32>, Stop> {
        let tenant = connection.tenant;
        let fingerprint = self.vault.inner.digests.fingerprint(tenant, secret)?;
        let versions = self.versions(tenant, id).await?;
        let alike = versions.iter().find(|view| view.status == "staged" && view.fingerprint == fingerprint);
        let Some(version) = alike.map(|view| view.version) else { return Ok(None) };
        match self.demand_bound(tenant, id, version).await {
            Ok(()) => {}
            Err(Stop::Refused(_)) => return Ok(None),
            Err(fault) => return Err(fault),
        }
        match self.rotation(tenant, id, version).await?.state {
            RotationState::Verifying => Err(VaultRefusal::VersionVerifying.into()),
            _ => Ok(Some(version)),
        }
    }

    /// Takes a version in and uses it in one change, without asking the vendor.
    async fn replaced(
        &self,
        act: Act<'_>,
        connection: &Connection,
        credential: &CredentialView,
        secret: Secret,
        how: Rotation,
    ) -> Result<CredentialView, Stop> {
        let (tenant, id, by) = (act.caller.tenant(), credential.id, By::Somebody(act));
        let Added { version, change, fingerprint } = self.added(connection, id, secret, "current").await?;
        let change = self.moved(change, credential, version, how.expires_at)?;
        let begun = self.begun(act, id, version, RotationState::Finished, how);
        let change = self.rotated(change.step(&rows::ROTATION_INSERT, begun), (by, tenant), credential, version);
        let deed = told(by, tenant, id, version, RotationState::Finished)
            .with("before", i64::from(credential.current_version))
            .with("fingerprint", fingerprint)
            .with("danger_unverified", true);
        self.commit(change, &deed).await.map_err(CommitFailure::stop)?;
        self.credential(tenant, id).await
    }

    /// A change that adds the next version.
    async fn added(
        &self,
        connection: &Connection,
        id: CredentialId,
        secret: Secret,
        status: &'static str,
    ) -> Result<Added, Stop> {
        let tenant = connection.tenant;
        let versions = self.versions(tenant, id).await?;
        if versions.iter().filter(|view| view.destroyed_at.is_none()).count() >= VERSIONS_MOST {
            return Err(VaultRefusal::VersionTooMany.into());
        }
        let highest = versions.iter().map(|view| view.version).max().unwrap_or(0);
        let version = highest.checked_add(1).ok_or(Fault::violated("a credential has fewer than 2^32 versions"))?;
        // A credential stays where its first version was put.
        let before = self.vault.inner.keyring.reference_of(tenant, id).map_err(LendFailure::stop)?;
        let before = before.map(|(reference, _)| reference);
        let sealed = match &before {
            None => self.sealed(connection, id, version, &secret).await?,
            Some(before) => {
                let place = (id, version);
                self.sealed_elsewhere(connection, place, &secret, &before.backend, Some(before)).await?
            }
        };
        let values = values![id, version, sealed.record, sealed.fingerprint.clone(), status, self.now()];
        let change = Change::of(tenant).raising_epoch().step(&rows::VERSION_INSERT, values);
        Ok(Added { version, change, fingerprint: sealed.fingerprint })
    }

    /// The row of a rotation that somebody asked for now.
    pub(super) fn begun(
        &self,
        act: Act<'_>,
        id: CredentialId,
        version: u32,
        state: RotationState,
        how: Rotation,
    ) -> Vec<lockgate_store::Value> {
        let actor = act.caller.actor();
        let unverified = i64::from(state == RotationState::Finished);
        values![
            id,
            version,
            state.as_str(),
            unverified,
            actor.principal,
            &*actor.name,
            self.now(),
            how.expires_at,
            how.finish_at
        ]
    }

    fn checked_expiry(&self, expires_at: Option<Timestamp>) -> Result<(), Refusal> {
        if expires_at.is_some_and(|end| end <= self.now()) {
            return Err(VaultRefusal::InputInvalid.refuse().violation("/expires_at", "lies ahead"));
        }
        Ok(())
    }

    /// Adds the steps that move the credential from its current version to this one.
    pub(super) fn moved(
        &self,
        change: Change,
        credential: &CredentialView,
        version: u32,
        expires_at: Option<Timestamp>,
    ) -> Result<Change, Refusal> {
        let expires_at = expires_at.or(credential.expires_at);
        self.checked_expiry(expires_at)?;
        let (id, before) = (credential.id, credential.current_version);
        Ok(change
            .step(&rows::CREDENTIAL_PROMOTE, values![id, before, version, expires_at])
            .expecting(1)
            .step(&rows::VERSION_MARK_PREVIOUS, values![id, before, self.now()])
            .expecting(1))
    }
}

/// A version that is ready to be kept.
struct Added {
    version: u32,
    change: Change,
    fingerprint: String,
}

/// Whether the vendor can be asked about a credential of this connection's: by the read that its provider declares,
/// or at the token endpoint that the credential is for.
pub(super) fn is_verifiable(connection: &Connection) -> bool {
    let provider = &connection.provider;
    provider.verify.is_some() || matches!(provider.auth, AuthPlacement::OAuth(_))
}

/// Whether the vendor is asked first. To do without is allowed where there is no way to ask, and nowhere else.
pub(super) fn demand_verified(connection: &Connection, danger_unverified: bool) -> Result<bool, VaultRefusal> {
    match (is_verifiable(connection), danger_unverified) {
        (true, true) => Err(VaultRefusal::RotationVerifiable),
        (true, false) => Ok(true),
        (false, true) => Ok(false),
        (false, false) => Err(VaultRefusal::RotationBlind),
    }
}

/// A vendor that cannot hold two live credentials has ended the one before by the time there is a new one.
pub(super) fn demand_gap(connection: &Connection, acknowledged: bool) -> Result<(), VaultRefusal> {
    let gap = connection.provider.two_live_credentials == Some(false);
    if gap && !acknowledged { Err(VaultRefusal::RotationGap) } else { Ok(()) }
}
