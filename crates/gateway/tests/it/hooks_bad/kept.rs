//! What is kept of a delivery, and what never is: nothing unverified, nothing in the clear.

use std::path::Path;

use serde_json::json;

use super::{SECRET, hooked, taken};
use crate::sender::{deliver, deliveries, door, events, github, hex, hmac, recorded, refusal, slack, zoom};
use crate::world::World;

const NOW: i64 = 1_780_000_000;

/// Every file below a folder that has these bytes in it.
fn with_bytes(folder: &Path, bytes: &[u8]) -> Vec<String> {
    let (mut folders, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("there") {
            let path = entry.expect("there").path();
            if path.is_dir() {
                folders.push(path);
            } else if memchr::memmem::find(&std::fs::read(&path).expect("read"), bytes).is_some() {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[tokio::test]
async fn a_kept_body_lies_nowhere_in_the_clear() {
    let (world, acme, hook) = hooked(json!({})).await;
    let (marker, header, forged) = ("marker-of-the-body-4711", "marker-of-a-header-4712", "marker-of-a-forgery-4713");
    // Large bodies take another way through the store's file than small ones.
    for (id, more) in [("small", 1), ("large", 40_000)] {
        let body = json!({ "said": marker, "more": "x".repeat(more) }).to_string();
        let mut fields = github(SECRET, id, &body);
        fields.push(("X-Note".to_owned(), header.to_owned()));
        let kept = deliver(world.door, &hook.path, &fields, &body).await;
        assert_eq!(kept.status, 200, "{}", kept.text());
        let id = kept.json()["delivery"].as_str().expect("an id").to_owned();
        assert!(!with_bytes(world.folder(), id.as_bytes()).is_empty(), "the delivery itself is on the disk");
        let shown = world.ask(&acme.operator, "GET", &format!("/v1/deliveries/{id}"), None).await.json();
        assert!(shown["envelope"]["headers"].to_string().contains(header), "and can be opened: {shown}");
    }
    let refused = deliver(world.door, &hook.path, &github("a guess", "d-1", forged), forged).await;
    assert_eq!(refused.status, 401);
    world.pass(std::time::Duration::from_secs(60)).await;
    for secret in [marker, header, forged, SECRET] {
        assert_eq!(with_bytes(world.folder(), secret.as_bytes()), Vec::<String>::new(), "{secret}");
    }
    let trail = json!(world.trail(&acme).await).to_string();
    assert!(!trail.contains("marker-of"), "nor in the trail");
    assert!(!json!(deliveries(&world, &acme).await).to_string().contains("marker-of"), "nor in lists");
    world.end().await;
}

#[tokio::test]
async fn a_delivery_is_in_the_trail_and_among_the_events_and_a_refused_one_in_the_trail_alone() {
    let (world, acme, hook) = hooked(json!({})).await;
    let refused = deliver(world.door, &hook.path, &github("a guess", "d-1", "{}"), "{}").await;
    assert_eq!(refused.status, 401);
    assert!(deliveries(&world, &acme).await.is_empty());
    assert!(events(&world, &acme, "WebhookDeliveryReceived").await.is_empty());
    let delivery = taken(&world, &hook, "d-1", "{}").await;
    let shown = world.ask(&acme.operator, "GET", &format!("/v1/deliveries/{delivery}"), None).await;
    assert_eq!((shown.status, &shown.json()["event_type"]), (200, &json!("push")), "{}", shown.text());

    let told = events(&world, &acme, "WebhookDeliveryReceived").await;
    assert_eq!(told.len(), 1, "{told:?}");
    let data = &told[0]["data"];
    assert_eq!((&told[0]["subject"], &data["subscription"]), (&json!(delivery), &json!(hook.id)));
    assert_eq!(told[0]["source"], format!("/tenants/{}", acme.id));
    let received = recorded(&world, &acme, "delivery.receive").await;
    let (object, facts) = (received[0]["object"].to_string(), json!(received).to_string());
    assert!(received.len() == 1 && object.contains(&delivery), "{facts}");
    assert!(facts.contains(&hook.id) && facts.contains("github"), "{facts}");
    let trail = world.trail(&acme).await;
    assert!(trail.iter().any(|entry| entry["action"] == "delivery.read"), "whoever read it is recorded: {trail:?}");
    let of_refusal = trail.iter().filter(|entry| entry["code"] == "webhooks.signature.mismatch").count();
    assert_eq!(of_refusal, 1, "{trail:?}");
    world.end().await;
}

#[tokio::test]
async fn slack_is_answered_its_challenge_only_if_it_signed_it() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let hook = door(&world, &acme, ("talk", "slack"), SECRET, json!({})).await;
    let body = r#"{"token":"x","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmd","type":"url_verification"}"#;
    let forged = deliver(world.door, &hook.path, &slack("a guess", NOW, body), body).await;
    assert_eq!(refusal(&forged), (401, "webhooks.signature.mismatch".to_owned()));
    assert!(!forged.text().contains("3eZbrw1a"), "{}", forged.text());
    let old = deliver(world.door, &hook.path, &slack(SECRET, NOW - 301, body), body).await;
    assert_eq!(refusal(&old), (401, "webhooks.timestamp.stale".to_owned()), "{}", old.text());
    let asked = deliver(world.door, &hook.path, &slack(SECRET, NOW, body), body).await;
    assert_eq!(asked.status, 200, "{}", asked.text());
    assert_eq!(asked.json(), json!({ "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmd" }));
    let page = r#"{"challenge":"<script>alert(1)</script>","type":"url_verification"}"#;
    let refused = deliver(world.door, &hook.path, &slack(SECRET, NOW, page), page).await;
    assert_eq!(refusal(&refused), (400, "webhooks.challenge.malformed".to_owned()), "{}", refused.text());
    assert!(deliveries(&world, &acme).await.is_empty(), "a question is no delivery");
    assert_eq!(recorded(&world, &acme, "subscription.challenge").await.len(), 1);
    world.end().await;
}

#[tokio::test]
async fn zooms_challenge_signs_nothing_for_strangers() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let hook = door(&world, &acme, ("calls", "zoom"), SECRET, json!({})).await;
    let asking =
        |token: &str| json!({ "event": "endpoint.url_validation", "payload": { "plainToken": token } }).to_string();
    let body = asking("qgg8vlvZRS6UYooatFL8Aw");
    let answer = hex(&hmac(SECRET.as_bytes(), &[b"qgg8vlvZRS6UYooatFL8Aw"]));
    let forged = deliver(world.door, &hook.path, &zoom("a guess", NOW, &body), &body).await;
    assert_eq!(refusal(&forged), (401, "webhooks.signature.mismatch".to_owned()));
    assert!(!forged.text().contains(&answer), "{}", forged.text());
    let asked = deliver(world.door, &hook.path, &zoom(SECRET, NOW, &body), &body).await;
    assert_eq!(asked.status, 200, "{}", asked.text());
    assert_eq!(asked.json(), json!({ "plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": answer }));
    // The answer to this token would be the signature of an event.
    let event = r#"{"event":"meeting.deleted","payload":{}}"#;
    let oracle = asking(&format!("v0:{NOW}:{event}"));
    let refused = deliver(world.door, &hook.path, &zoom(SECRET, NOW, &oracle), &oracle).await;
    assert_eq!(refusal(&refused), (400, "webhooks.challenge.malformed".to_owned()), "{}", refused.text());
    let signature = hex(&hmac(SECRET.as_bytes(), &[format!("v0:{NOW}:{event}").as_bytes()]));
    assert!(!refused.text().contains(&signature));
    assert!(deliveries(&world, &acme).await.is_empty(), "a question is no delivery");
    world.end().await;
}
