//! Subscriptions that are changed while deliveries wait: where these go, what is asked first, and who may.

use std::time::Duration;

use lockgate_testkit::{Behaviour, Canned};
use serde_json::{Value, json};

use super::{LINE, SECRET, becomes, endpoint, fetched, operator, pushing, shown, taken, with_scope, world};
use crate::client::Answer;
use crate::sender::{Hook, door, refusal, subscribed};
use crate::world::{Tenant, VENDOR_HOST, World};

const OTHER: &str = "POST /other";

async fn change(world: &World, key: &str, hook: &Hook, body: Value) -> Answer {
    world.ask(key, "PATCH", &format!("/v1/subscriptions/{}", hook.id), Some(body)).await
}

async fn verify(world: &World, acme: &Tenant, hook: &Hook) -> Answer {
    world.ask(&acme.operator, "POST", &format!("/v1/subscriptions/{}/verify", hook.id), None).await
}

/// GitHub's deliveries that are handed on like this.
fn github_to(handoff: Value) -> Value {
    json!({ "spec": { "direction": "inbound", "scheme": "github", "handoff": handoff } })
}

/// The endpoint under another path.
fn moved(world: &World) -> Value {
    let mut endpoint = endpoint(world);
    endpoint["url"] = json!(format!("https://{VENDOR_HOST}:{}/other", world.vendor.address.port()));
    endpoint
}

#[tokio::test]
async fn an_endpoint_that_moved_while_it_was_paused_is_asked_when_it_goes_on() {
    let (world, acme) = world().await;
    let (hook, _) = pushing(&world, &acme, json!({})).await;
    let paused = change(&world, &acme.operator, &hook, json!({ "status": "paused" })).await;
    assert_eq!(paused.status, 200, "{}", paused.text());
    let id = taken(&world, &hook, "{}").await;
    let told = change(&world, &acme.operator, &hook, github_to(json!({ "push": moved(&world) }))).await.json();
    assert_eq!((&told["status"], world.vendor.count(OTHER)), (&json!("paused"), 0), "{told}");

    world.vendor.answers(OTHER, Canned::json(500, "{}"));
    let told = change(&world, &acme.operator, &hook, json!({ "status": "active" })).await.json();
    let reason = "the endpoint answered its challenge with 500";
    assert_eq!((&told["status"], &told["reason"]), (&json!("pending"), &json!(reason)), "{told}");
    let forced = change(&world, &acme.operator, &hook, json!({ "status": "active" })).await;
    assert_eq!(refusal(&forced), (409, "webhooks.endpoint.unverified".to_owned()), "{}", forced.text());
    world.pass(Duration::from_secs(30)).await;
    assert_eq!((world.vendor.count(LINE), world.vendor.count(OTHER)), (1, 1), "challenges alone");

    world.vendor.forget(OTHER);
    world.vendor.on(OTHER, Behaviour::Agree);
    assert_eq!(verify(&world, &acme, &hook).await.json()["status"], "active");
    becomes(&world, &acme, &id, "delivered", 1).await;
    assert_eq!(world.vendor.count(LINE), 1, "nothing goes where it was");
    world.end().await;
}

#[tokio::test]
async fn nobody_has_us_knock_at_an_endpoint_again_and_again() {
    let (world, acme) = world().await;
    world.vendor.answers(LINE, Canned::json(500, "{}"));
    let spec = github_to(json!({ "push": endpoint(&world) }))["spec"].take();
    let made = subscribed(&world, &acme, "code", spec, &[SECRET]).await;
    let text = |name: &str| made[name].as_str().expect("text").to_owned();
    let hook = Hook { id: text("subscription"), path: text("path") };
    for _ in 0..2 {
        assert_eq!(verify(&world, &acme, &hook).await.status, 200);
    }
    let refused = verify(&world, &acme, &hook).await;
    assert_eq!(refusal(&refused), (429, "webhooks.challenge.paced".to_owned()), "{}", refused.text());
    let wait: u64 = refused.header("retry-after").expect("a time").parse().expect("seconds");
    assert_eq!(world.vendor.count(LINE), 3, "by making it and twice since");
    world.pass(Duration::from_secs(wait)).await;
    assert_eq!((verify(&world, &acme, &hook).await.status, world.vendor.count(LINE)), (200, 4));
    world.end().await;
}

#[tokio::test]
async fn what_waits_to_be_fetched_is_pushed_once_its_endpoint_agreed() {
    let (world, acme) = world().await;
    let hook = door(&world, &acme, ("code", "github"), SECRET, json!({})).await;
    let key = with_scope(&world, &acme, "puller", "webhooks.deliveries.ingest").await;
    let id = taken(&world, &hook, "{}").await;
    assert_eq!(fetched(&world, &key, "").await.0.len(), 1);
    world.vendor.on(LINE, Behaviour::Agree);
    let told = change(&world, &acme.operator, &hook, github_to(json!({ "push": endpoint(&world) }))).await.json();
    let reason = "no secret of its own signs yet; add one, then verify";
    assert_eq!((&told["status"], &told["reason"]), (&json!("pending"), &json!(reason)), "{told}");
    assert!(fetched(&world, &key, "").await.0.is_empty(), "it goes one way");
    world.pass(Duration::from_secs(30)).await;
    assert_eq!((world.vendor.count(LINE), &shown(&world, &acme, &id).await["tries"]), (0, &json!(0)));

    let path = format!("/v1/subscriptions/{}/secrets", hook.id);
    let added = world.ask(&acme.operator, "POST", &path, Some(json!({}))).await;
    assert!(added.json()["signing_secret"].is_string(), "{}", added.text());
    assert_eq!(verify(&world, &acme, &hook).await.json()["status"], "active");
    becomes(&world, &acme, &id, "delivered", 1).await;
    world.end().await;
}

#[tokio::test]
async fn what_waits_to_be_pushed_is_fetched_and_pushed_no_more() {
    let (world, acme) = world().await;
    let (hook, _) = pushing(&world, &acme, json!({ "retry_seconds": [60] })).await;
    let key = with_scope(&world, &acme, "puller", "webhooks.deliveries.ingest").await;
    world.vendor.forget(LINE);
    world.vendor.answers(LINE, Canned::json(500, "{}"));
    let id = taken(&world, &hook, "{}").await;
    becomes(&world, &acme, &id, "waiting", 1).await;
    assert!(fetched(&world, &key, "").await.0.is_empty());
    let changed = change(&world, &acme.operator, &hook, github_to(json!("pull"))).await;
    assert_eq!(changed.json()["status"], "active", "{}", changed.text());
    let (items, _) = fetched(&world, &key, "").await;
    assert_eq!(items.iter().map(|item| &item["delivery"]).collect::<Vec<_>>(), [&json!(id)]);
    let before = world.vendor.count(LINE);
    world.pass(Duration::from_secs(600)).await;
    assert_eq!((world.vendor.count(LINE), &shown(&world, &acme, &id).await["state"]), (before, &json!("waiting")));
    world.end().await;
}

#[tokio::test]
async fn whoever_only_changes_subscriptions_does_not_change_what_vouches_or_who_consents() {
    let (world, acme) = world().await;
    let hook = door(&world, &acme, ("code", "github"), SECRET, json!({ "addresses": ["203.0.113.0/24"] })).await;
    let with = |more: Value| {
        let mut spec = json!({ "direction": "inbound", "scheme": "github", "addresses": ["203.0.113.0/24"] });
        spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        json!({ "spec": spec })
    };
    let writes = ["webhooks.subscriptions.write", "integration.connections.read"];
    let writer = operator(&world, &acme, "writer", json!(writes)).await;
    let cautious = with(json!({ "delivery": { "replay_approval": true }, "per_minute": 600 }));
    let changed = change(&world, &writer, &hook, cautious.clone()).await;
    assert_eq!(changed.status, 200, "to make it stricter takes no more: {}", changed.text());

    let anybody = with(json!({ "addresses": [], "delivery": { "replay_approval": true } }));
    let alone = with(json!({ "delivery": { "replay_approval": false } }));
    for (what, body) in [("another network", &anybody), ("no consent", &alone)] {
        let refused = change(&world, &writer, &hook, body.clone()).await;
        assert_eq!(refusal(&refused), (403, "access.scope.missing".to_owned()), "{what}: {}", refused.text());
    }
    let path = format!("/v1/subscriptions/{}", hook.id);
    let now = world.ask(&writer, "GET", &path, None).await.json();
    let told = (&now["spec"]["addresses"], &now["spec"]["delivery"]["replay_approval"]);
    assert_eq!(told, (&json!(["203.0.113.0/24"]), &json!(true)), "{now}");
    for body in [anybody, alone] {
        let changed = change(&world, &acme.operator, &hook, body).await;
        assert_eq!(changed.status, 200, "{}", changed.text());
    }
    world.end().await;
}
