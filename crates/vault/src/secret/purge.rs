//! The end of a revoked credential's values, here and in the vault that keeps them.
//!
//! What another vault keeps goes first and the row here after: the row alone says where it is. That it is under way is
//! committed before anything is asked there, so that nobody comes back to a credential whose value may be gone. From
//! then on it is only gone on with: whoever began may repeat it, and the worker does, until the other vault has done
//! its part.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lockgate_access::scope::Scope;
use lockgate_store::{ApplyFailure, Change, values};
use lockgate_vocabulary::{CredentialId, Stop, TenantId};

use super::{Act, By, CommitFailure, CredentialView, Custodian};
use crate::custody::Reference;
use crate::keyring::LendFailure;
use crate::refusal::VaultRefusal;
use crate::rows;

/// How long it is until the worker goes on with a purge that another vault did not do, at first and at most.
const AGAIN: (Duration, Duration) = (Duration::from_secs(3_600), Duration::from_secs(86_400));

/// Purges of which it is known how often they were tried; more wait as at first.
const WAITS_MOST: usize = 1_024;

/// How long each purge waits that another vault did not do: twice as long each time. A process that starts begins anew.
#[derive(Debug, Default)]
pub(super) struct PurgeWaits(Mutex<HashMap<(TenantId, CredentialId), Duration>>);

impl PurgeWaits {
    /// How long it waits this time.
    fn next(&self, which: (TenantId, CredentialId)) -> Duration {
        let mut waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waits.len() >= WAITS_MOST && !waits.contains_key(&which) {
            return AGAIN.0;
        }
        let wait = waits.get(&which).map_or(AGAIN.0, |before| (*before * 2).min(AGAIN.1));
        waits.insert(which, wait);
        wait
    }

    fn forget(&self, which: (TenantId, CredentialId)) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&which);
    }
}

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
        let reference = self.destroyable(tenant, id);
        if !matches!(reference, Ok(None)) {
            self.begin_purge(by, tenant, id, reference.as_ref().err()).await?;
        }
        let mut deed = by.deed(tenant, "credential.purge", id);
        if let Some(reference) = reference? {
            self.purge_there(by, tenant, id, &reference).await?;
            deed = deed.with("backend", reference.backend);
        }
        let change = Change::of(tenant)
            .raising_epoch()
            .step(&rows::CREDENTIAL_PURGE, values![id])
            .expecting(1)
            .step(&rows::VERSIONS_DESTROY, values![id, self.now()]);
        self.commit(change, &deed).await.map_err(CommitFailure::stop)?;
        self.purge_waits.forget((tenant, id));
        Ok(())
    }

    /// Where another vault keeps what is to be destroyed, if one does: a place that is the credential's own, in a back
    /// end that this node knows.
    fn destroyable(&self, tenant: TenantId, id: CredentialId) -> Result<Option<Reference>, Stop> {
        let inner = &self.vault.inner;
        let reference = match inner.keyring.reference_of(tenant, id) {
            Ok(None) => return Ok(None),
            Ok(Some((reference, _))) => reference,
            Err(LendFailure::Unopened(_)) => return Err(VaultRefusal::BackendReference.into()),
            Err(failure) => return Err(failure.stop()),
        };
        inner.demand_own((tenant, id), &reference)?;
        Ok(Some(reference))
    }

    /// Says that the values are being destroyed, from when on nobody recovers the credential. What cannot be destroyed
    /// gives no recovery up: whoever asks is refused while it is revoked. At the end of the window there is nothing to
    /// give up, and it is tried again no sooner than one that is away.
    async fn begin_purge(
        &self,
        by: By<'_>,
        tenant: TenantId,
        id: CredentialId,
        in_the_way: Option<&Stop>,
    ) -> Result<(), Stop> {
        let is_begun = self.credential(tenant, id).await?.status == "purging";
        let is_house = matches!(by, By::House);
        if !is_house && (is_begun || in_the_way.is_some()) {
            return Ok(());
        }
        let again = self.now().after(self.purge_waits.next((tenant, id)));
        if is_begun {
            // It is told once that it began, and goes on without another epoch.
            let due = values![id, again, self.now()];
            let change = Change::of(tenant).step(&rows::CREDENTIAL_PURGE_AGAIN, due).expecting(1);
            return match self.vault.inner.store.apply(change).await {
                Ok(_) => Ok(()),
                Err(ApplyFailure::Unmet { .. }) => Err(VaultRefusal::CredentialChanged.into()),
                Err(failure) => Err(failure.into_fault("going on with a purge").into()),
            };
        }
        let change =
            Change::of(tenant).raising_epoch().step(&rows::CREDENTIAL_PURGE_BEGIN, values![id, again]).expecting(1);
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
