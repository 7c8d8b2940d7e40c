//! Two nodes on PostgreSQL and Redis: what one is told holds on the other.

use std::time::Duration;

use lockgate_gateway::running::Running;
use lockgate_testkit::{Canned, ManualClock};
use lockgate_vocabulary::{Clock, RunId, SystemClock, SystemEntropy, Timestamp};
use serde_json::json;

use crate::hooks::{delivered_at, vector};
use crate::rotation;
use crate::world::{Tenant, World, call_at};

/// What two nodes share, or a visible line that says that it is not there.
#[expect(clippy::disallowed_methods, reason = "tests are told by their environment where the servers are")]
#[expect(clippy::print_stdout, reason = "a test that is skipped must say so")]
pub fn shared() -> Option<String> {
    let told = |name: &str| {
        let value = std::env::var(name).ok();
        if value.is_none() {
            println!("skipped: {name} is not set (scripts/services sets it)");
        }
        value
    };
    let (postgres, redis) = (told("LOCKGATE_TEST_POSTGRES")?, told("LOCKGATE_TEST_REDIS")?);
    let name = RunId::generate(&SystemClock::new(), &SystemEntropy).to_string();
    Some(format!(
        "[store.engine]\nkind = \"postgres\"\nurl = \"{postgres}\"\nschema = \"t_{name}\"\n\
         [store.redis]\nurl = \"{redis}\"\nprefix = \"t_{name}\""
    ))
}

async fn two() -> Option<(World, Running)> {
    let shared = shared()?;
    let world = World::with(&shared).await;
    let second = world.second(&shared).await;
    Some((world, second))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_on_one_node_holds_on_the_other_within_two_seconds() {
    let Some((world, second)) = two().await else { return };
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    world.vendor.answers("GET /v1/things/1", Canned::json(200, "{}"));
    let door = second.door.expect("a door");
    let read = async || call_at(door, &acme.service, ("GET", "/call/pay/v1/things/1"), "", "").await;
    settle(&world, async || read().await.status == 200).await;

    let listed = world.ask(&acme.operator, "GET", "/v1/api-keys", None).await.json();
    let keys = listed["items"].as_array().expect("items");
    let key = keys.iter().find(|key| key["principal"] == acme.principal.as_str()).expect("the service's key");
    let path = format!("/v1/api-keys/{}", key["key"].as_str().expect("an id"));
    let begun = world.clock.elapsed();
    let revoked = world.ask(&acme.operator, "DELETE", &path, None).await;
    assert!(revoked.status < 300, "{}", revoked.text());
    settle(&world, async || read().await.status == 401).await;
    assert!(world.clock.elapsed() - begun <= Duration::from_secs(2));
    second.stop().await.expect("it ends in order");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_holds_over_both_nodes() {
    let Some((world, second)) = two().await else { return };
    let acme = world.tenant("acme").await;
    world.connection_with(&acme, "pay", json!({ "limits": { "per_minute": 1, "burst": 4 } })).await;
    world.vendor.answers("GET /v1/things/1", Canned::json(200, "{}"));
    let doors = [world.door, second.door.expect("a door")];
    // What comes later is known only where what came before is; with it the other node finds its way to
    // the counters, and whatever a slow first answer of theirs costs is not taken from the limit.
    world.connection(&acme, "later").await;
    let read = async |door, name: &str| {
        let path = format!("/call/{name}/v1/things/1");
        call_at(door, &acme.service, ("GET", &path), "", "").await.status
    };
    settle(&world, async || read(doors[1], "later").await == 200).await;
    let mut statuses = Vec::new();
    for place in 0..8 {
        statuses.push(read(doors[place % 2], "pay").await);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 4, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 4, "{statuses:?}");
    // A quota of the day is one quota, too.
    world.connection_with(&acme, "daily", json!({ "limits": { "per_day": 3 } })).await;
    settle(&world, async || read(doors[1], "daily").await == 200).await;
    let mut statuses = Vec::new();
    for place in 0..6 {
        statuses.push(read(doors[place % 2], "daily").await);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 2, "one was made before: {statuses:?}");
    second.stop().await.expect("it ends in order");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_holds_over_both_nodes() {
    let Some((world, second)) = two().await else { return };
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    world.vendor.answers("GET /v1/things/1", Canned::json(200, "{}"));
    world.vendor.answers("POST /v1/things", Canned::json(201, r#"{"id":9}"#));
    let other = second.door.expect("a door");
    settle(&world, async || {
        call_at(other, &acme.service, ("GET", "/call/pay/v1/things/1"), "", "").await.status == 200
    })
    .await;
    let more = "Content-Type: application/json\r\nIdempotency-Key: k-1\r\n";
    let post = async |door, body: &str| call_at(door, &acme.service, ("POST", "/call/pay/v1/things"), more, body).await;
    let first = post(world.door, "{\"a\":1}").await;
    assert_eq!(first.status, 201, "{}", first.text());
    let again = post(other, "{\"a\":1}").await;
    assert_eq!((again.status, again.text()), (201, first.text()));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let different = post(other, "{\"a\":2}").await;
    assert!(matches!(different.status, 409 | 422), "{}", different.text());
    assert_eq!(world.vendor.count("POST /v1/things"), 1);
    second.stop().await.expect("it ends in order");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_to_both_nodes_at_once_has_one_effect() {
    let Some(shared) = shared() else { return };
    let world = World::at(ManualClock::at(Timestamp::from_secs(1_790_000_000)), &shared).await;
    let second = world.second(&shared).await;
    let acme = world.tenant("acme").await;
    let (signed, doors) = (vector("stripe-001-none_compact"), [world.door, second.door.expect("a door")]);
    let spec = json!({ "direction": "inbound", "scheme": "stripe" });
    let body = json!({ "name": "pay", "spec": spec, "secrets": signed["secrets"] });
    let made = world.make(&acme.operator, "/v1/subscriptions", body).await;
    let path = made["path"].as_str().expect("a path").to_owned();
    // The other node knows the subscription once it does not say any more that there is none.
    let unsigned = async || call_at(doors[1], &acme.service, ("POST", &path), "", "").await.status == 401;
    settle(&world, unsigned).await;
    let sending = (0..16).map(|number| delivered_at(doors[number % 2], &path, &signed));
    let answers = futures_util::future::join_all(sending).await;
    let mut told = std::collections::HashSet::new();
    for answer in &answers {
        assert_eq!(answer.status, 200, "{}", answer.text());
        told.insert(answer.json()["delivery"].to_string());
    }
    assert_eq!(told.len(), 1, "{told:?}");
    let listed = world.ask(&acme.operator, "GET", "/v1/deliveries", None).await.json();
    assert_eq!(listed["items"].as_array().expect("items").len(), 1, "{listed}");

    // A secret that is withdrawn through one node vouches for nothing on the other.
    let added = json!({ "secret": "whsec_another-one", "overlap_hours": 1 });
    world.make(&acme.operator, "/v1/subscriptions/pay/secrets", added).await;
    let first = json!({ "purpose": "verify", "version": 1 });
    let withdrawn = world.ask(&acme.operator, "POST", "/v1/subscriptions/pay/secrets/withdraw", Some(first)).await;
    assert_eq!(withdrawn.status, 200, "{}", withdrawn.text());
    let begun = world.clock.elapsed();
    settle(&world, async || delivered_at(doors[1], &path, &signed).await.status == 401).await;
    assert!(world.clock.elapsed() - begun <= Duration::from_secs(2));
    second.stop().await.expect("it ends in order");
    world.end().await;
}

/// A connection whose credential's versions the vendor takes when it is asked.
async fn rotatable(world: &World, acme: &Tenant) {
    let provider = rotation::provider(&world.vendor, rotation::bearer(), rotation::verified());
    rotation::connected(world, acme, provider, "sk-one").await;
    world.vendor.answers(rotation::ME, Canned::json(200, "{}"));
}

/// One vendor is asked once though both nodes find the rotation due, and both lend the new version within two seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_is_gone_on_with_by_one_node_and_holds_on_both() {
    let Some((world, second)) = two().await else { return };
    let acme = world.tenant("acme").await;
    rotatable(&world, &acme).await;
    let door = second.door.expect("a door");
    let read = async |door| call_at(door, &acme.service, ("GET", "/call/pay/v1/things/1"), "", "").await.status == 200;
    settle(&world, async || read(door).await).await;
    let staged =
        rotation::act(&world, &acme, "versions", json!({ "secret": "sk-two", "stage": true, "finish_in": 0 })).await;
    assert_eq!(staged.status, 201, "{}", staged.text());
    let finished = async || {
        let (one, two) = tokio::join!(world.running.rooms.custodian.tend(), second.rooms.custodian.tend());
        one.and(two).expect("tended");
        rotation::shown(&world, &acme).await["last_rotation"]["state"] == "finished"
    };
    while !finished().await {}
    assert_eq!(world.vendor.count(rotation::ME), 1, "it was asked once");
    let begun = world.clock.elapsed();
    let used = async |door| {
        let answered = read(door).await;
        answered && world.vendor.seen().last().is_some_and(|seen| seen.all("authorization") == ["Bearer sk-two"])
    };
    settle(&world, async || used(door).await).await;
    assert!(world.clock.elapsed() - begun <= Duration::from_secs(2));
    let first = world.clock.now();
    assert!(used(world.door).await);
    settle(&world, async || world.clock.now() > first && used(door).await).await;
    // Whichever node tells first, the later use stays.
    second.rooms.vault.tell_uses().await.expect("told");
    let later = rotation::shown(&world, &acme).await["last_used_at"].clone();
    world.running.rooms.vault.tell_uses().await.expect("told");
    assert_eq!(rotation::shown(&world, &acme).await["last_used_at"], later);
    second.stop().await.expect("it ends in order");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_counts_as_a_call_on_both_nodes() {
    let Some((world, second)) = two().await else { return };
    let acme = world.tenant("acme").await;
    rotatable(&world, &acme).await;
    let spec = json!({
        "trust_pem": world.vendor.authority_pem, "danger_private_networks": ["127.0.0.0/8"],
        "limits": { "per_minute": 1, "burst": 2 },
    });
    let changed = world.ask(&acme.operator, "PATCH", "/v1/connections/pay", Some(json!({ "spec": spec }))).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let body = json!({ "secret": "sk-two", "stage": true });
    assert_eq!(rotation::act(&world, &acme, "versions", body).await.status, 201);
    let door = second.door.expect("a door");
    let read = async |path: &str| call_at(door, &acme.service, ("GET", path), "", "").await;
    // What comes later is known only where what came before is.
    world.connection(&acme, "later").await;
    world.vendor.answers("GET /v1/things/2", Canned::json(200, "{}"));
    settle(&world, async || read("/call/later/v1/things/2").await.status == 200).await;
    let verified = rotation::act(&world, &acme, "versions/verify", json!({ "version": 2 })).await;
    assert_eq!(verified.status, 200, "{}", verified.text());
    assert_eq!(read("/call/pay/v1/things/1").await.status, 200);
    let over = read("/call/pay/v1/things/1").await;
    assert_eq!((over.status, over.code().as_str()), (429, "traffic.rate.exceeded"), "the verification was one of two");
    let put_off = rotation::act(&world, &acme, "versions/verify", json!({ "version": 2 })).await;
    assert_eq!((put_off.status, put_off.code().as_str()), (429, "vault.version.paced"), "{}", put_off.text());
    assert_eq!(world.vendor.count(rotation::ME), 1);
    second.stop().await.expect("it ends in order");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_node_names_the_other_whose_trail_has_the_rest_of_what_used_a_credential() {
    let Some((world, second)) = two().await else { return };
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    world.vendor.answers("GET /v1/things/1", Canned::json(200, "{}"));
    let since = world.clock.now().to_string();
    let door = second.door.expect("a door");
    let read = async || call_at(door, &acme.service, ("GET", "/call/pay/v1/things/1"), "", "").await.status == 200;
    settle(&world, async || read().await).await;
    // The store hears of a checkpoint each second.
    for node in [&world.running, &second] {
        node.rooms.audit.checkpoint().await.expect("signed");
        node.rooms.relay.remember().await.expect("told");
    }
    let uses = async |admin| {
        let path = format!("/v1/credentials/pay-key/uses?since={since}");
        let told = crate::process::ask(admin, &acme.operator, "GET", &path, None).await;
        assert_eq!(told.status, 200, "{}", told.text());
        told.json()
    };
    for (admin, items, node, other) in
        [(world.admin, 0, "node-1", "node-2"), (second.admin.expect("an operators' side"), 1, "node-2", "node-1")]
    {
        let told = uses(admin).await;
        assert_eq!((&told["node"], told["items"].as_array().map(Vec::len)), (&json!(node), Some(items)), "{told}");
        assert_eq!(told["not_covered"][0]["node"], other, "{told}");
    }
    second.stop().await.expect("it ends in order");
    world.end().await;
}

/// After so long each node owes the store a look, and its directory another.
const LOOK: Duration = Duration::from_millis(250);

/// Lets up to two seconds go by until it is so.
pub async fn settle(world: &World, is_so: impl AsyncFn() -> bool) {
    for _ in 0..8 {
        if is_so().await {
            return;
        }
        look(world).await;
    }
    assert!(is_so().await, "it is not so after two seconds");
}

/// Lets time go by until both nodes owe a look, and waits until they have looked: until two loops of each
/// sleep anew. A clock that went on meanwhile would outrun real servers.
async fn look(world: &World) {
    let next = world.clock.elapsed() + LOOK + LOOK;
    let asleep = || world.clock.wakes().into_iter().filter(|wakes| *wakes == next).count();
    let others = asleep();
    world.clock.advance(LOOK);
    while asleep() < others + 4 {
        tokio::task::yield_now().await;
    }
}
