//! The keys that sign our own tokens, shown and withdrawn over the operators' side.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lockgate_testkit::Canned;
use lockgate_vocabulary::Clock as _;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::nodes::{settle, shared};
use crate::tokens::issued;
use crate::world::{Tenant, World};

async fn called_at(door: std::net::SocketAddr, token: &str) -> Answer {
    let request = format!("GET /call/pay/v1/things/1 HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer {token}\r\n\r\n");
    let mut client = Client::connect(door).await;
    client.send(request).await;
    client.answer().await.expect("an answer")
}

fn signer(token: &str) -> String {
    let head = URL_SAFE_NO_PAD.decode(token.split('.').next().expect("a header")).expect("base64url");
    let head: Value = serde_json::from_slice(&head).expect("JSON");
    head["kid"].as_str().expect("a kid").to_owned()
}

async fn kids(world: &World) -> Vec<(String, String)> {
    let answer = world.ask(&world.house, "GET", "/v1/signing-keys", None).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let items = answer.json()["items"].as_array().expect("items").clone();
    items.iter().map(|key| (text(&key["kid"]), text(&key["status"]))).collect()
}

async fn withdraw(world: &World, key: &str, kid: &str) -> (u16, String) {
    let answer = world.ask(key, "POST", &format!("/v1/signing-keys/{kid}/withdraw"), None).await;
    (answer.status, if answer.status < 300 { String::new() } else { answer.code() })
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

async fn usual(more: &str) -> (World, Tenant) {
    let world = World::with(more).await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    world.vendor.answers("GET /v1/things/1", Canned::json(200, "{}"));
    (world, acme)
}

#[tokio::test]
async fn a_withdrawn_key_takes_its_tokens_with_it_at_once_and_another_signs() {
    let (world, acme) = usual("").await;
    let token = issued(&world, &acme).await;
    assert_eq!(called_at(world.door, &token).await.status, 200);
    let before = kids(&world).await;
    let kid = signer(&token);
    assert!(before.len() == 2 && before.contains(&(kid.clone(), "current".to_owned())), "{before:?}");

    assert_eq!(withdraw(&world, &world.house, &kid).await, (200, String::new()));
    let answer = called_at(world.door, &token).await;
    assert_eq!((answer.status, answer.code()), (401, "access.token.invalid".to_owned()), "it was seen before");
    let published = world.read("nobody", "/.well-known/jwks.json").await.text();
    assert!(!published.contains(&kid), "{published}");
    let another = issued(&world, &acme).await;
    assert_ne!(signer(&another), kid);
    assert_eq!(called_at(world.door, &another).await.status, 200);

    // The one that was to sign next was made beforehand; with it gone every key is a new one.
    for (kid, _) in before.iter().filter(|(other, _)| *other != kid) {
        assert_eq!(withdraw(&world, &world.house, kid).await, (200, String::new()));
    }
    let after = kids(&world).await;
    assert!(after.len() == 2 && after.iter().all(|key| before.iter().all(|(kid, _)| *kid != key.0)), "{after:?}");
    assert_eq!(called_at(world.door, &another).await.code(), "access.token.invalid");

    world.running.rooms.relay.pass().await.expect("relayed");
    let trail = world.ask(&world.house, "GET", "/v1/audit?limit=1000", None).await.json();
    let records: Vec<_> =
        trail["items"].as_array().expect("items").iter().filter(|entry| entry["object"] == kid.as_str()).collect();
    assert_eq!(records.len(), 1, "{trail}");
    assert_eq!(
        (&records[0]["action"], &records[0]["actor"]["name"]),
        (&json!("signing_key.withdraw"), &json!("operator"))
    );
    let events = world.ask(&world.house, "GET", "/v1/events?limit=1000", None).await.json();
    let told = events["items"].as_array().expect("items").iter().filter(|event| event["data"]["kid"] == kid.as_str());
    let told: Vec<_> = told.map(|event| (&event["type"], &event["data"]["alert"])).collect();
    assert_eq!(told, [(&json!("SecurityAlertRaised"), &json!("signing_key.withdrawn"))]);
    world.end().await;
}

#[tokio::test]
async fn only_the_houses_operators_see_and_withdraw_keys_and_what_is_not_there_is_refused() {
    let (world, acme) = usual("").await;
    let token = issued(&world, &acme).await;
    let kid = signer(&token);
    assert_eq!(withdraw(&world, &acme.operator, &kid).await, refused(403, "access.house.only"));
    assert_eq!(withdraw(&world, &acme.service, &kid).await, refused(403, "access.scope.missing"));
    for key in [&acme.operator, &acme.service] {
        assert_eq!(world.ask(key, "GET", "/v1/signing-keys", None).await.status, 403);
    }
    assert_eq!(called_at(world.door, &token).await.status, 200, "nothing of it was done");
    assert_eq!(withdraw(&world, &world.house, "nothing").await, refused(403, "access.object.unknown"));
    assert_eq!(withdraw(&world, &world.house, &kid).await, (200, String::new()));
    assert_eq!(withdraw(&world, &world.house, &kid).await, refused(403, "access.object.unknown"), "it is gone");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_withdrawn_on_one_node_verifies_nothing_on_the_other_within_a_second() {
    let Some(shared) = shared() else { return };
    let (world, acme) = usual(&shared).await;
    let second = world.second(&shared).await;
    let (token, door) = (issued(&world, &acme).await, second.door.expect("a door"));
    settle(&world, async || called_at(door, &token).await.status == 200).await;
    let begun = world.clock.elapsed();
    assert_eq!(withdraw(&world, &world.house, &signer(&token)).await, (200, String::new()));
    assert_eq!(called_at(world.door, &token).await.status, 401, "on the node that was asked at once");
    settle(&world, async || called_at(door, &token).await.status == 401).await;
    assert!(world.clock.elapsed() - begun <= Duration::from_secs(1));
    second.stop().await.expect("it ends in order");
    world.end().await;
}
