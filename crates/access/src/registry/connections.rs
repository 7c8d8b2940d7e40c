//! Connections: a tenant's accounts at providers. A connection is established with its settings, gets its
//! credential from the vault's custodian, and is active from then on.
//!
//! | from | to | when |
//! | --- | --- | --- |
//! | `pending` | `active` | it has a credential and, where its provider wants that, a person connected the account; or its provider wants none |
//! | `active` | `degraded` | its credential was revoked, or an operator stops it |
//! | `degraded` | `active` | it has a credential again |
//! | any | `retired` | for good |

use std::sync::Arc;

use lockgate_store::{Change, Row, values};
use lockgate_vocabulary::{ConnectionId, CredentialId, Fault, Name, Stop, Timestamp};
use serde::{Deserialize, Serialize};

use super::{EventKind, Page, PageAsk, Patch, Registry, column, grants, rfc3339, stored, told, value};
use crate::config::Quotas;
use crate::directory::{ConnectionStatus, ResolvedProvider, resolve};
use crate::refusal::AccessRefusal;
use crate::rows::{connections as rows, providers};
use crate::scope::Scope;
use crate::spec::{AuthPlacement, ConnectionSpec};
use crate::violations::Violations;

/// A connection that is to be established.
#[derive(Debug, Clone, PartialEq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConnection {
    /// Its name, by which callers use it. It stays.
    pub name: String,
    /// The name of its provider: the catalogue's, or the tenant's own.
    pub provider: String,
    /// Its settings.
    #[serde(default)]
    pub spec: ConnectionSpec,
}

/// A change of a connection.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChangeConnection {
    /// Its settings from now on, all of them. A credential stays bound to the base URL that it was given
    /// for, so a connection that is re-pointed needs its credential rotated.
    pub spec: Option<ConnectionSpec>,
    /// A credential of the tenant's, or none.
    #[schema(value_type = Option<String>)]
    pub credential: Patch<CredentialId>,
    /// `active`, `degraded`, or `retired`, which is for good.
    pub status: Option<String>,
    /// Why it is degraded or retired.
    pub reason: Option<String>,
}

/// What is told of a connection.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ConnectionRecord {
    /// Its id.
    #[schema(value_type = String)]
    pub connection: ConnectionId,
    /// Its name.
    #[schema(value_type = String)]
    pub name: Name,
    /// Its provider's name.
    pub provider: String,
    /// Its settings.
    pub spec: ConnectionSpec,
    /// Its credential.
    #[schema(value_type = Option<String>)]
    pub credential: Option<CredentialId>,
    /// `pending`, `active`, `degraded` or `retired`.
    pub status: String,
    /// `healthy`, `degraded`, `unhealthy` or `unknown`.
    pub health: String,
    /// Why it is degraded or retired.
    pub reason: Option<String>,
    /// When it was established.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    #[serde(skip)]
    changed: i64,
}

fn read(row: &Row) -> Result<ConnectionRecord, Fault> {
    Ok(ConnectionRecord {
        connection: row.parsed(0)?,
        name: row.parsed(1)?,
        provider: row.text(2)?.to_owned(),
        spec: stored(row.text(3)?)?,
        credential: row.opt_parsed(4)?,
        status: row.text(5)?.to_owned(),
        health: row.text(6)?.to_owned(),
        reason: row.opt_text(7)?.map(str::to_owned),
        created_at: row.moment(8)?,
        changed: row.int(9)?,
    })
}

impl ConnectionRecord {
    fn status(&self) -> Result<ConnectionStatus, Fault> {
        ConnectionStatus::parse(&self.status).ok_or(Fault::violated("a stored status is one of the four"))
    }
}

/// Bytes of a specification that are not counted, beside how many connections there may be.
const SMALL_SPEC: usize = 4 * 1024;

/// Where a change leads.
struct After {
    status: ConnectionStatus,
    credential: Option<CredentialId>,
    reason: Option<String>,
}

impl Registry<'_> {
    /// Establishes a connection. It waits for its credential, unless its provider wants none.
    pub async fn create_connection(&self, new: NewConnection) -> Result<ConnectionRecord, Stop> {
        self.demand(Scope::ConnectionsWrite)?;
        let mut wrong = Violations::default();
        let name = resolve::connection_name(&new.name, "/name", &mut wrong);
        let provider = self.usable_provider(&new.provider).await?;
        let (Some(provider), Some(name)) = (provider.as_ref(), name) else {
            wrong.check(provider.is_some(), "/provider", "no provider of the catalogue or of your own");
            return Err(wrong.refuse().into());
        };
        self.check_spec(&new.spec, provider, &mut wrong);
        wrong.done()?;
        self.demand_room(&rows::COUNT, self.access.quotas().connections, "connections").await?;
        let open = provider.provider.auth == AuthPlacement::None;
        let status = if open { ConnectionStatus::Active } else { ConnectionStatus::Pending };
        let id = ConnectionId::generate(self.clock(), self.entropy());
        let written = column(&new.spec)?;
        self.demand_spec_bytes(&written, "").await?;
        let row = values![id, &name, &new.provider, written, status.as_str(), self.now()];
        let change = Change::of(self.tenant()).step(&rows::INSERT, row);
        let change = self.holding_provider(change, provider);
        let change =
            if open { self.telling(change, EventKind::IntegrationConnectionEstablished, id, &name) } else { change };
        let deed = self
            .deed("connection.create", id)
            .with("name", name.as_str())
            .with("provider", new.provider.as_str())
            .with("status", status.as_str());
        let deed = told::tell(deed, None, &value(&new.spec)?);
        self.apply(change, &deed).await?;
        self.connection_of(&id.to_string()).await
    }

    /// What a connection has beside the usual few settings is held in memory by every node, so a tenant's have
    /// a size together.
    async fn demand_spec_bytes(&self, new: &str, old: &str) -> Result<(), Stop> {
        let counted = |spec: &str| if spec.len() > SMALL_SPEC { spec.len() } else { 0 };
        let (new, old) = (counted(new), counted(old));
        if new <= old {
            return Ok(());
        }
        let held = self.one(&rows::LARGE_BYTES, values![SMALL_SPEC as i64]).await?.int(0)?;
        Ok(Quotas::demand_bytes(held, (new, old), self.access.quotas().connection_bytes)?)
    }

    /// A tenant's own provider is held while the change is made, so that it is not retired meanwhile.
    fn holding_provider(&self, change: Change, provider: &ResolvedProvider) -> Change {
        match provider.provider.id {
            Some(_) => change.step(&providers::HOLD, values![&provider.provider.name]).expecting(1),
            None => change,
        }
    }

    fn telling(&self, change: Change, kind: EventKind, id: ConnectionId, name: &Name) -> Change {
        let event = self.event(kind, id).with("connection", id.to_string()).with("name", name.as_str());
        let (statement, values) = event.step(self.clock(), self.entropy());
        change.step(statement, values)
    }

    fn check_spec(&self, spec: &ConnectionSpec, provider: &Arc<ResolvedProvider>, wrong: &mut Violations) {
        let mut inner = Violations::below("/spec");
        resolve::connection(spec.clone(), provider, &mut inner);
        for (index, network) in spec.danger_private_networks.iter().enumerate() {
            let opened = self.access.danger_networks().iter().any(|allowed| allowed.contains(network));
            let at = format!("/danger_private_networks/{index}");
            inner.check(opened, at, "the gateway's configuration does not open this network to connections");
        }
        wrong.join(inner);
    }

    /// Lists the tenant's connections.
    pub async fn connections(&self, ask: &PageAsk) -> Result<Page<ConnectionRecord>, Stop> {
        self.demand(Scope::ConnectionsRead)?;
        let rows = self.read(&rows::PAGE, values![ask.behind::<ConnectionId>()?, ask.rows()?]).await?;
        ask.page(&rows, read, |connection| connection.connection.to_string())
    }

    /// Shows a connection, by id or name.
    pub async fn connection(&self, id_or_name: &str) -> Result<ConnectionRecord, Stop> {
        self.demand(Scope::ConnectionsRead)?;
        self.connection_of(id_or_name).await
    }

    async fn connection_of(&self, id_or_name: &str) -> Result<ConnectionRecord, Stop> {
        let row = match (id_or_name.parse::<ConnectionId>(), id_or_name.parse::<Name>()) {
            (Ok(id), _) => self.one(&rows::ONE, values![id]).await?,
            (_, Ok(name)) => self.one(&rows::NAMED, values![name]).await?,
            _ => return Err(AccessRefusal::ObjectUnknown.into()),
        };
        Ok(read(&row)?)
    }

    /// Changes a connection, by id or name.
    pub async fn change_connection(
        &self,
        id_or_name: &str,
        change: ChangeConnection,
    ) -> Result<ConnectionRecord, Stop> {
        self.demand(Scope::ConnectionsWrite)?;
        let old = self.connection_of(id_or_name).await?;
        let before = old.status()?;
        if before == ConnectionStatus::Retired {
            return Err(AccessRefusal::ConnectionRetired.into());
        }
        let mut wrong = Violations::default();
        let provider = self.usable_provider(&old.provider).await?;
        if let (Some(spec), Some(provider)) = (&change.spec, &provider) {
            self.check_spec(spec, provider, &mut wrong);
        }
        wrong.check(change.spec.is_none() || provider.is_some(), "/spec", "its provider is not there any more");
        let open = provider.as_ref().is_some_and(|provider| provider.provider.auth == AuthPlacement::None);
        let after = after(&old, before, &change, open, &mut wrong)?;
        wrong.done()?;
        let spec = change.spec.as_ref().unwrap_or(&old.spec);
        let (id, name) = (old.connection, &old.name);
        let status = after.status.as_str();
        let written = column(spec)?;
        self.demand_spec_bytes(&written, &column(&old.spec)?).await?;
        let row = values![id, written, after.credential, status, after.reason, old.changed];
        let mut step = Change::of(self.tenant()).step(&rows::UPDATE, row).expecting(1);
        // A credential that is given, or that a connection becomes active by, must be one that may be used.
        let given = matches!(change.credential, Patch::Set(_));
        let revived = after.status == ConnectionStatus::Active && before != ConnectionStatus::Active;
        if let Some(credential) = after.credential.filter(|_| given || revived) {
            self.check_credential(credential).await?;
            step = step.step(&rows::HOLD_CREDENTIAL, values![credential]).expecting(1);
            if after.status == ConnectionStatus::Active && provider.as_deref().is_some_and(wants_person) {
                self.check_connected(credential).await?;
                step = step.step(&rows::HOLD_GRANT, values![credential]).expecting(1);
            }
        }
        if let Some(kind) = told(after.status).filter(|_| before != after.status) {
            step = self.telling(step, kind, id, name);
        }
        let deed = self.deed("connection.change", id).with("name", name.as_str()).with("status", status);
        let deed = told::tell(deed, Some(&value(&old.spec)?), &value(spec)?).with("credential", given);
        self.apply(step, &deed).await?;
        self.connection_of(&id.to_string()).await
    }

    /// A person has connected the account that the credential is for.
    async fn check_connected(&self, credential: CredentialId) -> Result<(), Stop> {
        match self.read(&rows::GRANT, values![credential]).await?.first() {
            Some(_) => Ok(()),
            None => Err(AccessRefusal::ConnectionUnconnected.into()),
        }
    }

    /// The tenant has this credential, and it may be used.
    async fn check_credential(&self, credential: CredentialId) -> Result<(), Stop> {
        let rows = self.read(&rows::CREDENTIAL, values![credential]).await?;
        let usable = rows.first().map(|row| row.text(0)).transpose()?.is_some_and(|status| status == "active");
        let mut wrong = Violations::default();
        wrong.check(usable, "/credential", "no credential of yours that may be used");
        Ok(wrong.done()?)
    }
}

/// Whether calls go with what a person granted, and not with the credential alone.
fn wants_person(provider: &ResolvedProvider) -> bool {
    matches!(&provider.provider.auth, AuthPlacement::OAuth(spec) if spec.authorization.is_some())
}

/// Where the change leads, if it may.
fn after(
    old: &ConnectionRecord,
    before: ConnectionStatus,
    change: &ChangeConnection,
    open: bool,
    wrong: &mut Violations,
) -> Result<After, Stop> {
    let credential = change.credential.clone().over(old.credential);
    let wanted = match change.status.as_deref() {
        Some(word) => match ConnectionStatus::parse(grants::status(word, &["active", "degraded", "retired"], wrong)) {
            Some(status) => status,
            None => return Ok(After { status: before, credential, reason: None }),
        },
        None => before,
    };
    let equipped = open || credential.is_some();
    let status = match wanted {
        ConnectionStatus::Active if !equipped && change.status.is_none() => ConnectionStatus::Degraded,
        ConnectionStatus::Active if !equipped => return Err(AccessRefusal::StatusConflict.into()),
        ConnectionStatus::Degraded if before == ConnectionStatus::Pending => {
            return Err(AccessRefusal::StatusConflict.into());
        }
        status => status,
    };
    if let Some(reason) = &change.reason {
        grants::words(reason, 200, "/reason", wrong);
    }
    let reason = match status {
        ConnectionStatus::Active | ConnectionStatus::Pending => None,
        ConnectionStatus::Degraded | ConnectionStatus::Retired => change.reason.clone().or_else(|| old.reason.clone()),
    };
    Ok(After { status, credential, reason })
}

const fn told(status: ConnectionStatus) -> Option<EventKind> {
    match status {
        ConnectionStatus::Active => Some(EventKind::IntegrationConnectionEstablished),
        ConnectionStatus::Degraded => Some(EventKind::IntegrationConnectionDegraded),
        ConnectionStatus::Retired => Some(EventKind::IntegrationConnectionRetired),
        ConnectionStatus::Pending => None,
    }
}
