//! Both halves of the room together: a client that the registry made gets a token, calls with it, and
//! loses it again.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lockgate_store::{Change, values};
use lockgate_vocabulary::{Arrival, Clock, Listener, Stop, TenantId, TraceContext};
use serde_json::{Value, json};

use super::world::{World, code, shown, text};
use super::{ask, change, connect};
use crate::authn::Presented;
use crate::caller::Caller;
use crate::registry::{KeyRecord, MadeKey};
use crate::scope::Scope;
use crate::tokens::Posted;
use crate::tokens::rows::SIGNING_KEY_MOVE;

fn arrival(world: &World) -> Arrival {
    Arrival {
        peer: "192.0.2.1:1".parse().unwrap(),
        listener: Listener::Door,
        at: world.clock.now(),
        trace: TraceContext::start(&lockgate_testkit::SeededEntropy::new(3)),
    }
}

/// A client of acme's whose principal holds these scopes.
async fn client(world: &World, scopes: &[&str]) -> MadeKey {
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    let new = json!({"name": "client", "kind": "service", "scopes": scopes});
    registry.create_principal(serde_json::from_value(new).unwrap()).await.unwrap();
    let key = json!({"principal": "client", "kind": "client-secret"});
    registry.create_key(serde_json::from_value(key).unwrap()).await.unwrap()
}

fn form(key: &KeyRecord, secret: &str, more: &str) -> String {
    format!("grant_type=client_credentials&client_id={}&client_secret={secret}{more}", key.key)
}

async fn token(world: &World, client: &MadeKey, more: &str) -> Value {
    let form = form(&client.key, &shown(client), more);
    let posted = Posted { authorization: None, form: form.as_bytes() };
    let directory = world.access.directory().expect("fresh");
    let issued = world.access.tokens().issue(&directory, &posted, &arrival(world)).await;
    serde_json::from_str(&issued.unwrap_or_else(|denied| panic!("{}", denied.stop)).body).unwrap()
}

async fn bearer(world: &World, token: &Value) -> Result<Caller, lockgate_vocabulary::Stop> {
    let header = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let presented = Presented { authorization: Some(header.as_bytes()), api_key: None };
    world.access.identify(presented, &arrival(world)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_calls_with_its_token_within_the_tokens_scope() {
    let world = World::new().await;
    let operator = world.operator().await;
    connect(&world, &operator, "crm").await;
    connect(&world, &operator, "mail").await;
    let client = client(&world, &["integration.connections.call", "integration.runs.read"]).await;
    let whole = bearer(&world, &token(&world, &client, "").await).await.unwrap();
    assert!(whole.scopes().has(Scope::RunsRead));
    assert!(world.access.authorize(&whole, &ask("mail", "POST", "/v1/things")).is_ok());
    let narrow = token(&world, &client, "&scope=integration.connections.call:crm:read").await;
    let narrow = bearer(&world, &narrow).await.unwrap();
    assert!(world.access.authorize(&narrow, &ask("crm", "GET", "/v1/things/1")).is_ok());
    assert_eq!(code(world.access.authorize(&narrow, &ask("crm", "POST", "/v1/things"))), "access.scope.missing");
    assert_eq!(code(world.access.authorize(&narrow, &ask("mail", "GET", "/v1/things/1"))), "access.scope.missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_revoked_withdraws_the_call_under_way() {
    let world = World::new().await;
    let operator = world.operator().await;
    connect(&world, &operator, "crm").await;
    let client = client(&world, &["integration.connections.call"]).await;
    let token = token(&world, &client, "").await;
    let caller = bearer(&world, &token).await.unwrap();
    let grant = world.access.authorize(&caller, &ask("crm", "GET", "/v1/things/1")).unwrap();
    world.access.still_holds(&grant).unwrap();
    let form = form(&client.key, &shown(&client), &format!("&token={}", token["access_token"].as_str().unwrap()));
    let form = form.replace("grant_type=client_credentials&", "");
    let posted = Posted { authorization: None, form: form.as_bytes() };
    world.access.revoke(&posted, &arrival(&world)).await.unwrap();
    assert_eq!(code(world.access.still_holds(&grant)), "access.call.withdrawn");
    assert_eq!(code(bearer(&world, &token).await), "access.token.invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signing_key_that_is_withdrawn_withdraws_the_calls_under_way() {
    let world = World::new().await;
    let operator = world.operator().await;
    connect(&world, &operator, "crm").await;
    let client = client(&world, &["integration.connections.call"]).await;
    let token = token(&world, &client, "").await;
    let caller = bearer(&world, &token).await.unwrap();
    let grant = world.access.authorize(&caller, &ask("crm", "GET", "/v1/things/1")).unwrap();
    world.access.tokens().rotate().await.unwrap();
    world.access.refresh().await.unwrap();
    world.access.still_holds(&grant).unwrap();
    let head = token["access_token"].as_str().unwrap().split('.').next().unwrap();
    let head: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(head).unwrap()).unwrap();
    world
        .access
        .tokens()
        .withdraw(TenantId::from_u128(0), head["kid"].as_str().unwrap(), |change| change)
        .await
        .unwrap();
    world.access.refresh().await.unwrap();
    let view = world.access.directory().unwrap().tenants.get(&caller.tenant()).cloned().unwrap();
    assert!(std::sync::Arc::ptr_eq(&view, caller.view()), "no tenant has changed");
    assert_eq!(code(world.access.still_holds(&grant)), "access.call.withdrawn");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_identified_while_the_signing_keys_cannot_be_read_anew() {
    let world = World::new().await;
    let operator = world.operator().await;
    connect(&world, &operator, "crm").await;
    let client = client(&world, &["integration.connections.call"]).await;
    let token = token(&world, &client, "").await;
    let set = async |to: &str, was: &str| {
        let kid = world.access.tokens().signing_keys().into_iter().find(|key| key.status == "next").unwrap().kid;
        let moved = values![kid, to, None::<i64>, was];
        let change = Change::house().raising_epoch().step(&SIGNING_KEY_MOVE, moved).expecting(1);
        world.store.apply(change).await.unwrap();
        world.access.refresh().await.unwrap();
    };
    // Whether a key was withdrawn by that change nobody can say here.
    set("strange", "next").await;
    while world.access.tokens().is_fresh() {
        world.clock.advance(Duration::from_millis(100));
        world.access.refresh().await.unwrap();
        tokio::task::yield_now().await;
    }
    assert!(world.access.directory().is_err());
    assert!(matches!(bearer(&world, &token).await, Err(Stop::Fault(_))) && !world.access.is_fresh());
    set("next", "strange").await;
    while world.access.directory().is_err() {
        world.clock.advance(Duration::from_millis(100));
        world.access.refresh().await.unwrap();
        tokio::task::yield_now().await;
    }
    bearer(&world, &token).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_principal_loses_its_tokens_lose() {
    let world = World::new().await;
    let operator = world.operator().await;
    connect(&world, &operator, "crm").await;
    let client = client(&world, &["integration.connections.call"]).await;
    let token = token(&world, &client, "").await;
    let caller = bearer(&world, &token).await.unwrap();
    let grant = world.access.authorize(&caller, &ask("crm", "POST", "/v1/things")).unwrap();
    let registry = world.registry(&operator);
    let less = json!({"scopes": ["integration.connections.call:crm:read"]});
    registry.change_principal("client", change(less)).await.unwrap();
    assert_eq!(code(world.access.still_holds(&grant)), "access.call.withdrawn");
    let caller = bearer(&world, &token).await.unwrap();
    assert_eq!(caller.scopes().to_string(), "integration.connections.call:crm:read");
    registry.change_principal("client", change(json!({"status": "retired"}))).await.unwrap();
    assert_eq!(code(bearer(&world, &token).await), "access.token.invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_no_api_key_and_an_api_key_no_secret() {
    let world = World::new().await;
    let client = client(&world, &["audit.read"]).await;
    assert_eq!(code(world.identify(&shown(&client)).await), "access.key.invalid");
    let form = form(&client.key, &world.acme.operator, "");
    let posted = Posted { authorization: None, form: form.as_bytes() };
    let directory = world.access.directory().expect("fresh");
    let denied = world.access.tokens().issue(&directory, &posted, &arrival(&world)).await.unwrap_err();
    assert!(denied.caller.is_none());
    assert_eq!(code(Err::<(), _>(denied.stop)), "access.client.invalid");
    assert!(text(client.secret.as_ref().unwrap()).starts_with("lgs_"));
}
