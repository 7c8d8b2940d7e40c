//! The end of a revoked credential's values, here and in the vault that keeps them.
//!
//! What another vault keeps goes first and the row here after: the row alone says where it is. That it is under way is
//! committed before anything is asked there, so that nobody comes back to a credential whose value may be gone. From
//! then on it is only gone on with: whoever began may repeat it, and the worker does, until the other vault has done
//! its part.

use std::time::Duration;

use lockgate_access::scope::Scope;
use lockgate_store::{Change, values};
use lockgate_vocabulary::{CredentialId, Stop, TenantId};

use super::{Act, By, CommitFailure, CredentialView, Custodian};
use crate::custody::Reference;
use crate::keyring::LendFailure;
use crate::refusal::VaultRefusal;
use crate::rows;

/// How long it is until the worker goes on with a purge that another vault did not do.
const AGAIN: Duration = Duration::from_secs(3_600);

impl Custodian {
    /// Destroys every value of a revoked credential before its recovery window is over, also what another vault keeps
    /// of it. It takes another scope than revoking does, and another principal than who revoked it. Where the other
    /// vault does not do it the credential is not purged, and this may be repeated.
    pub async fn purge(&self, act: Act<'_>, id: CredentialId) -> Result<CredentialView, Stop> {
        let tenant = self.demand(act, Scope::TenantsAdmin)?;
        let credential = self.credential(tenant, id).await?;
        match credential.status.as_str() {
            "active" => return Err(VaultRefusal::CredentialActive.into()),
            "revoked" | "purging" => {}
            _ => return Err(VaultRefusal::CredentialUnrecoverable.into()),
        }
        if credential.purge_protected {
            return Err(VaultRefusal::PurgeProtected.into());
        }
        let principal = act.caller.actor().principal.to_string();
        if credential.revoked_by.as_deref() == Some(principal.as_str()) {
            return Err(VaultRefusal::PurgeOwn.into());
        }
        self.purged(By::Somebody(act), tenant, id).await?;
        self.credential(tenant, id).await
    }

    /// The same in anybody's hands.
    pub(super) async fn purged(&self, by: By<'_>, tenant: TenantId, id: CredentialId) -> Result<(), Stop> {
        let deed = by.deed(tenant, "credential.purge", id);
        let reference = self.vault.inner.keyring.reference_of(tenant, id);
        let deed = if matches!(reference, Ok(None)) {
            deed
        } else {
            // A reference that does not open is left as well, and tried again no sooner than one that is away.
            self.begin_purge(by, tenant, id).await?;
            let Some((reference, _)) = reference.map_err(LendFailure::stop)? else { return Ok(()) };
            self.purge_there(by, tenant, id, &reference).await?;
            deed.with("backend", reference.backend)
        };
        let change = Change::of(tenant)
            .raising_epoch()
            .step(&rows::CREDENTIAL_PURGE, values![id])
            .expecting(1)
            .step(&rows::VERSIONS_DESTROY, values![id, self.now()]);
        self.commit(change, &deed).await.map_err(CommitFailure::stop)
    }

    /// Says that the values are being destroyed, from when on nobody recovers the credential.
    async fn begin_purge(&self, by: By<'_>, tenant: TenantId, id: CredentialId) -> Result<(), Stop> {
        let change = Change::of(tenant)
            .raising_epoch()
            .step(&rows::CREDENTIAL_PURGE_BEGIN, values![id, self.now().after(AGAIN)])
            .expecting(1);
        let deed = by.deed(tenant, "credential.purge_begin", id);
        self.commit(change, &deed).await.map_err(CommitFailure::stop)
    }

    /// Has the other vault destroy what it keeps, and records what came of it.
    async fn purge_there(
        &self,
        by: By<'_>,
        tenant: TenantId,
        id: CredentialId,
        reference: &Reference,
    ) -> Result<(), Stop> {
        let done = self.vault.inner.purge_elsewhere((tenant, id), reference).await;
        let code = match &done {
            Ok(()) => "",
            Err(Stop::Refused(refusal)) => refusal.code(),
            Err(Stop::Fault(_)) => "fault",
        };
        let deed = by.deed(tenant, "credential.backend_purge", id);
        self.audit.record(deed.with("backend", reference.backend.as_str()).with("code", code)).await?;
        done
    }
}
