//! Ending a credential: in one change it is lent to nobody, and what depended on it stops.

use lockgate_access::registry::{Event, EventKind};
use lockgate_access::scope::Scope;
use lockgate_audit::Deed;
use lockgate_store::{Change, values};
use lockgate_vocabulary::{ConnectionId, CredentialId, Fault, Refusal, Stop, TenantId};
use serde::Serialize;

use super::{Act, By, CommitFailure, Custodian};
use crate::refusal::VaultRefusal;
use crate::rows;

/// Why a connection is degraded, as it shows.
pub(super) const REASON: &str = "its credential was revoked";
/// Characters of a reason.
const REASON_LENGTH: usize = 200;
/// How often connections that were attached at the same moment are looked for again.
const TRIES: u8 = 4;
/// The step that degrades connections, by its place in the change.
const DEGRADE: usize = 2;

/// What a revocation did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Revoked {
    /// The credential.
    pub credential: CredentialId,
    /// The connections that run nothing until they have another.
    pub degraded: Vec<ConnectionId>,
}

impl Custodian {
    /// Revokes a credential for a reason. Connections that use it become degraded in the same change.
    pub async fn revoke(&self, act: Act<'_>, id: CredentialId, reason: &str) -> Result<Revoked, Stop> {
        let tenant = self.demand(act, Scope::CredentialsRotate)?;
        checked(reason)?;
        self.active(tenant, id).await?;
        let deed = Deed::new(act.caller.actor(), act.trace, "credential.revoke", id).with("reason", reason);
        self.revoke_with(act, id, reason, &deed, |change| change).await
    }

    /// Revokes an active credential, and whatever else is to hold with it.
    pub(super) async fn revoke_with(
        &self,
        act: Act<'_>,
        id: CredentialId,
        reason: &str,
        deed: &Deed,
        more: impl Fn(Change) -> Change,
    ) -> Result<Revoked, Stop> {
        let tenant = act.caller.tenant();
        for _ in 0..TRIES {
            let degraded = self.dependents(tenant, id).await?;
            let change = more(self.ended(act, tenant, id, &degraded, reason));
            let many = i64::try_from(degraded.len()).unwrap_or(i64::MAX);
            match self.commit(change, &deed.clone().with("degraded", many)).await {
                Ok(()) => {
                    self.delete_elsewhere(act, tenant, id).await;
                    return Ok(Revoked { credential: id, degraded });
                }
                // A connection was attached or retired in between: look again.
                Err(CommitFailure::Unmet(DEGRADE)) => {}
                Err(other) => return Err(other.stop()),
            }
        }
        Err(VaultRefusal::CredentialChanged.into())
    }

    /// Deletes what another vault keeps of the credential. It is revoked whatever comes of this, which is recorded.
    async fn delete_elsewhere(&self, act: Act<'_>, tenant: TenantId, id: CredentialId) {
        let inner = &self.vault.inner;
        let Ok(Some((reference, _))) = inner.keyring.reference_of(tenant, id) else { return };
        let code = inner.delete_elsewhere(&reference).await.err().map_or("", |refusal| refusal.code());
        let deed = Deed::new(act.caller.actor(), act.trace, "credential.backend_delete", id)
            .with("backend", reference.backend)
            .with("code", code);
        if let Err(unrecorded) = self.audit.record(deed).await {
            tracing::warn!(%unrecorded, credential = %id, "what became of a credential in its back end was not recorded");
        }
    }

    pub(super) async fn dependents(&self, tenant: TenantId, id: CredentialId) -> Result<Vec<ConnectionId>, Fault> {
        let rows = self.vault.inner.store.read(tenant, &rows::CONNECTIONS_DEPENDENT, values![id]).await?;
        rows.iter().map(|row| row.parsed(0)).collect()
    }

    fn ended(
        &self,
        act: Act<'_>,
        tenant: TenantId,
        id: CredentialId,
        degraded: &[ConnectionId],
        reason: &str,
    ) -> Change {
        // INVARIANT: exactly the connections that are told of are degraded, none is forgotten.
        let (now, by) = (self.now(), act.caller.actor().principal);
        let expected = u64::try_from(degraded.len()).unwrap_or(u64::MAX);
        let change = Change::of(tenant)
            .raising_epoch()
            .step(&rows::CREDENTIAL_REVOKE, values![id, now, by, now.after(self.recovery)])
            .expecting(1)
            .step(&rows::VERSIONS_REVOKE, values![id])
            .step(&rows::CONNECTION_DEGRADE, values![id, REASON])
            .expecting(expected)
            .step(&rows::ROTATIONS_STOP, values![id]);
        let event = Event::new(EventKind::CredentialRevoked, tenant, id)
            .with("credential", id.to_string())
            .with("reason", reason);
        let change = self.telling(change, event, By::Somebody(act));
        degraded.iter().fold(change, |change, connection| {
            let event = Event::new(EventKind::IntegrationConnectionDegraded, tenant, connection)
                .with("connection", connection.to_string())
                .with("credential", id.to_string())
                .with("reason", REASON);
            self.telling(change, event, By::Somebody(act))
        })
    }
}

/// Demands a reason that can be kept.
pub(super) fn checked(reason: &str) -> Result<(), Refusal> {
    let fits = (1..=REASON_LENGTH).contains(&reason.chars().count()) && !reason.chars().any(char::is_control);
    if fits {
        return Ok(());
    }
    let refusal = VaultRefusal::InputInvalid.refuse();
    Err(refusal.violation("/reason", "has 1 to 200 characters and no control characters"))
}
