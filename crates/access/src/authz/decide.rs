//! The decision on one call: pure, in the order in which the reasons are told.
//!
//! The order is part of the answer: who may not use a connection does not learn its status, and who
//! asks for another tenant's connection learns what somebody learns who asks for one that never was.

use std::sync::Arc;

use super::Ask;
use crate::directory::{Connection, ConnectionStatus, Endpoint, TenantView, Use};
use crate::refusal::AccessRefusal;
use crate::scope::ScopeSet;
use crate::template::canonical_path;

/// All that the decision depends on.
pub(super) struct Question<'a> {
    /// The caller's own tenant; nothing outside it is looked at.
    pub view: &'a TenantView,
    /// What the caller may do: its principal's, its key's and its token's scopes have been narrowed
    /// by each other.
    pub scopes: &'a ScopeSet,
    /// What the principal and the key declare that they use; anything where absent.
    pub uses: [Option<&'a [Use]>; 2],
    /// What is asked for.
    pub ask: &'a Ask,
}

/// Whether the call may be made, and under which declared endpoint.
pub(super) fn decide<'a>(question: &Question<'a>) -> Result<(&'a Arc<Connection>, &'a Arc<Endpoint>), AccessRefusal> {
    let Question { view, scopes, uses, ask } = question;
    if !view.active {
        return Err(AccessRefusal::TenantSuspended);
    }
    let connection = view.connection(&ask.connection).ok_or(AccessRefusal::ConnectionUnknown)?;
    if !scopes.may_reach(connection.name.as_str(), connection.id) {
        return Err(AccessRefusal::ScopeMissing);
    }
    let endpoint = declared(connection, ask);
    // The scope for the operation comes before the status, but only a declared endpoint has one.
    if let Ok(endpoint) = endpoint
        && !scopes.may_call(connection.name.as_str(), connection.id, endpoint.operation)
    {
        return Err(AccessRefusal::ScopeMissing);
    }
    usable(connection.status)?;
    let endpoint = endpoint?;
    let within = |uses: &[Use]| uses.iter().any(|each| each.covers(connection, &ask.method, &ask.path));
    if uses.iter().flatten().all(|declared| within(declared)) {
        Ok((connection, endpoint))
    } else {
        Err(AccessRefusal::UseUndeclared)
    }
}

const fn usable(status: ConnectionStatus) -> Result<(), AccessRefusal> {
    match status {
        ConnectionStatus::Active => Ok(()),
        ConnectionStatus::Degraded => Err(AccessRefusal::ConnectionDegraded),
        ConnectionStatus::Pending => Err(AccessRefusal::ConnectionPending),
        ConnectionStatus::Retired => Err(AccessRefusal::ConnectionRetired),
    }
}

/// INVARIANT: what is matched is the canonical spelling. The door has made it canonical already; a
/// path that is not is refused here as well, since a template would be matched against one reading
/// and the vendor might take the other.
fn declared<'a>(connection: &'a Connection, ask: &Ask) -> Result<&'a Arc<Endpoint>, AccessRefusal> {
    if !matches!(canonical_path(&ask.path), Ok(std::borrow::Cow::Borrowed(_))) {
        return Err(AccessRefusal::PathAmbiguous);
    }
    let endpoint = connection.endpoint(&ask.method, &ask.path).ok_or(AccessRefusal::EndpointUndeclared)?;
    if endpoint.path.has_parameters() && may_mean_another(connection, endpoint, ask) {
        return Err(AccessRefusal::PathAmbiguous);
    }
    Ok(endpoint)
}

/// Whether a vendor's server may take a path that fell under a parameter for one that a more exact endpoint
/// declares, which may be of another operation.
fn may_mean_another(connection: &Connection, endpoint: &Arc<Endpoint>, ask: &Ask) -> bool {
    let more_exact = connection.endpoints.iter().take_while(|other| !Arc::ptr_eq(other, endpoint));
    // Formats and dots stand in many names, so that they matter only where another operation would be done.
    let may_mean = |other: &Arc<Endpoint>| {
        other.path.matches_carelessly(&ask.path)
            || (other.operation != endpoint.operation && other.path.matches_loosely(&ask.path))
    };
    endpoint.path.takes_path_parameters(&ask.path)
        || more_exact.into_iter().any(|other| other.method == ask.method && may_mean(other))
}
