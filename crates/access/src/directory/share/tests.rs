//! What is alike is kept once; what differs is kept apart; what nobody uses is dropped.

use std::sync::Arc;

use serde_json::json;

use super::Shared;
use crate::directory::resolve::{self, ResolvedProvider};
use crate::spec::{ConnectionSpec, ProviderSpec};
use crate::violations::Violations;

fn provider() -> ResolvedProvider {
    let spec: ProviderSpec = serde_json::from_value(json!({
        "name": "vendor", "title": "Vendor", "base_url": "https://{customer}.vendor.example", "auth": {"placement": "bearer"},
        "endpoints": [{"method": "GET", "path": "/things"}],
    }))
    .unwrap();
    resolve::provider(spec, &mut Violations::default()).unwrap()
}

fn stored(value: serde_json::Value) -> String {
    let spec: ConnectionSpec = serde_json::from_value(value).unwrap();
    serde_json::to_string(&spec).unwrap()
}

fn resolved(shared: &mut Shared, spec: &str) -> resolve::ResolvedConnection {
    shared.connection(spec, &provider()).unwrap_or_else(|wrong| panic!("{wrong}"))
}

#[test]
fn what_is_alike_is_kept_once() {
    let mut shared = Shared::default();
    let own = json!([{"method": "GET", "path": "/own"}]);
    let first =
        resolved(&mut shared, &stored(json!({"base_url": "https://a.vendor.example", "endpoints": own, "retries": 2})));
    let second =
        resolved(&mut shared, &stored(json!({"base_url": "https://b.vendor.example", "endpoints": own, "retries": 2})));
    let third =
        resolved(&mut shared, &stored(json!({"base_url": "https://b.vendor.example", "endpoints": own, "retries": 3})));
    assert!(Arc::ptr_eq(&first.settings, &second.settings) && Arc::ptr_eq(&first.endpoints, &second.endpoints));
    assert!(Arc::ptr_eq(&second.base.host, &third.base.host) && !Arc::ptr_eq(&second.settings, &third.settings));
    assert_eq!((first.settings.retries, third.settings.retries), (2, 3));
    assert_eq!((&*first.base.host, &*second.base.host), ("a.vendor.example", "b.vendor.example"));
}

/// The short way over texts that are known gives what the long way gives.
#[test]
fn the_second_look_is_as_strict_as_the_first() {
    let mut shared = Shared::default();
    let good = stored(json!({"base_url": "https://a.vendor.example"}));
    resolved(&mut shared, &good);
    for url in ["https://evil.example", "https://10.0.0.1", "http://a.vendor.example"] {
        let text = stored(json!({"base_url": url}));
        assert!(shared.connection(&text, &provider()).is_err(), "{url}");
    }
    assert!(shared.connection(&stored(json!({})), &provider()).is_err(), "the customer's host is missing");
    assert!(shared.connection("{\"base_url\":\"https://a.vendor.example\",\"surprise\":1}", &provider()).is_err());
    assert!(shared.connection("not json", &provider()).is_err());
    let bad = stored(json!({"base_url": "https://a.vendor.example"})).replace("\"retries\":null", "\"retries\":9");
    assert!(shared.connection(&bad, &provider()).is_err());
    assert!(shared.connection(&bad, &provider()).is_err(), "what was wrong is not remembered as right");
}

#[test]
fn what_nobody_uses_is_dropped() {
    let mut shared = Shared::default();
    let kept = resolved(&mut shared, &stored(json!({"base_url": "https://kept.vendor.example", "retries": 1})));
    for number in 0..2_000 {
        let url = format!("https://c{number}.vendor.example");
        resolved(&mut shared, &stored(json!({"base_url": url})));
    }
    shared.sweep();
    assert!(shared.texts.len() < 10, "{}", shared.texts.len());
    assert!(shared.texts.contains(&*kept.base.host));
    assert!(shared.settings.values().any(|settings| Arc::ptr_eq(settings, &kept.settings)));
}
