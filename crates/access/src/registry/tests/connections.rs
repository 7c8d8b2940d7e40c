//! Connections: established, equipped, degraded, retired, each with its event.

use lockgate_store::{Change, Statement, values};
use lockgate_vocabulary::CredentialId;
use serde_json::json;

use super::input;
use crate::access::tests::world::{World, code, pointers};
use crate::caller::Caller;
use crate::directory::ConnectionStatus;
use crate::registry::{ConnectionRecord, PageAsk};

static CREDENTIAL: Statement = Statement::tenant(
    "test.credential",
    "INSERT INTO credentials (tenant, credential, name, owner, sensitivity, status, current_version, created_at, changed) \
     VALUES ($1, $2, $3, 'ops', 'high', $4, 1, 1, (SELECT value FROM house WHERE name = 'epoch'))",
);

async fn credential(world: &World, number: u128, status: &str) -> CredentialId {
    let id = CredentialId::from_u128(number);
    let change = Change::of(world.acme.tenant).step(&CREDENTIAL, values![id, format!("c{number}"), status]);
    world.store.apply(change).await.unwrap();
    id
}

async fn stripe(world: &World, operator: &Caller, name: &str) -> ConnectionRecord {
    world.registry(operator).create_connection(input(json!({"name": name, "provider": "stripe"}))).await.unwrap()
}

async fn events(world: &World, operator: &Caller) -> Vec<(String, String)> {
    let page = world.registry(operator).events(&PageAsk::default()).await.unwrap();
    let parsed = page.items.iter().map(|event| serde_json::from_str::<serde_json::Value>(event.get()).unwrap());
    parsed
        .map(|event| (event["type"].as_str().unwrap().to_owned(), event["subject"].as_str().unwrap().to_owned()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_waits_for_its_credential() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    let made = stripe(&world, &operator, "billing").await;
    assert_eq!((made.status.as_str(), made.health.as_str(), made.credential), ("pending", "unknown", None));
    assert_eq!(made, registry.connection("billing").await.unwrap());
    assert_eq!(made, registry.connection(&made.connection.to_string()).await.unwrap());
    assert_eq!(registry.connections(&PageAsk::default()).await.unwrap().items, [made]);
    assert_eq!(
        code(registry.change_connection("billing", input(json!({"status": "active"}))).await),
        "access.status.conflict"
    );
    assert_eq!(
        code(registry.change_connection("billing", input(json!({"status": "degraded"}))).await),
        "access.status.conflict"
    );
    let view = world.access.directory().expect("fresh").tenants[&world.acme.tenant].clone();
    assert_eq!(view.connection("billing").unwrap().status, ConnectionStatus::Pending);
    assert!(events(&world, &operator).await.is_empty(), "nothing was established yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connections_life_is_told_in_events() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    let made = stripe(&world, &operator, "billing").await;
    let (id, usable) = (made.connection.to_string(), credential(&world, 1, "active").await);
    // Identifiers made within one millisecond have no order, so time goes by between the acts.
    let tick = || world.clock.advance(std::time::Duration::from_millis(2));
    let active =
        registry.change_connection("billing", input(json!({"credential": usable, "status": "active"}))).await.unwrap();
    tick();
    assert_eq!((active.status.as_str(), active.credential), ("active", Some(usable)));
    let degraded =
        registry.change_connection(&id, input(json!({"status": "degraded", "reason": "under repair"}))).await.unwrap();
    assert_eq!((degraded.status.as_str(), degraded.reason.as_deref()), ("degraded", Some("under repair")));
    tick();
    let again = registry.change_connection("billing", input(json!({"status": "active"}))).await.unwrap();
    assert_eq!((again.status.as_str(), again.reason), ("active", None));
    tick();
    // Without its credential it runs nothing.
    let stripped = registry.change_connection("billing", input(json!({"credential": null}))).await.unwrap();
    assert_eq!((stripped.status.as_str(), stripped.credential), ("degraded", None));
    tick();
    registry.change_connection("billing", input(json!({"status": "retired"}))).await.unwrap();
    assert_eq!(
        code(registry.change_connection("billing", input(json!({"status": "active"}))).await),
        "access.connection.retired"
    );
    let told: Vec<_> = events(&world, &operator).await;
    let expected = ["Established", "Degraded", "Established", "Degraded", "Retired"];
    let expected: Vec<_> = expected.iter().map(|word| (format!("IntegrationConnection{word}"), id.clone())).collect();
    assert_eq!(told, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_must_be_the_tenants_and_usable() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    stripe(&world, &operator, "billing").await;
    let revoked = credential(&world, 1, "revoked").await;
    let foreign = CredentialId::from_u128(2);
    let change = Change::of(world.other.tenant).step(&CREDENTIAL, values![foreign, "theirs", "active"]);
    world.store.apply(change).await.unwrap();
    let mut answers = Vec::new();
    for wrong in [revoked, foreign, CredentialId::from_u128(3)] {
        let refused = registry.change_connection("billing", input(json!({"credential": wrong}))).await;
        answers.push(crate::access::tests::world::answer(refused));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:#?}");
    assert_eq!(registry.connection("billing").await.unwrap().credential, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_not_revived_by_a_credential_that_was_revoked() {
    static REVOKE: Statement = Statement::tenant(
        "test.revoke",
        "UPDATE credentials SET status = 'revoked' WHERE tenant = $1 AND credential = $2",
    );
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    stripe(&world, &operator, "billing").await;
    let held = credential(&world, 1, "active").await;
    registry.change_connection("billing", input(json!({"credential": held, "status": "active"}))).await.unwrap();
    registry.change_connection("billing", input(json!({"status": "degraded"}))).await.unwrap();
    world.store.apply(Change::of(world.acme.tenant).step(&REVOKE, values![held])).await.unwrap();
    let revived = registry.change_connection("billing", input(json!({"status": "active"}))).await;
    assert_eq!(pointers(revived), ["/credential"]);
    assert_eq!(registry.connection("billing").await.unwrap().status, "degraded");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_connection_is_named() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    for (new, named) in [
        (json!({"name": "read", "provider": "stripe"}), vec!["/name"]),
        (json!({"name": "B", "provider": "nobody"}), vec!["/name", "/provider"]),
        (json!({"name": "b", "provider": "no such"}), vec!["/provider"]),
        (
            json!({"name": "b", "provider": "stripe", "spec": {"base_url": "https://evil.example"}}),
            vec!["/spec/base_url"],
        ),
        (json!({"name": "b", "provider": "stripe", "spec": {"base_url": "https://10.0.0.1"}}), vec!["/spec/base_url"]),
        (json!({"name": "b", "provider": "shopify"}), vec!["/spec/base_url"]),
        (
            json!({"name": "b", "provider": "stripe", "spec": {"retries": 9, "endpoints": [{"method": "GET", "path": "x"}]}}),
            vec!["/spec/endpoints/0/path", "/spec/retries"],
        ),
        (
            json!({"name": "b", "provider": "stripe", "spec": {"danger_private_networks": ["10.0.0.0/8"]}}),
            vec!["/spec/danger_private_networks/0"],
        ),
    ] {
        assert_eq!(pointers(registry.create_connection(input(new.clone())).await), named, "{new}");
    }
    stripe(&world, &operator, "billing").await;
    let twice = registry.create_connection(input(json!({"name": "billing", "provider": "github"}))).await;
    assert_eq!(code(twice), "access.name.taken");
    let bad = json!({"spec": {"limits": {"per_minute": 0}}, "status": "gone"});
    assert_eq!(
        pointers(registry.change_connection("billing", input(bad)).await),
        ["/spec/limits/per_minute", "/status"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_address_needs_the_configuration_and_the_connection_to_say_so() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    let spec = json!({"name": "inside", "title": "Inside", "base_url": "https://127.0.0.1:9443", "auth": {"placement": "none"}});
    registry.create_provider(input(spec)).await.unwrap();
    let closed = registry.create_connection(input(json!({"name": "inside", "provider": "inside"}))).await;
    assert_eq!(pointers(closed), ["/spec/danger_private_networks"]);
    let opened = json!({"name": "inside", "provider": "inside", "spec": {"danger_private_networks": ["127.0.0.0/8"]}});
    assert_eq!(registry.create_connection(input(opened)).await.unwrap().status, "active");
    // A house that no longer opens the network runs no connection to it.
    let mut config = crate::access::tests::world::config();
    config.danger_private_networks.clear();
    let strict = crate::access::tests::world::node(&config, &world.store, &world.audit, &world.clock).await;
    let view = strict.directory().expect("fresh").tenants[&world.acme.tenant].clone();
    assert_eq!(view.connection("inside").unwrap().status, ConnectionStatus::Degraded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_connections_are_its_operators_to_make() {
    let world = World::new().await;
    let (service, _) = world.service("worker", &["integration.connections.call", "integration.connections.read"]).await;
    let registry = world.registry(&service);
    assert!(registry.connections(&PageAsk::default()).await.unwrap().items.is_empty());
    let made = registry.create_connection(input(json!({"name": "b", "provider": "stripe"}))).await;
    assert_eq!(code(made), "access.scope.missing");
    assert_eq!(code(registry.events(&PageAsk::default()).await), "access.scope.missing");
    assert_eq!(
        code(
            registry
                .create_provider(input(
                    json!({"name": "v", "title": "V", "base_url": "https://v.example", "auth": {"placement": "none"}})
                ))
                .await
        ),
        "access.scope.missing"
    );
}
