//! Settings that are sound, and what is wrong with the others.

use serde_json::{Value, json};

use super::*;
use crate::scheme::named;

fn wrong(scheme: &str, spec: Value) -> Vec<String> {
    let spec: SettingSpec = serde_json::from_value(spec).expect("a setting");
    match Setting::resolve(named(scheme).expect("a scheme"), &spec) {
        Ok(_) => Vec::new(),
        Err(violations) => violations.into_iter().map(|each| each.pointer).collect(),
    }
}

#[test]
fn a_scheme_demands_what_it_needs_and_refuses_what_it_does_not() {
    let nothing: Vec<String> = Vec::new();
    assert_eq!(wrong("stripe", json!({})), nothing);
    assert_eq!(wrong("stripe", json!({ "public_url": "https://a.test/" })), ["/public_url"]);
    assert_eq!(wrong("square", json!({})), ["/public_url"]);
    assert_eq!(wrong("square", json!({ "public_url": "https://a.test/x?y=z" })), nothing);
    assert_eq!(wrong("paypal", json!({})), ["/webhook_id", "/public_keys"]);
    assert_eq!(wrong("discord", json!({ "public_keys": ["zz"] })), ["/public_keys/0"]);
    assert_eq!(wrong("discord", json!({ "public_keys": vec!["zz"; 9] })), ["/public_keys"]);
    assert_eq!(wrong("hmac", json!({})), ["/hmac"]);
    assert_eq!(wrong("jws", json!({})), ["/jws"]);
    assert_eq!(wrong("convoy_simple", json!({ "digest": { "hash": "sha512", "encoding": "base64" } })), nothing);
}

#[test]
fn a_url_is_what_the_provider_was_told() {
    for url in [
        "",
        "a",
        "http://a.test/",
        "https://u@a.test/",
        "https://u:p@a.test/",
        "https://a.test/#x",
        "https://a.test/é",
        "https://a.test/ b",
    ] {
        assert_eq!(wrong("square", json!({ "public_url": url })), ["/public_url"], "{url}");
    }
    let long = format!("https://a.test/{}", "a".repeat(2048));
    assert_eq!(wrong("square", json!({ "public_url": long })), ["/public_url"]);
    let id = json!({ "webhook_id": "a|b", "public_keys": [] });
    assert_eq!(wrong("paypal", id), ["/public_keys", "/webhook_id"]);
}

#[test]
fn a_template_cannot_be_read_in_two_ways() {
    let hmac = |more: Value| {
        let mut hmac = json!({ "signature_header": "x-sig" });
        hmac.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        wrong("hmac", json!({ "hmac": hmac }))
    };
    let time = "x-time";
    assert!(hmac(json!({})).is_empty());
    assert!(hmac(json!({ "template": "{timestamp}{body}", "timestamp_header": time })).is_empty());
    assert!(
        hmac(json!({ "template": "v0:{timestamp}:{id}:{body}", "timestamp_header": time, "id_header": "x-id" }))
            .is_empty()
    );
    let templates = [
        json!({ "template": "" }),
        json!({ "template": "{body}{body}" }),
        json!({ "template": "{bodies}" }),
        json!({ "template": "{body" }),
        json!({ "template": "body}{body}" }),
        json!({ "template": "{body}é" }),
        json!({ "template": "{timestamp}.{body}" }),
        json!({ "timestamp_header": time }),
        json!({ "template": "{id}.{body}" }),
        json!({ "template": "{id}{body}", "id_header": "x-id" }),
        json!({ "template": "{id}-{body}", "id_header": "x-id" }),
        json!({ "template": "{url}{body}" }),
        json!({ "template": "{timestamp}{timestamp}{body}", "timestamp_header": time }),
    ];
    for template in templates {
        assert!(hmac(template.clone()).iter().all(|pointer| pointer == "/hmac/template"), "{template}");
        assert!(!hmac(template.clone()).is_empty(), "{template}");
    }
    assert_eq!(hmac(json!({ "signature_header": "x sig" })), ["/hmac/signature_header"]);
    assert_eq!(hmac(json!({ "signature_prefix": "é" })), ["/hmac/signature_prefix"]);
    assert_eq!(hmac(json!({ "tolerance_seconds": 5 })), ["/hmac/tolerance_seconds"]);
    let far = json!({ "template": "{timestamp}.{body}", "timestamp_header": time, "tolerance_seconds": 3601 });
    assert_eq!(hmac(far), ["/hmac/tolerance_seconds"]);
}

#[test]
fn a_key_set_must_be_able_to_verify() {
    let jws = |form: &str, more: Value| {
        let mut jws = json!({ "form": form, "jwks": { "keys": [] } });
        jws.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        wrong("jws", json!({ "jws": jws }))
    };
    assert_eq!(jws("compact", json!({})), ["/jws/jwks"]);
    assert_eq!(jws("compact", json!({ "jwks": 1 })), ["/jws/jwks"]);
    assert_eq!(jws("compact", json!({ "header": "x" })), ["/jws/header", "/jws/jwks"]);
    assert_eq!(jws("detached", json!({ "header": "x y" })), ["/jws/header", "/jws/jwks"]);
}

#[test]
fn what_is_unknown_is_refused_and_what_is_said_comes_back() {
    for spec in [
        json!({ "secret": "x" }),
        json!({ "hmac": { "signature_header": "x", "algorithm": "sha1" } }),
        json!({ "digest": { "hash": "sha1" } }),
        json!({ "jws": { "form": "compact", "jwks": {}, "demand_issued_at": true } }),
    ] {
        assert!(serde_json::from_value::<SettingSpec>(spec.clone()).is_err(), "{spec}");
    }
    let said = json!({ "public_url": "https://a.test/" });
    let spec: SettingSpec = serde_json::from_value(said.clone()).expect("a setting");
    assert_eq!(serde_json::to_value(&spec).expect("JSON"), said);
}
