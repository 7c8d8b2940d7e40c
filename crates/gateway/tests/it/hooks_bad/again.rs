//! The same delivery again, and another one under the same identifier.

use std::collections::HashSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::Barrier;

use super::{SECRET, hooked};
use crate::client::{Answer, Client};
use crate::sender::{
    Fields, Hook, WHSEC, deliver, deliver_by, deliveries, door, events, github, hex, hmac, listed, recorded, refusal,
    slack, standard,
};
use crate::world::{Tenant, World};

const NOW: i64 = 1_780_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_at_the_same_moment_have_one_effect() {
    let (world, acme, hook) = hooked(json!({})).await;
    let (start, fields) = (Arc::new(Barrier::new(64)), github(SECRET, "d-1", "{\"n\":1}"));
    let sending: Vec<_> = (0..64)
        .map(|_| {
            let (start, fields, door, path) = (start.clone(), fields.clone(), world.door, hook.path.clone());
            tokio::spawn(async move {
                let mut client = Client::connect(door).await;
                start.wait().await;
                deliver_by(&mut client, &path, &fields, "{\"n\":1}").await
            })
        })
        .collect();
    let (mut ids, mut new) = (HashSet::new(), 0);
    for answer in sending {
        let answer = answer.await.expect("no panic");
        assert_eq!(answer.status, 200, "{}", answer.text());
        new += usize::from(answer.json()["duplicate"] == false);
        ids.insert(answer.json()["delivery"].as_str().expect("an id").to_owned());
    }
    assert_eq!((ids.len(), new), (1, 1), "{ids:?}");
    assert_eq!(deliveries(&world, &acme).await.len(), 1);
    assert_eq!(events(&world, &acme, "WebhookDeliveryReceived").await.len(), 1);
    assert_eq!(recorded(&world, &acme, "delivery.receive").await.len(), 1);
    world.end().await;
}

/// A door whose provider puts an identifier beside what it signs.
async fn unsigned_id() -> (World, Tenant, Hook) {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let setting = json!({ "setting": { "hmac": { "signature_header": "X-Sign", "id_header": "X-Event-Id" } } });
    let hook = door(&world, &acme, ("own", "hmac"), SECRET, setting).await;
    (world, acme, hook)
}

fn signed(id: &str, body: &str) -> Fields {
    let signature = hex(&hmac(SECRET.as_bytes(), &[body.as_bytes()]));
    vec![("X-Sign".to_owned(), signature), ("X-Event-Id".to_owned(), id.to_owned())]
}

/// A batch of Adyen's standard scheme with these items.
fn adyen(key: u8, references: &[&str]) -> String {
    let item = |reference: &&str| {
        let signed = format!("{reference}::Acme:r:1130:EUR:AUTHORISATION:true");
        json!({ "NotificationRequestItem": {
            "pspReference": reference, "merchantAccountCode": "Acme", "merchantReference": "r",
            "amount": { "value": 1130, "currency": "EUR" }, "eventCode": "AUTHORISATION", "success": "true",
            "additionalData": { "hmacSignature": STANDARD.encode(hmac(&[key], &[signed.as_bytes()])) }
        } })
    };
    let items: Vec<Value> = references.iter().map(item).collect();
    json!({ "live": "false", "notificationItems": items }).to_string()
}

async fn quarantined(world: &World, tenant: &Tenant) -> Vec<Value> {
    listed(world, tenant, "/v1/dead-letters").await
}

/// What an operator finds where one conflict came, however often.
async fn shows_one_conflict(world: &World, acme: &Tenant) -> Value {
    let dead = quarantined(world, acme).await;
    assert_eq!(dead.len(), 1, "{dead:?}");
    let told = (&dead[0]["state"], &dead[0]["cause"], &dead[0]["code"]);
    assert_eq!(told, (&json!("quarantined"), &json!("conflict"), &json!("webhooks.delivery.conflict")));
    let alerts = events(world, acme, "SecurityAlertRaised").await;
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!((&alerts[0]["subject"], &alerts[0]["data"]["code"]), (&dead[0]["delivery"], &dead[0]["code"]));
    assert_eq!(recorded(world, acme, "delivery.quarantine").await.len(), 1);
    dead[0].clone()
}

/// What the tenant fetches.
async fn pulled(world: &World, acme: &Tenant) -> Vec<Value> {
    let scopes = json!(["webhooks.deliveries.ingest"]);
    let (_, key) = world.service(&acme.operator, "puller", scopes).await;
    let answer = world.read(&key, "/deliveries").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["items"].as_array().expect("items").clone()
}

#[tokio::test]
async fn another_body_under_an_unsigned_identifier_is_acknowledged_and_put_into_quarantine() {
    let (world, acme, hook) = unsigned_id().await;
    let send = async |id: &str, body: &str| deliver(world.door, &hook.path, &signed(id, body), body).await;
    let first = send("e-1", "{\"amount\":1}").await;
    assert_eq!((first.status, &first.json()["duplicate"]), (200, &json!(false)), "{}", first.text());
    for _ in 0..3 {
        let conflict = send("e-1", "{\"amount\":9}").await;
        assert_eq!((conflict.status, &conflict.json()["quarantined"]), (200, &json!(true)), "{}", conflict.text());
        let kept = shows_one_conflict(&world, &acme).await;
        assert_eq!(kept["delivery"], conflict.json()["delivery"]);
    }
    assert_eq!(send("e-1", "{\"amount\":1}").await.json()["delivery"], first.json()["delivery"]);
    // What was signed is known under any identifier.
    let renamed = send("e-2", "{\"amount\":1}").await;
    assert_eq!((&renamed.json()["delivery"], renamed.status), (&first.json()["delivery"], 200), "{}", renamed.text());
    // It leaves a trace, and no retry before it did.
    let replayed = recorded(&world, &acme, "delivery.duplicate").await;
    assert_eq!(replayed.len(), 1, "{replayed:?}");
    let third = send("e-1", "{\"amount\":10}").await;
    assert_eq!(third.json()["quarantined"], json!(true), "another conflict is one of its own: {}", third.text());
    assert_eq!(quarantined(&world, &acme).await.len(), 2);
    assert_eq!(events(&world, &acme, "SecurityAlertRaised").await.len(), 2);
    let fetched = pulled(&world, &acme).await;
    assert_eq!(fetched.len(), 1, "nobody hands on what is in quarantine: {fetched:?}");
    assert_eq!(fetched[0]["json"], json!({ "amount": 1 }));
    world.end().await;
}

#[tokio::test]
async fn items_that_were_heard_before_make_no_new_batch() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let hook = door(&world, &acme, ("shop", "adyen_standard"), "ab", json!({})).await;
    let send = async |references: &[&str]| {
        let answer = deliver(world.door, &hook.path, &Fields::new(), &adyen(0xab, references)).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "[accepted]"), "{references:?}");
    };
    for batch in [&["P1", "P2"][..], &["P3"], &["P1", "P2"], &["P1", "P3"], &["P2"], &["P3", "P2", "P1"]] {
        send(batch).await;
    }
    assert_eq!(deliveries(&world, &acme).await.len(), 2, "old items in every order are old");
    for _ in 0..2 {
        send(&["P1", "P4"]).await;
        shows_one_conflict(&world, &acme).await;
    }
    send(&["P4"]).await;
    assert_eq!(pulled(&world, &acme).await.len(), 3, "what came in a conflict is new when it comes by itself");
    world.end().await;
}

#[tokio::test]
async fn an_identifier_that_a_forgery_used_is_still_free() {
    let (world, acme, hook) = unsigned_id().await;
    let mut forged = signed("e-1", "{\"amount\":9}");
    forged[0].1 = "0".repeat(64);
    let refused = deliver(world.door, &hook.path, &forged, "{\"amount\":9}").await;
    assert_eq!(refusal(&refused), (401, "webhooks.signature.mismatch".to_owned()));
    let genuine = deliver(world.door, &hook.path, &signed("e-1", "{\"amount\":1}"), "{\"amount\":1}").await;
    assert_eq!((genuine.status, &genuine.json()["duplicate"]), (200, &json!(false)), "{}", genuine.text());
    assert!(quarantined(&world, &acme).await.is_empty());
    world.end().await;
}

#[tokio::test]
async fn another_body_under_a_signed_identifier_is_acknowledged_and_put_into_quarantine() {
    for (scheme, secret) in [("standardwebhooks", WHSEC), ("slack", SECRET)] {
        let world = World::start().await;
        let acme = world.tenant("acme").await;
        let hook = door(&world, &acme, ("out", scheme), secret, json!({})).await;
        let send = async |amount: u32| -> Answer {
            let body = format!("{{\"event_id\":\"e1\",\"amount\":{amount}}}");
            let fields = if scheme == "slack" { slack(secret, NOW, &body) } else { standard(secret, "e1", NOW, &body) };
            deliver(world.door, &hook.path, &fields, &body).await
        };
        assert_eq!(send(1).await.json()["duplicate"], json!(false), "{scheme}");
        let conflict = send(9).await;
        assert_eq!((conflict.status, &conflict.json()["quarantined"]), (200, &json!(true)), "{}", conflict.text());
        assert_eq!(send(9).await.json(), conflict.json(), "{scheme}: once, however often it comes");
        let kept = shows_one_conflict(&world, &acme).await;
        assert_eq!(kept["delivery"], conflict.json()["delivery"], "{scheme}");
        assert_eq!(pulled(&world, &acme).await.len(), 1, "{scheme}");
        world.end().await;
    }
}

#[tokio::test]
async fn two_subscriptions_know_nothing_of_each_others_identifiers() {
    let (world, acme, hook) = hooked(json!({})).await;
    let second = door(&world, &acme, ("more", "github"), SECRET, json!({})).await;
    for hook in [&hook, &second] {
        let answer = deliver(world.door, &hook.path, &github(SECRET, "d-1", "{}"), "{}").await;
        assert_eq!((answer.status, &answer.json()["duplicate"]), (200, &json!(false)), "{}", answer.text());
    }
    assert_eq!(deliveries(&world, &acme).await.len(), 2);
    world.end().await;
}
