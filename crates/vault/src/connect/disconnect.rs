//! An account is disconnected: its tokens are revoked at the vendor, then gone here, and what became of each is told.

use std::sync::Arc;

use lockgate_access::AccessRefusal;
use lockgate_access::directory::{Connection, ConnectionStatus};
use lockgate_access::registry::{Event, EventKind};
use lockgate_access::scope::Scope;
use lockgate_access::spec::AuthPlacement;
use lockgate_audit::Deed;
use lockgate_store::values;
use lockgate_vocabulary::{ConnectionId, CredentialId, Fault, Stop, TenantId};

use super::Connector;
use super::upstream::{RevokedToken, Upstream, telling};
use crate::equip::Loan;
use crate::refusal::VaultRefusal;
use crate::rows;
use crate::secret::Act;
use crate::token::{Kept, LONG_LEASE, Lease, grant_spec};

/// Why the connection is degraded, as it shows.
const REASON: &str = "its account was disconnected";

/// What a disconnection did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disconnected {
    /// The connection.
    pub connection: ConnectionId,
    /// Each token that there was; none where there was none.
    pub tokens: Vec<RevokedToken>,
}

impl Connector {
    /// Disconnects the connection's account. Nothing is left here whatever the vendor says, and whatever the credential
    /// or the connection is by now: one that was revoked, has ended or was retired leaves no grant behind.
    pub async fn disconnect(&self, act: Act<'_>, connection: ConnectionId) -> Result<Disconnected, Stop> {
        let tenant = self.demand(act)?;
        self.left(act, tenant, connection).await
    }

    /// Revokes at the vendor what was had with a credential that was revoked here, for each of its connections.
    pub async fn let_go(&self, act: Act<'_>, connections: &[ConnectionId]) -> Result<Vec<RevokedToken>, Stop> {
        self.access.demand(act.caller, Scope::CredentialsRotate)?;
        let mut tokens = Vec::new();
        for connection in connections {
            match self.left(act, act.caller.tenant(), *connection).await {
                Ok(done) => tokens.extend(done.tokens),
                // Most connections have no tokens of their own.
                Err(Stop::Refused(refusal)) if refusal.code() == VaultRefusal::ConnectUnsupported.info().code => {}
                Err(stop) => {
                    tracing::warn!(%stop, %connection, "tokens of a revoked credential were not revoked at their vendor");
                    tokens.push(RevokedToken { token: "refresh_token", result: Upstream::Failed });
                }
            }
        }
        Ok(tokens)
    }

    async fn left(&self, act: Act<'_>, tenant: TenantId, connection: ConnectionId) -> Result<Disconnected, Stop> {
        let connection = self.any_connection(tenant, connection)?;
        let Some(credential) = connection.credential else {
            return Ok(Disconnected { connection: connection.id, tokens: Vec::new() });
        };
        // It goes on if whoever asked does not wait: what is revoked at the vendor has to go here.
        let (connector, caller, trace) = (self.clone(), act.caller.clone(), act.trace);
        let present = self.tokens.background.enter();
        let done = tokio::spawn(async move {
            let act = Act { caller: &caller, trace };
            let done = connector.disconnected(act, connection, credential).await;
            drop(present);
            done
        });
        done.await.map_err(|error| Fault::broken("disconnecting an account", error))?
    }

    /// The tenant's connection, whatever it is.
    fn any_connection(&self, tenant: TenantId, id: ConnectionId) -> Result<Arc<Connection>, Stop> {
        let directory = self.access.directory()?;
        let found = directory.tenants.get(&tenant).and_then(|view| view.connections.get(&id));
        Ok(found.ok_or(AccessRefusal::ConnectionUnknown)?.clone())
    }

    async fn disconnected(
        &self,
        act: Act<'_>,
        connection: Arc<Connection>,
        credential: CredentialId,
    ) -> Result<Disconnected, Stop> {
        let inner = &self.vault().inner;
        let loan = inner.keyring.lend_to_leave(&connection, &inner.custody, inner.clock.elapsed()).ok();
        let (version, series) = loan.as_ref().map_or((0, 0), |loan| (loan.version, loan.series));
        let (tenant, place) = (connection.tenant, (credential, version, series));
        if self.vault().kept(tenant, credential, series).await?.is_empty() {
            return match connection.provider.auth {
                AuthPlacement::OAuth(_) => Ok(Disconnected { connection: connection.id, tokens: Vec::new() }),
                _ => Err(VaultRefusal::ConnectUnsupported.into()),
            };
        }
        let (kept, lease) = self.leased(tenant, place, LONG_LEASE).await?;
        let tokens = self.given_up(&connection, credential, loan.as_ref(), (&kept, &lease)).await;
        let deed = Deed::new(act.caller.actor(), act.trace, "connection.disconnect", connection.id)
            .with("credential", credential.to_string());
        self.forget(act, &connection, credential, &lease, &telling(deed, &tokens)).await?;
        self.access.settle().await;
        Ok(Disconnected { connection: connection.id, tokens })
    }

    /// Revokes what is kept, as far as its vendor can be told.
    async fn given_up(
        &self,
        connection: &Connection,
        credential: CredentialId,
        loan: Option<&Loan>,
        (kept, lease): (&Kept, &Lease),
    ) -> Vec<RevokedToken> {
        let pair = self.vault().open_pair(connection, credential, kept).ok();
        let spec = match &connection.provider.auth {
            AuthPlacement::OAuth(spec) => Some(spec),
            _ => None,
        };
        let (Some(loan), Some(pair), Some(spec)) = (loan, pair, spec) else {
            // They were had where the connection leads no more, so nobody there is told of them.
            return vec![RevokedToken { token: "refresh_token", result: Upstream::Failed }];
        };
        let mut tokens = self.revoked(connection, spec, &loan.value, &pair).await;
        // A vendor says that it revoked what it does not know, and may have given a later one.
        for each in tokens.iter_mut().filter(|each| each.token == "refresh_token") {
            if lease.unknown_since.is_some() && each.result == Upstream::Revoked {
                each.result = Upstream::Unknown;
            }
        }
        tokens
    }

    /// Takes the tokens away here, and stops a connection that needs a person.
    async fn forget(
        &self,
        act: Act<'_>,
        connection: &Connection,
        credential: CredentialId,
        lease: &Lease,
        deed: &Deed,
    ) -> Result<(), Stop> {
        let (vault, tenant) = (self.vault(), connection.tenant);
        let granted = grant_spec(connection).is_some();
        let series = if granted { lease.series + 1 } else { lease.series };
        let event = Event::new(EventKind::IntegrationConnectionDegraded, tenant, connection.id)
            .with("connection", connection.id.to_string())
            .with("credential", credential.to_string())
            .with("reason", REASON)
            .by(act.caller.actor(), act.trace);
        let (told, telling) = event.step(vault.inner.clock.as_ref(), vault.inner.entropy.as_ref());
        let make = || {
            let mut change = vault.end_step(tenant, credential, lease, ("none", None, series));
            if granted && connection.status == ConnectionStatus::Active {
                change =
                    change.step(&rows::CONNECTION_DEGRADE, values![credential, REASON]).step(told, telling.clone());
            }
            if granted {
                change = change.step(&rows::CREDENTIAL_LEFT, values![credential, lease.series]);
            }
            let (recorded, recording) = self.tokens.audit.step(deed);
            Ok(change.step(recorded, recording))
        };
        // Where it does not hold, an answer that was lost had kept it.
        let kept = self.tokens.insist(make).await?;
        let now = self.vault().kept(tenant, credential, series).await?;
        if !kept && !now.is_empty() {
            return Err(VaultRefusal::CredentialChanged.into());
        }
        vault.inner.tokens.forget(tenant, credential);
        self.learn().await;
        Ok(())
    }
}
