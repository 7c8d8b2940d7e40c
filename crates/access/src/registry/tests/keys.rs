//! Keys: shown once, hashed at rest, ended by themselves, never mightier than their principal.

use std::time::Duration;

use lockgate_store::Statement;
use lockgate_vocabulary::Timestamp;
use serde_json::json;

use super::input;
use crate::access::tests::world::{World, code, key, pointers, principal, shown};
use crate::registry::{KeyKind, PageAsk};
use crate::scope::Scope;

static EVERYTHING: Statement = Statement::house("test.keys", "SELECT verifier, jwks FROM keys");

#[tokio::test(flavor = "multi_thread")]
async fn a_keys_text_is_shown_once_and_only_its_hash_is_kept() {
    let world = World::new().await;
    let (_, id) = world.service("worker", &["audit.read"]).await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    world.clock.advance(Duration::from_millis(2));
    let made = registry.create_key(key("worker")).await.unwrap();
    let text = shown(&made);
    assert!(text.starts_with("lgk_") && world.identify(&text).await.is_ok());
    let told = serde_json::to_string(&registry.key(made.key.key).await.unwrap()).unwrap();
    let secret_part = text.rsplit('_').next().unwrap();
    assert!(!told.contains(secret_part) && !format!("{made:?}").contains(secret_part));
    for row in world.store.survey(&EVERYTHING, vec![]).await.unwrap() {
        assert_eq!(row.bytes(0).unwrap().len(), 32);
    }
    let listed = registry.keys(Some("worker"), &PageAsk::default()).await.unwrap();
    assert_eq!(listed.items.iter().map(|each| each.key).collect::<Vec<_>>(), [id, made.key.key]);
    assert_eq!(registry.keys(None, &PageAsk::default()).await.unwrap().items.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_lives_ninety_days_at_the_most() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    registry.create_principal(principal("worker", "service", &["audit.read"])).await.unwrap();
    let now = lockgate_vocabulary::Clock::now(&world.clock);
    let days = |count: u64| Duration::from_secs(count * 86_400);
    let lives = |seconds: Option<u64>| {
        let new = json!({"principal": "worker", "kind": "api-key", "expires_in": seconds});
        registry.create_key(input(new))
    };
    assert_eq!(lives(None).await.unwrap().key.expires_at, Some(now.after(days(90))));
    assert_eq!(lives(Some(3_600)).await.unwrap().key.expires_at, Some(now.after(Duration::from_secs(3_600))));
    assert!(lives(Some(90 * 86_400)).await.is_ok());
    assert_eq!(code(lives(Some(90 * 86_400 + 1)).await), "access.lifetime.too_long");
    assert_eq!(code(lives(Some(u64::MAX)).await), "access.lifetime.too_long");
    assert_eq!(code(lives(Some(0)).await), "access.lifetime.past");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_narrows_its_principal() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    registry
        .create_principal(principal("worker", "service", &["integration.connections.call:crm", "audit.read"]))
        .await
        .unwrap();
    let with = |scopes: &[&str]| {
        let new = json!({"principal": "worker", "kind": "api-key", "scopes": scopes});
        registry.create_key(input(new))
    };
    let narrow = with(&["integration.connections.call:crm:read"]).await.unwrap();
    let caller = world.caller(&shown(&narrow)).await;
    assert_eq!(caller.scopes().to_string(), "integration.connections.call:crm:read");
    assert!(!caller.scopes().has(Scope::AuditRead));
    assert_eq!(pointers(with(&["integration.connections.call"]).await), ["/scopes"]);
    assert_eq!(pointers(with(&["integration.runs.read"]).await), ["/scopes"]);
    assert_eq!(pointers(with(&["tenants.admin"]).await), ["/scopes"]);
    assert_eq!(pointers(with(&["nonsense"]).await), ["/scopes/0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_a_secret_or_publishes_its_keys() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    registry.create_principal(principal("worker", "service", &["audit.read"])).await.unwrap();
    let secret = registry.create_key(input(json!({"principal": "worker", "kind": "client-secret"}))).await.unwrap();
    assert!(shown(&secret).starts_with("lgs_"));
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "kid": "one", "use": "sig",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let keys = json!({"principal": "worker", "kind": "client-jwks", "jwks": {"keys": [jwk]}});
    let published = registry.create_key(input(keys)).await.unwrap();
    assert_eq!((published.key.kind, published.secret.is_none()), (KeyKind::ClientJwks, true));
    for wrong in [
        json!({"principal": "worker", "kind": "client-jwks"}),
        json!({"principal": "worker", "kind": "client-jwks", "jwks": {"keys": [{"kty": "oct", "k": "AAAA", "kid": "a"}]}}),
        json!({"principal": "worker", "kind": "api-key", "jwks": {"keys": []}}),
    ] {
        let pointers = pointers(registry.create_key(input(wrong.clone())).await);
        assert!(!pointers.is_empty() && pointers.iter().all(|pointer| pointer == "/jwks"), "{wrong} {pointers:?}");
    }
    assert_eq!(code(registry.create_key(key("nobody")).await), "access.object.unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_stays_revoked() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    registry.create_principal(principal("worker", "service", &["audit.read"])).await.unwrap();
    let made = registry.create_key(key("worker")).await.unwrap();
    let revoked = registry.revoke_key(made.key.key).await.unwrap();
    assert!(revoked.revoked_at.is_some());
    assert_eq!(code(world.identify(&shown(&made)).await), "access.key.invalid");
    world.clock.advance(Duration::from_millis(5));
    assert_eq!(registry.revoke_key(made.key.key).await.unwrap(), revoked);
    assert!(revoked.revoked_at > Some(Timestamp::from_secs(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_eight_live_keys_at_the_most() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    registry.create_principal(principal("worker", "service", &["audit.read"])).await.unwrap();
    let client = || registry.create_key(input(json!({"principal": "worker", "kind": "client-secret"})));
    let first = client().await.unwrap().key.key;
    for _ in 1..8 {
        client().await.unwrap();
    }
    assert_eq!(pointers(client().await), ["/principal"]);
    assert!(registry.create_key(key("worker")).await.is_ok(), "an API key is tried alone");
    registry.revoke_key(first).await.unwrap();
    assert!(client().await.is_ok(), "what was revoked does not count");
}
