//! The tenant's own events, and the gateway's over the tenant's ways out.

use lockgate_testkit::{Behaviour, Seen};
use serde_json::{Value, json};

use super::{endpoint, until, with_scope, world};
use crate::client::Answer;
use crate::sender::{deliveries, recorded, refusal, subscribed};
use crate::world::{Tenant, VENDOR_HOST, World};

const SEND: &str = "webhooks.events.send";

/// A way out that tells these types, to a path that is its name.
async fn way_out(world: &World, acme: &Tenant, name: &str, types: Value) -> String {
    world.vendor.on(&format!("POST /{name}"), Behaviour::Agree);
    let mut endpoint = endpoint(world);
    endpoint["url"] = json!(format!("https://{VENDOR_HOST}:{}/{name}", world.vendor.address.port()));
    let spec = json!({ "direction": "outbound", "event_types": types, "endpoint": endpoint });
    let made = subscribed(world, acme, name, spec, &[]).await;
    assert_eq!((&made["status"], &made["path"]), (&json!("active"), &Value::Null), "{made}");
    made["subscription"].as_str().expect("an id").to_owned()
}

async fn send(world: &World, key: &str, more: &str, event: &str) -> Answer {
    world.call(key, "POST", "/events", &format!("Content-Type: application/json\r\n{more}"), event).await
}

/// What this way out was told, its challenge aside.
fn told(world: &World, name: &str) -> Vec<Seen> {
    let line = format!("POST /{name}");
    let challenge = |seen: &Seen| String::from_utf8_lossy(&seen.body).contains("lockgate.endpoint.challenge");
    world.vendor.seen().into_iter().filter(|seen| seen.line() == line && !challenge(seen)).collect()
}

/// Lets time go by until everything was passed on.
async fn passed_on(world: &World, acme: &Tenant, many: usize) {
    until(world, async || {
        let all = deliveries(world, acme).await;
        all.len() == many && all.iter().all(|delivery| delivery["state"] == "delivered")
    })
    .await;
}

#[tokio::test]
async fn an_event_goes_to_every_way_out_that_tells_it() {
    let (world, acme) = world().await;
    let key = with_scope(&world, &acme, "sender", SEND).await;
    for (name, types) in [
        ("invoices", json!(["invoice.*"])),
        ("paid", json!(["user.created", "invoice.paid"])),
        ("all", json!(["*"])),
        ("users", json!(["user.created", "invoice"])),
    ] {
        way_out(&world, &acme, name, types).await;
    }
    let globex = world.tenant("globex").await;
    way_out(&world, &globex, "foreign", json!(["*"])).await;
    // The data goes on byte for byte, whatever another writer would make of it.
    let sent = send(&world, &key, "", r#"{"type":"invoice.paid","data":{"amount": 1.50, "\u0061":null}}"#).await;
    assert_eq!((sent.status, &sent.json()["deliveries"]), (202, &json!(3)), "{}", sent.text());
    let other = send(&world, &key, "", r#"{"type":"order.made","data":{}}"#).await;
    assert_eq!((other.status, &other.json()["deliveries"]), (202, &json!(1)), "{}", other.text());
    passed_on(&world, &acme, 4).await;
    let count = |name: &str| told(&world, name).len();
    assert_eq!([count("invoices"), count("paid"), count("all"), count("users"), count("foreign")], [1, 1, 2, 0, 0]);
    let seen = told(&world, "paid").remove(0);
    let body = String::from_utf8_lossy(&seen.body).into_owned();
    assert!(body.starts_with(r#"{"type":"invoice.paid","timestamp":"2026-"#), "{body}");
    assert!(body.ends_with(r#""data":{"amount": 1.50, "\u0061":null}}"#), "{body}");
    let fields = (seen.header("content-type"), seen.header("lockgate-event-type"));
    assert_eq!(fields, (Some("application/json"), Some("invoice.paid")));
    let records = recorded(&world, &acme, "event.send").await;
    assert_eq!((records.len(), records[0]["object"].is_string()), (2, true), "{records:?}");
    world.end().await;
}

#[tokio::test]
async fn an_event_that_is_none_is_refused() {
    let (world, acme) = world().await;
    let key = with_scope(&world, &acme, "sender", SEND).await;
    way_out(&world, &acme, "all", json!(["*"])).await;
    let large = format!(r#"{{"type":"a","data":{{"x":"{}"}}}}"#, "y".repeat(256 * 1024));
    for (event, status, code) in [
        (r#"{"type":"a b","data":{}}"#, 422, "access.input.invalid"),
        (r#"{"type":"","data":{}}"#, 422, "access.input.invalid"),
        (r#"{"type":"a","data":[]}"#, 422, "access.input.invalid"),
        (r#"{"type":"a"}"#, 400, "gateway.body.json"),
        (r#"{"type":"a","data":{},"more":1}"#, 400, "gateway.body.json"),
        (r#"{"type":"a","type":"b","data":{}}"#, 400, "gateway.body.json"),
        (r#"{"type":"a","data":{"x":1,"x":2}}"#, 400, "gateway.body.json"),
        ("{", 400, "gateway.body.json"),
        (&large, 422, "access.input.invalid"),
    ] {
        let refused = send(&world, &key, "", event).await;
        let start: String = event.chars().take(40).collect();
        assert_eq!(refusal(&refused), (status, code.to_owned()), "{start}: {}", refused.text());
    }
    let larger = format!("{large}{}", " ".repeat(2_000));
    assert_eq!(refusal(&send(&world, &key, "", &larger).await), (413, "gateway.body.too_large".to_owned()));
    let event = r#"{"type":"a","data":{}}"#;
    let plain = world.call(&key, "POST", "/events", "Content-Type: text/plain\r\n", event).await;
    assert_eq!(refusal(&plain), (415, "gateway.media_type".to_owned()));
    let unscoped = with_scope(&world, &acme, "puller", "webhooks.deliveries.ingest").await;
    assert_eq!(refusal(&send(&world, &unscoped, "", event).await), (403, "access.scope.missing".to_owned()));
    for (fields, code) in [
        ("Idempotency-Key: \r\n", "gateway.header.invalid"),
        ("Idempotency-Key: a b\r\n", "gateway.header.invalid"),
        ("Idempotency-Key: a\r\nIdempotency-Key: b\r\n", "gateway.head.malformed"),
    ] {
        let refused = send(&world, &key, fields, event).await;
        assert_eq!(refusal(&refused), (400, code.to_owned()), "{fields}");
    }
    assert!(deliveries(&world, &acme).await.is_empty());
    world.end().await;
}

#[tokio::test]
async fn an_event_with_a_key_is_sent_once() {
    let (world, acme) = world().await;
    let key = with_scope(&world, &acme, "sender", SEND).await;
    let second = with_scope(&world, &acme, "another", SEND).await;
    way_out(&world, &acme, "all", json!(["*"])).await;
    let (one, two) = (r#"{"type":"a","data":{"n":1}}"#, r#"{"type":"a","data":{"n":2}}"#);
    let keyed = async |key: &str, event: &str| send(&world, key, "Idempotency-Key: k-1\r\n", event).await;
    let first = keyed(&key, one).await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (202, None), "{}", first.text());
    // A way out more changes nothing of what was told.
    way_out(&world, &acme, "more", json!(["a"])).await;
    for _ in 0..2 {
        let again = keyed(&key, one).await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (202, Some("true")), "{}", again.text());
        assert_eq!(again.json(), first.json());
    }
    for other in [two, r#"{"type":"b","data":{"n":1}}"#] {
        let reused = keyed(&key, other).await;
        assert_eq!(refusal(&reused), (422, "webhooks.event.key_reused".to_owned()), "{}", reused.text());
    }
    assert_eq!(deliveries(&world, &acme).await.len(), 1);
    let theirs = keyed(&second, two).await;
    assert_eq!((theirs.status, &theirs.json()["deliveries"]), (202, &json!(2)), "another's key is another key");
    world.clock.skew(86_399);
    assert_eq!(keyed(&key, one).await.json(), first.json());
    world.clock.skew(1);
    let anew = keyed(&key, two).await;
    assert_eq!((anew.status, anew.header("idempotent-replayed")), (202, None), "{}", anew.text());
    passed_on(&world, &acme, 5).await;
    world.end().await;
}

#[tokio::test]
async fn the_gateways_own_events_are_told_where_they_are_named() {
    let (world, acme) = world().await;
    way_out(&world, &acme, "rotations", json!(["CredentialRotated", "SecurityAlertRaised"])).await;
    way_out(&world, &acme, "all", json!(["*", "Credential.*"])).await;
    let globex = world.tenant("globex").await;
    way_out(&world, &globex, "foreign", json!(["CredentialRotated"])).await;
    let spec = json!({ "direction": "inbound", "scheme": "github" });
    let made = subscribed(&world, &acme, "code", spec, &["a secret of the provider's"]).await;
    let id = made["subscription"].as_str().expect("an id").to_owned();
    // A way out begins with what happens once it has looked at the feed.
    let begun = world.clock.apart();
    let begins = lockgate_vocabulary::Clock::elapsed(&begun) + std::time::Duration::from_secs(10);
    until(&world, async || lockgate_vocabulary::Clock::elapsed(&begun) >= begins).await;
    let path = format!("/v1/subscriptions/{id}/secrets");
    let added = world.ask(&acme.operator, "POST", &path, Some(json!({ "secret": "another one of theirs" }))).await;
    assert_eq!(added.status, 201, "{}", added.text());
    passed_on(&world, &acme, 1).await;
    let seen = told(&world, "rotations").remove(0);
    let event: Value = serde_json::from_slice(&seen.body).expect("JSON");
    assert_eq!(seen.header("content-type"), Some("application/cloudevents+json"));
    assert_eq!((&event["type"], &event["subject"]), (&json!("CredentialRotated"), &json!(id)), "{event}");
    assert_eq!(event["source"], format!("/tenants/{}", acme.id));
    assert!(!event.to_string().contains("another one of theirs"));
    assert_eq!((told(&world, "all").len(), told(&world, "foreign").len()), (0, 0));
    world.end().await;
}

#[tokio::test]
async fn nobody_speaks_in_the_gateways_name() {
    let (world, acme) = world().await;
    let key = with_scope(&world, &acme, "sender", SEND).await;
    way_out(&world, &acme, "all", json!(["*", "CredentialRotated"])).await;
    for kind in ["CredentialRotated", "SecurityAlertRaised", "lockgate.endpoint.challenge", "lockgate.x"] {
        let refused = send(&world, &key, "", &json!({ "type": kind, "data": {} }).to_string()).await;
        assert_eq!((refused.status, &refused.json()["violations"][0]["pointer"]), (422, &json!("/type")), "{kind}");
    }
    assert!(deliveries(&world, &acme).await.is_empty());
    assert_eq!(send(&world, &key, "", r#"{"type":"credentialrotated","data":{}}"#).await.status, 202);
    world.end().await;
}
