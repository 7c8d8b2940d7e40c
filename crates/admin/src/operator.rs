//! Who asks: the caller behind an administrative request.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts as RequestParts;
use axum::http::{HeaderMap, Method};
use lockgate_access::authn::Presented;
use lockgate_access::registry::Registry;
use lockgate_access::scope::Scope;
use lockgate_access::{Access, Caller};
use lockgate_vault::Act;
use lockgate_vocabulary::{Arrival, Fault, TenantId, TraceId};

use crate::admin::Parts;
use crate::answer::{Answer, Stopped};
use crate::page::unfit;
use crate::refusal::AdminRefusal;

/// Who was found out to ask, for the record of a refusal that comes later.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known(Arc<Mutex<Option<Caller>>>);

impl Known {
    pub(crate) fn caller(&self) -> Option<Caller> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, caller: &Caller) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(caller.clone());
    }
}

/// An identified caller, in the trace of a request without a query; with one they are
/// [`Asked`](crate::input::Asked). What they may do is asked with [`Operator::may`].
#[derive(Debug, Clone)]
pub(crate) struct Operator {
    pub(crate) caller: Caller,
    pub(crate) trace: TraceId,
}

impl Operator {
    /// The operator who presents these. Each request is taken from its rate, whatever becomes of it.
    pub(crate) async fn identified(
        headers: &HeaderMap,
        parts: &Parts,
        arrival: &Arrival,
        known: &Known,
    ) -> Answer<Self> {
        let header = |name| headers.get(name).map(axum::http::HeaderValue::as_bytes);
        let presented = Presented { authorization: header(AUTHORIZATION.as_str()), api_key: header("x-api-key") };
        let caller = parts.access.identify(presented, arrival).await?;
        known.remember(&caller);
        parts.traffic.admit_caller(&caller).await?;
        Ok(Self { caller, trace: arrival.trace.trace })
    }

    /// The operator who sent this request.
    pub(crate) async fn arrived(request: &RequestParts, parts: &Parts) -> Answer<Self> {
        let arrival = request.extensions.get::<Arrival>().cloned();
        let arrival = arrival.ok_or(Fault::violated("a request carries its arrival"))?;
        let known = request.extensions.get::<Known>().cloned().unwrap_or_default();
        let operator = Self::identified(&request.headers, parts, &arrival, &known).await?;
        demand_heeded(&request.method, &request.headers)?;
        Ok(operator)
    }

    /// The caller's own tenant: the only one that a request is ever about.
    pub(crate) const fn tenant(&self) -> TenantId {
        self.caller.tenant()
    }

    /// Demands a scope.
    pub(crate) fn may(&self, access: &Access, scope: Scope) -> Answer<()> {
        Ok(access.demand(&self.caller, scope)?)
    }

    /// The registry in the caller's hands.
    pub(crate) fn registry<'a>(&'a self, access: &'a Access) -> Registry<'a> {
        access.registry(&self.caller, self.trace)
    }

    /// The caller as the vault's custodian wants it.
    pub(crate) const fn act(&self) -> Act<'_> {
        Act { caller: &self.caller, trace: self.trace }
    }
}

impl FromRequestParts<Arc<Parts>> for Operator {
    type Rejection = Stopped;

    async fn from_request_parts(request: &mut RequestParts, parts: &Arc<Parts>) -> Result<Self, Stopped> {
        let operator = Self::arrived(request, parts).await?;
        // INVARIANT: what a query asks for is never left undone in silence, and nothing is taken from one.
        if request.uri.query().is_some_and(|query| !query.is_empty()) {
            return Err(unfit("query", "there is none here").into());
        }
        Ok(operator)
    }
}

/// INVARIANT: nobody who asks for a dry run, or for a request to be done once, is done something else to: this
/// side has neither, so it does nothing at all.
fn demand_heeded(method: &Method, headers: &HeaderMap) -> Answer<()> {
    let is_false = |value: &axum::http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"false");
    if !headers.get_all("x-dryrun").iter().all(is_false) {
        let refusal = AdminRefusal::HeaderUnsupported.refuse();
        return Err(refusal.violation("X-DryRun", "no request of this side has a dry run").into());
    }
    if !method.is_safe() && headers.contains_key("idempotency-key") {
        let refusal = AdminRefusal::HeaderUnsupported.refuse();
        return Err(refusal.violation("Idempotency-Key", "no request of this side is remembered by a key").into());
    }
    Ok(())
}
