//! No function tells another tenant's object from one that never was.

use lockgate_vocabulary::{CredentialId, KeyId};
use serde_json::json;

use super::input;
use crate::access::tests::world::{World, answer, code, key, principal};
use crate::registry::{PageAsk, Registry};

/// What the other tenant has, and what nobody has.
struct Objects {
    principal: [String; 2],
    key: [KeyId; 2],
    provider: [String; 2],
    connection: [String; 2],
    issuer: [&'static str; 2],
}

async fn objects(world: &World) -> Vec<Objects> {
    let foreigner = world.foreigner().await;
    let registry = world.registry(&foreigner);
    let theirs = registry.create_principal(principal("theirs", "service", &["audit.read"])).await.unwrap();
    let made = registry.create_key(key("theirs")).await.unwrap();
    let vendor =
        json!({"name": "vendor", "title": "V", "base_url": "https://v.example", "auth": {"placement": "none"}});
    let provider = registry.create_provider(input(vendor)).await.unwrap();
    let connection = registry.create_connection(input(json!({"name": "crm", "provider": "vendor"}))).await.unwrap();
    registry.create_issuer(input(json!({"issuer": "https://idp.example"}))).await.unwrap();
    let nothing = |prefix: &str| format!("{prefix}_00000000000000000000000404");
    vec![
        Objects {
            principal: [theirs.principal.to_string(), nothing("prn")],
            key: [made.key.key, KeyId::from_u128(404)],
            provider: [provider.provider.to_string(), nothing("prv")],
            connection: [connection.connection.to_string(), nothing("conn")],
            issuer: ["https://idp.example", "https://never.example"],
        },
        Objects {
            principal: ["theirs".into(), "never".into()],
            key: [made.key.key, KeyId::from_u128(404)],
            provider: ["vendor".into(), "never".into()],
            connection: ["crm".into(), "never".into()],
            issuer: ["https://idp.example", "not a url"],
        },
    ]
}

/// Every function of the registry that names an object, asked for theirs and for nothing.
async fn every_answer(registry: &Registry<'_>, objects: &Objects, which: usize) -> Vec<(&'static str, String)> {
    let all = PageAsk::default();
    let (owner, provider, connection) =
        (&objects.principal[which], &objects.provider[which], &objects.connection[which]);
    let (key, issuer) = (objects.key[which], objects.issuer[which]);
    let vendor =
        json!({"name": "vendor", "title": "V", "base_url": "https://v.example", "auth": {"placement": "none"}});
    let new_key = json!({"principal": owner, "kind": "api-key"});
    vec![
        ("principal", answer(registry.principal(owner).await)),
        ("change_principal", answer(registry.change_principal(owner, input(json!({"status": "retired"}))).await)),
        ("create_key", answer(registry.create_key(input(new_key)).await)),
        ("keys", answer(registry.keys(Some(owner), &all).await)),
        ("key", answer(registry.key(key).await)),
        ("revoke_key", answer(registry.revoke_key(key).await)),
        ("provider", answer(registry.provider(provider).await)),
        ("change_provider", answer(registry.change_provider(provider, input(vendor)).await)),
        ("retire_provider", answer(registry.retire_provider(provider).await)),
        (
            "create_connection",
            answer(registry.create_connection(input(json!({"name": "mine", "provider": provider}))).await),
        ),
        ("connection", answer(registry.connection(connection).await)),
        (
            "change_connection",
            answer(registry.change_connection(connection, input(json!({"status": "retired"}))).await),
        ),
        ("issuer", answer(registry.issuer(issuer).await)),
        ("change_issuer", answer(registry.change_issuer(issuer, input(json!({"status": "suspended"}))).await)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_object_and_none_are_refused_alike() {
    let world = World::new().await;
    let all = objects(&world).await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    for objects in &all {
        let theirs = every_answer(&registry, objects, 0).await;
        assert_eq!(theirs, every_answer(&registry, objects, 1).await);
        assert!(
            theirs
                .iter()
                .all(|(function, told)| told.contains("access.object.unknown") || *function == "create_connection")
        );
    }
    let foreigner = world.foreigner().await;
    let theirs = world.registry(&foreigner);
    assert_eq!(theirs.principal("theirs").await.unwrap().status, "active");
    assert_eq!(theirs.connection("crm").await.unwrap().status, "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_show_a_tenants_own_and_nothing_else() {
    let world = World::new().await;
    objects(&world).await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    let all = PageAsk::default();
    assert_eq!(registry.principals(&all).await.unwrap().items.len(), 1);
    assert_eq!(registry.keys(None, &all).await.unwrap().items.len(), 1);
    assert!(registry.providers(&all).await.unwrap().items.is_empty());
    assert!(registry.connections(&all).await.unwrap().items.is_empty());
    assert!(registry.issuers(&all).await.unwrap().items.is_empty());
    assert!(registry.events(&all).await.unwrap().items.is_empty());
    // A cursor of theirs is of use to nobody else: it only says behind which id to read on.
    let foreigner = world.foreigner().await;
    let theirs = world.registry(&foreigner).connections(&all).await.unwrap().items[0].connection.to_string();
    let behind = PageAsk { limit: None, cursor: Some(theirs) };
    assert!(registry.connections(&behind).await.unwrap().items.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_taken_within_a_tenant_alone() {
    let world = World::new().await;
    objects(&world).await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    // Were a name taken across tenants, a refusal would tell that somebody has it.
    registry.create_principal(principal("theirs", "service", &[])).await.unwrap();
    let vendor =
        json!({"name": "vendor", "title": "V", "base_url": "https://v.example", "auth": {"placement": "none"}});
    registry.create_provider(input(vendor)).await.unwrap();
    registry.create_connection(input(json!({"name": "crm", "provider": "vendor"}))).await.unwrap();
    registry.create_issuer(input(json!({"issuer": "https://idp.example"}))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_done_without_its_scope() {
    let world = World::new().await;
    let (nobody, id) = world.service("nobody", &[]).await;
    let registry = world.registry(&nobody);
    let all = PageAsk::default();
    let url = "https://idp.example";
    let vendor = json!({"name": "v", "title": "V", "base_url": "https://v.example", "auth": {"placement": "none"}});
    let codes = [
        code(registry.create_tenant(input(json!({"name": "n"}))).await),
        code(registry.tenants(&all).await),
        code(registry.tenant_record(world.acme.tenant).await),
        code(registry.change_tenant(world.acme.tenant, input(json!({}))).await),
        code(registry.create_principal(principal("x", "service", &[])).await),
        code(registry.principals(&all).await),
        code(registry.principal("nobody").await),
        code(registry.change_principal("nobody", input(json!({}))).await),
        code(registry.create_key(key("nobody")).await),
        code(registry.keys(None, &all).await),
        code(registry.key(id).await),
        code(registry.revoke_key(id).await),
        code(registry.create_issuer(input(json!({"issuer": url}))).await),
        code(registry.issuers(&all).await),
        code(registry.issuer(url).await),
        code(registry.change_issuer(url, input(json!({}))).await),
        code(registry.create_provider(input(vendor.clone())).await),
        code(registry.providers(&all).await),
        code(registry.provider("stripe").await),
        code(registry.change_provider("v", input(vendor)).await),
        code(registry.retire_provider("v").await),
        code(registry.create_connection(input(json!({"name": "c", "provider": "stripe"}))).await),
        code(registry.connections(&all).await),
        code(registry.connection("c").await),
        code(registry.change_connection("c", input(json!({"credential": CredentialId::from_u128(1)}))).await),
        code(registry.events(&all).await),
    ];
    assert!(codes.iter().all(|code| *code == "access.scope.missing"), "{codes:?}");
}
