//! What operators see of a connection that is held back, and what the scrape tells of all of them.

use std::time::Duration;

use lockgate_testkit::{Behaviour, Canned};
use serde_json::{Value, json};

use crate::client::Client;
use crate::world::{Tenant, World};

async fn state(world: &World, tenant: &Tenant, name: &str) -> Value {
    let shown = world.ask(&tenant.operator, "GET", &format!("/v1/connections/{name}"), None).await;
    assert_eq!(shown.status, 200, "{}", shown.text());
    let shown = shown.json();
    assert_eq!(shown["name"], name, "what is written down is there as ever");
    let listed = world.ask(&tenant.operator, "GET", "/v1/connections", None).await.json();
    let listed = listed["items"].as_array().expect("items").clone();
    assert_eq!(listed.iter().find(|item| item["name"] == name), Some(&shown), "the list says the same of it");
    shown["state"].clone()
}

/// The samples of a scrape with this name, whatever their labels.
async fn scraped(world: &World, name: &str) -> Vec<String> {
    let mut client = Client::connect(world.admin).await;
    client.send("GET /metrics HTTP/1.1\r\nHost: gate\r\n\r\n").await;
    let text = client.answer().await.expect("an answer").text();
    let named = |line: &&str| line.split([' ', '{']).next() == Some(name);
    text.lines().filter(named).map(|line| line.replace(name, "").trim().to_owned()).collect()
}

#[tokio::test]
async fn a_connection_that_is_held_back_shows_why_and_until_when() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let quick =
        json!({ "retries": 0, "breaker": { "least_calls": 1, "open_seconds": 15 }, "limits": { "concurrent": 3 } });
    world.connection_with(&acme, "pay", quick).await;
    world.connection_with(&acme, "mail", json!({ "retries": 0 })).await;
    assert_eq!(state(&world, &acme, "pay").await, Value::Null, "nothing was called yet");

    world.vendor.answers("GET /v1/things/1", Canned::json(500, "{}"));
    assert_eq!(world.read(&acme.service, "/call/pay/v1/things/1").await.status, 502);
    let spent = Canned::json(200, "{}").header("x-ratelimit-remaining", "0").header("x-ratelimit-reset", "60");
    world.vendor.answers("GET /v1/things/2", spent);
    let now = lockgate_vocabulary::Clock::now(&world.clock);
    assert_eq!(world.read(&acme.service, "/call/mail/v1/things/2").await.status, 200);

    let pay = state(&world, &acme, "pay").await;
    assert_eq!(
        (&pay["breaker"], &pay["concurrent"], &pay["under_way"]),
        (&json!("open"), &json!(3), &json!(0)),
        "{pay}"
    );
    assert_eq!(pay["breaker_tries_at"], json!(now.after(Duration::from_secs(15)).to_string()));
    assert_eq!((&pay["vendor_remaining"], &pay["vendor_opens_at"]), (&Value::Null, &Value::Null));
    let mail = state(&world, &acme, "mail").await;
    assert_eq!((&mail["breaker"], &mail["breaker_tries_at"]), (&json!("closed"), &Value::Null), "{mail}");
    assert_eq!((&mail["vendor_remaining"], &mail["concurrent"]), (&json!(0), &json!(64)));
    assert_eq!(mail["vendor_opens_at"], json!(now.after(Duration::from_secs(60)).to_string()));
    for (name, value) in
        [("lockgate_breakers_open", "1"), ("lockgate_vendors_limited", "1"), ("lockgate_limits_unchecked", "0")]
    {
        assert_eq!(scraped(&world, name).await, [value], "{name}: one number for all, with no label");
    }
    assert_ne!(scraped(&world, "lockgate_idle_lines").await, ["0"]);

    world.pass(Duration::from_secs(16)).await;
    assert_eq!(state(&world, &acme, "pay").await["breaker_tries_at"], Value::Null, "it tries with the next call");
    assert_eq!(scraped(&world, "lockgate_breakers_open").await, ["0"]);
    world.end().await;
}

#[tokio::test]
async fn calls_that_are_under_way_are_counted_and_another_tenants_are_not_told() {
    let world = World::start().await;
    let (acme, globex) = (world.tenant("acme").await, world.tenant("globex").await);
    let connection = world.connection(&acme, "pay").await;
    world.vendor.on("GET /v1/things/1", Behaviour::Gated(Canned::json(200, "{}")));
    let (door, key) = (world.door, acme.service.clone());
    let call =
        tokio::spawn(async move { crate::world::call_at(door, &key, ("GET", "/call/pay/v1/things/1"), "", "").await });
    world.vendor.wait_for("GET /v1/things/1", 1).await;
    assert_eq!(state(&world, &acme, "pay").await["under_way"], 1);
    assert_eq!(scraped(&world, "lockgate_calls_under_way").await, ["1"]);
    let theirs = world.ask(&globex.operator, "GET", &format!("/v1/connections/{connection}"), None).await;
    assert_eq!((theirs.status, theirs.code().as_str()), (403, "access.object.unknown"), "{}", theirs.text());
    world.vendor.release();
    assert_eq!(call.await.expect("it ran").status, 200);
    world.end().await;
}
