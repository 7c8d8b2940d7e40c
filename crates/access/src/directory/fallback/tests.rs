//! What may stand in for a vendor, and what may not.

use serde_json::{Value, json};

use crate::directory::endpoint::endpoints;
use crate::spec::EndpointSpec;
use crate::violations::Violations;

/// The endpoint with this fallback: what is wrong with it, by its JSON Pointer.
fn wrong(mut endpoint: Value, fallback: Value) -> Vec<String> {
    endpoint["fallback"] = fallback;
    let specs: Vec<EndpointSpec> = serde_json::from_value(json!([endpoint])).unwrap();
    let mut wrong = Violations::default();
    endpoints(specs, "", &mut wrong);
    wrong.refuse().violations().iter().map(|violation| violation.pointer.clone()).collect()
}

fn plain() -> Value {
    json!({"method": "GET", "path": "/v1/rates"})
}

fn given(media_type: &str, body: &str) -> Value {
    json!({"media_type": media_type, "body": body})
}

#[test]
fn a_read_may_have_one_and_it_is_resolved_as_it_was_written() {
    let spec = json!([{"method": "POST", "path": "/v1/search", "operation": "read",
        "fallback": {"status": 203, "media_type": "application/vnd.x+json", "body": "{\"rates\":[]}"}}]);
    let mut wrong = Violations::default();
    let resolved = endpoints(serde_json::from_value(spec).unwrap(), "", &mut wrong);
    assert!(wrong.is_empty(), "{wrong}");
    let fallback = resolved[0].fallback.as_ref().unwrap();
    assert_eq!((fallback.status.as_u16(), fallback.media_type.as_bytes()), (203, &b"application/vnd.x+json"[..]));
    assert_eq!(&fallback.body[..], br#"{"rates":[]}"#);
}

#[test]
fn what_changes_something_has_none() {
    for (method, operation) in [("POST", None), ("PUT", None), ("DELETE", None), ("GET", Some("write"))] {
        let mut endpoint = json!({"method": method, "path": "/v1/things"});
        if let Some(operation) = operation {
            endpoint["operation"] = json!(operation);
        }
        assert_eq!(wrong(endpoint, given("application/json", "{}")), ["/0/fallback"], "{method}");
    }
}

#[test]
fn status_type_and_size_are_bounded() {
    let with = |status: u16, body: &str| json!({"status": status, "media_type": "text/plain", "body": body});
    for (status, body) in [(100, ""), (199, ""), (204, "x"), (205, "x"), (206, "x"), (300, ""), (404, ""), (502, "")] {
        assert_eq!(wrong(plain(), with(status, body)), ["/0/fallback/status"], "{status}");
    }
    for (status, body) in [(200, "x"), (203, ""), (204, ""), (205, ""), (299, "x")] {
        assert!(wrong(plain(), with(status, body)).is_empty(), "{status}");
    }
    for media_type in ["", "text", "text/plain; charset=utf-8", "text/plain\r\nx: y", "text/*", "Text/Plain"] {
        assert_eq!(wrong(plain(), given(media_type, "x")), ["/0/fallback/media_type"], "{media_type}");
    }
    assert!(wrong(plain(), given("text/plain", &"x".repeat(16 * 1024))).is_empty());
    assert_eq!(wrong(plain(), given("text/plain", &"x".repeat(16 * 1024 + 1))), ["/0/fallback/body"]);
}

#[test]
fn it_obeys_what_the_endpoint_says_of_answers() {
    let small = json!({"method": "GET", "path": "/a", "answer": {"most_bytes": 3}});
    assert!(wrong(small.clone(), given("text/plain", "abc")).is_empty());
    assert_eq!(wrong(small, given("text/plain", "abcd")), ["/0/fallback/body"]);
    let typed = json!({"method": "GET", "path": "/a", "answer": {"media_types": ["text/csv"]}});
    assert!(wrong(typed.clone(), given("text/csv", "a,b")).is_empty());
    assert_eq!(wrong(typed, given("text/plain", "a,b")), ["/0/fallback/media_type"]);
    let checked = json!({"method": "GET", "path": "/a", "answer": {"schema": {"type": "object"}}});
    assert_eq!(wrong(checked.clone(), given("text/plain", "{}")), ["/0/fallback/media_type"]);
    assert!(wrong(checked, given("application/json", "{}")).is_empty());
    assert_eq!(wrong(plain(), given("application/json", "{")), ["/0/fallback/body"]);
}
