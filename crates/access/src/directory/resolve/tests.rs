//! Providers and connections: what resolves, and what is named as wrong.

use serde_json::json;

use super::{ResolvedProvider, connection, connection_name, provider};
use crate::spec::{ConnectionSpec, ProviderSpec};
use crate::violations::Violations;

fn vendor(change: serde_json::Value) -> Result<ResolvedProvider, Vec<String>> {
    let mut value = json!({
        "name": "vendor", "title": "Vendor", "base_url": "https://api.vendor.example/v1", "auth": {"placement": "bearer"},
        "endpoints": [{"method": "GET", "path": "/customers"}],
    });
    for (member, other) in change.as_object().unwrap() {
        value[member] = other.clone();
    }
    let spec: ProviderSpec = serde_json::from_value(value).unwrap();
    let mut wrong = Violations::default();
    let resolved = provider(spec, &mut wrong);
    settle(resolved, wrong)
}

fn settle<T>(resolved: Option<T>, wrong: Violations) -> Result<T, Vec<String>> {
    if wrong.is_empty() {
        return Ok(resolved.expect("what is not wrong resolves"));
    }
    Err(wrong.refuse().violations().iter().map(|violation| violation.pointer.clone()).collect())
}

fn connect(value: serde_json::Value) -> Result<super::ResolvedConnection, Vec<String>> {
    let spec: ConnectionSpec = serde_json::from_value(value).unwrap();
    let mut wrong = Violations::default();
    let resolved = connection(spec, &vendor(json!({})).unwrap(), &mut wrong);
    settle(resolved, wrong)
}

#[test]
fn a_provider_resolves() {
    let resolved = vendor(json!({
        "idempotency_header": "Idempotency-Key",
        "headers": {"X-Api-Version": "2024-01-01"},
        "auth": {"placement": "header", "name": "Authorization", "prefix": "Token "},
    }))
    .unwrap();
    assert_eq!(resolved.provider.idempotency_header.as_ref().unwrap(), "idempotency-key");
    assert_eq!(resolved.provider.headers["x-api-version"], "2024-01-01");
    assert_eq!((&*resolved.base.host, &*resolved.base.prefix), ("api.vendor.example", "/v1"));
}

#[test]
fn what_is_wrong_with_a_provider_is_named() {
    for (change, pointer) in [
        (json!({"title": ""}), "/title"),
        (json!({"title": "a\nb"}), "/title"),
        (json!({"base_url": "http://api.vendor.example"}), "/base_url"),
        (json!({"documentation": "ftp://docs"}), "/documentation"),
        (json!({"idempotency_header": "a b"}), "/idempotency_header"),
        (json!({"headers": {"Authorization": "Bearer x"}}), "/headers/Authorization"),
        (json!({"headers": {"Host": "x"}}), "/headers/Host"),
        (json!({"headers": {"X-Lockgate-Run": "x"}}), "/headers/X-Lockgate-Run"),
        (json!({"headers": {"Transfer-Encoding": "chunked"}}), "/headers/Transfer-Encoding"),
        (json!({"headers": {"x-a": "a\r\nb: c"}}), "/headers/x-a"),
        (json!({"headers": {"a/b": "c"}}), "/headers/a~1b"),
        (json!({"auth": {"placement": "header", "name": "Host"}}), "/auth/name"),
        (json!({"auth": {"placement": "header", "name": "x-key", "prefix": "\n"}}), "/auth/prefix"),
        (json!({"auth": {"placement": "query", "name": "a&b"}}), "/auth/name"),
        (json!({"rate_headers": {"limit": "a b"}}), "/rate_headers/limit"),
        (json!({"endpoints": [{"method": "GET", "path": "x"}]}), "/endpoints/0/path"),
    ] {
        assert_eq!(vendor(change.clone()).map(|_| ()), Err(vec![pointer.to_owned()]), "{change}");
    }
}

/// What is wrong with a provider that has these endpoints: for tokens, for authorization and for revocation.
fn oauth(token: &str, page: &str, revocation: &str, several: bool) -> Vec<String> {
    let auth = json!({
        "placement": "oauth", "token_url": token, "revocation_url": revocation,
        "authorization": { "url": page, "danger_shared_endpoints": several },
    });
    vendor(json!({ "auth": auth })).err().unwrap_or_default()
}

#[test]
fn the_path_of_an_oauth_endpoint_has_one_spelling() {
    let sound = "https://login.test/one/token";
    assert_eq!(oauth(sound, "https://login.test", "https://login.test/One/revoke/", false), Vec::<String>::new());
    for path in [
        "/x/../one",
        "/./one",
        "//one",
        "/one//x",
        "/one;x",
        "/one/..;x/y",
        "/%6fne",
        "/one%2fx",
        "/one%2Fx",
        "/one%5Cx",
        "/one%3bx",
        "/%2e%2e/one",
        "/one%zz",
    ] {
        let odd = format!("https://login.test{path}");
        assert_eq!(oauth(&odd, sound, sound, false), ["/auth/token_url"], "{path}");
        assert_eq!(oauth(sound, &odd, sound, false), ["/auth/authorization/url"], "{path}");
        assert_eq!(oauth(sound, sound, &odd, false), ["/auth/revocation_url"], "{path}");
    }
}

#[test]
fn tokens_are_revoked_where_they_are_given() {
    let token = "https://api.vendor.test/token";
    for (revocation, near) in [
        ("https://api.vendor.test/revoke", true),
        ("https://eu.api.vendor.test/revoke", true),
        ("https://vendor.test/revoke", true),
        ("https://API.vendor.test:443/revoke", true),
        ("https://login.vendor.test/revoke", false),
        ("https://api.vendor.test:8443/revoke", false),
        ("https://evilapi.vendor.test/revoke", false),
        ("https://evil.test/revoke", false),
    ] {
        let wrong: &[&str] = if near { &[] } else { &["/auth/revocation_url"] };
        assert_eq!(oauth(token, "https://vendor.test/authorize", revocation, false), wrong, "{revocation}");
        assert!(oauth(token, "https://vendor.test/authorize", revocation, true).is_empty(), "{revocation}");
    }
}

#[test]
fn a_connection_takes_over_what_it_does_not_say() {
    let provider = vendor(json!({})).unwrap();
    let plain = connect(json!({})).unwrap();
    assert_eq!(plain.base, provider.base);
    assert_eq!(plain.endpoints, provider.endpoints);
    assert_eq!(plain.settings.retries, 5);
    let none = connect(json!({"endpoints": []})).unwrap();
    assert!(none.endpoints.is_empty(), "an empty list allows nothing");
}

#[test]
fn what_is_wrong_with_a_connection_is_named() {
    for (spec, pointer) in [
        (json!({"base_url": "https://evil.example/v1"}), "/base_url"),
        (json!({"base_url": "https://api.vendor.example"}), "/base_url"),
        (json!({"base_url": "https://10.0.0.1/v1"}), "/base_url"),
        (json!({"limits": {"per_minute": 0}}), "/limits/per_minute"),
        (json!({"limits": {"burst": 0}}), "/limits/burst"),
        (json!({"limits": {"concurrent": 10_001}}), "/limits/concurrent"),
        (json!({"breaker": {"failure_percent": 101}}), "/breaker/failure_percent"),
        (json!({"breaker": {"least_calls": 0}}), "/breaker/least_calls"),
        (json!({"breaker": {"window_seconds": 0}}), "/breaker/window_seconds"),
        (json!({"breaker": {"open_seconds": 3_601}}), "/breaker/open_seconds"),
        (json!({"retries": 6}), "/retries"),
        (json!({"redirects": {"follow": true, "hosts": ["10.0.0.1"]}}), "/redirects/hosts"),
        (json!({"trust_pem": "hello"}), "/trust_pem"),
        (json!({"pins": ["c2hvcnQ="]}), "/pins/0"),
    ] {
        assert_eq!(connect(spec.clone()).map(|_| ()), Err(vec![pointer.to_owned()]), "{spec}");
    }
    let both = connect(json!({"retries": 9, "limits": {"per_minute": 0}})).map(|_| ());
    assert_eq!(both, Err(vec!["/limits/per_minute".to_owned(), "/retries".to_owned()]));
}

#[test]
fn a_customers_host_must_be_given() {
    let shops = vendor(json!({"base_url": "https://{customer}.shops.example"})).unwrap();
    let mut wrong = Violations::default();
    assert!(connection(ConnectionSpec::default(), &shops, &mut wrong).is_none() && !wrong.is_empty());
    let mut wrong = Violations::default();
    let own = ConnectionSpec { base_url: Some("https://acme.shops.example".into()), ..Default::default() };
    let resolved = connection(own, &shops, &mut wrong).unwrap();
    assert_eq!(&*resolved.base.host, "acme.shops.example");
}

#[test]
fn a_provider_on_a_private_address_needs_connections_that_say_so() {
    let inside = vendor(json!({"base_url": "https://127.0.0.1:9443"})).unwrap();
    let mut wrong = Violations::default();
    assert!(connection(ConnectionSpec::default(), &inside, &mut wrong).is_none() && !wrong.is_empty());
    let mut wrong = Violations::default();
    let networks = vec!["127.0.0.0/8".parse().unwrap()];
    let own = ConnectionSpec { danger_private_networks: networks, ..Default::default() };
    assert!(connection(own, &inside, &mut wrong).is_some() && wrong.is_empty());
}

#[test]
fn plain_http_needs_networks_in_which_it_stays() {
    let inside = vendor(json!({"base_url": "https://erp.corp.example:8080"})).unwrap();
    let plain = ConnectionSpec { danger_plain_http: true, ..Default::default() };
    let mut wrong = Violations::default();
    assert!(connection(plain.clone(), &inside, &mut wrong).is_none());
    assert!(wrong.to_string().contains("/danger_plain_http"), "{wrong}");
    let networks = vec!["10.0.0.0/8".parse().unwrap()];
    let own = ConnectionSpec { danger_private_networks: networks, ..plain };
    let mut wrong = Violations::default();
    assert!(connection(own, &inside, &mut wrong).is_some_and(|resolved| resolved.base.plain) && wrong.is_empty());
}

#[test]
fn a_connection_is_not_named_like_an_operation() {
    for name in ["read", "write", "delete", "CRM", ""] {
        let mut wrong = Violations::default();
        connection_name(name, "/name", &mut wrong);
        assert!(!wrong.is_empty(), "{name:?}");
    }
}

#[test]
fn whom_a_connection_trusts_has_one_digest() {
    let (one, other) = ([1; 32], [2; 32]);
    let told = super::trust(Some("pem"), &[one, other]);
    assert_eq!(told, super::trust(Some("pem"), &[other, one]), "in whatever order the pins stand");
    for different in
        [(None, vec![one, other]), (Some("pen"), vec![one, other]), (Some("pem"), vec![one]), (None, vec![])]
    {
        assert_ne!(told, super::trust(different.0, &different.1), "{different:?}");
    }
}
