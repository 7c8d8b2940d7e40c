//! `POST /hooks/{subscription}`: a provider's delivery to a parcel, what became of it to an answer.
//!
//! Nobody presents a credential of ours here: the signature over the raw bytes is what counts. Whatever is ours
//! that fails is 503 with `Retry-After`, because a provider may never come again after a 4xx.

use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use lockgate_audit::RefusedFacts;
use lockgate_vocabulary::{Arrival, Fault, Stop, SubscriptionId, TenantId};
use lockgate_webhooks::scheme::Answer;
use lockgate_webhooks::{Knock, Received};
use serde_json::json;

use super::refuse::naming;
use super::{Door, DoorBody, Visit, answer, headers};
use crate::refusal::GatewayRefusal;

const NO_STORE: &str = "no-store";

impl Door {
    /// Takes a delivery in.
    pub(super) async fn hook(&self, subscription: &str, visit: Visit) -> Response<DoorBody> {
        let Visit { parts, body, arrival } = visit;
        let (peer, trace) = (arrival.peer.ip(), arrival.trace.trace);
        let knock = Knock { subscription, headers: parts.headers, peer, trace };
        let mut response = match self.webhooks.receive(knock, body).await {
            Ok((received, wanted)) => self.received(received, wanted),
            Err(stop) => self.unheard(subscription, stop, &arrival).await,
        };
        headers::mark(response.headers_mut(), None, &arrival);
        response
    }

    /// The answer to what was taken in. Some providers want another one than ours.
    fn received(&self, received: Received, wanted: Option<Answer>) -> Response<DoorBody> {
        let (heard, body) = match received {
            Received::Asked(challenge) => {
                let mut response = answer::json(StatusCode::OK, challenge.body, NO_STORE);
                let media_type = HeaderValue::from_static(challenge.media_type);
                response.headers_mut().insert(CONTENT_TYPE, media_type);
                return response;
            }
            Received::Kept(delivery) => ("kept", json!({ "delivery": delivery, "duplicate": false })),
            Received::Before(delivery) => ("duplicate", json!({ "delivery": delivery, "duplicate": true })),
            // It is kept as well, so that its provider hears the same as of any other.
            Received::Quarantined(delivery) => ("quarantined", json!({ "delivery": delivery, "quarantined": true })),
        };
        self.metrics.heard(heard);
        if let Some(wanted) = wanted {
            let mut response = Response::new(DoorBody::Whole(wanted.body.into()));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(wanted.media_type));
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(NO_STORE));
            return response;
        }
        answer::json(StatusCode::OK, body.to_string(), NO_STORE)
    }

    /// Records, counts and shows why a delivery was not taken in.
    async fn unheard(&self, subscription: &str, stop: Stop, arrival: &Arrival) -> Response<DoorBody> {
        self.metrics.heard(if matches!(stop, Stop::Refused(_)) { "refused" } else { "failed" });
        let known = self.webhooks.tenant_of(subscription);
        let stop = self.record_unheard(known, stop, arrival).await;
        let stop = match stop {
            // INVARIANT: what is our fault is never a 4xx or a bare 500, which some providers take for the end.
            Stop::Fault(fault) if !fault.is_unavailable() => {
                let trace = arrival.trace.trace;
                tracing::error!(trace_id = %trace, %fault, "a delivery was not taken in");
                Fault::unavailable("taking a delivery in", fault.doing()).into()
            }
            stop => stop,
        };
        self.show(&stop, arrival)
    }

    async fn record_unheard(&self, known: Option<(TenantId, SubscriptionId)>, stop: Stop, arrival: &Arrival) -> Stop {
        // By this its operators tell at which of their doors it was; as it was sent, no path gets into the trail.
        let endpoint = known.map(|(_, subscription)| format!("/hooks/{subscription}"));
        let (code, status) = match &stop {
            Stop::Refused(refusal) => (refusal.code(), refusal.status()),
            Stop::Fault(fault) => naming(fault),
        };
        let facts = RefusedFacts {
            tenant: known.map(|(tenant, _)| tenant),
            actor: None,
            key: None,
            run: None,
            trace: arrival.trace.trace,
            peer: arrival.peer.ip(),
            door: "hook",
            code,
            status,
            method: Some("POST"),
            connection: None,
            connection_name: None,
            endpoint: endpoint.as_deref(),
            target_digest: None,
        };
        let wait: Option<Duration> = match self.audit.refused(facts).await {
            Ok(noted) => noted.wait(),
            Err(unrecorded) => return unrecorded,
        };
        match (wait, stop) {
            // What is our fault stays that, or a provider would take it for its own.
            (Some(wait), Stop::Refused(refusal)) if refusal.status() < 500 => {
                GatewayRefusal::StrangerThrottled.refuse().retry_after(wait).into()
            }
            (_, stop) => stop,
        }
    }
}
