//! Deliveries that are pushed to an endpoint of the tenant's over TLS.

use std::time::Duration;

use lockgate_testkit::{Behaviour, Canned, Seen};
use lockgate_vocabulary::Clock as _;
use serde_json::{Value, json};

use super::{LINE, SECRET, becomes, endpoint, pushing, shown, taken, until, world};
use crate::client::Answer;
use crate::sender::{Hook, listed, refusal, standard_signature, subscribed};
use crate::world::{Tenant, World};

/// Demands that this secret, and how many others, signed what the endpoint saw.
fn demand_signed(seen: &Seen, secret: &str, signatures: usize) {
    let field = |name: &str| seen.header(name).unwrap_or_else(|| panic!("{name}: {seen:?}")).to_owned();
    let at: i64 = field("webhook-timestamp").parse().expect("seconds");
    let expected = standard_signature(secret, &field("webhook-id"), at, &seen.body);
    let listed = field("webhook-signature");
    let all: Vec<&str> = listed.split(' ').collect();
    assert!(all.contains(&&*expected) && all.len() == signatures, "{listed} without {expected}");
}

fn last(world: &World) -> Seen {
    world.vendor.seen().last().expect("something was sent").clone()
}

#[tokio::test]
async fn a_delivery_is_pushed_signed_anew_and_by_nobody_else() {
    let (world, acme) = world().await;
    let (hook, made) = pushing(&world, &acme, json!({})).await;
    let secret = made["signing_secret"].as_str().expect("it is shown once").to_owned();
    let challenge = last(&world);
    demand_signed(&challenge, &secret, 1);
    let asked: Value = serde_json::from_slice(&challenge.body).expect("JSON");
    assert_eq!(asked["type"], "lockgate.endpoint.challenge");
    let path = format!("/v1/subscriptions/{}", hook.id);
    assert!(!world.ask(&acme.operator, "GET", &path, None).await.text().contains(&secret), "and never again");

    let body = "{\"pushed\": [1,  2]}";
    let id = taken(&world, &hook, body).await;
    let done = becomes(&world, &acme, &id, "delivered", 1).await;
    let attempt = &done["attempts"][0];
    assert_eq!((&attempt["outcome"], &attempt["status"]), (&json!("taken"), &json!(200)), "{done}");
    let seen = last(&world);
    assert_eq!((seen.line().as_str(), seen.body.as_slice()), (LINE, body.as_bytes()), "byte for byte");
    demand_signed(&seen, &secret, 1);
    assert_eq!((seen.header("webhook-id"), seen.header("lockgate-event-type")), (Some(&*id), Some("push")));
    for theirs in ["x-hub-signature-256", "x-github-delivery", "authorization", "cookie"] {
        assert!(seen.all(theirs).is_empty(), "{theirs}: {seen:?}");
    }
    assert_eq!(world.vendor.count(LINE), 2, "a challenge and a delivery");
    world.end().await;
}

#[tokio::test]
async fn both_secrets_sign_while_one_is_replaced() {
    let (world, acme) = world().await;
    let (hook, made) = pushing(&world, &acme, json!({})).await;
    let old = made["signing_secret"].as_str().expect("a secret").to_owned();
    let path = format!("/v1/subscriptions/{}/secrets", hook.id);
    let added = world.ask(&acme.operator, "POST", &path, Some(json!({ "overlap_hours": 1 }))).await;
    let new = added.json()["signing_secret"].as_str().expect("it is shown once").to_owned();
    assert_ne!(new, old);
    let id = taken(&world, &hook, "{}").await;
    becomes(&world, &acme, &id, "delivered", 1).await;
    demand_signed(&last(&world), &old, 2);
    demand_signed(&last(&world), &new, 2);
    world.clock.skew(3_600);
    let id = taken(&world, &hook, "{\"n\":1}").await;
    becomes(&world, &acme, &id, "delivered", 1).await;
    demand_signed(&last(&world), &new, 1);
    world.end().await;
}

async fn asked(world: &World, acme: &Tenant, hook: &Hook, method: &str, verb: &str, body: Option<Value>) -> Answer {
    world.ask(&acme.operator, method, &format!("/v1/subscriptions/{}{verb}", hook.id), body).await
}

#[tokio::test]
async fn nothing_is_pushed_to_an_endpoint_that_has_not_answered_its_challenge() {
    let (world, acme) = world().await;
    // A server that sends back whatever it gets has agreed to nothing.
    world.vendor.on(LINE, Behaviour::Echo);
    let spec = json!({ "direction": "inbound", "scheme": "github", "handoff": { "push": endpoint(&world) } });
    let made = subscribed(&world, &acme, "code", spec, &[SECRET]).await;
    let text = |name: &str| made[name].as_str().expect("text").to_owned();
    let hook = Hook { id: text("subscription"), path: text("path") };
    assert_eq!(
        (&made["status"], text("reason").as_str()),
        (&json!("pending"), "the endpoint did not answer with the challenge")
    );
    // What comes meanwhile is kept and waits.
    let id = taken(&world, &hook, "{}").await;
    let activate = Some(json!({ "status": "active" }));
    let refused = asked(&world, &acme, &hook, "PATCH", "", activate).await;
    assert_eq!(refusal(&refused), (409, "webhooks.endpoint.unverified".to_owned()), "{}", refused.text());
    world.vendor.forget(LINE);
    world.vendor.answers(LINE, Canned::json(500, "{}"));
    let verified = asked(&world, &acme, &hook, "POST", "/verify", None).await.json();
    assert_eq!(
        (&verified["status"], &verified["reason"]),
        (&json!("pending"), &json!("the endpoint answered its challenge with 500"))
    );
    world.pass(Duration::from_secs(30)).await;
    assert_eq!(
        (world.vendor.count(LINE), &shown(&world, &acme, &id).await["tries"]),
        (2, &json!(0)),
        "challenges alone"
    );

    world.vendor.forget(LINE);
    world.vendor.on(LINE, Behaviour::Agree);
    let verified = asked(&world, &acme, &hook, "POST", "/verify", None).await.json();
    assert_eq!((&verified["status"], &verified["reason"]), (&json!("active"), &Value::Null), "{verified}");
    becomes(&world, &acme, &id, "delivered", 1).await;
    // Another URL is another endpoint, which has to answer for itself.
    let moved = json!({ "url": format!("https://api.vendor.test:{}/other", world.vendor.address.port()),
        "trust_pem": world.vendor.authority_pem, "danger_private_networks": ["127.0.0.0/8"] });
    let spec = json!({ "direction": "inbound", "scheme": "github", "handoff": { "push": moved } });
    let changed = asked(&world, &acme, &hook, "PATCH", "", Some(json!({ "spec": spec }))).await.json();
    assert_eq!((&changed["status"], world.vendor.count("POST /other")), (&json!("pending"), 1), "{changed}");
    world.end().await;
}

#[tokio::test]
async fn an_endpoint_is_reached_by_tls_and_in_public_networks_alone() {
    let (world, acme) = world().await;
    let port = world.vendor.address.port();
    let try_made = async |name: &str, endpoint: Value| {
        let spec = json!({ "direction": "outbound", "event_types": ["*"], "endpoint": endpoint });
        world.ask(&acme.operator, "POST", "/v1/subscriptions", Some(json!({ "name": name, "spec": spec }))).await
    };
    for url in [
        format!("http://api.vendor.test:{port}/in"),
        format!("https://user:word@api.vendor.test:{port}/in"),
        "file:///etc/passwd".to_owned(),
        "/in".to_owned(),
        format!("https://127.0.0.1:{port}/in"),
        format!("https://[::ffff:127.0.0.1]:{port}/in"),
    ] {
        let refused = try_made("plain", json!({ "url": url })).await;
        assert_eq!(
            (refused.status, refused.json()["violations"][0]["pointer"].as_str()),
            (422, Some("/spec/endpoint/url")),
            "{url}: {}",
            refused.text()
        );
    }
    let refused =
        try_made("wide", json!({ "url": "https://x.test/", "danger_private_networks": ["10.0.0.0/8"] })).await;
    assert_eq!(refused.status, 422, "a network that the house does not open: {}", refused.text());
    let trust = &world.vendor.authority_pem;
    // What a name leads to is seen when it is asked for its challenge.
    let url = format!("https://api.vendor.test:{port}/in");
    let told = try_made("name", json!({ "url": url, "trust_pem": trust })).await.json();
    assert_eq!((&told["status"], &told["reason"]), (&json!("pending"), &json!("egress.address.loopback")), "{told}");
    assert_eq!(world.vendor.connections(), 0, "nobody knocked there");
    let unknown = try_made(
        "stranger",
        json!({ "url": format!("https://api.vendor.test:{port}/in"), "danger_private_networks": ["127.0.0.0/8"] }),
    )
    .await;
    let told = (&unknown.json()["status"], unknown.json()["reason"].to_string());
    assert_eq!(told, (&json!("pending"), "\"egress.vendor.certificate\"".to_owned()), "nobody vouches for it");
    assert_eq!(world.vendor.count(LINE), 0);
    world.end().await;
}

#[tokio::test]
async fn a_delivery_is_tried_by_its_schedule_and_then_is_a_dead_letter() {
    let (world, acme) = world().await;
    let (hook, made) = pushing(&world, &acme, json!({ "retry_seconds": [60, 600] })).await;
    let secret = made["signing_secret"].as_str().expect("a secret").to_owned();
    world.vendor.forget(LINE);
    world.vendor.answers(LINE, Canned::json(500, "{}"));
    let id = taken(&world, &hook, "{}").await;
    for (tries, wait) in [(1, 60), (2, 600)] {
        becomes(&world, &acme, &id, "waiting", tries).await;
        let before = world.vendor.count(LINE);
        world.clock.advance(Duration::from_secs(wait * 3 / 5));
        let soon = world.clock.elapsed() + Duration::from_millis(1_500);
        until(&world, async || world.clock.elapsed() >= soon).await;
        assert_eq!(world.vendor.count(LINE), before, "not yet, {wait} s behind try {tries}");
        // A fifth of chance is on either side of the schedule.
        world.clock.advance(Duration::from_secs(wait * 3 / 5));
        // What it still takes are sockets, for which a busy machine needs a while of a clock that goes on.
        let soon = world.clock.elapsed() + Duration::from_secs(60);
        until(&world, async || world.vendor.count(LINE) > before || world.clock.elapsed() >= soon).await;
        assert_eq!(world.vendor.count(LINE), before + 1, "{wait} s behind try {tries}");
    }
    let dead = becomes(&world, &acme, &id, "dead", 3).await;
    assert_eq!((&dead["cause"], &dead["code"]), (&json!("endpoint"), &json!("webhooks.endpoint.status")), "{dead}");
    let attempts: Vec<(&Value, &Value)> =
        dead["attempts"].as_array().expect("attempts").iter().map(|each| (&each["number"], &each["status"])).collect();
    assert_eq!(attempts, [(&json!(1), &json!(500)), (&json!(2), &json!(500)), (&json!(3), &json!(500))]);
    assert_eq!(listed(&world, &acme, "/v1/dead-letters?cause=endpoint").await.len(), 1);
    assert!(listed(&world, &acme, "/v1/dead-letters?cause=pipeline").await.is_empty());
    let seen: Vec<Seen> = world.vendor.seen().into_iter().filter(|seen| seen.body == b"{}").collect();
    assert_eq!(seen.len(), 3);
    for (number, seen) in seen.iter().enumerate() {
        demand_signed(seen, &secret, 1);
        let told = (seen.header("webhook-id"), seen.header("lockgate-attempt"));
        assert_eq!(told, (Some(&*id), Some(&*(number + 1).to_string())), "one identifier for all tries");
    }
    world.pass(Duration::from_secs(3_600)).await;
    assert_eq!(world.vendor.count(LINE), 4, "a challenge and three tries");
    world.end().await;
}
