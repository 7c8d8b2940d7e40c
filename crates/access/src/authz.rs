//! May you: one call judged against scopes, declared endpoints and declared uses.
//!
//! The decision itself is pure and stands in [`decide`]; here are its input [`Ask`], its proof
//! [`Grant`], and what turns the one into the other. Whatever is unclear is refused.

use std::sync::Arc;

use lockgate_vocabulary::Stop;

use crate::caller::Caller;
use crate::directory::{Connection, Endpoint};
use crate::refusal::AccessRefusal;
use crate::scope::{Scope, ScopeClass};
use crate::spec::Operation;

mod decide;

/// A call that somebody wants to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The connection's name or id.
    pub connection: Box<str>,
    /// The method.
    pub method: http::Method,
    /// The path below the connection's base, in its canonical spelling; it starts with a slash.
    pub path: Box<str>,
}

/// Proof that a call is allowed. Only [`authorize`] makes one.
#[derive(Debug, Clone)]
pub struct Grant {
    caller: Caller,
    connection: Arc<Connection>,
    endpoint: Arc<Endpoint>,
}

impl Grant {
    /// Whom it allows.
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The connection that may be used, as it was when the call was judged.
    pub const fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// The declared endpoint that the call falls under.
    pub const fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// What the call does.
    pub fn operation(&self) -> Operation {
        self.endpoint.operation
    }
}

/// Judges a call.
pub(crate) fn authorize(caller: &Caller, ask: &Ask) -> Result<Grant, Stop> {
    let question = decide::Question {
        view: caller.view(),
        scopes: caller.scopes(),
        uses: [caller.principal().uses.as_deref(), caller.key_record().and_then(|key| key.uses.as_deref())],
        ask,
    };
    let (connection, endpoint) = decide::decide(&question)?;
    Ok(Grant { caller: caller.clone(), connection: Arc::clone(connection), endpoint: Arc::clone(endpoint) })
}

/// Demands a scope, for what is no call. Elevated scopes count for operators alone, whatever a
/// credential says that it holds.
pub(crate) fn demand(caller: &Caller, scope: Scope) -> Result<(), Stop> {
    if !caller.view().active {
        return Err(AccessRefusal::TenantSuspended.into());
    }
    let held = caller.scopes().has(scope) && scope.fits(caller.actor().kind);
    if held {
        return Ok(());
    }
    let refusal = AccessRefusal::ScopeMissing.refuse();
    // An elevated word is not named: who may not hold it has no use for it.
    Err(if scope.class() == ScopeClass::Elevated { refusal } else { refusal.detail(scope.as_str()) }.into())
}

#[cfg(test)]
mod tests;
