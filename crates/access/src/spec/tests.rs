//! What an operator may write down, and what is refused before any rule is looked at.

use serde_json::json;

use super::{AuthPlacement, ConnectionSpec, DeclaredUse, EndpointSpec, ProviderSpec, RateHeaders, ResetStyle};

#[test]
fn a_provider_needs_four_things() {
    let least = json!({"name": "v", "title": "V", "base_url": "https://v.example", "auth": {"placement": "bearer"}});
    let spec: ProviderSpec = serde_json::from_value(least.clone()).unwrap();
    assert_eq!(spec.rate_headers, RateHeaders::default());
    assert_eq!((spec.auth, spec.rate_headers.reset_style), (AuthPlacement::Bearer, ResetStyle::Auto));
    for member in ["name", "title", "base_url", "auth"] {
        let mut less = least.clone();
        less.as_object_mut().unwrap().remove(member);
        assert!(serde_json::from_value::<ProviderSpec>(less).is_err(), "{member}");
    }
}

#[test]
fn a_member_that_is_not_known_is_refused_at_every_level() {
    for text in [
        r#"{"retires": 3}"#,
        r#"{"limits": {"per_second": 3}}"#,
        r#"{"breaker": {"threshold": 3}}"#,
        r#"{"redirects": {"follow": true, "anywhere": true}}"#,
        r#"{"endpoints": [{"method": "GET", "path": "/", "verb": "GET"}]}"#,
        r#"{"endpoints": [{"method": "GET", "path": "/", "answer": {"max_bytes": 1}}]}"#,
        r#"{"danger_private_networks": ["everything"]}"#,
        r#"{"retries": -1}"#,
        r#"{"retries": 256}"#,
    ] {
        assert!(serde_json::from_str::<ConnectionSpec>(text).is_err(), "{text}");
    }
    assert!(serde_json::from_str::<ConnectionSpec>("{}").is_ok());
    assert!(serde_json::from_str::<EndpointSpec>(r#"{"method": "GET", "path": "/"}"#).is_ok());
    assert!(serde_json::from_str::<DeclaredUse>(r#"{"connection": "a", "method": "*", "path": "/", "x": 1}"#).is_err());
}

#[test]
fn a_credential_has_one_placement() {
    let read = |value| serde_json::from_value::<AuthPlacement>(value);
    assert_eq!(read(json!({"placement": "basic"})).unwrap(), AuthPlacement::Basic);
    let header = AuthPlacement::Header { name: "x-key".into(), prefix: "Token ".into() };
    assert_eq!(read(json!({"placement": "header", "name": "x-key", "prefix": "Token "})).unwrap(), header);
    assert_eq!(read(json!({"placement": "query", "name": "k"})).unwrap(), AuthPlacement::Query { name: "k".into() });
    for wrong in [
        json!({}),
        json!({"placement": "body"}),
        json!({"placement": "header"}),
        json!({"placement": "query", "prefix": "x"}),
        json!({"placement": "query", "name": "k", "prefix": "x"}),
        json!({"placement": "bearer", "extra": 1}),
        json!({"placement": "bearer", "name": "x"}),
        json!({"placement": "basic", "parameters": {}}),
        json!({"placement": "none", "scope": null}),
        json!({"placement": "oauth"}),
        json!({"placement": "oauth", "token_url": "https://v.example/t", "name": "x"}),
        json!({"placement": "oauth", "token_url": "https://v.example/t", "client_auth": null}),
    ] {
        assert!(read(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn every_placement_that_is_stored_is_read_back_the_same() {
    let url = "https://v.example/t";
    for (auth, stored) in [
        (json!({"placement": "bearer"}), json!({"placement": "bearer"})),
        (json!({"placement": "none"}), json!({"placement": "none"})),
        (
            json!({"placement": "header", "name": "x-key"}),
            json!({"placement": "header", "name": "x-key", "prefix": ""}),
        ),
        (
            json!({"placement": "oauth", "token_url": url, "scope": null, "authorization": null}),
            json!({"placement": "oauth", "token_url": url, "client_auth": "basic"}),
        ),
        (
            json!({
                "scope": "a", "resource": url, "parameters": {"k": "v"}, "revocation_url": url, "client_auth": "post",
                "authorization": {"url": url, "issuer": url, "parameters": {"k": "v"}}, "token_url": url,
                "placement": "oauth",
            }),
            json!({
                "placement": "oauth", "token_url": url, "client_auth": "post", "scope": "a", "resource": url,
                "parameters": {"k": "v"}, "revocation_url": url,
                "authorization": {"url": url, "issuer": url, "parameters": {"k": "v"}},
            }),
        ),
    ] {
        let read: AuthPlacement =
            serde_json::from_value(auth.clone()).unwrap_or_else(|error| panic!("{auth}: {error}"));
        assert_eq!(serde_json::to_value(&read).unwrap(), stored);
        assert_eq!(serde_json::from_value::<AuthPlacement>(stored).unwrap(), read);
    }
}

#[test]
fn what_is_stored_is_read_back_the_same() {
    let spec: ConnectionSpec = serde_json::from_value(json!({
        "base_url": "https://a.example", "retries": 2, "limits": {"per_minute": 5}, "pins": ["x"],
        "endpoints": [{"method": "GET", "path": "/a", "answer": {"schema": {"type": "object"}}}],
        "redirects": {"follow": true, "hosts": ["b.example"]}, "danger_private_networks": ["10.0.0.0/8"],
    }))
    .unwrap();
    let text = serde_json::to_string(&spec).unwrap();
    assert_eq!(serde_json::from_str::<ConnectionSpec>(&text).unwrap(), spec);
}
