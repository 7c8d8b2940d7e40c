//! Taking credentials in, changing and ending them: the side of the vault that cannot use them.
//!
//! A value comes in once, as a [`Secret`], and is sealed before it touches anything. What comes back is
//! metadata and a fingerprint. Every act demands its scope of the caller, holds as one change of the
//! store, and is recorded in that change; reading metadata is recorded before it is answered (SEC-7).
//!
//! A credential belongs to one connection. Of its versions one is `current`; others are `staged` (in,
//! but never used yet), `previous` (used before, kept for going back), `revoked` or `destroyed`.
//!
//! A rotation has steps, each of which may be asked for again: `stage` takes a version in, `verify` asks the vendor
//! whether it takes it (`trial`), `finish` puts it to use; `attempt` is how it stands in between. What is due by
//! itself is done by `tend`. The version before stays in use until then and is kept for going back.

mod attempt;
mod compromise;
mod create;
mod destroy;
mod finish;
mod list;
mod purge;
mod record;
mod recover;
mod revoke;
mod rotate;
mod tend;
mod trial;
mod uses;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use lockgate_access::directory::{Connection, ConnectionStatus};
use lockgate_access::registry::Event;
use lockgate_access::scope::Scope;
use lockgate_access::{Access, AccessRefusal, Caller, Quotas};
use lockgate_audit::{Audit, Deed};
use lockgate_store::{ApplyFailure, Change, values};
use lockgate_vocabulary::{
    Background, ConnectionId, CredentialId, Errand, Fault, Name, Secret, Stop, TenantId, Timestamp, TraceId,
};
use serde::{Deserialize, Serialize};

use crate::binding::Binding;
use crate::custody::{REFERENCE, Reference};
use crate::equip;
use crate::keyring::{CREDENTIAL, CREDENTIAL_REFERENCE};
use crate::refusal::VaultRefusal;
use crate::rows;
use crate::seal::{self, Place};
use crate::vault::Vault;
use purge::PurgeWaits;

pub use attempt::RotationView;
pub use compromise::{Compromise, Compromised};
pub use list::Listed;
pub use record::{BackendOf, CompromiseView, CredentialView, Sensitivity, VersionView};
pub use recover::Recovered;
pub use revoke::Revoked;
pub use rotate::Rotation;
pub use uses::Uses;

/// Takes credentials in, rotates and revokes them, and tells their metadata. Cloning it gives another handle on the
/// same one.
#[derive(Clone)]
pub struct Custodian {
    vault: Vault,
    access: Arc<Access>,
    audit: Audit,
    errand: Arc<dyn Errand>,
    recovery: Duration,
    /// Verifications under way: a gateway that stops waits until each is settled.
    background: Arc<Background>,
    /// How long each purge that another vault did not do waits.
    purge_waits: Arc<PurgeWaits>,
}

/// What a custodian is made of.
pub struct CustodianParts {
    /// What seals and opens.
    pub vault: Vault,
    /// Scopes and connections are asked of it.
    pub access: Arc<Access>,
    /// Every act is recorded by it.
    pub audit: Audit,
    /// Asks vendors whether they take a version.
    pub errand: Arc<dyn Errand>,
    /// For how long a revoked credential may be brought back.
    pub recovery: Duration,
}

/// How a rotation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RotationState {
    /// The version is in.
    Staged,
    /// The vendor is being asked whether it takes it.
    Verifying,
    /// The vendor took it.
    Verified,
    /// The vendor did not take it, or could not be asked.
    Failed,
    /// It is in use.
    Finished,
    /// It is in use again: somebody went back to it.
    Restored,
}

impl RotationState {
    /// The word for it in rows, records and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::Verifying => "verifying",
            Self::Verified => "verified",
            Self::Failed => "failed",
            Self::Finished => "finished",
            Self::Restored => "restored",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        let all = [Self::Staged, Self::Verifying, Self::Verified, Self::Failed, Self::Finished, Self::Restored];
        all.into_iter().find(|state| state.as_str() == word)
    }
}

/// In whose hands an act is: somebody's, or the house's own, where it is due.
#[derive(Debug, Clone, Copy)]
enum By<'a> {
    Somebody(Act<'a>),
    House,
}

impl By<'_> {
    fn deed(self, tenant: TenantId, action: &'static str, object: CredentialId) -> Deed {
        match self {
            Self::Somebody(act) => Deed::new(act.caller.actor(), act.trace, action, object),
            Self::House => Deed::by_house(Some(tenant), action, object),
        }
    }
}

/// Who acts, and in which trace.
#[derive(Debug, Clone, Copy)]
pub struct Act<'a> {
    /// Who.
    pub caller: &'a Caller,
    /// The trace of the request.
    pub trace: TraceId,
}

/// A credential that is to be taken in. Its value comes beside it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCredential {
    /// Its name, unique in the tenant.
    pub name: Name,
    /// The one connection that it is for.
    pub connection: ConnectionId,
    /// Who answers for it: a person or a team, 1 to 200 characters.
    pub owner: String,
    /// How much harm it could do.
    pub sensitivity: Sensitivity,
    /// After how many days it should be rotated, 1 to 3,650.
    #[serde(default)]
    pub cadence_days: Option<u32>,
    /// When it ends, in microseconds since 1970; from then on it is lent to nobody.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// Whether its values stay until the end of the recovery window, whoever wants them gone. It cannot be taken off.
    #[serde(default)]
    pub purge_protected: bool,
    /// The other vault that is to keep its value and that of every later version; this one keeps it by default.
    #[serde(default)]
    pub backend: Option<Name>,
}

impl Custodian {
    /// The custodian of this vault.
    pub fn new(parts: CustodianParts) -> Self {
        let CustodianParts { vault, access, audit, errand, recovery } = parts;
        Self { vault, access, audit, errand, recovery, background: Arc::default(), purge_waits: Arc::default() }
    }

    /// Waits for so long until what became of each verification is kept. It comes once whoever asked for them is gone.
    pub async fn close(&self, most: Duration) {
        if !self.background.close(&*self.vault.inner.clock, most).await {
            tracing::warn!("a verification was under way at the end: it is taken over once its lease is over");
        }
    }

    /// Demands that the tenant has room for one more credential.
    async fn demand_room(&self, tenant: TenantId) -> Result<(), Stop> {
        let rows = self.vault.inner.store.read(tenant, &rows::CREDENTIALS_COUNT, Vec::new()).await?;
        let held = rows.first().ok_or(Fault::violated("a count has a row"))?.int(0)?;
        Ok(Quotas::demand(held, self.access.quotas().credentials, "credentials")?)
    }

    /// The tenant's connection, if it may still have credentials.
    fn connection(&self, tenant: TenantId, id: ConnectionId) -> Result<Arc<Connection>, Stop> {
        let directory = self.access.directory()?;
        let found = directory.tenants.get(&tenant).and_then(|view| view.connections.get(&id));
        let connection = found.ok_or(AccessRefusal::ConnectionUnknown)?;
        if connection.status == ConnectionStatus::Retired {
            return Err(AccessRefusal::ConnectionRetired.into());
        }
        Ok(connection.clone())
    }

    /// The connection that uses the credential.
    async fn connection_of(&self, tenant: TenantId, id: CredentialId) -> Result<Arc<Connection>, Stop> {
        let rows = self.vault.inner.store.read(tenant, &rows::CONNECTIONS_DEPENDENT, values![id]).await?;
        let first = rows.first().ok_or(AccessRefusal::ConnectionRetired)?;
        self.connection(tenant, first.parsed(0)?)
    }

    fn now(&self) -> Timestamp {
        self.vault.inner.clock.now()
    }

    /// A credential's metadata. Another tenant's is not found, as one that never was is not.
    async fn credential(&self, tenant: TenantId, id: CredentialId) -> Result<CredentialView, Stop> {
        let rows = self.vault.inner.store.read(tenant, &rows::CREDENTIAL_READ, values![id]).await?;
        let row = rows.first().ok_or(AccessRefusal::ObjectUnknown)?;
        let mut credential = CredentialView::read(row)?;
        self.complete(tenant, std::slice::from_mut(&mut credential)).await?;
        Ok(credential)
    }

    /// The credential, if it may be changed.
    async fn active(&self, tenant: TenantId, id: CredentialId) -> Result<CredentialView, Stop> {
        let credential = self.credential(tenant, id).await?;
        if !credential.is_active() {
            return Err(VaultRefusal::CredentialRevoked.into());
        }
        Ok(credential)
    }

    /// Seals a value as one version, for its connection as the connection is now.
    async fn sealed(
        &self,
        connection: &Connection,
        credential: CredentialId,
        version: u32,
        secret: &Secret,
    ) -> Result<Sealed, Stop> {
        equip::demand_fit(&connection.provider.auth, secret)?;
        let inner = &self.vault.inner;
        let key = inner.prepare(connection.tenant).await?;
        let (binding, reference) = (Binding::of(connection), credential.as_u128().to_be_bytes());
        let place = Place {
            tenant: connection.tenant,
            purpose: CREDENTIAL,
            reference: &reference,
            version,
            context: binding.context(),
        };
        let envelope = seal::envelope(&key, &place, secret.expose(), inner.entropy.as_ref())?;
        let fingerprint = inner.digests.fingerprint(connection.tenant, secret)?;
        Ok(Sealed { record: binding.before(&envelope), fingerprint })
    }

    /// The same where another vault keeps the value: it is put there first, and what is sealed is where it is. `before`
    /// is where an earlier version of the credential is.
    async fn sealed_elsewhere(
        &self,
        connection: &Connection,
        (credential, version): (CredentialId, u32),
        secret: &Secret,
        backend: &str,
        before: Option<&Reference>,
    ) -> Result<Sealed, Stop> {
        equip::demand_fit(&connection.provider.auth, secret)?;
        let inner = &self.vault.inner;
        let tenant = connection.tenant;
        let key = inner.prepare(tenant).await?;
        let (binding, id) = (Binding::of(connection), credential.as_u128().to_be_bytes());
        let context = binding.context();
        let put = inner.put_elsewhere((tenant, credential, version), context, secret, (backend, before));
        let reference = put.await?;
        let plain = reference.to_bytes().ok_or(Fault::violated("a reference can be written"))?;
        let place = Place { tenant, purpose: CREDENTIAL_REFERENCE, reference: &id, version, context };
        let envelope = seal::envelope(&key, &place, &plain, inner.entropy.as_ref())?;
        let record = binding.before(&[REFERENCE, envelope.as_slice()].concat());
        Ok(Sealed { record, fingerprint: reference.fingerprint })
    }

    /// Applies a change with the record of it, and takes it into memory.
    async fn commit(&self, change: Change, deed: &Deed) -> Result<(), CommitFailure> {
        let (statement, values) = self.audit.step(deed);
        self.vault.inner.store.apply(change.step(statement, values)).await.map_err(|failure| match failure {
            ApplyFailure::Conflict { step } => CommitFailure::Conflict(step),
            ApplyFailure::Unmet { step } => CommitFailure::Unmet(step),
            ApplyFailure::Fault(fault) => CommitFailure::Fault(fault),
        })?;
        // The change holds whatever comes now; a failed reading is made good when the epoch is followed.
        for read in [self.vault.refresh().await, self.access.refresh().await] {
            if let Err(fault) = read {
                tracing::warn!(%fault, "a change was not loaded yet");
            }
        }
        Ok(())
    }

    /// Adds an event for the governance side to the change that it tells of.
    fn telling(&self, change: Change, event: Event, by: By<'_>) -> Change {
        let (clock, entropy) = (self.vault.inner.clock.as_ref(), self.vault.inner.entropy.as_ref());
        let event = match by {
            By::Somebody(act) => event.by(act.caller.actor(), act.trace),
            By::House => event,
        };
        let (statement, values) = event.step(clock, entropy);
        change.step(statement, values)
    }

    fn demand(&self, act: Act<'_>, scope: Scope) -> Result<TenantId, Stop> {
        self.access.demand(act.caller, scope)?;
        Ok(act.caller.tenant())
    }
}

/// One version, ready to be kept.
struct Sealed {
    record: Vec<u8>,
    fingerprint: String,
}

/// Why nothing of a change holds.
enum CommitFailure {
    Conflict(usize),
    Unmet(usize),
    Fault(Fault),
}

impl CommitFailure {
    /// What it means where no step's failure has a meaning of its own: somebody else was quicker.
    fn stop(self) -> Stop {
        match self {
            Self::Conflict(_) | Self::Unmet(_) => VaultRefusal::CredentialChanged.into(),
            Self::Fault(fault) => fault.into(),
        }
    }
}

#[cfg(test)]
mod tests;
