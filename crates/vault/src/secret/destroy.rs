//! Destroying one version that nothing uses any more.

use std::time::Duration;

use lockgate_access::scope::Scope;
use lockgate_audit::Deed;
use lockgate_store::{Change, values};
use lockgate_vocabulary::{CredentialId, Stop, TenantId, Timestamp};

use super::{Act, CommitFailure, Custodian, VersionView};
use crate::refusal::VaultRefusal;
use crate::rows;

/// How long it takes at the most until every node has told of its uses, and has left a version that is replaced.
const TOLD_WITHIN: Duration = Duration::from_secs(120);

impl Custodian {
    /// Destroys a staged or previous version that no call has been lent since this moment. Its fingerprint stays.
    pub async fn destroy(
        &self,
        act: Act<'_>,
        id: CredentialId,
        version: u32,
        unused_since: Timestamp,
    ) -> Result<VersionView, Stop> {
        let tenant = self.demand(act, Scope::CredentialsRotate)?;
        self.active(tenant, id).await?;
        let (now, known) = (self.now(), self.now().before(TOLD_WITHIN));
        if unused_since > known {
            let refusal = VaultRefusal::InputInvalid.refuse();
            return Err(refusal.violation("/unused_since", "lies two minutes back at the least").into());
        }
        self.vault.tell_uses().await?;
        let found = self.version(tenant, id, version).await?;
        match found.status.as_str() {
            "current" => return Err(VaultRefusal::VersionInUse.refuse().detail("Calls use it now.").into()),
            "staged" | "previous" => {}
            _ => return Err(VaultRefusal::VersionUnfit.into()),
        }
        let gone = values![id, version, VaultRefusal::VersionUnfit.info().code, now];
        let change = Change::of(tenant)
            .raising_epoch()
            .step(&rows::VERSION_DESTROY, values![id, version, now, unused_since, known])
            .expecting(1)
            .step(&rows::ROTATION_GIVE_UP, gone);
        let deed = Deed::new(act.caller.actor(), act.trace, "credential.destroy", id)
            .with("version", i64::from(version))
            .with("fingerprint", found.fingerprint.as_str())
            .with("unused_since", unused_since.to_string());
        let done = self.commit(change, &deed).await;
        let after = self.version(tenant, id, version).await?;
        match done {
            Ok(()) => Ok(after),
            Err(CommitFailure::Unmet(0)) => Err(VaultRefusal::VersionInUse.refuse().detail(told(&after)).into()),
            Err(other) => Err(other.stop()),
        }
    }

    async fn version(&self, tenant: TenantId, id: CredentialId, version: u32) -> Result<VersionView, Stop> {
        let versions = self.versions(tenant, id).await?;
        let found = versions.into_iter().find(|view| view.version == version);
        Ok(found.ok_or(VaultRefusal::VersionUnfit)?)
    }
}

/// Why a version that is out of use stays.
fn told(version: &VersionView) -> String {
    match (version.last_used_at, version.retired_at) {
        (Some(used), _) => format!("It was used last at {used}."),
        (None, Some(retired)) => format!("Another version is used in its place since {retired} only."),
        (None, None) => "It has changed just now.".to_owned(),
    }
}
