//! What is known of other vaults: how they are, which of them keeps a credential, and that each fetch is in the trail.

use std::time::Duration;

use lockgate_testkit::Trouble;
use serde_json::{Value, json};

use super::held::{Held, READ, SECRET};
use crate::rotation::{detail, told};
use crate::world::VENDOR_SECRET;

const HEALTH: &str = "GET /v1/sys/seal-status";

async fn listed(held: &Held, key: &str) -> Value {
    let answer = held.world.ask(key, "GET", "/v1/backends", None).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let items = answer.json()["items"].as_array().expect("items").clone();
    assert_eq!(items.len(), 1, "{items:?}");
    items[0].clone()
}

#[tokio::test]
async fn how_the_back_ends_are_is_told_by_name_and_asked_at_most_each_ten_seconds() {
    let held = Held::with_credential().await;
    let key = held.acme.operator.clone();
    let well = listed(&held, &key).await;
    assert_eq!((&well["name"], &well["kind"], &well["status"]), (&json!("corp"), &json!("kv2"), &json!("ready")));
    assert!(well["code"].is_null() && well["failing_since"].is_null() && well["checked_at"].is_string(), "{well}");
    // However many ask at once, it is asked once.
    let asked = held.server.count(HEALTH);
    let many = (0..16).map(|_| listed(&held, &key));
    futures_util::future::join_all(many).await;
    assert_eq!(held.server.count(HEALTH), asked, "the answer of just now stands");

    let mut since = Value::Null;
    for (trouble, code) in
        [(Trouble::Sealed, "vault.backend.sealed"), (Trouble::Throttled(7), "vault.backend.throttled")]
    {
        held.server.trouble(trouble);
        held.world.pass(Duration::from_secs(11)).await;
        let before = held.server.count(HEALTH);
        let many = futures_util::future::join_all((0..16).map(|_| listed(&held, &key))).await;
        assert!(many.iter().all(|ill| ill["status"] == "failing" && ill["code"] == code), "{trouble:?}: {many:?}");
        assert_eq!(held.server.count(HEALTH), before + 1, "{trouble:?}: one asks for all of them");
        assert!(many[0]["failing_since"].is_string(), "{many:?}");
        assert!(since.is_null() || since == many[0]["failing_since"], "it has failed since the first time");
        since = many[0]["failing_since"].clone();
    }
    held.server.trouble(Trouble::None);
    held.world.pass(Duration::from_secs(11)).await;
    let well = listed(&held, &key).await;
    assert!(well["status"] == "ready" && well["failing_since"].is_null(), "{well}");

    let read = told(&held.world, &held.acme, "backend.list").await;
    assert!(read.len() > 30 && read[0]["actor"]["name"] == "operator", "each reading is recorded: {}", read.len());
    held.world.end().await;
}

#[tokio::test]
async fn a_back_end_that_falls_silent_is_told_in_bounded_time() {
    let held = Held::with_credential().await;
    held.server.trouble(Trouble::Silent);
    let (admin, key) = (held.world.admin, held.acme.operator.clone());
    let asking = tokio::spawn(async move {
        let mut client = crate::client::Client::connect(admin).await;
        client.send(format!("GET /v1/backends HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {key}\r\n\r\n")).await;
        client.answer().await.expect("an answer")
    });
    let answer = held.world.outlast_within(asking, Duration::from_secs(7)).await;
    assert_eq!(answer.json()["items"][0]["code"], "vault.backend.unreachable", "{}", answer.text());
    held.world.end().await;
}

#[tokio::test]
async fn who_may_not_read_learns_nothing_of_the_back_ends_and_nobody_of_other_tenants() {
    let held = Held::with_credential().await;
    let answer = held.world.ask(&held.acme.service, "GET", "/v1/backends", None).await;
    assert_eq!((answer.status, answer.code()), (403, "access.scope.missing".to_owned()));
    let globex = held.world.tenant("globex").await;
    let seen = held.world.ask(&globex.operator, "GET", "/v1/backends", None).await;
    assert_eq!(seen.status, 200, "{}", seen.text());
    for theirs in [held.acme.id.as_str(), "crm-key", "vault.backend.test", SECRET] {
        assert!(!seen.text().contains(theirs), "{}", seen.text());
    }
    held.world.end().await;
}

#[tokio::test]
async fn a_credential_says_which_vault_keeps_it_and_since_when_its_value_is_held() {
    let held = Held::with_credential().await;
    let show = async |name: &str| {
        held.world.ask(&held.acme.operator, "GET", &format!("/v1/credentials/{name}"), None).await.json()
    };
    let elsewhere = show("crm-key").await;
    assert_eq!(elsewhere["backend"], json!({ "name": "corp", "kind": "kv2" }), "{elsewhere}");
    let put = elsewhere["fetched_at"].as_str().expect("it was put just now").to_owned();
    held.pass_until_asked(Duration::from_secs(301)).await;
    while show("crm-key").await["fetched_at"].as_str() == Some(&put) {
        tokio::task::yield_now().await;
    }
    assert!(show("crm-key").await["fetched_at"].as_str() > Some(put.as_str()), "it was fetched since");

    held.world.connection(&held.acme, "pay").await;
    let here = show("pay-key").await;
    assert_eq!(here["backend"], json!({ "name": "embedded", "kind": "embedded" }), "{here}");
    assert!(here["fetched_at"].is_null(), "{here}");
    let list = held.world.ask(&held.acme.operator, "GET", "/v1/credentials", None).await;
    let items = list.json()["items"].as_array().expect("items").clone();
    let names: Vec<_> = items.iter().map(|item| (&item["name"], &item["backend"]["name"])).collect();
    assert_eq!(names, [(&json!("crm-key"), &json!("corp")), (&json!("pay-key"), &json!("embedded"))]);
    for secret in [SECRET, VENDOR_SECRET, "lockgate/", "v1/secret"] {
        assert!(!list.text().contains(secret), "{}", list.text());
    }

    // Where the section is gone it is still known where the value is.
    let Held { world, acme, .. } = held;
    let world = world.restarted("[egress]\ndanger_errand_networks = [\"127.0.0.0/8\"]\n").await;
    let left = world.ask(&acme.operator, "GET", "/v1/credentials/crm-key", None).await.json();
    assert_eq!(left["backend"], json!({ "name": "corp", "kind": null }), "{left}");
    world.end().await;
}

#[tokio::test]
async fn each_fetch_is_in_the_trail_with_what_came_of_it_and_nothing_else_is() {
    let held = Held::with_credential().await;
    let fetches = async || told(&held.world, &held.acme, "credential.fetch").await;
    for _ in 0..3 {
        assert_eq!(held.called().await, (200, String::new()));
    }
    assert_eq!(fetches().await.len(), 0, "what was put is held, and lending it is no fetch");
    held.pass_until_asked(Duration::from_secs(301)).await;
    while fetches().await.is_empty() {
        tokio::task::yield_now().await;
    }
    let shown = held.world.ask(&held.acme.operator, "GET", "/v1/credentials/crm-key", None).await.json();
    let first = fetches().await.remove(0);
    assert!(first["actor"].is_null(), "the house does it: {first}");
    assert_eq!(first["object"], shown["id"], "{first}");
    let facts = |record: &Value| ["version", "backend", "outcome", "code"].map(|name| detail(record, name));
    assert_eq!(facts(&first), [json!(1), json!("corp"), json!("fetched"), json!("")]);

    // While the back end is away calls are refused without end; it is asked seldom, and only that is told.
    held.server.trouble(Trouble::Sealed);
    held.world.pass(Duration::from_secs(3_700)).await;
    for _ in 0..20 {
        assert_eq!(held.called().await, (503, "vault.backend.sealed".to_owned()));
    }
    let all = fetches().await;
    assert_eq!(all.len(), 2, "one record for all of them: it was asked once");
    let failed: Vec<_> = all.iter().filter(|record| detail(record, "outcome") == "failed").collect();
    assert!(!failed.is_empty() && failed.iter().all(|record| detail(record, "code") == "vault.backend.sealed"));

    held.server.trouble(Trouble::None);
    held.server.lose_newest();
    held.world.pass(Duration::from_secs(31)).await;
    assert_eq!(held.until_refused().await, (409, "vault.backend.version_absent".to_owned()));
    let all = fetches().await;
    assert!(all.len() <= 2 + held.server.count(READ), "no record without a fetch: {all:?}");
    assert!(all.iter().any(|record| detail(record, "code") == "vault.backend.version_absent"), "{all:?}");
    assert!(all.iter().all(|record| !record.to_string().contains("canary")), "no value is in any");
    held.world.end().await;
}
