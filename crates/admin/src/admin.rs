//! The room as one value: a request in, an answer out.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::header::ALLOW;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use lockgate_access::scope::Scope;
use lockgate_access::{Access, Caller};
use lockgate_audit::{Audit, RefusedFacts};
use lockgate_store::Store;
use lockgate_traffic::Traffic;
use lockgate_vault::{Connector, Custodian};
use lockgate_vocabulary::{Arrival, Clock, Entropy, Refusal, Stop};
use lockgate_webhooks::Webhooks;
use tower_service::Service;

use crate::answer::Stopped;
use crate::api;
use crate::operator::{Known, Operator};
use crate::problem::{Problem, tell_rate, tell_trace};
use crate::refusal::AdminRefusal;

/// A body of an answer.
pub type AdminBody = axum::body::Body;

/// What the operator's side is made of.
pub struct Parts {
    /// Who asks, and the registry of what there is.
    pub access: Arc<Access>,
    /// Credentials, without any way to their values.
    pub custodian: Custodian,
    /// Accounts that persons connect.
    pub connector: Connector,
    /// Subscriptions and deliveries.
    pub webhooks: Arc<Webhooks>,
    /// The trail.
    pub audit: Audit,
    /// How much each operator may ask.
    pub traffic: Traffic,
    /// What only lists are read from.
    pub store: Store,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
}

/// The operator's side. Cloning it gives another handle on the same one.
#[derive(Clone)]
pub struct Admin {
    parts: Arc<Parts>,
    router: Router,
}

impl Admin {
    /// Puts the room together.
    pub fn new(parts: Parts) -> Self {
        let parts = Arc::new(parts);
        Self { router: api::router().with_state(parts.clone()), parts }
    }

    /// Answers one request. A refusal is recorded before it is told; if it cannot be, that is told instead.
    pub async fn answer<B>(&self, request: http::Request<B>, arrival: Arrival) -> Response
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let mut request: Request = request.map(AdminBody::new);
        let known = Known::default();
        let method = request.method().clone();
        request.extensions_mut().insert(arrival.clone());
        request.extensions_mut().insert(known.clone());
        // INVARIANT: a router is always ready; its error type has no values.
        let mut response = match self.router.clone().call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let stopped = response.extensions_mut().remove::<Stopped>();
        if let Some(stopped) = stopped {
            // Which methods a path has only the router knows, which says so in what is replaced here.
            let allowed = response.headers_mut().remove(ALLOW);
            response = self.stopped(&stopped, method.as_str(), &known, &arrival, allowed).await;
        }
        self.tell(&known, &arrival, &mut response);
        response
    }

    /// Demands an operator with this scope, for what is served beside the room's own paths. The answer to
    /// whoever is none is recorded and told like every other.
    pub async fn demand(&self, headers: &HeaderMap, arrival: &Arrival, scope: Scope) -> Result<(), Response> {
        let known = Known::default();
        let operator = Operator::identified(headers, &self.parts, arrival, &known).await;
        match operator.and_then(|operator| operator.may(&self.parts.access, scope)) {
            Ok(()) => Ok(()),
            Err(stopped) => {
                let mut response = self.stopped(&stopped, "GET", &known, arrival, None).await;
                self.tell(&known, arrival, &mut response);
                Err(response)
            }
        }
    }

    fn tell(&self, known: &Known, arrival: &Arrival, response: &mut Response) {
        tell_trace(response.headers_mut(), &arrival.trace);
        if let Some(permit) = known.caller().and_then(|caller| self.parts.traffic.allowance(&caller)) {
            tell_rate(response.headers_mut(), &permit);
        }
    }

    async fn stopped(
        &self,
        stopped: &Stopped,
        method: &str,
        known: &Known,
        arrival: &Arrival,
        allowed: Option<HeaderValue>,
    ) -> Response {
        let trace = arrival.trace.trace;
        if let Stop::Fault(fault) = stopped.stop() {
            tracing::error!(%fault, %trace, "an administrative request failed");
        }
        let told = match stopped.stop() {
            Stop::Refused(refusal) if is_served(refusal.code()) => {
                self.record(refusal, method, known.caller().as_ref(), arrival).await
            }
            _ => None,
        };
        let problem = Problem::of(told.as_ref().unwrap_or(stopped.stop()), trace);
        problem_response(match allowed {
            Some(methods) => problem.allow(methods),
            None => problem,
        })
    }

    /// Writes a refusal into the trail. Gives what is told in its place: that it cannot be recorded, or,
    /// where it was counted because there were so many, when to come again.
    async fn record(
        &self,
        refusal: &Refusal,
        method: &str,
        caller: Option<&Caller>,
        arrival: &Arrival,
    ) -> Option<Stop> {
        let actor = caller.map(Caller::actor);
        let facts = RefusedFacts {
            tenant: actor.map(|actor| actor.tenant),
            actor,
            key: caller.and_then(Caller::key),
            run: None,
            trace: arrival.trace.trace,
            peer: arrival.peer.ip(),
            door: "admin",
            code: refusal.code(),
            status: refusal.status(),
            method: Some(method),
            connection: None,
            connection_name: None,
            endpoint: None,
            target_digest: None,
        };
        let wait = match self.parts.audit.refused(facts).await {
            Ok(noted) => noted.wait()?,
            Err(unrecorded) => return Some(unrecorded),
        };
        let refusal = match caller {
            None => AdminRefusal::StrangerThrottled.refuse(),
            Some(_) => refusal.clone(),
        };
        let wait = refusal.wait().unwrap_or(wait);
        Some(refusal.retry_after(wait).into())
    }
}

/// A path that is not served asks for nothing, so there is nothing to record.
fn is_served(code: &str) -> bool {
    ![AdminRefusal::PathUnknown.info().code, AdminRefusal::MethodNotAllowed.info().code].contains(&code)
}

fn problem_response(problem: Problem) -> Response {
    let mut response = (problem.status, problem.body).into_response();
    *response.headers_mut() = problem.headers;
    response
}
