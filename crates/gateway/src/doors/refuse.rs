//! The one place where what a room refused before a run was opened is recorded, counted and shown.
//!
//! What is refused afterwards is in the trail already, as the end of its run.

use http::header::{HeaderValue, WWW_AUTHENTICATE};
use http::{Method, Response};
use lockgate_access::Caller;
use lockgate_access::authn::challenge;
use lockgate_audit::RefusedFacts;
use lockgate_egress::target_digest;
use lockgate_vocabulary::{Arrival, ConnectionId, Fault, Name, RunId, Stop};

use super::{Door, DoorBody, answer, headers};
use crate::problem::Problem;
use crate::refusal::GatewayRefusal;

/// The code that an answer of ours shows, for the span of the call; it stays in this process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown(pub(super) &'static str);

/// What is known of a request that is refused.
#[derive(Clone, Copy)]
pub(super) struct Refused<'a> {
    pub(super) door: &'static str,
    pub(super) arrival: &'a Arrival,
    pub(super) method: &'a Method,
    /// Who asked, where that is known.
    pub(super) caller: Option<&'a Caller>,
    /// The run that the caller is told.
    pub(super) run: Option<RunId>,
    /// The connection as it was asked for.
    pub(super) connection: Option<&'a str>,
    /// The path below the connection's base and the query, as they were asked for.
    pub(super) target: Option<(&'a str, Option<&'a str>)>,
}

impl Door {
    /// Records, counts and shows.
    pub(super) async fn refuse(&self, refused: Refused<'_>, stop: Stop) -> Response<DoorBody> {
        let stop = self.record(&refused, stop).await;
        let mut response = self.show(&stop, refused.arrival);
        headers::mark(response.headers_mut(), refused.run, refused.arrival);
        if let Some(permit) = refused.caller.and_then(|caller| self.traffic.allowance(caller)) {
            headers::tell_rate(response.headers_mut(), &permit);
        }
        response
    }

    /// Writes the refusal into the trail. One that cannot be recorded is answered as that. Whoever is
    /// refused so often that it is counted there is told to wait, and a stranger nothing else.
    pub(super) async fn record(&self, refused: &Refused<'_>, stop: Stop) -> Stop {
        let (code, status) = match &stop {
            Stop::Refused(refusal) => (refusal.code(), refusal.status()),
            Stop::Fault(fault) => naming(fault),
        };
        let connection_name = refused.connection.and_then(|name| name.parse::<Name>().ok());
        let facts = RefusedFacts {
            tenant: refused.caller.map(Caller::tenant),
            actor: refused.caller.map(Caller::actor),
            key: refused.caller.and_then(Caller::key),
            run: refused.run,
            trace: refused.arrival.trace.trace,
            peer: refused.arrival.peer.ip(),
            door: refused.door,
            code,
            status,
            method: Some(refused.method.as_str()),
            connection: known_connection(refused),
            connection_name: connection_name.as_ref(),
            endpoint: None,
            target_digest: self.target_digest(refused),
        };
        let wait = match self.audit.refused(facts).await {
            Ok(noted) => noted.wait(),
            Err(unrecorded) => return unrecorded,
        };
        match (wait, stop) {
            // A fault is nobody's doing, so it is told, counted and logged whoever came upon it.
            (Some(wait), Stop::Refused(_)) if refused.caller.is_none() => {
                GatewayRefusal::StrangerThrottled.refuse().retry_after(wait).into()
            }
            (Some(wait), Stop::Refused(refusal)) if refusal.wait().is_none() => refusal.retry_after(wait).into(),
            (_, stop) => stop,
        }
    }

    fn target_digest(&self, refused: &Refused<'_>) -> Option<[u8; 32]> {
        let caller = refused.caller?;
        let (path, query) = refused.target?;
        Some(target_digest(&self.vault, caller.tenant(), path, query))
    }

    /// Counts and shows a stop; a fault is logged here and nowhere else.
    pub(super) fn show(&self, stop: &Stop, arrival: &Arrival) -> Response<DoorBody> {
        let trace = arrival.trace.trace;
        match stop {
            Stop::Refused(refusal) => self.metrics.refused(refusal.code()),
            Stop::Fault(fault) => {
                self.metrics.failed();
                tracing::error!(trace_id = %trace, fault = %fault, "a request failed");
            }
        }
        let mut response = answer::problem(Problem::of(stop, trace));
        if self.spans.records(trace) {
            let code = match stop {
                Stop::Refused(refusal) => refusal.code(),
                Stop::Fault(fault) => naming(fault).0,
            };
            response.extensions_mut().insert(Shown(code));
        }
        if let Stop::Refused(refusal) = stop
            && let Some(challenge) = challenge(refusal)
        {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

/// The code and status under which a fault is recorded, as callers see them.
pub(crate) fn naming(fault: &Fault) -> (&'static str, u16) {
    if fault.is_unavailable() { ("gateway.fault.unavailable", 503) } else { ("gateway.fault.internal", 500) }
}

/// The connection, where it is one that the caller's tenant has.
fn known_connection(refused: &Refused<'_>) -> Option<ConnectionId> {
    let (view, asked) = (refused.caller?.view(), refused.connection?);
    let by_id = asked.parse::<ConnectionId>().ok().filter(|id| view.connections.contains_key(id));
    by_id.or_else(|| view.names.get(asked).copied())
}
