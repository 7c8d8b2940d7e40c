//! Taking a credential in for a connection that has none.

use lockgate_access::AccessRefusal;
use lockgate_access::directory::{Connection, ConnectionStatus};
use lockgate_access::registry::{Event, EventKind};
use lockgate_access::scope::Scope;
use lockgate_access::spec::AuthPlacement;
use lockgate_audit::Deed;
use lockgate_store::{Change, values};
use lockgate_vocabulary::{CredentialId, Refusal, Secret, Stop, Timestamp};

use super::{Act, By, CommitFailure, CredentialView, Custodian, NewCredential};
use crate::refusal::VaultRefusal;
use crate::rows;
use crate::token::grant_spec;

/// Characters of an owner's name.
const OWNER: usize = 200;
/// Days of a cadence.
const CADENCE: std::ops::RangeInclusive<u32> = 1..=3_650;

impl Custodian {
    /// Takes a credential in and gives it to its connection, which becomes active by it.
    pub async fn create(&self, act: Act<'_>, new: NewCredential, secret: Secret) -> Result<CredentialView, Stop> {
        let tenant = self.demand(act, Scope::CredentialsRotate)?;
        let inner = &self.vault.inner;
        let now = inner.clock.now();
        checked(&new, now)?;
        let connection = self.connection(tenant, new.connection)?;
        if connection.provider.auth == AuthPlacement::None {
            return Err(VaultRefusal::ConnectionOpen.into());
        }
        self.demand_room(tenant).await?;
        let before = self.replaceable(&connection).await?;
        let id = CredentialId::generate(inner.clock.as_ref(), inner.entropy.as_ref());
        let sealed = match &new.backend {
            None => self.sealed(&connection, id, 1, &secret).await?,
            Some(name) => self.sealed_elsewhere(&connection, (id, 1), &secret, name.as_str(), None).await?,
        };
        drop(secret);
        // Where a person has to let the client in, nothing runs before that.
        let status =
            if grant_spec(&connection).is_some() { ConnectionStatus::Pending } else { ConnectionStatus::Active };

        let change = Change::of(tenant)
            .raising_epoch()
            .step(
                &rows::CREDENTIAL_INSERT,
                values![
                    id,
                    new.name.clone(),
                    new.owner.clone(),
                    new.sensitivity.as_str(),
                    new.cadence_days,
                    new.expires_at,
                    1i64,
                    now,
                    i64::from(new.purge_protected)
                ],
            )
            .step(&rows::VERSION_INSERT, values![id, 1i64, sealed.record, sealed.fingerprint.clone(), "current", now])
            .step(&rows::CONNECTION_ATTACH, values![connection.id, id, before, status.as_str()])
            .expecting(1);
        let change = match connection.status {
            _ if status == ConnectionStatus::Pending => change,
            ConnectionStatus::Pending | ConnectionStatus::Degraded => {
                let event = Event::new(EventKind::IntegrationConnectionEstablished, tenant, connection.id)
                    .with("connection", connection.id.to_string())
                    .with("name", connection.name.as_str())
                    .with("credential", id.to_string());
                self.telling(change, event, By::Somebody(act))
            }
            ConnectionStatus::Active | ConnectionStatus::Retired => change,
        };
        let deed = Deed::new(act.caller.actor(), act.trace, "credential.create", id)
            .with("connection", connection.id.to_string())
            .with("fingerprint", sealed.fingerprint)
            .with("version", 1i64);
        let deed = match &new.backend {
            None => deed,
            Some(name) => deed.with("backend", name.as_str()),
        };
        self.commit(change, &deed).await.map_err(|failure| match failure {
            CommitFailure::Conflict(0) => AccessRefusal::NameTaken.into(),
            other => other.stop(),
        })?;
        self.credential(tenant, id).await
    }

    /// What stands in the connection's place for a credential now: nothing, or one that was revoked.
    async fn replaceable(&self, connection: &Connection) -> Result<String, Stop> {
        let Some(present) = connection.credential else { return Ok(String::new()) };
        match self.credential(connection.tenant, present).await {
            Ok(credential) if credential.is_active() => Err(VaultRefusal::ConnectionCredentialed.into()),
            // One that is not there any more is as good as none.
            Ok(_) | Err(Stop::Refused(_)) => Ok(present.to_string()),
            Err(fault) => Err(fault),
        }
    }
}

fn checked(new: &NewCredential, now: Timestamp) -> Result<(), Refusal> {
    let mut refusal = VaultRefusal::InputInvalid.refuse();
    let owner = new.owner.trim();
    if owner.is_empty() || owner.len() != new.owner.len() || new.owner.chars().count() > OWNER {
        refusal = refusal.violation("/owner", "has 1 to 200 characters and no blanks at its ends");
    } else if new.owner.chars().any(char::is_control) {
        refusal = refusal.violation("/owner", "has no control characters");
    }
    if new.cadence_days.is_some_and(|days| !CADENCE.contains(&days)) {
        refusal = refusal.violation("/cadence_days", "is 1 to 3650");
    }
    if new.expires_at.is_some_and(|end| end <= now) {
        refusal = refusal.violation("/expires_at", "lies ahead");
    }
    if refusal.violations().is_empty() { Ok(()) } else { Err(refusal) }
}
