//! Deliveries on their way to the tenant: fetched, pushed, played again; and the tenant's own events.

mod bounded;
mod changed;
mod events;
mod pull;
mod push;
mod replay;

use std::time::Duration;

use lockgate_testkit::Behaviour;
use lockgate_vocabulary::Clock as _;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::sender::{Hook, deliver, github, subscribed};
use crate::world::{Tenant, VENDOR_HOST, World};

const SECRET: &str = "it is known to two alone";

/// The path of the endpoint, and how the vendor that plays it knows its requests.
const LINE: &str = "POST /in";

pub async fn world() -> (World, Tenant) {
    let world = World::with("[traffic]\ncaller_per_minute = 1000000\ncaller_burst = 100000\n").await;
    let acme = world.tenant("acme").await;
    (world, acme)
}

/// An endpoint of the tenant's at the world's vendor.
fn endpoint(world: &World) -> Value {
    json!({
        "url": format!("https://{VENDOR_HOST}:{}/in", world.vendor.address.port()),
        "trust_pem": world.vendor.authority_pem, "danger_private_networks": ["127.0.0.0/8"], "timeout_seconds": 30,
    })
}

/// A subscription for GitHub's deliveries that are pushed, with its endpoint's consent; and what was told of it.
pub async fn pushing(world: &World, acme: &Tenant, delivery: Value) -> (Hook, Value) {
    world.vendor.on(LINE, Behaviour::Agree);
    let handoff = json!({ "push": endpoint(world) });
    let spec = json!({ "direction": "inbound", "scheme": "github", "handoff": handoff, "delivery": delivery });
    let made = subscribed(world, acme, "code", spec, &[SECRET]).await;
    assert_eq!(made["status"], "active", "{made}");
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text in {made}")).to_owned();
    (Hook { id: text(&made["subscription"]), path: text(&made["path"]) }, made)
}

/// Takes a delivery in; its id.
pub async fn taken(world: &World, hook: &Hook, body: &str) -> String {
    let answer = deliver(world.door, &hook.path, &github(SECRET, &format!("d-{}", body.len()), body), body).await;
    assert_eq!((answer.status, &answer.json()["duplicate"]), (200, &json!(false)), "{}", answer.text());
    answer.json()["delivery"].as_str().expect("an id").to_owned()
}

/// What is told of a delivery.
async fn shown(world: &World, acme: &Tenant, delivery: &str) -> Value {
    let answer = world.ask(&acme.operator, "GET", &format!("/v1/deliveries/{delivery}"), None).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Lets time go by, never further than to whoever sleeps least, until it is so.
async fn until(world: &World, is_so: impl AsyncFn() -> bool) {
    for _ in 0..20_000 {
        if is_so().await {
            return;
        }
        let next = world.clock.wakes().first().copied().unwrap_or_default().saturating_sub(world.clock.elapsed());
        world.clock.advance(next.clamp(Duration::from_millis(1), Duration::from_millis(20)));
        world.pass(Duration::ZERO).await;
    }
    panic!("it never is so");
}

/// Waits until a delivery is in this state and tried so often.
pub async fn becomes(world: &World, acme: &Tenant, delivery: &str, state: &str, tries: u32) -> Value {
    until(world, async || {
        let now = shown(world, acme, delivery).await;
        now["state"] == state && now["tries"] == tries
    })
    .await;
    shown(world, acme, delivery).await
}

/// A service of the tenant's with this scope alone; its key.
async fn with_scope(world: &World, acme: &Tenant, name: &str, scope: &str) -> String {
    world.service(&acme.operator, name, json!([scope])).await.1
}

/// Another operator of the tenant's; the key.
async fn operator(world: &World, acme: &Tenant, name: &str, scopes: Value) -> String {
    let body = json!({ "name": name, "kind": "operator", "scopes": scopes, "addresses": ["127.0.0.0/8"] });
    let made = world.make(&acme.operator, "/v1/principals", body).await;
    let body = json!({ "principal": made["principal"], "kind": "api-key" });
    let key = world.make(&acme.operator, "/v1/api-keys", body).await;
    key["secret"].as_str().expect("a key").to_owned()
}

/// What waits to be fetched.
async fn fetched(world: &World, key: &str, query: &str) -> (Vec<Value>, Value) {
    let answer = world.read(key, &format!("/deliveries{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    (answer.json()["items"].as_array().expect("items").clone(), answer.json()["next"].clone())
}

async fn acknowledged(world: &World, key: &str, delivery: &str) -> Answer {
    world.call(key, "POST", &format!("/deliveries/{delivery}/ack"), "", "").await
}
