//! Credentials that are revoked, brought back, destroyed or known to others; what is known of their use; and who may
//! do what with them.

use std::time::Duration;

use lockgate_testkit::{Behaviour, Canned};
use lockgate_vocabulary::{Clock as _, Timestamp};
use serde_json::{Value, json};

use crate::client::Client;
use crate::rotation::{ME, act, bearer, connected, detail, events, provider, sent, shown, told, verified};
use crate::world::{Tenant, World};

const PATH: &str = "/call/pay/v1/things/1";

async fn usual(more: &str) -> (World, Tenant) {
    let world = World::with(more).await;
    let acme = world.tenant("acme").await;
    connected(&world, &acme, provider(&world.vendor, bearer(), verified()), "sk-one").await;
    (world, acme)
}

/// An operator of the tenant's with these scopes; the API key.
pub async fn operator(world: &World, acme: &Tenant, name: &str, scopes: Value) -> String {
    let body = json!({ "name": name, "kind": "operator", "scopes": scopes });
    world.make(&acme.operator, "/v1/principals", body).await;
    let body = json!({ "principal": name, "kind": "api-key" });
    let made = world.make(&acme.operator, "/v1/api-keys", body).await;
    made["secret"].as_str().expect("a key").to_owned()
}

async fn code(world: &World, acme: &Tenant, deed: &str) -> (u16, String) {
    let answer = world.ask(&acme.operator, "POST", &format!("/v1/credentials/pay-key/{deed}"), None).await;
    (answer.status, if answer.status < 300 { String::new() } else { answer.code() })
}

async fn revoked(world: &World, acme: &Tenant) {
    let answer = act(world, acme, "revoke", json!({ "reason": "by mistake" })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn a_revoked_credential_is_brought_back_within_its_window_as_it_was() {
    let (world, acme) = usual("").await;
    world.vendor.answers(ME, Canned::json(200, "{}"));
    assert_eq!(act(&world, &acme, "versions", json!({ "secret": "sk-two" })).await.status, 201);
    assert_eq!(act(&world, &acme, "versions", json!({ "secret": "sk-three", "stage": true })).await.status, 201);
    assert_eq!(code(&world, &acme, "recover").await, refused(409, "vault.credential.active"));
    revoked(&world, &acme).await;
    let gone = shown(&world, &acme).await;
    assert_eq!(gone["status"], "revoked");
    assert!(gone["revoked_at"].is_string() && gone["recover_until"].is_string(), "{gone}");
    assert!(world.read(&acme.service, PATH).await.status >= 400);

    world.pass(Duration::from_secs(29 * 86_400)).await;
    let back = world.ask(&acme.operator, "POST", "/v1/credentials/pay-key/recover", None).await;
    assert_eq!((back.status, back.json()["revived"].as_array().map(Vec::len)), (200, Some(1)), "{}", back.text());
    assert_eq!(sent(&world, &acme).await, "Bearer sk-two");
    let statuses: Vec<Value> = shown(&world, &acme).await["versions"]
        .as_array()
        .expect("versions")
        .iter()
        .map(|v| v["status"].clone())
        .collect();
    assert_eq!(statuses, ["staged", "current", "previous"].map(Value::from));
    let refused_still = act(&world, &acme, "versions/finish", json!({ "version": 3 })).await;
    assert_eq!(refused_still.code(), "vault.version.unverified", "what was not tried before is not now");

    // A connection that has another credential by now keeps that one.
    revoked(&world, &acme).await;
    let body = json!({ "name": "pay-other", "connection": "pay", "owner": "payments", "secret": "sk-other" });
    world.make(&acme.operator, "/v1/credentials", body).await;
    let back = world.ask(&acme.operator, "POST", "/v1/credentials/pay-key/recover", None).await;
    assert_eq!((back.status, back.json()["revived"].clone()), (200, json!([])), "{}", back.text());
    assert_eq!(sent(&world, &acme).await, "Bearer sk-other");
    assert_eq!(told(&world, &acme, "credential.recover").await.len(), 2);
    world.end().await;
}

#[tokio::test]
async fn values_are_destroyed_when_the_window_is_over() {
    let (world, acme) = usual("[vault]\nroot_key_file = \"root.key\"\nrecovery_days = 7\n").await;
    revoked(&world, &acme).await;
    world.pass(Duration::from_secs(7 * 86_400 - 30)).await;
    world.running.rooms.custodian.tend().await.expect("tended");
    assert_eq!(shown(&world, &acme).await["status"], "revoked");
    world.pass(Duration::from_secs(60)).await;
    assert_eq!(code(&world, &acme, "recover").await, refused(409, "vault.credential.unrecoverable"));
    world.running.rooms.custodian.tend().await.expect("tended");
    let gone = loop {
        let gone = shown(&world, &acme).await;
        if gone["status"] == "purged" {
            break gone;
        }
    };
    let versions = gone["versions"].as_array().expect("versions");
    assert!(versions.iter().all(|version| version["status"] == "destroyed"), "{gone}");
    assert_eq!(code(&world, &acme, "recover").await, refused(409, "vault.credential.unrecoverable"));
    assert_eq!(code(&world, &acme, "purge").await, refused(409, "vault.credential.unrecoverable"));
    let trail = told(&world, &acme, "credential.purge").await;
    assert!(trail.len() == 1 && trail[0]["actor"].is_null(), "the house did it: {trail:?}");
    world.end().await;
}

#[tokio::test]
async fn purging_takes_another_scope_and_another_principal_and_a_protection_stays() {
    let (world, acme) = usual("").await;
    let keeper = operator(&world, &acme, "keeper", json!(["integration.credentials.rotate"])).await;
    let admin = operator(&world, &acme, "admin", json!(["tenants.admin"])).await;
    let ask = async |key: &str, name: &str, deed: &str, body: Option<Value>| {
        let answer = world.ask(key, "POST", &format!("/v1/credentials/{name}/{deed}"), body).await;
        (answer.status, if answer.status < 300 { String::new() } else { answer.code() })
    };
    assert_eq!(ask(&acme.operator, "pay-key", "purge", None).await, refused(409, "vault.credential.active"));
    revoked(&world, &acme).await;
    let id = shown(&world, &acme).await["id"].as_str().expect("an id").to_owned();
    assert_eq!(ask(&keeper, &id, "purge", None).await, refused(403, "access.scope.missing"));
    assert_eq!(ask(&admin, &id, "recover", None).await, refused(403, "access.scope.missing"));
    assert_eq!(ask(&acme.operator, &id, "purge", None).await, refused(403, "vault.purge.own"));
    assert_eq!(ask(&admin, &id, "purge", None).await, (200, String::new()));
    assert_eq!(shown(&world, &acme).await["status"], "purged");
    assert_eq!(ask(&keeper, &id, "recover", None).await, refused(409, "vault.credential.unrecoverable"));

    let body = json!({
        "name": "kept", "connection": "pay", "owner": "payments", "secret": "sk-kept", "purge_protected": true,
    });
    let made = world.make(&acme.operator, "/v1/credentials", body).await;
    assert_eq!(made["purge_protected"], true);
    assert_eq!(ask(&keeper, "kept", "revoke", Some(json!({ "reason": "over" }))).await.0, 200);
    let kept = made["id"].as_str().expect("an id");
    assert_eq!(ask(&admin, kept, "purge", None).await, refused(409, "vault.purge.protected"));
    // Its window ends it all the same.
    world.pass(Duration::from_secs(31 * 86_400)).await;
    world.running.rooms.custodian.tend().await.expect("tended");
    loop {
        let shown = world.ask(&acme.operator, "GET", "/v1/credentials/kept", None).await.json();
        if shown["status"] == "purged" {
            break;
        }
    }
    world.end().await;
}

#[tokio::test]
async fn a_compromised_credential_is_revoked_by_one_command_that_says_what_used_it() {
    let (world, acme) = usual("").await;
    assert_eq!(sent(&world, &acme).await, "Bearer sk-one");
    let early = world.read(&acme.service, PATH).await.header("x-lockgate-run").expect("a run").to_owned();
    world.pass(Duration::from_secs(600)).await;
    let since = world.clock.now().to_string();
    world.pass(Duration::from_secs(600)).await;
    let late = world.read(&acme.service, PATH).await.header("x-lockgate-run").expect("a run").to_owned();
    let ended = world.ended(&acme, &late).await;
    assert_eq!(ended["attempts"][0]["credential_version"], 1, "{ended}");
    // One call is under way.
    world.vendor.on("GET /v1/things/2", Behaviour::Gated(Canned::json(200, "{}")));
    let mut client = Client::connect(world.door).await;
    let head = format!("GET /call/pay/v1/things/2 HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {}\r\n\r\n", acme.service);
    client.send(head).await;
    world.vendor.wait_for("GET /v1/things/2", 1).await;

    let reported = world.clock.now().before(Duration::from_secs(60)).to_string();
    let ahead = world.clock.now().after(Duration::from_secs(1)).to_string();
    let wrong = act(&world, &acme, "compromise", json!({ "reason": "seen in a paste", "since": ahead })).await;
    assert_eq!((wrong.status, wrong.json()["violations"][0]["pointer"].clone()), (422, json!("/since")));
    let body = json!({ "reason": "seen in a paste", "since": since, "reported_at": reported });
    let done = act(&world, &acme, "compromise", body).await;
    assert_eq!(done.status, 200, "{}", done.text());
    let done = done.json();
    let clock = &done["credential"]["compromise"];
    assert_eq!((&clock["reported_at"], &clock["within_the_hour"]), (&json!(reported), &json!(true)), "{done}");
    assert!(clock["revoke_by"].is_string() && done["credential"]["revoked_at"].is_string(), "{done}");
    assert_eq!(
        (&done["credential"]["status"], done["degraded"].as_array().map(Vec::len)),
        (&json!("revoked"), Some(1))
    );
    let items = done["uses"]["items"].as_array().expect("uses");
    let of = |run: &Value| (run["id"].as_str().unwrap_or_default().to_owned(), run["outcome"].is_null());
    let used: Vec<_> = items.iter().map(of).collect();
    assert!(used.contains(&(late.clone(), false)) && !used.iter().any(|(run, _)| *run == early), "{used:?}");
    assert_eq!(used.iter().filter(|(_, open)| *open).count(), 1, "and the one under way: {used:?}");
    assert_eq!(used.len(), 2);
    let alerts = events(&world, &acme, "SecurityAlertRaised", Some("credential.compromised")).await;
    assert_eq!((alerts.len(), &alerts[0]["data"]["name"]), (1, &json!("pay-key")), "{alerts:?}");
    assert!(world.read(&acme.service, PATH).await.status >= 400);
    world.vendor.release();
    assert!(client.answer().await.is_some(), "what was under way has an end");
    let again = act(&world, &acme, "compromise", json!({ "reason": "and here", "since": since })).await;
    assert_eq!(again.json()["credential"]["compromise"]["reported_at"], json!(reported), "{}", again.text());
    assert_eq!(code(&world, &acme, "recover").await, refused(409, "vault.credential.compromised"));
    let listed = world.ask(&acme.operator, "GET", &format!("/v1/credentials/pay-key/uses?since={since}"), None).await;
    assert_eq!(listed.json()["items"].as_array().map(Vec::len), Some(2), "{}", listed.text());
    let trail = told(&world, &acme, "credential.compromise").await;
    assert!(trail.iter().any(|entry| detail(entry, "reason") == "seen in a paste"), "{trail:?}");

    // Who waits too long is shown to have.
    let body = json!({ "name": "pay-2", "connection": "pay", "owner": "payments", "secret": "sk-two" });
    world.make(&acme.operator, "/v1/credentials", body).await;
    let hours = world.clock.now().before(Duration::from_secs(7_200)).to_string();
    let body = json!({ "reason": "late", "since": hours, "reported_at": hours });
    let late = world.ask(&acme.operator, "POST", "/v1/credentials/pay-2/compromise", Some(body)).await;
    assert_eq!(late.json()["credential"]["compromise"]["within_the_hour"], false, "{}", late.text());
    world.end().await;
}

#[tokio::test]
async fn a_value_that_two_services_share_is_reported() {
    let (world, acme) = usual("").await;
    world.vendor.answers(ME, Canned::json(200, "{}"));
    let spec = json!({ "trust_pem": world.vendor.authority_pem, "danger_private_networks": ["127.0.0.0/8"] });
    let body = json!({ "name": "mail", "provider": "vendor-pay", "spec": spec });
    world.make(&acme.operator, "/v1/connections", body).await;
    let body = json!({ "name": "mail-key", "connection": "mail", "owner": "mail", "secret": "sk-one" });
    let made = world.make(&acme.operator, "/v1/credentials", body).await;
    let pay = shown(&world, &acme).await;
    assert_eq!((&made["shared_with"], made["warnings"].as_array().map(Vec::len)), (&json!([pay["id"]]), Some(1)));
    assert_eq!(pay["shared_with"], json!([made["id"]]));
    let listed = world.ask(&acme.operator, "GET", "/v1/credentials", None).await.json();
    let items = listed["items"].as_array().expect("items");
    assert!(items.iter().all(|item| item["shared_with"].as_array().map(Vec::len) == Some(1)), "{listed}");
    let rotated = act(&world, &acme, "versions", json!({ "secret": "sk-own" })).await.json();
    assert_eq!((&rotated["shared_with"], &rotated["warnings"]), (&json!([]), &json!([])));
    let staged = act(&world, &acme, "versions", json!({ "secret": "sk-one", "stage": true })).await.json();
    assert_eq!(staged["shared_with"], json!([made["id"]]), "what is staged is told of before it is used");
    // Another tenant's equal value tells nobody anything.
    let globex = world.tenant("globex").await;
    connected(&world, &globex, provider(&world.vendor, bearer(), verified()), "sk-own").await;
    assert_eq!(shown(&world, &globex).await["shared_with"], json!([]));
    world.end().await;
}

/// The trail is each node's own: one that was replaced has taken none of it along, and its store knows that it was there.
#[tokio::test]
async fn what_used_a_credential_names_the_trails_that_it_does_not_cover() {
    let (world, acme) = usual("").await;
    let since = world.clock.now();
    let listed = async |world: &World, since: String| {
        let path = format!("/v1/credentials/pay-key/uses?since={since}");
        world.ask(&acme.operator, "GET", &path, None).await.json()
    };
    world.pass(Duration::from_millis(1)).await;
    let at = world.clock.now();
    sent(&world, &acme).await;
    let told = listed(&world, since.to_string()).await;
    assert_eq!((&told["node"], &told["not_covered"]), (&json!("node-1"), &json!([])), "{told}");
    assert_eq!(told["items"].as_array().map(Vec::len), Some(1), "{told}");

    let dir = world.folder().join("audit-2").display().to_string();
    let world = world.restarted(&format!("node = \"node-2\"\n[audit]\ndir = \"{dir}\"\n")).await;
    // When it was used last is common to all nodes, and one that stops in order tells it first.
    let used = shown(&world, &acme).await;
    assert_eq!((&used["last_used_at"], &used["last_used_version"]), (&json!(at.to_string()), &json!(1)), "{used}");
    let told = listed(&world, since.to_string()).await;
    assert_eq!((&told["node"], told["items"].as_array().map(Vec::len)), (&json!("node-2"), Some(0)), "{told}");
    assert_eq!(told["not_covered"][0]["node"], "node-1", "{told}");
    let heard = told["not_covered"][0]["heard_at"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
    assert!(heard.is_some_and(|heard| heard >= since), "{told}");
    let body = json!({ "reason": "seen in a paste", "since": since.to_string() });
    let done = act(&world, &acme, "compromise", body).await.json();
    assert_eq!(done["uses"]["not_covered"][0]["node"], "node-1", "{done}");
    // A trail that has not grown since is no part of the answer.
    world.pass(Duration::from_secs(3_600)).await;
    let later = world.clock.now().before(Duration::from_secs(60)).to_string();
    assert_eq!(listed(&world, later).await["not_covered"], json!([]));
    world.end().await;
}

#[tokio::test]
async fn the_last_use_is_told_a_minute_later_and_on_ending_and_no_call_waits_for_it() {
    let (world, acme) = usual("").await;
    assert!(shown(&world, &acme).await["last_used_at"].is_null());
    let at = world.clock.now();
    for _ in 0..3 {
        sent(&world, &acme).await;
    }
    assert!(shown(&world, &acme).await["last_used_at"].is_null(), "nothing is written for a call");
    world.pass(Duration::from_secs(61)).await;
    let shown_then = loop {
        let shown = shown(&world, &acme).await;
        if shown["last_used_at"].is_string() {
            break shown;
        }
    };
    assert_eq!((&shown_then["last_used_at"], &shown_then["last_used_version"]), (&json!(at.to_string()), &json!(1)));
    world.end().await;
}

#[tokio::test]
async fn who_calls_cannot_rotate_or_read_and_who_rotates_cannot_call() {
    let (world, acme) = usual("").await;
    let keeper =
        operator(&world, &acme, "keeper", json!(["integration.credentials.rotate", "integration.connections.read"]))
            .await;
    let since = "2026-01-31T12:00:00Z";
    for (method, path, body) in [
        ("GET", "", None),
        ("GET", "/uses", None),
        ("POST", "/versions", Some(json!({ "secret": "sk-mine" }))),
        ("POST", "/versions", Some(json!({ "secret": "sk-mine", "stage": true }))),
        ("POST", "/versions/verify", Some(json!({ "version": 1 }))),
        ("POST", "/versions/finish", Some(json!({ "version": 1 }))),
        ("POST", "/versions/destroy", Some(json!({ "version": 1, "unused_since": since }))),
        ("POST", "/rollback", Some(json!({}))),
        ("POST", "/revoke", Some(json!({ "reason": "x" }))),
        ("POST", "/recover", None),
        ("POST", "/purge", None),
        ("POST", "/compromise", Some(json!({ "reason": "x", "since": since }))),
    ] {
        let id = shown(&world, &acme).await["id"].as_str().expect("an id").to_owned();
        let answer = world.ask(&acme.service, method, &format!("/v1/credentials/{id}{path}"), body).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "access.scope.missing"), "{path}: {}", answer.text());
    }
    let listed = world.ask(&acme.service, "GET", "/v1/credentials", None).await;
    assert_eq!(listed.code(), "access.scope.missing");
    assert_eq!(sent(&world, &acme).await, "Bearer sk-one", "and nothing has changed");

    let before = world.vendor.seen().len();
    let call = world.read(&keeper, PATH).await;
    assert_eq!((call.status, call.code().as_str()), (403, "access.scope.missing"), "{}", call.text());
    assert_eq!(world.vendor.seen().len(), before);
    world.vendor.answers(ME, Canned::json(200, r#"{"echo":"sk-two"}"#));
    let rotated =
        world.ask(&keeper, "POST", "/v1/credentials/pay-key/versions", Some(json!({ "secret": "sk-two" }))).await;
    assert_eq!(rotated.status, 201, "{}", rotated.text());
    let read = world.ask(&keeper, "GET", "/v1/credentials/pay-key", None).await;
    assert!(!(rotated.text() + &read.text()).contains("sk-"), "no value comes out: {}", read.text());
    let wanted = json!({ "name": "both", "kind": "operator",
        "scopes": ["integration.credentials.rotate", "integration.connections.call"] });
    let both = world.ask(&acme.operator, "POST", "/v1/principals", Some(wanted)).await;
    assert_eq!(both.status, 422, "nobody holds both: {}", both.text());
    let report = json!({ "reason": "x", "since": since });
    let done = world.ask(&keeper, "POST", "/v1/credentials/pay-key/compromise", Some(report)).await;
    assert_eq!((done.status, done.json()["uses"].is_null()), (200, true), "runs are not a keeper's to read");
    world.end().await;
}
