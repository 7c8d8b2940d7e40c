//! The registry: tenants, principals, keys, issuers, providers and connections, created, shown, changed.
//!
//! Every act is done through a [`Registry`], which only a caller gets, demands its scope of that caller,
//! reaches that caller's own tenant and no other, and holds as one change of the store together with its
//! audit record and its event. One file for each resource. Not here: what is judged from the snapshot
//! (`authz`), and credentials, which the vault keeps.

use lockgate_audit::Deed;
use lockgate_store::{Applied, ApplyFailure, Change, Row, Statement, Value};
use lockgate_vocabulary::{Actor, Clock, Entropy, Fault, Stop, TenantId, Timestamp, TraceId};
use serde::Serializer;

use crate::access::Access;
use crate::caller::Caller;
use crate::config::Quotas;
use crate::refusal::AccessRefusal;
use crate::scope::{Scope, ScopeSet};
use crate::violations::Violations;

mod bootstrap;
mod connections;
mod escalations;
pub mod event;
mod feed;
mod grants;
mod issuers;
mod keys;
mod page;
mod patch;
mod principals;
mod providers;
mod signing_keys;
mod tenants;
mod told;

pub use bootstrap::{FirstOperator, bootstrap, is_founded};
pub use connections::{ChangeConnection, ConnectionRecord, NewConnection};
pub use escalations::{EscalationRecord, EscalationState, EscalationsAsk, Finding, Resolution, ResolveEscalation};
pub use event::{Event, EventKind};
pub use feed::FeedPage;
pub use issuers::{ChangeIssuer, IssuerRecord, NewIssuer};
pub use keys::{KeyKind, KeyRecord, MadeKey, NewKey};
pub use page::{Page, PageAsk};
pub use patch::Patch;
pub use principals::{ChangePrincipal, NewPrincipal, PrincipalRecord};
pub use providers::{ListedProvider, ProviderRecord};
pub use tenants::{ChangeTenant, MadeTenant, NewTenant, TenantRecord};

/// The name of the tenant that is the house itself. Its operators administer tenants.
pub const HOUSE: &str = "house";

/// The registry in the hands of one caller, within one trace.
#[derive(Clone, Copy)]
pub struct Registry<'a> {
    access: &'a Access,
    caller: &'a Caller,
    trace: TraceId,
}

impl<'a> Registry<'a> {
    pub(crate) const fn new(access: &'a Access, caller: &'a Caller, trace: TraceId) -> Self {
        Self { access, caller, trace }
    }

    const fn tenant(&self) -> TenantId {
        self.caller.tenant()
    }

    const fn actor(&self) -> &Actor {
        self.caller.actor()
    }

    fn now(&self) -> Timestamp {
        self.access.clock().now()
    }

    fn clock(&self) -> &dyn Clock {
        self.access.clock()
    }

    fn entropy(&self) -> &dyn Entropy {
        self.access.entropy()
    }

    fn demand(&self, scope: Scope) -> Result<(), Stop> {
        self.access.demand(self.caller, scope)
    }

    /// Demands that the caller administers the house, not only a tenant.
    fn demand_house(&self) -> Result<(), Stop> {
        self.demand(Scope::TenantsAdmin)?;
        if self.is_house() { Ok(()) } else { Err(AccessRefusal::HouseOnly.into()) }
    }

    fn is_house(&self) -> bool {
        self.caller.view().name.as_str() == HOUSE
    }

    /// Nobody hands on what they do not have: an elevated scope is granted by those who hold it.
    fn check_grant(&self, scopes: &ScopeSet, wrong: &mut Violations) {
        let held = scopes.elevated().is_within(self.caller.scopes());
        wrong.check(held, "/scopes", "an elevated scope is granted by those alone who hold it");
    }

    fn deed(&self, action: &'static str, object: impl std::fmt::Display) -> Deed {
        Deed::new(self.actor(), self.trace, action, object)
    }

    fn event(&self, kind: EventKind, subject: impl std::fmt::Display) -> Event {
        Event::new(kind, self.tenant(), subject).by(self.actor(), self.trace)
    }

    /// Rows of the caller's own tenant.
    async fn read(&self, statement: &'static Statement, values: Vec<Value>) -> Result<Vec<Row>, Fault> {
        self.access.store().read(self.tenant(), statement, values).await
    }

    /// The one row that an act is about. Another tenant's is not found, as one that never was is not.
    async fn one(&self, statement: &'static Statement, values: Vec<Value>) -> Result<Row, Stop> {
        let rows = self.read(statement, values).await?;
        rows.into_iter().next().ok_or_else(|| AccessRefusal::ObjectUnknown.into())
    }

    /// Demands that the tenant has room for one more of what the statement counts.
    async fn demand_room(&self, count: &'static Statement, most: u32, what: &str) -> Result<(), Stop> {
        let held = self.one(count, Vec::new()).await?.int(0)?;
        Ok(Quotas::demand(held, most, what)?)
    }

    /// Declared uses are held in memory by every node, so those of a tenant's principals and keys have a size
    /// together.
    async fn demand_use_bytes(&self, new: &Value, old: usize) -> Result<(), Stop> {
        let new = match new {
            Value::Text(uses) => uses.len(),
            _ => 0,
        };
        if new <= old {
            return Ok(());
        }
        let held = self.one(&crate::rows::keys::USE_BYTES, Vec::new()).await?.int(0)?;
        Ok(Quotas::demand_bytes(held, (new, old), self.access.quotas().use_bytes)?)
    }

    /// Applies a change with the record of it, and lets this node see it before it answers.
    ///
    /// Where a second row would have come to be, the name was taken; where a row was not as it was when
    /// it was read, somebody else was quicker.
    async fn apply(&self, change: Change, deed: &Deed) -> Result<Applied, Stop> {
        let (statement, values) = self.access.audit().step(deed);
        let applied = self.access.store().apply(change.raising_epoch().step(statement, values)).await;
        let applied = applied.map_err(|failure| match failure {
            ApplyFailure::Conflict { .. } => Stop::from(AccessRefusal::NameTaken),
            ApplyFailure::Unmet { .. } => AccessRefusal::StatusConflict.into(),
            ApplyFailure::Fault(fault) => fault.into(),
        })?;
        self.access.settle().await;
        Ok(applied)
    }
}

/// Writes a moment as RFC 3339, as all answers do.
pub(crate) fn rfc3339<S: Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(moment)
}

/// The same for a moment that may be absent.
pub(crate) fn rfc3339_opt<S: Serializer>(moment: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match moment {
        Some(moment) => serializer.collect_str(moment),
        None => serializer.serialize_none(),
    }
}

/// What was stored is JSON of the shape that is asked for; otherwise the house is broken.
fn stored<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| Fault::broken("reading a stored record", error))
}

/// A record as its members.
fn value<T: serde::Serialize>(record: &T) -> Result<serde_json::Value, Fault> {
    serde_json::to_value(record).map_err(|error| Fault::broken("writing a record", error))
}

/// JSON for a column.
fn column<T: serde::Serialize>(value: &T) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| Fault::broken("writing a record", error))
}

#[cfg(test)]
mod tests;
