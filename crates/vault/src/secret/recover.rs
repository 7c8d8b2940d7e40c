//! Coming back to a credential that was revoked, while it may be.

use lockgate_access::registry::{Event, EventKind};
use lockgate_access::scope::Scope;
use lockgate_audit::Deed;
use lockgate_store::{Change, values};
use lockgate_vocabulary::{ConnectionId, CredentialId, Fault, Stop};
use serde::Serialize;

use super::revoke::REASON;
use super::{Act, By, CommitFailure, Custodian};
use crate::keyring::LendFailure;
use crate::refusal::VaultRefusal;
use crate::rows;
use crate::token::{KeptState, grant_spec};

/// A credential that was brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recovered {
    /// The credential.
    pub credential: CredentialId,
    /// The connections that run again by it: those that had no other in between, and that wait for nobody to connect an
    /// account.
    pub revived: Vec<ConnectionId>,
}

impl Custodian {
    /// Brings a revoked credential back within its recovery window, unless it was compromised.
    pub async fn recover(&self, act: Act<'_>, id: CredentialId) -> Result<Recovered, Stop> {
        let tenant = self.demand(act, Scope::CredentialsRotate)?;
        let credential = self.credential(tenant, id).await?;
        if credential.is_active() {
            return Err(VaultRefusal::CredentialActive.into());
        }
        if credential.compromise.is_some() {
            return Err(VaultRefusal::CredentialCompromised.into());
        }
        if credential.recover_until.is_none_or(|until| until <= self.now()) {
            return Err(VaultRefusal::CredentialUnrecoverable.into());
        }
        // What another vault keeps was deleted there with the revocation, and comes back first.
        let inner = &self.vault.inner;
        if let Some((reference, _)) = inner.keyring.reference_of(tenant, id).map_err(LendFailure::stop)? {
            inner.recover_elsewhere(&reference).await?;
        }
        let rows = inner.store.read(tenant, &rows::CONNECTIONS_WAITING, values![id, REASON]).await?;
        let waiting: Vec<ConnectionId> = rows.iter().map(|row| row.parsed(0)).collect::<Result<_, Fault>>()?;
        let held = self.vault.kept(tenant, id, 0).await?.state == KeptState::Held;
        let (mut pending, mut revived) = (Vec::new(), Vec::new());
        for connection in waiting {
            let known = self.connection(tenant, connection)?;
            let apart = !held && grant_spec(&known).is_some();
            if apart { pending.push(connection) } else { revived.push(connection) }
        }
        let expected = u64::try_from(revived.len()).unwrap_or(u64::MAX);
        let change = Change::of(tenant)
            .raising_epoch()
            .step(&rows::CREDENTIAL_RECOVER, values![id, self.now()])
            .expecting(1)
            .step(&rows::VERSIONS_RESTORE, values![id]);
        let change = pending.iter().fold(change, |change, connection| {
            change.step(&rows::CONNECTION_PEND, values![*connection, id, REASON]).expecting(1)
        });
        let change = change.step(&rows::CONNECTIONS_REVIVE, values![id, REASON]).expecting(expected);
        let change = revived.iter().fold(change, |change, connection| {
            let event = Event::new(EventKind::IntegrationConnectionEstablished, tenant, connection)
                .with("connection", connection.to_string())
                .with("credential", id.to_string());
            self.telling(change, event, By::Somebody(act))
        });
        let deed = Deed::new(act.caller.actor(), act.trace, "credential.recover", id)
            .with("revived", i64::try_from(revived.len()).unwrap_or(i64::MAX));
        self.commit(change, &deed).await.map_err(CommitFailure::stop)?;
        Ok(Recovered { credential: id, revived })
    }
}
