//! Secrets that are added, end after an overlap, or are withdrawn at once.

use serde_json::{Value, json};

use super::{SECRET, hooked};
use crate::client::Answer;
use crate::sender::{Hook, deliver, github, listed, refusal};
use crate::world::{Tenant, World};

const NEW: &str = "a new one that nobody else has";

/// Whether deliveries under this secret are taken. Each has a body of its own.
async fn vouches(world: &World, hook: &Hook, secret: &str, body: &str) -> bool {
    // What comes later is newer, whatever chance gives it beside the moment.
    world.pass(std::time::Duration::from_millis(1)).await;
    let answer = deliver(world.door, &hook.path, &github(secret, body, body), body).await;
    if answer.status != 200 {
        assert_eq!(refusal(&answer), (401, "webhooks.signature.mismatch".to_owned()), "{}", answer.text());
    }
    answer.status == 200
}

async fn add(world: &World, acme: &Tenant, hook: &Hook, body: Value) -> Answer {
    world.ask(&acme.operator, "POST", &format!("/v1/subscriptions/{}/secrets", hook.id), Some(body)).await
}

async fn withdraw(world: &World, acme: &Tenant, hook: &Hook, version: u32) -> Answer {
    let body = json!({ "purpose": "verify", "version": version });
    world.ask(&acme.operator, "POST", &format!("/v1/subscriptions/{}/secrets/withdraw", hook.id), Some(body)).await
}

#[tokio::test]
async fn both_secrets_vouch_during_the_overlap_and_the_new_one_behind_it() {
    let (world, acme, hook) = hooked(json!({})).await;
    assert!(vouches(&world, &hook, SECRET, "1").await && !vouches(&world, &hook, NEW, "1").await);
    let added = add(&world, &acme, &hook, json!({ "secret": NEW, "overlap_hours": 2 })).await;
    assert_eq!(added.status, 201, "{}", added.text());
    assert!(!added.text().contains(NEW) && !added.text().contains(SECRET), "{}", added.text());
    assert!(vouches(&world, &hook, SECRET, "2").await && vouches(&world, &hook, NEW, "3").await);
    let versions = listed(&world, &acme, "/v1/deliveries").await;
    let versions: Vec<&Value> = versions.iter().map(|delivery| &delivery["secret_version"]).collect();
    assert_eq!(versions, [2, 1, 1], "a delivery says which secret vouched for it");

    world.clock.skew(7_199);
    assert!(vouches(&world, &hook, SECRET, "4").await && vouches(&world, &hook, NEW, "5").await);
    world.clock.skew(1);
    assert!(!vouches(&world, &hook, SECRET, "6").await && vouches(&world, &hook, NEW, "7").await);
    world.end().await;
}

#[tokio::test]
async fn a_secret_is_withdrawn_at_once_and_the_last_one_never() {
    let (world, acme, hook) = hooked(json!({})).await;
    let last = withdraw(&world, &acme, &hook, 1).await;
    assert_eq!(refusal(&last), (409, "webhooks.secret.last".to_owned()), "{}", last.text());
    assert!(vouches(&world, &hook, SECRET, "1").await);
    assert_eq!(add(&world, &acme, &hook, json!({ "secret": NEW })).await.status, 201);
    let withdrawn = withdraw(&world, &acme, &hook, 1).await;
    assert_eq!(withdrawn.status, 200, "{}", withdrawn.text());
    assert!(!vouches(&world, &hook, SECRET, "2").await && vouches(&world, &hook, NEW, "3").await);
    assert_eq!(refusal(&withdraw(&world, &acme, &hook, 2).await), (409, "webhooks.secret.last".to_owned()));
    assert_eq!(refusal(&withdraw(&world, &acme, &hook, 3).await), (404, "webhooks.secret.unknown".to_owned()));
    // One that has ended does not count as one that is left.
    assert_eq!(add(&world, &acme, &hook, json!({ "secret": SECRET, "overlap_hours": 0 })).await.status, 201);
    assert!(!vouches(&world, &hook, NEW, "4").await && vouches(&world, &hook, SECRET, "5").await);
    assert_eq!(refusal(&withdraw(&world, &acme, &hook, 3).await), (409, "webhooks.secret.last".to_owned()));
    world.end().await;
}

#[tokio::test]
async fn a_secret_of_another_tenants_is_nobodys_to_change() {
    let (world, _, hook) = hooked(json!({})).await;
    let globex = world.tenant("globex").await;
    let unknown = (403, "access.object.unknown".to_owned());
    let added = add(&world, &globex, &hook, json!({ "secret": NEW, "overlap_hours": 0 })).await;
    assert_eq!(refusal(&added), unknown, "{}", added.text());
    assert_eq!(refusal(&withdraw(&world, &globex, &hook, 1).await), unknown);
    assert!(vouches(&world, &hook, SECRET, "1").await && !vouches(&world, &hook, NEW, "2").await);
    world.end().await;
}
