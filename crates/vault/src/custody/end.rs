//! The end of what another vault keeps of a credential: deleting, taking that back, and destroying for good.
//!
//! Each is of the path that the gateway made for the credential, and of no other.

use lockgate_vocabulary::{CredentialId, Refusal, Stop, TenantId};

use super::{Reference, told};
use crate::backend::BackendFailure;
use crate::refusal::VaultRefusal;
use crate::vault::Inner;

impl Inner {
    /// Deletes what a back end has of a credential, so that it can be recovered there.
    pub(crate) async fn delete_elsewhere(&self, reference: &Reference) -> Result<(), Refusal> {
        let attached = self.custody.attached(&reference.backend)?;
        let (path, _) = reference.place().ok_or_else(|| VaultRefusal::BackendUnknown.refuse())?;
        attached.client.delete(path).await.map_err(told)
    }

    /// Recovers it there.
    pub(crate) async fn recover_elsewhere(&self, reference: &Reference) -> Result<(), Refusal> {
        let attached = self.custody.attached(&reference.backend)?;
        let (path, _) = reference.place().ok_or_else(|| VaultRefusal::BackendUnknown.refuse())?;
        attached.client.recover(path).await.map_err(told)
    }

    /// Demands that a reference's back end is known here, and its place the one that the gateway made for this very
    /// credential.
    pub(crate) fn demand_own(
        &self,
        (tenant, credential): (TenantId, CredentialId),
        reference: &Reference,
    ) -> Result<(), Refusal> {
        self.custody.attached(&reference.backend)?;
        let own = reference.own_path(tenant, credential);
        own.map(drop).ok_or_else(|| VaultRefusal::BackendReference.refuse())
    }

    /// Destroys it there for good, whether it was deleted before or not. What is not there any more is as it has to
    /// be, so this may be repeated until it is done.
    ///
    /// INVARIANT: nothing is destroyed but below the path that the gateway made for this very credential.
    pub(crate) async fn purge_elsewhere(
        &self,
        (tenant, credential): (TenantId, CredentialId),
        reference: &Reference,
    ) -> Result<(), Stop> {
        let path = reference.own_path(tenant, credential);
        let path = path.ok_or_else(|| VaultRefusal::BackendReference.refuse())?;
        let attached = self.custody.attached(&reference.backend)?;
        if let Some(why) = attached.resting(self.clock.elapsed()) {
            return Err(told(why).into());
        }
        // Some purge only what was deleted, and whether the revocation could delete it nobody knows here. One that is at
        // it still says so, and purging waits for it.
        let deleted = attached.client.delete(path.clone()).await;
        let done = match deleted {
            Ok(()) | Err(BackendFailure::Absent | BackendFailure::Conflict) => attached.client.purge(path).await,
            failed => failed,
        };
        match done {
            Ok(()) | Err(BackendFailure::Absent) => Ok(()),
            Err(why) => {
                // Whom it does not let purge it may let read all the same: calls go on.
                if why.is_of_the_whole() && why != BackendFailure::Denied {
                    attached.note(&*self.clock, Some(why));
                }
                Err(told(why).into())
            }
        }
    }
}
