//! What the house sets for its tenants: how much may wait, and where endpoints may be.

use std::time::Duration;

use lockgate_testkit::{Behaviour, Canned};
use serde_json::{Value, json};

use super::{LINE, SECRET, acknowledged, endpoint, fetched, taken, with_scope};
use crate::client::{Answer, Client};
use crate::nodes::shared;
use crate::sender::{deliver, door, github, refusal};
use crate::world::{Tenant, VENDOR_HOST, World};

/// A subscription that pushes to the world's vendor, or tells events there.
async fn pushing_to(world: &World, tenant: &Tenant, name: &str, inbound: bool) -> Answer {
    let (spec, secrets) = if inbound {
        let handoff = json!({ "push": endpoint(world) });
        (json!({ "direction": "inbound", "scheme": "github", "handoff": handoff }), json!([SECRET]))
    } else {
        (json!({ "direction": "outbound", "event_types": ["*"], "endpoint": endpoint(world) }), json!([]))
    };
    let body = json!({ "name": name, "spec": spec, "secrets": secrets });
    world.ask(&tenant.operator, "POST", "/v1/subscriptions", Some(body)).await
}

#[tokio::test]
async fn what_nobody_takes_stops_its_own_tenant_alone_and_until_it_is_taken() {
    let world = World::with("[webhooks]\nwaiting_bytes_per_tenant = 2000\n").await;
    let (acme, globex) = (world.tenant("acme").await, world.tenant("globex").await);
    let hook = door(&world, &acme, ("code", "github"), SECRET, json!({})).await;
    let other = door(&world, &globex, ("code", "github"), SECRET, json!({})).await;
    let (first, second) = ("1".repeat(1_000), "2".repeat(1_001));
    let kept = taken(&world, &hook, &first).await;
    taken(&world, &hook, &second).await;

    let refused = deliver(world.door, &hook.path, &github(SECRET, "d-3", "{}"), "{}").await;
    assert_eq!(refusal(&refused), (503, "webhooks.waiting.full".to_owned()), "{}", refused.text());
    assert_eq!(refused.header("retry-after"), Some("60"));
    let again = deliver(world.door, &hook.path, &github(SECRET, "d-1000", &first), &first).await;
    assert_eq!(
        (again.status, &again.json()["duplicate"]),
        (200, &json!(true)),
        "what is kept is kept: {}",
        again.text()
    );
    taken(&world, &other, &first).await;
    let sender = with_scope(&world, &acme, "sender", "webhooks.events.send").await;
    let event = r#"{"type":"invoice.paid","data":{}}"#;
    let sent = world.call(&sender, "POST", "/events", "Content-Type: application/json\r\n", event).await;
    assert_eq!(refusal(&sent), (503, "webhooks.waiting.full".to_owned()), "{}", sent.text());

    let reader = with_scope(&world, &acme, "reader", "webhooks.deliveries.ingest").await;
    assert_eq!(fetched(&world, &reader, "").await.0.len(), 2, "what waits is there to be taken");
    assert_eq!(acknowledged(&world, &reader, &kept).await.status, 204);
    world.pass(Duration::from_secs(15)).await;
    let body = json!({ "deliveries": [kept], "reason": "again" });
    let play = || world.ask(&acme.operator, "POST", "/v1/deliveries/replay", Some(body.clone()));
    assert_eq!(play().await.json()["failed"], json!([]), "there is room again");
    let full = play().await.json();
    assert_eq!(full["failed"][0]["code"], "webhooks.waiting.full", "{full}");
    assert_eq!(deliver(world.door, &hook.path, &github(SECRET, "d-3", "{}"), "{}").await.status, 503);
    for delivery in fetched(&world, &reader, "").await.0 {
        acknowledged(&world, &reader, delivery["delivery"].as_str().expect("an id")).await;
    }
    world.pass(Duration::from_secs(15)).await;
    assert_eq!(deliver(world.door, &hook.path, &github(SECRET, "d-3", "{}"), "{}").await.status, 200);
    world.end().await;
}

#[tokio::test]
async fn an_endpoint_that_the_house_does_not_list_is_refused_where_it_is_declared() {
    let world = World::with("[webhooks]\nendpoint_hosts = [\"*.partner.example\"]\n").await;
    let acme = world.tenant("acme").await;
    for (inbound, pointer) in [(true, "/spec/handoff/push/url"), (false, "/spec/endpoint/url")] {
        let refused = pushing_to(&world, &acme, "code", inbound).await;
        assert_eq!(refused.status, 422, "{}", refused.text());
        assert_eq!(refused.json()["violations"][0]["pointer"], pointer, "{}", refused.text());
    }
    let hook = door(&world, &acme, ("code", "github"), SECRET, json!({})).await;
    let push = json!({ "direction": "inbound", "scheme": "github", "handoff": { "push": endpoint(&world) } });
    let path = format!("/v1/subscriptions/{}", hook.id);
    let refused = world.ask(&acme.operator, "PATCH", &path, Some(json!({ "spec": push }))).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert_eq!((world.vendor.connections(), world.names.asked(VENDOR_HOST)), (0, 0), "nobody was asked");
    world.end().await;
}

#[tokio::test]
async fn a_list_of_a_tenants_own_stands_in_place_of_the_one_for_all_and_holds_at_every_try() {
    let Some(shared) = shared() else { return };
    let world = World::with(&shared).await;
    let (acme, globex) = (world.tenant("acme").await, world.tenant("globex").await);
    for tenant in [&acme, &globex] {
        world.vendor.answers(LINE, Canned::json(500, "{}"));
        let made = pushing_to(&world, tenant, "code", true).await.json();
        assert_eq!(made["status"], "pending", "{made}");
    }
    world.vendor.forget(LINE);
    world.vendor.on(LINE, Behaviour::Agree);
    let challenges = world.vendor.count(LINE);
    let second = world
        .second(&format!(
            "{shared}\n[webhooks]\nendpoint_hosts = [\"{VENDOR_HOST}\"]\ntenant_endpoint_hosts = {{ \"{}\" = [\"hooks.acme.example\"] }}\n",
            acme.id
        ))
        .await;
    let verify = async |tenant: &Tenant| -> Value {
        let mut client = Client::connect(second.admin.expect("an operators' side")).await;
        let head = "POST /v1/subscriptions/code/verify HTTP/1.1\r\nHost: gate\r\nContent-Length: 0\r\n";
        client.send(format!("{head}X-Api-Key: {}\r\n\r\n", tenant.operator)).await;
        client.answer().await.expect("an answer").json()
    };
    let refused = verify(&acme).await;
    assert_eq!((&refused["status"], &refused["reason"]), (&json!("pending"), &json!("egress.host.not_allowed")));
    assert_eq!(world.vendor.count(LINE), challenges, "it was not reached");
    assert_eq!(verify(&globex).await["status"], "active");
    assert_eq!(world.vendor.count(LINE), challenges + 1);
    second.stop().await.expect("it stops");
    world.end().await;
}
