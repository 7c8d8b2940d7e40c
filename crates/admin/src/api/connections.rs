//! Connections: the tenant's accounts at vendors.

use std::sync::Arc;

use lockgate_access::AccessRefusal;
use lockgate_vocabulary::ConnectionId;

use crate::admin::Parts;
use crate::answer::{Answer, present};
use crate::operator::Operator;

pub(crate) mod change;
pub(crate) mod connect;
pub(crate) mod create;
pub(crate) mod grant;
pub(crate) mod list;
pub(crate) mod show;
mod state;

/// The connection of the caller's tenant with this id or name.
fn own(parts: &Arc<Parts>, operator: &Operator, id_or_name: &str) -> Answer<ConnectionId> {
    let directory = parts.access.directory()?;
    let view = present(directory.tenants.get(&operator.tenant()), AccessRefusal::ObjectUnknown)?;
    let by_id = id_or_name.parse().ok().filter(|id| view.connections.contains_key(id));
    present(by_id.or_else(|| view.names.get(id_or_name).copied()), AccessRefusal::ObjectUnknown)
}
