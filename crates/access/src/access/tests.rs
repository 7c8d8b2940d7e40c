//! The room as its users see it: callers, grants, revocation across nodes, and what is refused while the
//! snapshot cannot be relied upon.

mod tokens;
pub(crate) mod world;

use std::time::Duration;

use lockgate_vocabulary::{Stop, Timestamp};
use serde_json::json;

use self::world::{World, answer, code, identify};
use crate::authz::{Ask, Grant};
use crate::caller::Caller;
use crate::registry::{ChangeConnection, ChangePrincipal, NewConnection};

fn ask(connection: &str, method: &str, path: &str) -> Ask {
    Ask { connection: connection.into(), method: method.parse().unwrap(), path: path.into() }
}

fn change<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// A provider that wants no credential, and a connection of it: active at once.
async fn connect(world: &World, operator: &Caller, name: &str) {
    let registry = world.registry(operator);
    let spec = json!({
        "name": "vendor", "title": "Vendor", "base_url": "https://api.vendor.example", "auth": {"placement": "none"},
        "endpoints": [{"method": "GET", "path": "/v1/things/{id}"}, {"method": "POST", "path": "/v1/things"}],
    });
    match registry.create_provider(serde_json::from_value(spec).unwrap()).await {
        Ok(_) => {}
        taken => assert_eq!(code(taken), "access.name.taken"),
    }
    let new = NewConnection { name: name.into(), provider: "vendor".into(), spec: Default::default() };
    assert_eq!(registry.create_connection(new).await.unwrap().status, "active");
}

async fn granted(world: &World) -> (Grant, Caller) {
    let operator = world.operator().await;
    connect(world, &operator, "crm").await;
    let (caller, _) = world.service("worker", &["integration.connections.call:crm"]).await;
    let grant = world.access.authorize(&caller, &ask("crm", "GET", "/v1/things/1")).unwrap();
    world.access.still_holds(&grant).unwrap();
    (grant, operator)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_made_by_an_operator_is_called_by_a_service() {
    let world = World::new().await;
    let (grant, operator) = granted(&world).await;
    assert_eq!(grant.endpoint().path.as_str(), "/v1/things/{id}");
    assert_eq!(&*grant.connection().base.host, "api.vendor.example");
    // Who set it up may not use it. What a caller sees is the snapshot in which they were identified.
    assert_eq!(
        code(world.access.authorize(&operator, &ask("crm", "GET", "/v1/things/1"))),
        "access.connection.unknown"
    );
    let operator = world.operator().await;
    assert_eq!(code(world.access.authorize(&operator, &ask("crm", "GET", "/v1/things/1"))), "access.scope.missing");
    let caller = grant.caller();
    assert_eq!(
        code(world.access.authorize(caller, &ask("crm", "DELETE", "/v1/things/1"))),
        "access.endpoint.undeclared"
    );
    assert_eq!(code(world.access.authorize(caller, &ask("crm", "GET", "/v1/../things/1"))), "access.path.ambiguous");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_connection_and_none_are_refused_alike() {
    let world = World::new().await;
    let foreigner = world.foreigner().await;
    connect(&world, &foreigner, "theirs").await;
    let theirs = world.registry(&foreigner).connection("theirs").await.unwrap();
    let (caller, _) = world.service("worker", &["integration.connections.call"]).await;
    let unknown = answer(world.access.authorize(&caller, &ask("never-was", "GET", "/v1/things/1")));
    for name in ["theirs", &theirs.connection.to_string()] {
        assert_eq!(answer(world.access.authorize(&caller, &ask(name, "GET", "/v1/things/1"))), unknown);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_revoked_holds_nowhere_any_more() {
    let world = World::new().await;
    let (grant, operator) = granted(&world).await;
    let key = grant.caller().key().unwrap();
    world.registry(&operator).revoke_key(key).await.unwrap();
    assert_eq!(code(world.access.still_holds(&grant)), "access.call.withdrawn");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_grant_stood_on_is_judged_anew() {
    let world = World::new().await;
    let (grant, operator) = granted(&world).await;
    let registry = world.registry(&operator);
    // A change beside it does no harm.
    connect(&world, &operator, "mail").await;
    world.access.still_holds(&grant).unwrap();
    let spec = json!({"spec": {"limits": {"per_minute": 7}}});
    registry.change_connection("crm", change(spec)).await.unwrap();
    world.access.still_holds(&grant).unwrap();

    for (withdraw, restore) in [
        (json!({"status": "degraded"}), json!({"status": "active"})),
        (json!({"spec": {"endpoints": []}}), json!({"spec": {}})),
        (json!({"spec": {"base_url": "https://api.vendor.example/other"}}), json!({"spec": {}})),
    ] {
        registry.change_connection("crm", change::<ChangeConnection>(withdraw.clone())).await.unwrap();
        assert_eq!(code(world.access.still_holds(&grant)), "access.call.withdrawn", "{withdraw}");
        registry.change_connection("crm", change(restore)).await.unwrap();
        world.access.still_holds(&grant).unwrap();
    }
    for (withdraw, restore) in [
        (json!({"status": "suspended"}), json!({"status": "active"})),
        (
            json!({"scopes": ["integration.connections.call:crm:write"]}),
            json!({"scopes": ["integration.connections.call"]}),
        ),
        (
            json!({"endpoints": [{"connection": "crm", "method": "POST", "path": "/{all...}"}]}),
            json!({"endpoints": null}),
        ),
    ] {
        registry.change_principal("worker", change::<ChangePrincipal>(withdraw.clone())).await.unwrap();
        assert_eq!(code(world.access.still_holds(&grant)), "access.call.withdrawn", "{withdraw}");
        registry.change_principal("worker", change(restore)).await.unwrap();
        world.access.still_holds(&grant).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_tenant_may_nothing() {
    let world = World::new().await;
    let (grant, _) = granted(&world).await;
    let root = world.caller(&world.house).await;
    world.registry(&root).change_tenant(world.acme.tenant, change(json!({"status": "suspended"}))).await.unwrap();
    assert_eq!(code(world.access.still_holds(&grant)), "access.call.withdrawn");
    assert_eq!(code(world.identify(&world.acme.operator).await), "access.key.invalid");
    assert!(world.identify(&world.other.operator).await.is_ok());
    world.registry(&root).change_tenant(world.acme.tenant, change(json!({"status": "active"}))).await.unwrap();
    assert!(world.identify(&world.acme.operator).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_on_one_node_holds_on_another() {
    let world = World::new().await;
    let (grant, operator) = granted(&world).await;
    let far = world.node().await;
    let mut snapshots = far.watch();
    assert!(far.still_holds(&grant).is_ok());
    world.registry(&operator).revoke_key(grant.caller().key().unwrap()).await.unwrap();
    // The other node shares the store's handle here, and so learns of the epoch at once.
    let reached = world.access.directory().expect("fresh").epoch;
    while far.directory().expect("fresh").epoch < reached {
        snapshots.changed().await.unwrap();
    }
    assert_eq!(code(far.still_holds(&grant)), "access.call.withdrawn");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_let_through_while_the_epoch_is_not_confirmed() {
    let world = World::new().await;
    let (grant, _) = granted(&world).await;
    let key = world.house.clone();
    world.store.clone().close().await.unwrap();
    world.clock.run(Duration::from_secs(3), Duration::from_millis(100)).await;
    let unavailable = |stop: Stop| matches!(stop, Stop::Fault(fault) if fault.is_unavailable());
    assert!(!world.access.is_fresh());
    assert!(unavailable(world.access.still_holds(&grant).unwrap_err()));
    assert!(world.access.directory().unwrap_err().is_unavailable(), "nobody is looked up in it either");
    assert!(unavailable(identify(&world.access, &world.clock, &key).await.unwrap_err()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_ends_during_a_call_ends_it() {
    let world = World::new().await;
    let (grant, _) = granted(&world).await;
    let end = grant.caller().key_record().unwrap().expires_at.unwrap();
    let identity = &world.access.identity;
    let directory = world.access.directory().expect("fresh");
    let holds = |now: Timestamp| crate::authz::still_holds(&grant, &directory, identity, now);
    assert!(holds(end.before(Duration::from_micros(1))).is_ok());
    assert_eq!(code(holds(end)), "access.call.withdrawn");
}
