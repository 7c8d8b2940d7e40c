//! `GET /operations/{operation}`: how work stands that goes on behind a 202.
//!
//! The answer is always about the operation, whatever the vendor said: a vendor's 404 stands inside it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use lockgate_access::Caller;
use lockgate_audit::Deed;
use lockgate_egress::{Answer, EgressRefusal, OperationState, OperationStatus};
use lockgate_inspect::json;
use lockgate_vocabulary::{Arrival, Fault, OperationId, RunId, Stop};
use serde::Serialize;
use serde_json::value::RawValue;

use super::answer;
use super::outbound::presented;
use super::refuse::Refused;
use super::{Door, DoorBody, Visit, headers};

/// Bytes of one that is read where it stands: some ten microseconds.
const SHORT_BYTES: usize = 16 * 1024;

const NO_STORE: &str = "no-store";
const WRITING: &str = "write an operation";

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
        let operation: OperationId = operation.parse().map_err(|_| EgressRefusal::OperationUnknown)?;
        let OperationStatus { operation, run, state, created_at, expires_at } =
            self.egress.operation_status(caller, operation).await?;
        let mut told = Told {
            operation,
            run,
            created_at: created_at.to_string(),
            expires_at: expires_at.to_string(),
            state: "running",
            code: None,
            title: None,
            answer: None,
        };
        match state {
            OperationState::Running { retry_after } => {
                let mut response = answer::json(StatusCode::ACCEPTED, told.text()?, NO_STORE);
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after.as_secs().max(1)));
                return Ok(response);
            }
            OperationState::Ended(Ok(kept)) => {
                // What is kept may be personal data, so whoever reads it stands in the trail.
                let deed = Deed::new(caller.actor(), arrival.trace.trace, "operation.read", operation);
                self.audit.record(deed).await?;
                return Ok(answer::json(StatusCode::OK, told.ended_in(kept).await?, NO_STORE));
            }
            OperationState::Ended(Err(Stop::Refused(refusal))) => {
                let unknown = refusal.info() == EgressRefusal::OutcomeUnknown.info();
                told.state = if unknown { "unknown" } else { "failed" };
                (told.code, told.title) = (Some(refusal.code()), Some(refusal.info().title));
            }
            OperationState::Ended(Err(stop)) => return Err(stop),
        }
        Ok(answer::json(StatusCode::OK, told.text()?, NO_STORE))
    }
}

/// What is told of an operation.
#[derive(Serialize)]
struct Told {
    operation: OperationId,
    run: RunId,
    created_at: String,
    expires_at: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Box<RawValue>>,
}

impl Told {
    fn text(&self) -> Result<String, Fault> {
        serde_json::to_string(self).map_err(|error| Fault::broken(WRITING, error))
    }

    /// The same with the answer in which it ended. A long one is read beside the threads that carry calls.
    async fn ended_in(mut self, answer: Answer) -> Result<String, Stop> {
        let media_type = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let status = answer.status.as_u16();
        // It is whole already, and no larger than what is kept.
        let bytes = answer.body.collect().await.map_err(|error| Fault::broken("read a kept answer", error))?.to_bytes();
        let long = bytes.len() > SHORT_BYTES;
        let write = move || {
            self.state = "succeeded";
            self.answer = Some(Shown::of(status, media_type, &bytes)?);
            self.text()
        };
        if !long {
            return Ok(write()?);
        }
        let written = tokio::task::spawn_blocking(write).await;
        Ok(written.map_err(|error| Fault::broken(WRITING, error))??)
    }
}

/// A kept answer inside the operation: JSON as it is, text as text, all else in base 64.
#[derive(Serialize)]
struct Shown<'a> {
    status: u16,
    media_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    json: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl<'a> Shown<'a> {
    fn of(status: u16, media_type: Option<String>, bytes: &'a [u8]) -> Result<Box<RawValue>, Fault> {
        let mut shown = Shown { status, media_type, json: None, text: None, base64: None };
        // Byte for byte, so that no number is rounded and no member moved; what two readers could take in two
        // ways is shown as the text that it is.
        let strict = json::check(bytes, &json::Limits::default()).is_ok();
        shown.json = serde_json::from_slice(bytes).ok().filter(|_| strict);
        if shown.json.is_none() {
            match std::str::from_utf8(bytes) {
                Ok(text) => shown.text = Some(text),
                Err(_) => shown.base64 = Some(STANDARD.encode(bytes)),
            }
        }
        serde_json::value::to_raw_value(&shown).map_err(|error| Fault::broken(WRITING, error))
    }
}
