//! `GET /operations/{operation}`: how work stands that goes on behind a 202.
//!
//! The answer is always about the operation, whatever the vendor said: a vendor's 404 stands inside it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use lockgate_access::{AccessRefusal, Caller};
use lockgate_audit::Deed;
use lockgate_egress::{Answer, EgressRefusal, OperationState, OperationStatus};
use lockgate_vocabulary::{Arrival, Fault, OperationId, Stop};
use serde_json::{Map, Value, json};

use super::answer;
use super::outbound::presented;
use super::refuse::Refused;
use super::{Door, DoorBody, Visit, headers};

/// Bytes of a kept answer that are shown; egress keeps no more.
const ANSWER_BYTES: usize = 10_000_000;

impl Door {
    /// Answers how an operation of the caller's stands.
    pub(super) async fn operation(&self, operation: &str, visit: &Visit) -> Response<DoorBody> {
        let mut refused = Refused {
            door: "operation",
            arrival: &visit.arrival,
            method: &visit.parts.method,
            caller: None,
            run: None,
            connection: None,
            target: None,
        };
        let caller = match self.access.identify(presented(&visit.parts.headers), &visit.arrival).await {
            Ok(caller) => caller,
            Err(stop) => return self.refuse(refused, stop).await,
        };
        refused.caller = Some(&caller);
        match self.look(&caller, operation, &visit.arrival).await {
            Ok(mut response) => {
                headers::mark(response.headers_mut(), None, &visit.arrival);
                if let Some(permit) = self.traffic.allowance(&caller) {
                    headers::tell_rate(response.headers_mut(), &permit);
                }
                response
            }
            Err(stop) => self.refuse(refused, stop).await,
        }
    }

    async fn look(&self, caller: &Caller, operation: &str, arrival: &Arrival) -> Result<Response<DoorBody>, Stop> {
        self.traffic.admit_caller(caller).await?;
        // A text that is no identifier is answered as an operation that is not there.
        let operation: OperationId = operation.parse().map_err(|_| AccessRefusal::ObjectUnknown)?;
        let OperationStatus { operation, run, state, created_at, expires_at } =
            self.egress.operation_status(caller, operation).await?;
        let mut members = Map::new();
        members.insert("operation".into(), json!(operation));
        members.insert("run".into(), json!(run));
        members.insert("created_at".into(), json!(created_at.to_string()));
        members.insert("expires_at".into(), json!(expires_at.to_string()));
        let wait = match state {
            OperationState::Running { retry_after } => Some(retry_after),
            OperationState::Ended(Ok(kept)) => {
                // What is kept may be personal data, so whoever reads it stands in the trail.
                let deed = Deed::new(caller.actor(), arrival.trace.trace, "operation.read", operation);
                self.audit.record(deed).await?;
                members.insert("state".into(), json!("succeeded"));
                members.insert("answer".into(), show_answer(kept).await?);
                None
            }
            OperationState::Ended(Err(Stop::Refused(refusal))) => {
                let unknown = refusal.info() == EgressRefusal::OutcomeUnknown.info();
                members.insert("state".into(), json!(if unknown { "unknown" } else { "failed" }));
                members.insert("code".into(), json!(refusal.code()));
                members.insert("title".into(), json!(refusal.info().title));
                None
            }
            OperationState::Ended(Err(stop)) => return Err(stop),
        };
        Ok(status_response(members, wait))
    }
}

fn status_response(mut members: Map<String, Value>, wait: Option<Duration>) -> Response<DoorBody> {
    let Some(wait) = wait else { return answer::json(StatusCode::OK, Value::Object(members).to_string(), "no-store") };
    members.insert("state".into(), json!("running"));
    let mut response = answer::json(StatusCode::ACCEPTED, Value::Object(members).to_string(), "no-store");
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    response
}

/// A kept answer inside the operation: JSON as it is, text as text, all else in base 64.
async fn show_answer(answer: Answer) -> Result<Value, Stop> {
    let media_type = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = Limited::new(answer.body, ANSWER_BYTES).collect().await;
    let bytes: Bytes = body.map_err(|error| Fault::broken("read a kept answer", error))?.to_bytes();
    let (name, body) = match (serde_json::from_slice::<Value>(&bytes), std::str::from_utf8(&bytes)) {
        (Ok(value), _) => ("json", value),
        (_, Ok(text)) => ("text", json!(text)),
        _ => ("base64", json!(STANDARD.encode(&bytes))),
    };
    Ok(json!({ "status": answer.status.as_u16(), "media_type": media_type, name: body }))
}
