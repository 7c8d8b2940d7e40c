//! Versions of a credential: staging one, putting it to use, going back, and both at once.

use lockgate_access::registry::{Event, EventKind};
use lockgate_access::scope::Scope;
use lockgate_audit::Deed;
use lockgate_store::{Change, values};
use lockgate_vocabulary::{CredentialId, Fault, Refusal, Secret, Stop, TenantId, Timestamp};

use super::{Act, CommitFailure, CredentialView, Custodian, VersionView};
use crate::keyring::LendFailure;
use crate::refusal::VaultRefusal;
use crate::rows;

impl Custodian {
    /// Takes a new version in without using it. The one in use stays in use.
    ///
    /// It is for rotations in steps, in which the vendor is asked whether the new value works before it is
    /// used. The admin API offers [`Custodian::rotate`] alone so far.
    pub async fn stage(&self, act: Act<'_>, id: CredentialId, secret: Secret) -> Result<VersionView, Stop> {
        let tenant = self.demand(act, Scope::CredentialsRotate)?;
        self.active(tenant, id).await?;
        let (version, change, fingerprint) = self.added(tenant, id, secret, "staged").await?;
        let deed = Deed::new(act.caller.actor(), act.trace, "credential.stage", id)
            .with("version", i64::from(version))
            .with("fingerprint", fingerprint);
        self.commit(change, &deed).await.map_err(CommitFailure::stop)?;
        let versions = self.versions(tenant, id).await?;
        let staged = versions.into_iter().find(|view| view.version == version);
        staged.ok_or(Fault::violated("a version that was kept is there").into())
    }

    /// Puts a staged version to use, or goes back to a previous one. The expiry stays unless one is given.
    ///
    /// It is the second step after [`Custodian::stage`], and has no caller outside the tests so far either.
    pub async fn promote(
        &self,
        act: Act<'_>,
        id: CredentialId,
        version: u32,
        expires_at: Option<Timestamp>,
    ) -> Result<CredentialView, Stop> {
        let tenant = self.demand(act, Scope::CredentialsRotate)?;
        let credential = self.active(tenant, id).await?;
        if version == credential.current_version {
            return Err(VaultRefusal::VersionUnfit.into());
        }
        // The step that fails first tells most: it is the one about the version asked for.
        let change =
            Change::of(tenant).raising_epoch().step(&rows::VERSION_MARK_CURRENT, values![id, version]).expecting(1);
        let change = self.moved(change, &credential, version, expires_at)?;
        let change = rotated(change, self, act, &credential, version);
        let deed = Deed::new(act.caller.actor(), act.trace, "credential.promote", id)
            .with("version", i64::from(version))
            .with("before", i64::from(credential.current_version));
        self.commit(change, &deed).await.map_err(|failure| match failure {
            CommitFailure::Unmet(0) => VaultRefusal::VersionUnfit.into(),
            other => other.stop(),
        })?;
        self.credential(tenant, id).await
    }

    /// Takes a new version in and uses it from now on. The one before is kept, so that one can go back.
    pub async fn rotate(
        &self,
        act: Act<'_>,
        id: CredentialId,
        secret: Secret,
        expires_at: Option<Timestamp>,
    ) -> Result<CredentialView, Stop> {
        let tenant = self.demand(act, Scope::CredentialsRotate)?;
        let credential = self.active(tenant, id).await?;
        let (version, change, fingerprint) = self.added(tenant, id, secret, "current").await?;
        let change = self.moved(change, &credential, version, expires_at)?;
        let change = rotated(change, self, act, &credential, version);
        let deed = Deed::new(act.caller.actor(), act.trace, "credential.rotate", id)
            .with("version", i64::from(version))
            .with("before", i64::from(credential.current_version))
            .with("fingerprint", fingerprint);
        self.commit(change, &deed).await.map_err(CommitFailure::stop)?;
        self.credential(tenant, id).await
    }

    /// A change that adds the next version, and that version's number and fingerprint.
    async fn added(
        &self,
        tenant: TenantId,
        id: CredentialId,
        secret: Secret,
        status: &'static str,
    ) -> Result<(u32, Change, String), Stop> {
        let connection = self.connection_of(tenant, id).await?;
        let highest = self.versions(tenant, id).await?.iter().map(|view| view.version).max().unwrap_or(0);
        let version = highest.checked_add(1).ok_or(Fault::violated("a credential has fewer than 2^32 versions"))?;
        // A credential stays where its first version was put.
        let before = self.vault.inner.keyring.reference_of(tenant, id).map_err(LendFailure::stop)?;
        let sealed = match &before {
            None => self.sealed(&connection, id, version, &secret).await?,
            Some(before) => {
                let place = (id, version);
                self.sealed_elsewhere(&connection, place, &secret, &before.backend, Some(before)).await?
            }
        };
        let now = self.vault.inner.clock.now();
        let change = Change::of(tenant)
            .raising_epoch()
            .step(&rows::VERSION_INSERT, values![id, version, sealed.record, sealed.fingerprint.clone(), status, now]);
        Ok((version, change, sealed.fingerprint))
    }

    /// Adds the steps that move the credential from its current version to this one.
    fn moved(
        &self,
        change: Change,
        credential: &CredentialView,
        version: u32,
        expires_at: Option<Timestamp>,
    ) -> Result<Change, Refusal> {
        let expires_at = expires_at.or(credential.expires_at);
        if expires_at.is_some_and(|end| end <= self.vault.inner.clock.now()) {
            return Err(VaultRefusal::InputInvalid.refuse().violation("/expires_at", "lies ahead"));
        }
        let (id, before) = (credential.id, credential.current_version);
        Ok(change
            .step(&rows::CREDENTIAL_PROMOTE, values![id, before, version, expires_at])
            .expecting(1)
            .step(&rows::VERSION_MARK_PREVIOUS, values![id, before])
            .expecting(1))
    }
}

fn rotated(change: Change, custodian: &Custodian, act: Act<'_>, credential: &CredentialView, version: u32) -> Change {
    let event = Event::new(EventKind::CredentialRotated, act.caller.tenant(), credential.id)
        .with("credential", credential.id.to_string())
        .with("name", credential.name.as_str())
        .with("version", version);
    custodian.telling(change, event, act)
}
