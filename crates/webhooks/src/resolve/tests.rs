//! What makes no sense is refused with its place, all of it at once.

use serde_json::{Value, json};

use super::*;

fn told(spec: Value) -> Vec<String> {
    let spec: SubscriptionSpec = serde_json::from_value(spec).unwrap();
    let mut wrong = Violations::default();
    let resolved = subscription(&spec, Open { networks: &["10.0.0.0/8".parse().unwrap()], hosts: None }, &mut wrong);
    let refused = !wrong.is_empty();
    assert!(refused || resolved.is_some(), "what is not refused is resolved");
    wrong.refuse().violations().iter().map(|violation| violation.pointer.clone()).collect()
}

#[test]
fn what_makes_sense_is_resolved_with_its_defaults() {
    let spec: SubscriptionSpec = serde_json::from_value(json!({ "direction": "inbound", "scheme": "github" })).unwrap();
    let resolved = subscription(&spec, Open::default(), &mut Violations::default()).unwrap();
    let Side::Inbound(inbound) = &resolved.side else { panic!("it comes in") };
    assert_eq!((inbound.body_bytes, inbound.addresses.len()), (1024 * 1024, 0));
    assert!(matches!(resolved.onward.way, Way::Pull));
    assert_eq!(resolved.onward.schedule.len(), 8);
    assert_eq!(resolved.onward.keep, Duration::from_secs(30 * 86_400));
}

#[test]
fn what_makes_no_sense_is_told_with_its_place() {
    let all = told(json!({
        "direction": "inbound", "scheme": "nobody", "per_minute": 0, "body_bytes": 99_999_999,
        "handoff": { "push": { "url": "http://plain.test/", "timeout_seconds": 31, "per_minute": 0, "concurrent": 65,
            "danger_private_networks": ["192.168.0.0/16"] } },
        "delivery": { "order_by": "data", "retry_seconds": [0], "keep_days": 0 },
    }));
    for pointer in [
        "/scheme",
        "/per_minute",
        "/body_bytes",
        "/handoff/push/url",
        "/handoff/push/timeout_seconds",
        "/handoff/push/per_minute",
        "/handoff/push/concurrent",
        "/handoff/push/danger_private_networks/0",
    ] {
        assert!(all.iter().any(|known| known == pointer), "{pointer}: {all:?}");
    }
    let delivery = told(json!({
        "direction": "inbound", "scheme": "github",
        "delivery": { "order_by": "data", "retry_seconds": [0], "keep_days": 0 },
    }));
    assert_eq!(delivery, ["/delivery/retry_seconds", "/delivery/keep_days", "/delivery/order_by"]);
    assert_eq!(told(json!({ "direction": "inbound", "scheme": "square" })), ["/setting/public_url"]);
    let out = json!({ "direction": "outbound", "event_types": ["a.*", "b", "*", "c*", "", "d e"],
        "endpoint": { "url": "https://hooks.example.com/" } });
    assert_eq!(told(out), ["/event_types/3", "/event_types/4", "/event_types/5"]);
    let none = json!({ "direction": "outbound", "event_types": [], "endpoint": { "url": "https://10.0.0.1/" } });
    assert_eq!(told(none), ["/event_types", "/endpoint/url"]);
}

#[test]
fn unknown_members_are_refused() {
    for spec in [
        json!({ "direction": "inbound", "scheme": "github", "what": 1 }),
        json!({ "direction": "sideways", "scheme": "github" }),
        json!({ "direction": "outbound", "event_types": ["a"], "endpoint": { "url": "https://x.test/", "verb": "PUT" } }),
    ] {
        assert!(serde_json::from_value::<SubscriptionSpec>(spec.clone()).is_err(), "{spec}");
    }
}

#[test]
fn a_specification_that_is_written_is_read_back() {
    let written =
        json!({ "direction": "inbound", "scheme": "github", "handoff": "pull", "addresses": ["203.0.113.0/24"] });
    let spec: SubscriptionSpec = serde_json::from_value(written).unwrap();
    let again: SubscriptionSpec = serde_json::from_str(&serde_json::to_string(&spec).unwrap()).unwrap();
    assert_eq!(again, spec);
}
