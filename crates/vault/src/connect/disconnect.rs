//! An account is disconnected: its tokens are revoked at the vendor, then gone here, and what became of each is told.

use std::sync::Arc;
use std::time::Duration;

use lockgate_access::directory::Connection;
use lockgate_access::registry::{Event, EventKind};
use lockgate_access::spec::{AuthPlacement, TokenSpec};
use lockgate_audit::Deed;
use lockgate_store::{ApplyFailure, Change, values};
use lockgate_vocabulary::{ConnectionId, ErrandAnswer, Fault, Stop};
use serde::Serialize;

use super::Connector;
use crate::equip::Loan;
use crate::refusal::VaultRefusal;
use crate::rows;
use crate::secret::Act;
use crate::token::{Kept, KeptState, Lease, revocation};

/// Why the connection is degraded, as it shows.
const REASON: &str = "its account was disconnected";

/// How often it is looked whether whoever asks for tokens is done, and how many times.
const LOOK: Duration = Duration::from_millis(100);
const LOOKS: u32 = 200;

/// What became of a token at its vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Upstream {
    /// The vendor says that it is revoked (RFC 7009 section 2.2).
    Revoked,
    /// The vendor knew it no more.
    AlreadyInvalid,
    /// The vendor revokes none of its kind, or the provider names no endpoint for it.
    Unsupported,
    /// The vendor did not do it: it may be good until it ends.
    Failed,
}

impl Upstream {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::AlreadyInvalid => "already_invalid",
            Self::Unsupported => "unsupported",
            Self::Failed => "failed",
        }
    }
}

/// A token and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RevokedToken {
    /// `refresh_token` or `access_token`.
    pub token: &'static str,
    /// What became of it.
    pub result: Upstream,
}

/// What a disconnection did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disconnected {
    /// The connection.
    pub connection: ConnectionId,
    /// Each token that there was; none where there was none.
    pub tokens: Vec<RevokedToken>,
}

impl Connector {
    /// Disconnects the connection's account. Nothing is left here whatever the vendor says.
    pub async fn disconnect(&self, act: Act<'_>, connection: ConnectionId) -> Result<Disconnected, Stop> {
        let tenant = self.demand(act)?;
        let connection = self.connection(tenant, connection)?;
        // It goes on if whoever asked does not wait: what is revoked at the vendor has to go here.
        let (connector, caller, trace) = (self.clone(), act.caller.clone(), act.trace);
        let done = tokio::spawn(async move {
            let act = Act { caller: &caller, trace };
            connector.disconnected(act, connection).await
        });
        done.await.map_err(|error| Fault::broken("disconnecting an account", error))?
    }

    async fn disconnected(&self, act: Act<'_>, connection: Arc<Connection>) -> Result<Disconnected, Stop> {
        let AuthPlacement::OAuth(spec) = &connection.provider.auth else {
            return Err(VaultRefusal::ConnectUnsupported.into());
        };
        let loan = self.vault().inner.lend(&connection)?;
        let (kept, lease) = self.leased(&connection, &loan).await?;
        let tokens = self.revoked(&connection, spec, &loan, &kept).await;
        let mut deed = Deed::new(act.caller.actor(), act.trace, "connection.disconnect", connection.id)
            .with("credential", loan.credential.to_string());
        for RevokedToken { token, result } in &tokens {
            deed = deed.with(token, result.as_str());
        }
        self.forget(act, &connection, &loan, (&kept, lease), deed).await?;
        self.access.settle().await;
        Ok(Disconnected { connection: connection.id, tokens })
    }

    /// The lease of the tokens, so that nobody has others while they are revoked.
    async fn leased(&self, connection: &Arc<Connection>, loan: &Loan) -> Result<(Kept, Lease), Stop> {
        for _ in 0..LOOKS {
            let kept = self.vault().kept(connection.tenant, loan).await?;
            if let Some(lease) = self.vault().lease(connection.tenant, loan, &kept).await? {
                return Ok((kept, lease));
            }
            self.vault().inner.clock.sleep(LOOK).await;
        }
        Err(VaultRefusal::CredentialChanged.into())
    }

    /// Revokes the refresh token first: whoever has it has others (RFC 7009 section 2.1).
    async fn revoked(&self, connection: &Connection, spec: &TokenSpec, loan: &Loan, kept: &Kept) -> Vec<RevokedToken> {
        if kept.state != KeptState::Held {
            return Vec::new();
        }
        let Ok(pair) = self.vault().open_pair(connection, loan.credential, kept) else {
            // They were had where the connection leads no more, so nobody there is told of them.
            return vec![RevokedToken { token: "refresh_token", result: Upstream::Failed }];
        };
        let mut told = Vec::new();
        let tokens = [("refresh_token", pair.refresh.as_ref()), ("access_token", Some(&pair.access))];
        for (token, value) in tokens {
            let Some(value) = value else { continue };
            let result = match revocation(connection, spec, &loan.value, (token, value)) {
                None => Upstream::Unsupported,
                Some(order) => match self.tokens.errand.run(order).await {
                    Ok(answer) => judged(&answer),
                    Err(failure) => {
                        tracing::warn!(?failure, connection = %connection.id, "a token was not revoked at its vendor");
                        Upstream::Failed
                    }
                },
            };
            told.push(RevokedToken { token, result });
        }
        told
    }

    /// Takes the tokens away here, and stops a connection that needs a person.
    async fn forget(
        &self,
        act: Act<'_>,
        connection: &Connection,
        loan: &Loan,
        (kept, lease): (&Kept, Lease),
        deed: Deed,
    ) -> Result<(), Stop> {
        let (vault, tenant) = (self.vault(), connection.tenant);
        let granted = crate::token::grant_spec(connection).is_some();
        let series = if granted { kept.series + 1 } else { kept.series };
        let mut change = Change::of(tenant)
            .raising_epoch()
            .step(&rows::TOKENS_END, values![loan.credential, lease.fence, "none", None::<&str>, series])
            .expecting(1);
        if granted {
            let event = Event::new(EventKind::IntegrationConnectionDegraded, tenant, connection.id)
                .with("connection", connection.id.to_string())
                .with("credential", loan.credential.to_string())
                .with("reason", REASON)
                .by(act.caller.actor(), act.trace);
            let (told, telling) = event.step(vault.inner.clock.as_ref(), vault.inner.entropy.as_ref());
            change = change
                .step(&rows::CREDENTIAL_SERIES, values![loan.credential, kept.series])
                .step(&rows::CONNECTION_DEGRADE, values![loan.credential, REASON])
                .step(told, telling);
        }
        let (recorded, recording) = self.tokens.audit.step(&deed);
        match vault.inner.store.apply(change.step(recorded, recording)).await {
            Ok(_) => {}
            Err(ApplyFailure::Fault(fault)) => return Err(fault.into()),
            Err(_) => return Err(VaultRefusal::CredentialChanged.into()),
        }
        vault.inner.tokens.forget(tenant, loan.credential);
        for read in [vault.refresh().await, self.access.refresh().await] {
            if let Err(fault) = read {
                tracing::warn!(%fault, "a change was not loaded yet");
            }
        }
        Ok(())
    }
}

/// What the vendor says of a revocation (RFC 7009 section 2.2).
fn judged(answer: &ErrandAnswer) -> Upstream {
    #[derive(serde::Deserialize)]
    struct Said {
        error: String,
    }
    if matches!(answer.status, 200 | 204) {
        return Upstream::Revoked;
    }
    let said = serde_json::from_slice::<Said>(&answer.body).ok().filter(|_| (400..500).contains(&answer.status));
    match said.as_ref().map(|said| said.error.as_str()) {
        Some("invalid_token" | "invalid_grant") => Upstream::AlreadyInvalid,
        Some("unsupported_token_type") => Upstream::Unsupported,
        _ => Upstream::Failed,
    }
}
