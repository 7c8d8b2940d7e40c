//! Deliveries on their way to NATS JetStream: kept there once, as CloudEvents, under their tenant's own subject.

use async_nats::jetstream;
use futures_util::StreamExt as _;
use lockgate_testkit::ManualClock;
use lockgate_vocabulary::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

use crate::hooks::{delivered, vector};
use crate::world::World;

/// Where the broker of the suite is, or a visible line that says that there is none.
#[expect(clippy::disallowed_methods, reason = "tests are told by their environment where the servers are")]
#[expect(clippy::print_stdout, reason = "a test that is skipped must say so")]
fn broker() -> Option<String> {
    let told = std::env::var("LOCKGATE_TEST_NATS").ok();
    if told.is_none() {
        println!("skipped: LOCKGATE_TEST_NATS is not set (scripts/services sets it)");
    }
    told
}

/// Lets time go by until the delivery has this state.
async fn reaches(world: &World, operator: &str, delivery: &str, state: &str) -> Value {
    for _ in 0..2_000 {
        let told = world.ask(operator, "GET", &format!("/v1/deliveries/{delivery}"), None).await.json();
        if told["state"] == state {
            return told;
        }
        world.pass(Duration::from_millis(50)).await;
    }
    panic!("{delivery} did not become {state}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_is_published_once_as_a_cloud_event() {
    let Some(url) = broker() else { return };
    let more =
        format!("[webhooks.nats]\nurl = \"{url}\"\n[traffic]\ncaller_per_minute = 1000000\ncaller_burst = 1000000\n");
    let world = World::at(ManualClock::at(Timestamp::from_secs(1_790_000_000)), &more).await;
    let acme = world.tenant("acme").await;
    let spec = json!({ "direction": "inbound", "scheme": "stripe", "handoff": "nats" });
    let signed = vector("stripe-001-none_compact");
    let body = json!({ "name": "pay", "spec": spec, "secrets": signed["secrets"] });
    let made = world.make(&acme.operator, "/v1/subscriptions", body).await;
    let subscription = made["subscription"].as_str().expect("an id").to_owned();
    let path = made["path"].as_str().expect("a path").to_owned();

    // Nobody keeps what is published yet, so it waits, and whose fault that is is told.
    let client = async_nats::connect(&url).await.expect("the broker");
    let context = jetstream::new(client);
    let taken = delivered(&world, &path, &signed).await;
    assert_eq!(taken.status, 200, "{}", taken.text());
    let delivery = taken.json()["delivery"].as_str().expect("an id").to_owned();
    let failed = loop {
        let told = world.ask(&acme.operator, "GET", &format!("/v1/deliveries/{delivery}"), None).await.json();
        if told["attempts"].as_array().is_some_and(|attempts| !attempts.is_empty()) {
            break told;
        }
        world.pass(Duration::from_millis(50)).await;
    };
    let code = failed["attempts"][0]["code"].as_str().expect("a code");
    assert!(matches!(code, "webhooks.broker.refused" | "webhooks.broker.unavailable"), "{failed}");

    let subject = format!("lockgate.{}.{subscription}", acme.id);
    let name = format!("S{}", subscription.replace('_', ""));
    let stream = jetstream::stream::Config { name, subjects: vec![subject.clone()], ..Default::default() };
    let stream = context.create_stream(stream).await.expect("a stream");
    reaches(&world, &acme.operator, &delivery, "delivered").await;
    let pull = jetstream::consumer::pull::Config::default();
    let consumer = stream.create_consumer(pull).await.expect("a consumer");
    let mut messages = consumer.fetch().max_messages(2).messages().await.expect("messages");
    let message = messages.next().await.expect("one").expect("it is read");
    assert_eq!(message.subject.as_str(), subject);
    let headers = message.headers.clone().expect("headers");
    assert_eq!(headers.get("Nats-Msg-Id").map(|id| id.as_str()), Some(delivery.as_str()));
    let event: Value = serde_json::from_slice(&message.payload).expect("JSON");
    assert_eq!((&event["specversion"], &event["id"]), (&json!("1.0"), &json!(delivery)), "{event}");
    assert_eq!(event["source"], json!(format!("/tenants/{}/subscriptions/{subscription}", acme.id)));
    let sent: Value = serde_json::from_slice(&crate::hooks::body(&signed)).expect("JSON");
    assert_eq!(event["data"], sent);
    assert!(messages.next().await.is_none(), "it is there once");
    world.end().await;
}

#[tokio::test]
async fn nothing_is_published_where_no_broker_is_named() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let spec = json!({ "direction": "inbound", "scheme": "github", "handoff": "nats" });
    let body = json!({ "name": "hub", "spec": spec, "secrets": ["It's a Secret to Everybody"] });
    let refused = world.ask(&acme.operator, "POST", "/v1/subscriptions", Some(body)).await;
    assert_eq!((refused.status, refused.code().as_str()), (422, "access.input.invalid"), "{}", refused.text());
    assert_eq!(refused.json()["violations"][0]["pointer"], "/spec/handoff");
    world.end().await;
}
