//! May you: one call judged against scopes, declared endpoints and declared uses.
//!
//! The decision itself is pure and stands in [`decide`]; here are its input [`Ask`], its proof
//! [`Grant`], and what turns the one into the other. Whatever is unclear is refused.

use std::sync::Arc;

use http::Method;
use lockgate_vocabulary::{Stop, Timestamp};

use crate::authn::identity::Identity;
use crate::caller::Caller;
use crate::directory::{Connection, Directory, Endpoint, TenantView};
use crate::refusal::AccessRefusal;
use crate::scope::{Scope, ScopeClass};
use crate::spec::Operation;

mod decide;
mod explain;

pub use explain::{Allowed, CallJudge};

/// A call that somebody wants to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The connection's name or id.
    pub connection: Box<str>,
    /// The method.
    pub method: Method,
    /// The path below the connection's base, in its canonical spelling; it starts with a slash.
    pub path: Box<str>,
}

/// Proof that a call is allowed. Only [`authorize`] makes one.
#[derive(Debug, Clone)]
pub struct Grant {
    caller: Caller,
    connection: Arc<Connection>,
    endpoint: Arc<Endpoint>,
    /// What was asked, so that it can be judged anew.
    ask: Ask,
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

    /// What was asked.
    pub const fn ask(&self) -> &Ask {
        &self.ask
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
    Ok(Grant {
        caller: caller.clone(),
        connection: Arc::clone(connection),
        endpoint: Arc::clone(endpoint),
        ask: ask.clone(),
    })
}

/// Judges a granted call anew, in the snapshot of this moment. Where the caller's tenant has not changed
/// since, only time can have ended something, or whoever signs tokens: a key that was withdrawn or rotated
/// away stands in no tenant's view.
pub(crate) fn still_holds(
    grant: &Grant,
    directory: &Directory,
    identity: &Identity,
    now: Timestamp,
) -> Result<(), Stop> {
    let caller = &grant.caller;
    let withdrawn = || Stop::from(AccessRefusal::CallWithdrawn);
    let view = directory.tenants.get(&caller.tenant()).ok_or_else(withdrawn)?;
    identity.still_stands(directory, caller).map_err(|_| withdrawn())?;
    if !Arc::ptr_eq(view, caller.view()) {
        let operation = judged_anew(grant, &grant.ask, view).ok_or_else(withdrawn)?;
        if operation != grant.operation() {
            return Err(withdrawn());
        }
    }
    let usable = caller.principal().is_usable(now) && caller.key_record().is_none_or(|key| key.is_usable(now));
    if usable { Ok(()) } else { Err(withdrawn()) }
}

/// Whether a granted call may be led on to another path of its connection with the credential: the caller
/// might call that path too, as what was granted or as a reading.
pub(crate) fn may_lead(grant: &Grant, directory: &Directory, method: &Method, path: &str) -> bool {
    let Some(view) = directory.tenants.get(&grant.caller.tenant()) else { return false };
    let ask = Ask { method: method.clone(), path: path.into(), ..grant.ask.clone() };
    judged_anew(grant, &ask, view).is_some_and(|found| found == Operation::Read || found == grant.operation())
}

/// What the call would do if it was granted in this view of the tenant, by what its principal and key hold
/// now, and to the granted call's place with the same credential.
fn judged_anew(grant: &Grant, ask: &Ask, view: &TenantView) -> Option<Operation> {
    let caller = &grant.caller;
    let principal = view.principals.get(&caller.actor().principal)?;
    let key = match caller.key() {
        Some(id) => Some(view.keys.get(&id)?),
        None => None,
    };
    let mut scopes = caller.scopes().intersect(&principal.scopes);
    if let Some(narrower) = key.and_then(|key| key.scopes.as_ref()) {
        scopes = scopes.intersect(narrower);
    }
    let question = decide::Question {
        view,
        scopes: &scopes,
        uses: [principal.uses.as_deref(), key.and_then(|key| key.uses.as_deref())],
        ask,
    };
    let (connection, endpoint) = decide::decide(&question).ok()?;
    let same = connection.id == grant.connection.id
        && connection.base == grant.connection.base
        && connection.credential == grant.connection.credential;
    same.then_some(endpoint.operation)
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
