//! Rotation in steps: a version is taken in, tried at the vendor, put to use and gone back from, and calls go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lockgate_testkit::{Behaviour, Canned, Vendor};
use serde_json::{Value, json};

use crate::client::Answer;
use crate::world::{Tenant, VENDOR_HOST, World, call_at};

pub const ME: &str = "GET /v1/me";
const LINE: &str = "GET /v1/things/1";
const PATH: &str = "/call/pay/v1/things/1";
const KEY: &str = "/v1/credentials/pay-key";

pub fn base(vendor: &Vendor) -> String {
    format!("https://{VENDOR_HOST}:{}", vendor.address.port())
}

/// A provider whose credential stands there; `more` are members beside those that every one has.
pub fn provider(vendor: &Vendor, auth: Value, more: Value) -> Value {
    let mut spec = json!({
        "name": "vendor-pay", "title": "Vendor", "base_url": base(vendor), "auth": auth,
        "endpoints": [{ "method": "GET", "path": "/v1/things/{id}" }, { "method": "GET", "path": "/v1/me" }],
    });
    spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    spec
}

pub fn bearer() -> Value {
    json!({ "placement": "bearer" })
}

pub fn verified() -> Value {
    json!({ "verify": { "path": "/v1/me" } })
}

/// A connection `pay` of such a provider's with the credential `pay-key`.
pub async fn connected(world: &World, tenant: &Tenant, provider: Value, secret: &str) {
    world.make(&tenant.operator, "/v1/providers", provider).await;
    let spec = json!({
        "trust_pem": world.vendor.authority_pem, "danger_private_networks": ["127.0.0.0/8"],
        "limits": { "per_minute": 100_000, "burst": 10_000 },
    });
    let body = json!({ "name": "pay", "provider": "vendor-pay", "spec": spec });
    world.make(&tenant.operator, "/v1/connections", body).await;
    let body = json!({ "name": "pay-key", "connection": "pay", "owner": "payments", "secret": secret });
    world.make(&tenant.operator, "/v1/credentials", body).await;
    world.vendor.answers(LINE, Canned::json(200, "{}"));
}

/// The usual one: a bearer token that is tried at `/v1/me`.
async fn usual(secret: &str) -> (World, Tenant) {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let spec = provider(&world.vendor, bearer(), verified());
    connected(&world, &acme, spec, secret).await;
    (world, acme)
}

pub async fn act(world: &World, tenant: &Tenant, deed: &str, body: Value) -> Answer {
    world.ask(&tenant.operator, "POST", &format!("{KEY}/{deed}"), Some(body)).await
}

pub async fn shown(world: &World, tenant: &Tenant) -> Value {
    world.ask(&tenant.operator, "GET", KEY, None).await.json()
}

/// What the vendor saw as authorization, once a call was answered.
pub async fn sent(world: &World, tenant: &Tenant) -> String {
    let answer = world.read(&tenant.service, PATH).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = world.vendor.seen();
    let last = seen.iter().rev().find(|seen| seen.line() == LINE).expect("a call");
    last.all("authorization").join("")
}

/// The events of this type whose `alert` is this one, where one is named.
pub async fn events(world: &World, tenant: &Tenant, kind: &str, alert: Option<&str>) -> Vec<Value> {
    let listed = world.ask(&tenant.operator, "GET", "/v1/events?limit=1000", None).await.json();
    let items = listed["items"].as_array().expect("items").clone();
    let wanted = |event: &Value| event["type"] == kind && alert.is_none_or(|alert| event["data"]["alert"] == alert);
    items.into_iter().filter(wanted).collect()
}

/// The records of this action, once they were relayed into the trail.
pub async fn told(world: &World, tenant: &Tenant, action: &str) -> Vec<Value> {
    world.running.rooms.relay.pass().await.expect("relayed");
    let trail = world.trail(tenant).await;
    trail.into_iter().filter(|entry| entry.to_string().contains(&format!("\"{action}\""))).collect()
}

/// A detail of a record.
pub fn detail(entry: &Value, name: &str) -> Value {
    let details = entry["details"].as_array().expect("details");
    details.iter().find(|detail| detail[0] == name).map(|detail| detail[1].clone()).unwrap_or_default()
}

#[tokio::test]
async fn a_version_is_used_once_the_vendor_took_it_and_a_failure_is_as_visible_as_a_success() {
    let (world, acme) = usual("sk-one").await;
    let staged = act(&world, &acme, "versions", json!({ "secret": "sk-two", "stage": true })).await;
    assert_eq!(staged.status, 201, "{}", staged.text());
    let staged = staged.json();
    assert_eq!((&staged["current_version"], &staged["last_rotation"]["state"]), (&json!(1), &json!("staged")));
    let again = act(&world, &acme, "versions", json!({ "secret": "sk-two", "stage": true })).await.json();
    assert_eq!(again["last_rotation"]["version"], 2, "the same value is staged once: {again}");
    assert_eq!(sent(&world, &acme).await, "Bearer sk-one");
    let early = act(&world, &acme, "versions/finish", json!({ "version": 2 })).await;
    assert_eq!((early.status, early.code().as_str()), (409, "vault.version.unverified"));

    world.vendor.on(ME, Behaviour::Answer(Canned::json(401, r#"{"error":"no"}"#)));
    let refused = act(&world, &acme, "versions/verify", json!({ "version": 2 })).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "vault.version.unaccepted"));
    assert_eq!(refused.json()["detail"], "The vendor answered with 401.");
    let seen = world.vendor.seen();
    let tried = seen.iter().find(|seen| seen.line() == ME).expect("it was asked");
    assert_eq!(tried.all("authorization"), ["Bearer sk-two"], "the staged value was tried");
    let last = shown(&world, &acme).await["last_rotation"].clone();
    assert_eq!((&last["version"], &last["state"]), (&json!(2), &json!("failed")), "{last}");
    assert_eq!((&last["code"], &last["vendor_status"]), (&json!("vault.version.unaccepted"), &json!(401)));
    assert!(last["by"].as_str().is_some_and(|by| by.starts_with("prn_")) && last["at"].is_string(), "{last}");
    assert_eq!(sent(&world, &acme).await, "Bearer sk-one", "what is in use was not touched");
    let alerts = events(&world, &acme, "SecurityAlertRaised", Some("credential.rotation_failed")).await;
    assert_eq!((alerts.len(), &alerts[0]["data"]["version"]), (1, &json!(2)), "{alerts:?}");
    let again = act(&world, &acme, "versions/finish", json!({ "version": 2 })).await;
    assert_eq!(again.code(), "vault.version.unverified");

    world.vendor.forget(ME);
    world.vendor.answers(ME, Canned::json(200, "{}"));
    let passed = act(&world, &acme, "versions/verify", json!({ "version": 2 })).await;
    assert_eq!((passed.status, passed.json()["state"].clone()), (200, json!("verified")), "{}", passed.text());
    let finished = act(&world, &acme, "versions/finish", json!({ "version": 2 })).await;
    assert_eq!((finished.status, finished.json()["current_version"].clone()), (200, json!(2)), "{}", finished.text());
    assert_eq!(sent(&world, &acme).await, "Bearer sk-two");
    let again = act(&world, &acme, "versions/finish", json!({ "version": 2 })).await;
    assert_eq!(again.status, 200, "a step that was done is not done again: {}", again.text());
    assert_eq!(events(&world, &acme, "CredentialRotated", None).await.len(), 1);

    world.pass(Duration::from_secs(1)).await;
    let back = act(&world, &acme, "rollback", json!({})).await;
    assert_eq!((back.status, back.json()["current_version"].clone()), (200, json!(1)), "{}", back.text());
    assert_eq!(back.json()["last_rotation"]["state"], "restored");
    assert_eq!(sent(&world, &acme).await, "Bearer sk-one");
    let trail = told(&world, &acme, "credential.rotation").await;
    // The clock stood still, so that the order in which they were relayed says nothing.
    let mut outcomes: Vec<_> = trail.iter().map(|entry| detail(entry, "outcome").to_string()).collect();
    outcomes.sort();
    let wanted = ["failed", "finished", "restored", "staged", "staged", "verified", "verifying", "verifying"];
    assert_eq!(outcomes, wanted.map(|word| format!("{word:?}")), "{trail:?}");
    assert!(trail.iter().all(|entry| entry["actor"]["name"].is_string()), "{trail:?}");
    assert!(!trail.iter().any(|entry| entry.to_string().contains("sk-")), "{trail:?}");
    world.end().await;
}

#[tokio::test]
async fn a_rotation_in_one_go_tries_the_version_first_and_changes_nothing_where_the_vendor_does_not_take_it() {
    let (world, acme) = usual("sk-one").await;
    world.vendor.on(ME, Behaviour::Answer(Canned::json(403, "{}")));
    world.vendor.on(ME, Behaviour::Answer(Canned::json(503, "{}")));
    world.vendor.on(ME, Behaviour::Answer(Canned::bytes(302, "").header("location", "/v1/things/1")));
    world.vendor.on(ME, Behaviour::Hang);
    world.vendor.answers(ME, Canned::json(200, "{}"));
    for (status, code) in [
        (409, "vault.version.unaccepted"),
        (503, "vault.version.unanswered"),
        (503, "vault.version.unanswered"),
        (503, "vault.version.unanswered"),
    ] {
        let refused = act(&world, &acme, "versions", json!({ "secret": "sk-two" })).await;
        assert_eq!((refused.status, refused.code().as_str()), (status, code), "{}", refused.text());
        assert_eq!(sent(&world, &acme).await, "Bearer sk-one");
    }
    assert!(
        !world.vendor.seen().iter().any(|seen| seen.line() == LINE && seen.all("authorization") != ["Bearer sk-one"])
    );
    let danger = act(&world, &acme, "versions", json!({ "secret": "sk-two", "danger_unverified": true })).await;
    assert_eq!((danger.status, danger.code().as_str()), (409, "vault.rotation.verifiable"));
    let rotated = act(&world, &acme, "versions", json!({ "secret": "sk-two" })).await;
    assert_eq!(rotated.status, 201, "{}", rotated.text());
    assert_eq!(rotated.json()["last_rotation"]["state"], "finished");
    assert_eq!(sent(&world, &acme).await, "Bearer sk-two");
    for (body, pointer) in [
        (json!({ "secret": "x", "finish_in": 5 }), "/finish_in"),
        (json!({ "secret": "x", "stage": true, "danger_unverified": true }), "/danger_unverified"),
    ] {
        let refused = act(&world, &acme, "versions", body).await;
        assert_eq!((refused.status, refused.json()["violations"][0]["pointer"].clone()), (422, json!(pointer)));
    }
    for deed in ["versions/verify", "versions/finish"] {
        let none = act(&world, &acme, deed, json!({ "version": 99 })).await;
        assert_eq!((none.status, none.code().as_str()), (409, "vault.version.unfit"), "{deed}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_version_is_tried_in_its_place_and_under_the_guard_of_a_call() {
    for (auth, secret, wanted) in [
        (
            json!({ "placement": "header", "name": "x-api-key", "prefix": "Key " }),
            "sk-two",
            Some(("x-api-key", "Key sk-two")),
        ),
        (json!({ "placement": "basic" }), "me:two", Some(("authorization", "Basic bWU6dHdv"))),
        (json!({ "placement": "query", "name": "key" }), "sktwo", None),
    ] {
        let world = World::start().await;
        let acme = world.tenant("acme").await;
        let more =
            json!({ "verify": { "path": "/v1/me", "expect": { "/ok": true } }, "headers": { "x-version": "7" } });
        connected(&world, &acme, provider(&world.vendor, auth.clone(), more), "one:one").await;
        let line = if wanted.is_none() { "GET /v1/me?key=sktwo" } else { ME };
        world.vendor.answers("*", Canned::json(200, r#"{"ok":false}"#));
        let refused = act(&world, &acme, "versions", json!({ "secret": secret })).await;
        assert_eq!(refused.code(), "vault.version.unaccepted", "a 200 with an error inside: {}", refused.text());
        world.vendor.forget("*");
        world.vendor.answers("*", Canned::json(200, r#"{"ok":true}"#));
        let rotated = act(&world, &acme, "versions", json!({ "secret": secret })).await;
        assert_eq!(rotated.status, 201, "{auth}: {}", rotated.text());
        let seen = world.vendor.seen();
        let tried = seen.iter().find(|seen| seen.line() == line).unwrap_or_else(|| panic!("{line} in {seen:?}"));
        assert_eq!(tried.header("x-version"), Some("7"), "what the provider demands goes along");
        if let Some((name, value)) = wanted {
            assert_eq!(tried.all(name), [value]);
        }
        world.end().await;
    }

    let (world, acme) = usual("sk-one").await;
    let (asked, seen) = (world.names.asked(VENDOR_HOST), world.vendor.connections());
    let closed = json!({ "spec": { "trust_pem": world.vendor.authority_pem } });
    let changed = world.ask(&acme.operator, "PATCH", "/v1/connections/pay", Some(closed)).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let refused = act(&world, &acme, "versions", json!({ "secret": "sk-two" })).await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "vault.version.unanswered"), "{}", refused.text());
    assert_eq!(refused.json()["detail"], "It was refused: egress.address.loopback.");
    assert_eq!(world.vendor.connections(), seen, "nothing was sent");
    assert!(world.names.asked(VENDOR_HOST) >= asked);
    // A version that was staged for another place is neither tried nor used there.
    let moved = json!({ "spec": {
        "base_url": format!("{}/v1", base(&world.vendor)), "trust_pem": world.vendor.authority_pem,
        "danger_private_networks": ["127.0.0.0/8"],
    } });
    let changed = world.ask(&acme.operator, "PATCH", "/v1/connections/pay", Some(moved)).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let refused = act(&world, &acme, "versions/verify", json!({ "version": 2 })).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "vault.binding.moved"));
    assert_eq!(world.vendor.connections(), seen, "nothing was sent");
    world.end().await;
}

#[tokio::test]
async fn a_clients_secret_is_tried_at_its_token_endpoint() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let auth = json!({ "placement": "oauth", "token_url": format!("{}/login/token", base(&world.vendor)) });
    connected(&world, &acme, provider(&world.vendor, auth, verified()), "id:one").await;
    let token = |name: &str| json!({ "access_token": name, "token_type": "Bearer", "expires_in": 3_600 }).to_string();
    world.vendor.on("POST /login/token", Behaviour::Answer(Canned::json(401, r#"{"error":"invalid_client"}"#)));
    world.vendor.on("POST /login/token", Behaviour::Answer(Canned::json(200, &token("at-tried"))));
    world.vendor.answers("POST /login/token", Canned::json(200, &token("at-used")));
    world.vendor.answers(ME, Canned::json(200, "{}"));
    let refused = act(&world, &acme, "versions", json!({ "secret": "id:two" })).await;
    assert_eq!(refused.code(), "vault.version.unaccepted", "{}", refused.text());
    assert_eq!(world.vendor.count(ME), 0);
    let rotated = act(&world, &acme, "versions", json!({ "secret": "id:two" })).await;
    assert_eq!(rotated.status, 201, "{}", rotated.text());
    let seen = world.vendor.seen();
    let tried = seen.iter().find(|seen| seen.line() == ME).expect("it was asked");
    assert_eq!(tried.all("authorization"), ["Bearer at-tried"]);
    assert_eq!(sent(&world, &acme).await, "Bearer at-used", "a token that was had for a trial is not kept");
    world.end().await;
}

#[tokio::test]
async fn where_the_vendor_cannot_be_asked_or_holds_one_alone_somebody_has_to_say_so() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let one_alone = provider(&world.vendor, bearer(), json!({ "two_live_credentials": false }));
    connected(&world, &acme, one_alone, "sk-one").await;
    for (body, code) in [
        (json!({ "secret": "sk-two" }), "vault.rotation.gap"),
        (json!({ "secret": "sk-two", "stage": true }), "vault.rotation.gap"),
        (json!({ "secret": "sk-two", "acknowledge_gap": true }), "vault.rotation.blind"),
        (json!({ "secret": "sk-two", "acknowledge_gap": true, "stage": true, "finish_in": 0 }), "vault.rotation.blind"),
    ] {
        let refused = act(&world, &acme, "versions", body.clone()).await;
        assert_eq!((refused.status, refused.code().as_str()), (409, code), "{body}");
    }
    assert_eq!(sent(&world, &acme).await, "Bearer sk-one");
    let body = json!({ "secret": "sk-two", "acknowledge_gap": true, "danger_unverified": true });
    let rotated = act(&world, &acme, "versions", body).await;
    assert_eq!(rotated.status, 201, "{}", rotated.text());
    assert_eq!(rotated.json()["last_rotation"]["danger_unverified"], true);
    assert_eq!(sent(&world, &acme).await, "Bearer sk-two");
    let trail = told(&world, &acme, "credential.rotation").await;
    assert_eq!(detail(&trail[0], "danger_unverified"), true, "{trail:?}");
    assert_eq!(act(&world, &acme, "rollback", json!({})).await.code(), "vault.rotation.gap");
    let back = act(&world, &acme, "rollback", json!({ "acknowledge_gap": true })).await;
    assert_eq!(back.status, 200, "{}", back.text());

    for (more, pointer) in [
        (json!({ "verify": { "path": "/v1/things/{id}" } }), "/verify/path"),
        (json!({ "verify": { "path": "/v1/nothing" } }), "/verify/path"),
        (json!({ "verify": { "path": "/v1/me", "expect": { "ok": true } } }), "/verify/expect"),
        (json!({ "verify": { "path": "/v1/me", "expect": { "/ok": {} } } }), "/verify/expect"),
    ] {
        let mut spec = provider(&world.vendor, bearer(), more);
        spec["name"] = json!("other");
        let refused = world.ask(&acme.operator, "POST", "/v1/providers", Some(spec)).await;
        assert_eq!((refused.status, refused.json()["violations"][0]["pointer"].clone()), (422, json!(pointer)));
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotations_under_the_load_of_64_callers_fail_no_call() {
    let world = World::with(
        "[traffic]\ncaller_per_minute = 1000000\ncaller_burst = 100000\ntenant_per_minute = 1000000\ntenant_burst = 100000",
    )
    .await;
    let acme = world.tenant("acme").await;
    let spec = provider(&world.vendor, bearer(), verified());
    connected(&world, &acme, spec, "sk-0").await;
    world.vendor.answers(ME, Canned::json(200, "{}"));
    let over = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..64)
        .map(|_| {
            let (door, key, over) = (world.door, acme.service.clone(), Arc::clone(&over));
            tokio::spawn(async move {
                let mut calls = 0_usize;
                while !over.load(Ordering::Acquire) || calls == 0 {
                    let answer = call_at(door, &key, ("GET", PATH), "", "").await;
                    assert_eq!(answer.status, 200, "call {calls}: {}", answer.text());
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    for round in 1..=6 {
        world.vendor.wait_for(LINE, world.vendor.count(LINE) + 64).await;
        let rotated = act(&world, &acme, "versions", json!({ "secret": format!("sk-{round}") })).await;
        assert_eq!(rotated.status, 201, "{}", rotated.text());
    }
    world.vendor.wait_for(LINE, world.vendor.count(LINE) + 64).await;
    over.store(true, Ordering::Release);
    let mut calls = 0;
    for caller in callers {
        calls += caller.await.expect("every call was answered");
    }
    let seen = world.vendor.seen();
    for round in 0..=6 {
        let value = format!("Bearer sk-{round}");
        let by =
            seen.iter().filter(|seen| seen.line() == LINE && seen.all("authorization") == [value.as_str()]).count();
        assert!(by > 0, "no call went with {value}");
    }
    println!("{calls} calls over six rotations");
    world.end().await;
}

#[tokio::test]
async fn a_version_is_destroyed_only_when_nothing_has_used_it_since_a_named_time() {
    let (world, acme) = usual("sk-one").await;
    world.vendor.answers(ME, Canned::json(200, "{}"));
    assert_eq!(sent(&world, &acme).await, "Bearer sk-one");
    world.pass(Duration::from_secs(61)).await;
    let rotated = act(&world, &acme, "versions", json!({ "secret": "sk-two" })).await;
    assert_eq!(rotated.status, 201, "{}", rotated.text());
    let used = loop {
        let shown = shown(&world, &acme).await;
        if let Some(used) = shown["versions"][1]["last_used_at"].as_str() {
            assert_eq!((&shown["last_used_version"], &shown["last_used_at"]), (&json!(1), &json!(used)));
            break used.to_owned();
        }
    };
    let destroy = async |version: u32, since: &str| {
        act(&world, &acme, "versions/destroy", json!({ "version": version, "unused_since": since })).await
    };
    let ago = |seconds: u64| {
        use lockgate_vocabulary::Clock as _;
        world.clock.now().before(Duration::from_secs(seconds)).to_string()
    };
    for since in [ago(0), ago(119), "yesterday".to_owned()] {
        let refused = destroy(1, &since).await;
        assert_eq!((refused.status, refused.json()["violations"][0]["pointer"].clone()), (422, json!("/unused_since")));
    }
    let current = destroy(2, &ago(120)).await;
    assert_eq!((current.status, current.code().as_str()), (409, "vault.version.in_use"));
    world.pass(Duration::from_secs(200)).await;
    let refused = destroy(1, &used).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "vault.version.in_use"));
    assert_eq!(refused.json()["detail"], format!("It was used last at {used}."));
    let gone = destroy(1, &ago(180)).await;
    assert_eq!((gone.status, gone.json()["status"].clone()), (200, json!("destroyed")), "{}", gone.text());
    assert!(gone.json()["fingerprint"].is_string() && gone.json()["destroyed_at"].is_string());
    assert_eq!(destroy(1, &ago(120)).await.code(), "vault.version.unfit");
    assert_eq!(act(&world, &acme, "rollback", json!({})).await.code(), "vault.version.unfit");
    assert_eq!(sent(&world, &acme).await, "Bearer sk-two");
    world.end().await;
}
