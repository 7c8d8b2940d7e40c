//! Refusals and faults as callers see them: `application/problem+json` (RFC 9457).
//!
//! The bytes depend on the refusal and the trace id alone, so that two refusals for the same reason are
//! equal whatever they were about. A fault shows nothing of what broke.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use lockgate_traffic::Permit;
use lockgate_vocabulary::{Fault, Refusal, Stop, TraceContext, TraceId};
use serde_json::{Map, Value, json};

/// The media type of every refusal.
pub const MEDIA_TYPE: &str = "application/problem+json";

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// An answer that says no, without the connection that it goes out on.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// Its fields.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Problem {
    /// What a caller sees of a story that was stopped.
    pub fn of(stop: &Stop, trace: TraceId) -> Self {
        match stop {
            Stop::Refused(refusal) => Self::refused(refusal, trace),
            Stop::Fault(fault) => Self::fault(fault, trace),
        }
    }

    /// A refusal.
    pub fn refused(refusal: &Refusal, trace: TraceId) -> Self {
        let mut problem = Self::bare(refusal.status(), refusal.code(), refusal.info().title, trace);
        let mut members = problem.members(trace, refusal.code(), refusal.info().title);
        if let Some(detail) = refusal.told() {
            members.insert("detail".into(), json!(detail));
        }
        if !refusal.violations().is_empty() {
            let rows = refusal.violations().iter();
            let rows = rows.map(|row| json!({ "pointer": row.pointer, "reason": row.reason }));
            members.insert("violations".into(), Value::Array(rows.collect()));
        }
        problem.body = Value::Object(members).to_string().into_bytes();
        if let Some(wait) = refusal.wait() {
            // Rounded up: whoever comes back a moment too early is refused again.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            problem.headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        problem
    }

    /// A fault: a bare 500, or a 503 where it may pass by itself.
    pub fn fault(fault: &Fault, trace: TraceId) -> Self {
        if fault.is_unavailable() {
            let mut problem = Self::bare(503, "gateway.fault.unavailable", "The gateway cannot serve this now.", trace);
            problem.headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
            return problem;
        }
        Self::bare(500, "gateway.fault.internal", "The gateway failed.", trace)
    }

    /// Says with which methods the path is served.
    #[must_use]
    pub fn allow(mut self, methods: HeaderValue) -> Self {
        self.headers.insert(ALLOW, methods);
        self
    }

    fn bare(status: u16, code: &str, title: &str, trace: TraceId) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let mut problem = Self { status, headers, body: Vec::new() };
        problem.body = Value::Object(problem.members(trace, code, title)).to_string().into_bytes();
        problem
    }

    fn members(&self, trace: TraceId, code: &str, title: &str) -> Map<String, Value> {
        let mut members = Map::new();
        members.insert("type".into(), json!(format!("urn:lockgate:refusal:{code}")));
        members.insert("title".into(), json!(title));
        members.insert("status".into(), json!(self.status.as_u16()));
        members.insert("code".into(), json!(code));
        members.insert("trace_id".into(), json!(trace.to_string()));
        members
    }
}

/// Says under which trace the request was answered.
pub(crate) fn tell_trace(headers: &mut HeaderMap, trace: &TraceContext) {
    // It is plain ASCII, so this does not fail; if it did, a header is not worth an answer.
    if let Ok(value) = HeaderValue::from_str(&trace.to_traceparent()) {
        headers.insert(TRACEPARENT, value);
    }
}

/// Says what the caller has left.
pub fn tell_rate(headers: &mut HeaderMap, permit: &Permit) {
    headers.insert(LIMIT, HeaderValue::from(permit.limit()));
    headers.insert(REMAINING, HeaderValue::from(permit.remaining()));
    // Rounded up: a second too early would be refused again.
    let reset = permit.reset_at().as_micros().max(0).unsigned_abs().div_ceil(1_000_000);
    headers.insert(RESET, HeaderValue::from(reset));
}

/// A whole HTTP/1.1 answer that ends its connection, for where no HTTP server stands any more.
pub fn message(refusal: &Refusal, trace: TraceId) -> Vec<u8> {
    let problem = Problem::refused(refusal, trace);
    let reason = problem.status.canonical_reason().unwrap_or_default();
    let mut out = format!("HTTP/1.1 {} {reason}\r\n", problem.status.as_u16()).into_bytes();
    for (name, value) in &problem.headers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("content-length: {}\r\nconnection: close\r\n\r\n", problem.body.len()).as_bytes());
    out.extend_from_slice(&problem.body);
    out
}

#[cfg(test)]
mod tests;
