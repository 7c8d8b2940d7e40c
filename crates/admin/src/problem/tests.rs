//! What callers see.

use std::time::Duration;

use lockgate_vocabulary::{SystemEntropy, TraceContext};

use super::*;
use crate::refusal::AdminRefusal;

fn trace() -> TraceId {
    TraceContext::start(&SystemEntropy).trace
}

fn json(problem: &Problem) -> Value {
    serde_json::from_slice(&problem.body).expect("JSON")
}

#[test]
fn a_refusal_shows_its_line_of_the_manual() {
    let trace = trace();
    let refusal = AdminRefusal::BodyMalformed.refuse().detail("why").violation("/a/0", "not a number");
    let problem = Problem::refused(&refusal, trace);
    assert_eq!(problem.status, StatusCode::BAD_REQUEST);
    assert_eq!(problem.headers[CONTENT_TYPE], MEDIA_TYPE);
    let body = json(&problem);
    assert_eq!(body["type"], "urn:lockgate:refusal:admin.body.malformed");
    assert_eq!(body["code"], "admin.body.malformed");
    assert_eq!(body["status"], 400);
    assert_eq!(body["trace_id"], trace.to_string());
    assert_eq!(body["detail"], "why");
    assert_eq!(body["violations"][0]["pointer"], "/a/0");
}

#[test]
fn says_when_to_come_back_in_whole_seconds_and_never_too_early() {
    let refusal = AdminRefusal::BodyTooLarge.refuse().retry_after(Duration::from_millis(1500));
    assert_eq!(Problem::refused(&refusal, trace()).headers[RETRY_AFTER], "2");
    let refusal = AdminRefusal::BodyTooLarge.refuse().retry_after(Duration::ZERO);
    assert_eq!(Problem::refused(&refusal, trace()).headers[RETRY_AFTER], "1");
}

#[test]
fn a_fault_shows_nothing_of_what_broke() {
    for (fault, status) in [
        (Fault::broken("read the key file", std::io::Error::other("/etc/secret: no such file")), 500),
        (Fault::unavailable("ask the store", std::io::Error::other("SELECT failed")), 503),
    ] {
        let problem = Problem::of(&Stop::Fault(fault), trace());
        assert_eq!(problem.status.as_u16(), status);
        let body = String::from_utf8(problem.body).expect("text");
        assert!(!body.contains("key") && !body.contains("SELECT") && !body.contains("/etc"), "{body}");
        assert_eq!(problem.headers.contains_key(RETRY_AFTER), status == 503);
    }
}

#[test]
fn a_raw_message_is_whole_and_says_that_the_connection_ends() {
    let text = String::from_utf8(message(&AdminRefusal::MediaType.refuse(), trace())).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 415 Unsupported Media Type\r\n"), "{head}");
    assert!(head.contains("\r\nconnection: close"));
    assert!(head.contains(&format!("\r\ncontent-length: {}", body.len())));
    assert!(serde_json::from_str::<Value>(body).is_ok());
}

#[test]
fn equal_refusals_are_equal_bytes_but_for_the_trace() {
    let (one, two) = (trace(), trace());
    let show = |trace: TraceId| {
        let text = String::from_utf8(message(&AdminRefusal::PathUnknown.refuse(), trace)).expect("text");
        text.replace(&trace.to_string(), "")
    };
    assert_eq!(show(one), show(two));
}

#[test]
fn every_refusal_of_the_door_has_a_status_of_the_contract() {
    let known = [400, 401, 403, 404, 405, 409, 413, 414, 415, 422, 429, 431, 500, 501, 502, 503, 504, 505];
    for info in AdminRefusal::ALL {
        assert!(known.contains(&info.status), "{}", info.code);
        assert!(info.code.starts_with("admin."), "{}", info.code);
    }
}
