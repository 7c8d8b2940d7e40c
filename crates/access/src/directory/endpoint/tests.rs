//! Declared endpoints and uses: defaults, order, and what is refused.

use serde_json::json;

use super::{endpoints, uses};
use crate::spec::{DeclaredUse, EndpointSpec, Operation};
use crate::violations::Violations;

fn specs(value: serde_json::Value) -> Vec<EndpointSpec> {
    serde_json::from_value(value).unwrap()
}

/// The JSON Pointers of what is wrong.
fn wrong(value: serde_json::Value) -> Vec<String> {
    let mut wrong = Violations::default();
    endpoints(specs(value), "/endpoints", &mut wrong);
    wrong.refuse().violations().iter().map(|violation| violation.pointer.clone()).collect()
}

#[test]
fn the_operation_follows_the_method_unless_it_is_said() {
    let mut wrong = Violations::default();
    let declared = specs(json!([
        {"method": "GET", "path": "/a"}, {"method": "HEAD", "path": "/a"}, {"method": "POST", "path": "/a"},
        {"method": "PUT", "path": "/a"}, {"method": "PATCH", "path": "/a"}, {"method": "DELETE", "path": "/a"},
        {"method": "POST", "path": "/a/search", "operation": "read"}, {"method": "GET", "path": "/a/purge", "operation": "delete"},
    ]));
    let resolved = endpoints(declared, "/endpoints", &mut wrong);
    assert!(wrong.is_empty());
    let operation = |method: &str, path: &str| {
        let found = resolved.iter().find(|each| each.method.as_str() == method && each.path.as_str() == path).unwrap();
        (found.operation, found.idempotent)
    };
    assert_eq!(operation("GET", "/a"), (Operation::Read, true));
    assert_eq!(operation("HEAD", "/a"), (Operation::Read, true));
    assert_eq!(operation("POST", "/a"), (Operation::Write, false));
    assert_eq!(operation("PUT", "/a"), (Operation::Write, true));
    assert_eq!(operation("PATCH", "/a"), (Operation::Write, false));
    assert_eq!(operation("DELETE", "/a"), (Operation::Delete, true));
    assert_eq!(operation("POST", "/a/search"), (Operation::Read, true));
    assert_eq!(operation("GET", "/a/purge"), (Operation::Delete, true));
}

#[test]
fn what_is_no_endpoint_is_named() {
    assert_eq!(wrong(json!([{"method": "get", "path": "/a"}])), ["/endpoints/0/method"]);
    assert_eq!(
        wrong(json!([{"method": "CONNECT", "path": "/a"}, {"method": "TRACE", "path": "/b"}])),
        ["/endpoints/0/method", "/endpoints/1/method"]
    );
    assert_eq!(wrong(json!([{"method": "GET", "path": "a"}])), ["/endpoints/0/path"]);
    assert_eq!(
        wrong(json!([{"method": "GET", "path": "/a/{x}"}, {"method": "GET", "path": "/a/{y}"}])),
        ["/endpoints/1"]
    );
    assert_eq!(
        wrong(json!([{"method": "GET", "path": "/a", "answer": {"most_bytes": 0}}])),
        ["/endpoints/0/answer/most_bytes"]
    );
    assert_eq!(
        wrong(json!([{"method": "GET", "path": "/a", "answer": {"most_bytes": 100_000_001}}])),
        ["/endpoints/0/answer/most_bytes"]
    );
    assert_eq!(
        wrong(json!([{"method": "GET", "path": "/a", "answer": {"media_types": ["application/json; charset=utf-8"]}}])),
        ["/endpoints/0/answer/media_types"]
    );
    assert_eq!(
        wrong(json!([{"method": "GET", "path": "/a", "answer": {"schema": [1]}}])),
        ["/endpoints/0/answer/schema"]
    );
    let many: Vec<_> = (0..513).map(|number| json!({"method": "GET", "path": format!("/a/{number}")})).collect();
    assert_eq!(wrong(json!(many)), ["/endpoints"]);
    assert!(wrong(json!([{"method": "GET", "path": "/a", "answer": {"schema": true, "media_types": ["application/vnd.api+json"]}}])).is_empty());
}

#[test]
fn a_declared_use_names_a_connection_a_method_and_a_path() {
    let declared = |connection: &str, method: &str, path: &str| DeclaredUse {
        connection: connection.into(),
        method: method.into(),
        path: path.into(),
    };
    let mut wrong = Violations::default();
    let resolved =
        uses(vec![declared("crm", "*", "/v1/{rest...}"), declared("crm", "GET", "/x")], "/endpoints", &mut wrong);
    assert!(wrong.is_empty() && resolved.len() == 2);
    assert_eq!(resolved[0].method, None);
    assert_eq!(resolved[1].method, Some(http::Method::GET));

    let mut wrong = Violations::default();
    let bad = vec![
        declared("CRM", "GET", "/"),
        declared("read", "GET", "/"),
        declared("crm", "any", "/"),
        declared("crm", "*", "x"),
    ];
    assert!(uses(bad, "/endpoints", &mut wrong).is_empty());
    let pointers: Vec<_> = wrong.refuse().violations().iter().map(|violation| violation.pointer.clone()).collect();
    assert_eq!(
        pointers,
        ["/endpoints/0/connection", "/endpoints/1/connection", "/endpoints/2/method", "/endpoints/3/path"]
    );
}
