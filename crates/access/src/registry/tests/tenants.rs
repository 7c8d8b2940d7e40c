//! Tenants are the house's to make, and the house itself stays.

use lockgate_vocabulary::SystemEntropy;
use serde_json::json;

use super::input;
use crate::access::tests::world::{World, answer, code, pointers, shown};
use crate::registry::{ChangeTenant, NewTenant, PageAsk, bootstrap, is_founded};

fn new(name: &str) -> NewTenant {
    input(json!({"name": name}))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_house_is_founded_once() {
    let world = World::new().await;
    let again = bootstrap(&world.store, &world.audit, "second", &world.clock, &SystemEntropy).await;
    assert_eq!(code(again), "access.house.founded");
    assert!(is_founded(&world.store).await.unwrap());
    let bad = bootstrap(&world.store, &world.audit, "", &world.clock, &SystemEntropy).await;
    assert_eq!(pointers(bad), ["/name"]);
    let root = world.caller(&world.house).await;
    assert_eq!(&*root.actor().name, "root");
    let record = world.registry(&root).tenant_record(root.tenant()).await.unwrap();
    assert_eq!((record.name.as_str(), record.status.as_str()), ("house", "active"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_comes_with_an_operator_who_can_sign_in() {
    let world = World::new().await;
    let root = world.caller(&world.house).await;
    let made =
        world.registry(&root).create_tenant(input(json!({"name": "new", "operator": "jo@new.example"}))).await.unwrap();
    assert_eq!(made.operator.name, "jo@new.example");
    assert_eq!(made.tenant.alias, None);
    let caller = world.caller(&shown(&made.key)).await;
    assert_eq!(caller.tenant(), made.tenant.tenant);
    assert!(world.registry(&caller).principals(&PageAsk::default()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_aliases_are_unique() {
    let world = World::new().await;
    let root = world.caller(&world.house).await;
    let registry = world.registry(&root);
    assert_eq!(code(registry.create_tenant(new("acme")).await), "access.name.taken");
    assert_eq!(code(registry.create_tenant(new("house")).await), "access.name.taken");
    let alias = input(json!({"name": "new", "alias": "acme-corp"}));
    assert_eq!(code(registry.create_tenant(alias).await), "access.name.taken");
    let looks = input(json!({"name": "new", "alias": world.acme.tenant.to_string(), "operator": "a b"}));
    assert_eq!(pointers(registry.create_tenant(looks).await), ["/alias", "/name"]);
    assert!(serde_json::from_value::<NewTenant>(json!({"name": "A B"})).is_err());
    assert!(serde_json::from_value::<NewTenant>(json!({"name": "x", "house": true})).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_house_administers_tenants() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    assert_eq!(code(registry.create_tenant(new("new")).await), "access.house.only");
    assert_eq!(code(registry.tenants(&PageAsk::default()).await), "access.house.only");
    let suspend: ChangeTenant = input(json!({"status": "suspended"}));
    assert_eq!(code(registry.change_tenant(world.other.tenant, suspend).await), "access.house.only");
    assert_eq!(registry.tenant_record(world.acme.tenant).await.unwrap().name.as_str(), "acme");
    let (service, _) = world.service("worker", &["integration.connections.call"]).await;
    let registry = world.registry(&service);
    assert_eq!(code(registry.create_tenant(new("new")).await), "access.scope.missing");
    assert_eq!(code(registry.tenant_record(world.acme.tenant).await), "access.scope.missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_house_lists_and_changes_tenants() {
    let world = World::new().await;
    let root = world.caller(&world.house).await;
    let registry = world.registry(&root);
    let page = registry.tenants(&input(json!({"limit": 2}))).await.unwrap();
    let next = registry.tenants(&PageAsk { limit: Some(2), cursor: page.next.clone() }).await.unwrap();
    let names: Vec<_> = page.items.iter().chain(&next.items).map(|tenant| tenant.name.as_str().to_owned()).collect();
    assert_eq!((page.items.len(), next.items.len(), next.next), (2, 1, None));
    assert!(["house", "acme", "other"].iter().all(|name| names.iter().any(|each| each == name)));

    let changed =
        registry.change_tenant(world.acme.tenant, input(json!({"name": "acme-two", "alias": null}))).await.unwrap();
    assert_eq!((changed.name.as_str(), changed.alias), ("acme-two", None));
    assert!(world.access.directory().expect("fresh").tenant_named("acme-corp").is_none());
    assert_eq!(
        code(registry.change_tenant(world.acme.tenant, input(json!({"name": "other"}))).await),
        "access.name.taken"
    );
    assert_eq!(pointers(registry.change_tenant(world.acme.tenant, input(json!({"name": "house"}))).await), ["/name"]);
    assert_eq!(
        pointers(registry.change_tenant(world.acme.tenant, input(json!({"status": "gone"}))).await),
        ["/status"]
    );
    assert_eq!(pointers(registry.change_tenant(root.tenant(), input(json!({"status": "suspended"}))).await), [""]);
    assert_eq!(pointers(registry.change_tenant(root.tenant(), input(json!({"name": "shed"}))).await), [""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_external_alias_finds_its_tenant() {
    let world = World::new().await;
    let directory = world.access.directory().expect("fresh");
    assert_eq!(directory.tenant_named("acme-corp").unwrap().tenant, world.acme.tenant);
    assert_eq!(directory.tenant_named(&world.other.tenant.to_string()).unwrap().tenant, world.other.tenant);
    assert!(directory.tenant_named("nobody").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_never_was_is_unknown() {
    let world = World::new().await;
    let root = world.caller(&world.house).await;
    let never = lockgate_vocabulary::TenantId::from_u128(404);
    let registry = world.registry(&root);
    assert_eq!(code(registry.tenant_record(never).await), "access.object.unknown");
    assert_eq!(code(registry.change_tenant(never, input(json!({}))).await), "access.object.unknown");
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    assert_eq!(answer(registry.tenant_record(never).await), answer(registry.tenant_record(world.other.tenant).await));
}
