//! A tenant's own providers, the catalogue's, and external issuers.

use serde_json::json;

use super::input;
use crate::access::tests::world::{World, code, pointers};
use crate::registry::{ListedProvider, NewConnection, PageAsk};
use crate::spec::ProviderSpec;

fn vendor(name: &str) -> serde_json::Value {
    json!({
        "name": name, "title": "Vendor", "base_url": "https://api.vendor.example/v1", "auth": {"placement": "bearer"},
        "endpoints": [{"method": "GET", "path": "/things"}],
    })
}

fn connection(name: &str, provider: &str) -> NewConnection {
    NewConnection { name: name.into(), provider: provider.into(), spec: Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_is_everybodys_and_its_names_are_taken() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    assert_eq!(code(registry.create_provider(input(vendor("stripe"))).await), "access.name.taken");
    assert!(matches!(registry.provider("stripe").await.unwrap(), ListedProvider::Catalog { .. }));
    let made = registry.create_provider(input(vendor("vendor"))).await.unwrap();
    assert_eq!(code(registry.create_provider(input(vendor("vendor"))).await), "access.name.taken");
    assert_eq!(registry.provider(&made.provider.to_string()).await.unwrap(), ListedProvider::Own(made.clone()));
    assert_eq!(registry.providers(&PageAsk::default()).await.unwrap().items, [made]);
    let listed = serde_json::to_value(registry.provider("vendor").await.unwrap()).unwrap();
    assert_eq!((&listed["origin"], &listed["status"]), (&json!("own"), &json!("active")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_provider_is_named() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    let mut bad = vendor("vendor");
    bad["base_url"] = json!("http://api.vendor.example");
    bad["endpoints"][0]["path"] = json!("things");
    assert_eq!(pointers(registry.create_provider(input(bad)).await), ["/base_url", "/endpoints/0/path"]);
    assert!(serde_json::from_value::<ProviderSpec>(json!({"name": "x", "surprise": 1})).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_provider_reaches_its_connections_and_breaks_none() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    registry.create_provider(input(vendor("vendor"))).await.unwrap();
    registry.create_connection(connection("crm", "vendor")).await.unwrap();
    let paths = || {
        let view = world.access.directory().expect("fresh").tenants[&world.acme.tenant].clone();
        let connection = view.connection("crm").unwrap().clone();
        connection.endpoints.iter().map(|each| each.path.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(paths(), ["/things"]);
    let mut more = vendor("vendor");
    more["endpoints"] = json!([{"method": "GET", "path": "/things"}, {"method": "GET", "path": "/others"}]);
    registry.change_provider("vendor", input(more)).await.unwrap();
    assert_eq!(paths(), ["/others", "/things"]);

    let own = json!({"spec": {"base_url": "https://api.vendor.example/v1/eu"}});
    registry.change_connection("crm", input(own)).await.unwrap();
    let mut moved = vendor("vendor");
    moved["base_url"] = json!("https://api.elsewhere.example");
    assert_eq!(code(registry.change_provider("vendor", input(moved)).await), "access.status.conflict");
    assert_eq!(pointers(registry.change_provider("vendor", input(vendor("renamed"))).await), ["/name"]);
    assert_eq!(code(registry.change_provider("stripe", input(vendor("stripe"))).await), "access.object.unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_retired_once_nothing_uses_it() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    registry.create_provider(input(vendor("vendor"))).await.unwrap();
    registry.create_connection(connection("crm", "vendor")).await.unwrap();
    assert_eq!(code(registry.retire_provider("vendor").await), "access.status.conflict");
    registry.change_connection("crm", input(json!({"status": "retired"}))).await.unwrap();
    assert_eq!(registry.retire_provider("vendor").await.unwrap().status, "retired");
    assert_eq!(pointers(registry.create_connection(connection("new", "vendor")).await), ["/provider"]);
    assert_eq!(code(registry.change_provider("vendor", input(vendor("vendor"))).await), "access.status.conflict");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_is_trusted_changed_and_suspended() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    let url = "https://idp.example";
    let made = registry.create_issuer(input(json!({"issuer": url, "spec": {"skew_seconds": 30}}))).await.unwrap();
    assert_eq!((made.issuer.as_str(), made.spec.skew_seconds), (url, Some(30)));
    assert_eq!(code(registry.create_issuer(input(json!({"issuer": url}))).await), "access.name.taken");
    let bad = json!({"issuer": "http://idp.example", "spec": {"skew_seconds": 301}});
    let named = pointers(registry.create_issuer(input(bad)).await);
    assert!(named.contains(&"/issuer".to_owned()) && named.contains(&"/spec/skew_seconds".to_owned()), "{named:?}");
    for (issuer, spec, wanted) in [
        (url, json!({"danger_private_networks": ["127.0.0.0/8", "10.0.0.0/8"]}), "/spec/danger_private_networks/1"),
        (url, json!({"danger_plain_http": true}), "/spec/danger_plain_http"),
        (url, json!({"jwks_uri": "https://127.0.0.1/keys"}), "/spec/jwks_uri"),
        (url, json!({"metadata_uri": "https://[::ffff:10.0.0.1]/keys"}), "/spec/metadata_uri"),
        ("https://192.168.1.1", json!({}), "/issuer"),
    ] {
        let refused = registry.create_issuer(input(json!({"issuer": issuer, "spec": spec}))).await;
        assert_eq!(pointers(refused), [wanted]);
    }
    let inside = json!({"jwks_uri": "https://127.0.0.1/keys", "danger_private_networks": ["127.0.0.0/8"]});
    registry.create_issuer(input(json!({"issuer": "https://inside.example", "spec": inside}))).await.unwrap();
    let suspended = registry.change_issuer(url, input(json!({"status": "suspended"}))).await.unwrap();
    assert_eq!((suspended.status.as_str(), suspended.spec), ("suspended", made.spec));
    let view = world.access.directory().expect("fresh").tenants[&world.acme.tenant].clone();
    assert!(!view.issuers[url].active);
    for index in 0..3 {
        let url = format!("https://idp-{index}.example");
        registry.create_issuer(input(json!({"issuer": url}))).await.unwrap();
    }
    let mut listed = Vec::new();
    let mut ask = PageAsk { limit: Some(2), cursor: None };
    loop {
        let page = registry.issuers(&ask).await.unwrap();
        listed.extend(page.items.into_iter().map(|issuer| issuer.issuer));
        let Some(next) = page.next else { break };
        ask.cursor = Some(next);
    }
    listed.sort();
    assert_eq!(
        listed,
        ["https://idp-0.example", "https://idp-1.example", "https://idp-2.example", url, "https://inside.example"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_of_ones_own_lends_nobody_more_than_one_holds() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    registry
        .create_principal(input(json!({"name": "clerk", "kind": "operator", "roles": ["administrator"]})))
        .await
        .unwrap();
    registry.create_principal(input(json!({"name": "worker", "kind": "service", "roles": ["caller"]}))).await.unwrap();
    let clerk = registry.create_key(crate::access::tests::world::key("clerk")).await.unwrap();
    let clerk = world.caller(&crate::access::tests::world::shown(&clerk)).await;
    let issuer = |number: u8, principal: &str| json!({"issuer": format!("https://idp-{number}.example"), "spec": {"clients": {"a/b": principal}}});
    let clerks = world.registry(&clerk);
    assert_eq!(pointers(clerks.create_issuer(input(issuer(1, "operator"))).await), ["/spec/clients/a~1b"]);
    assert_eq!(pointers(clerks.create_issuer(input(issuer(1, "nobody"))).await), ["/spec/clients/a~1b"]);
    clerks.create_issuer(input(issuer(1, "clerk"))).await.unwrap();
    clerks.create_issuer(input(issuer(2, "worker"))).await.unwrap();
    let raise = json!({"spec": {"clients": {"a/b": "operator"}}});
    assert_eq!(
        pointers(clerks.change_issuer("https://idp-2.example", input(raise.clone())).await),
        ["/spec/clients/a~1b"]
    );
    registry.change_issuer("https://idp-2.example", input(raise)).await.unwrap();
}
