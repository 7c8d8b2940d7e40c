//! The verification of a new credential counts as a call of its connection: it waits for its turn, is put off where that
//! takes too long, and says so.

use std::time::Duration;

use lockgate_testkit::Canned;
use serde_json::{Value, json};

use crate::rotation::{ME, act, bearer, connected, detail, events, provider, sent, shown, told, verified};
use crate::world::{Tenant, World};

/// A world whose connection has this rate, and nothing of it left: a call took it.
async fn used_up(limits: Value) -> (World, Tenant) {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    connected(&world, &acme, provider(&world.vendor, bearer(), verified()), "sk-one").await;
    world.vendor.answers(ME, Canned::json(200, "{}"));
    let spec = json!({
        "trust_pem": world.vendor.authority_pem, "danger_private_networks": ["127.0.0.0/8"], "limits": limits,
    });
    let changed = world.ask(&acme.operator, "PATCH", "/v1/connections/pay", Some(json!({ "spec": spec }))).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(sent(&world, &acme).await, "Bearer sk-one");
    (world, acme)
}

async fn called(world: &World, acme: &Tenant) -> (u16, String) {
    let answer = world.read(&acme.service, "/call/pay/v1/things/1").await;
    (answer.status, if answer.status < 400 { String::new() } else { answer.code() })
}

async fn staged(world: &World, acme: &Tenant, more: Value) {
    let mut body = json!({ "secret": "sk-two", "stage": true });
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let staged = act(world, acme, "versions", body).await;
    assert_eq!(staged.status, 201, "{}", staged.text());
}

#[tokio::test]
async fn a_verification_for_which_the_rate_has_no_room_is_put_off_and_one_that_runs_counts_as_a_call() {
    let (world, acme) = used_up(json!({ "per_minute": 1, "burst": 1 })).await;
    staged(&world, &acme, json!({})).await;
    let put_off = act(&world, &acme, "versions/verify", json!({ "version": 2 })).await;
    assert_eq!((put_off.status, put_off.code().as_str()), (429, "vault.version.paced"), "{}", put_off.text());
    let wait: u64 = put_off.header("retry-after").and_then(|wait| wait.parse().ok()).expect("a time");
    assert!((55..=60).contains(&wait), "{wait}");
    let last = shown(&world, &acme).await["last_rotation"].clone();
    assert_eq!((&last["state"], &last["code"]), (&json!("staged"), &json!("vault.version.paced")), "{last}");
    assert_eq!(world.vendor.count(ME), 0, "nothing was sent");
    assert!(events(&world, &acme, "SecurityAlertRaised", Some("credential.rotation_failed")).await.is_empty());
    let trail = told(&world, &acme, "credential.rotation").await;
    assert!(trail.iter().any(|entry| detail(entry, "code") == "vault.version.paced"), "{trail:?}");
    world.pass(Duration::from_secs(60)).await;
    let verified = act(&world, &acme, "versions/verify", json!({ "version": 2 })).await;
    assert_eq!((verified.status, world.vendor.count(ME)), (200, 1), "{}", verified.text());
    assert_eq!(called(&world, &acme).await, (429, "traffic.rate.exceeded".to_owned()), "it took the room of a call");
    world.pass(Duration::from_secs(60)).await;
    assert_eq!(called(&world, &acme).await, (200, String::new()));
    world.end().await;
}

#[tokio::test]
async fn the_days_quota_counts_verifications_too() {
    let (world, acme) = used_up(json!({ "per_minute": 600, "burst": 60, "per_day": 2 })).await;
    staged(&world, &acme, json!({})).await;
    assert_eq!(act(&world, &acme, "versions/verify", json!({ "version": 2 })).await.status, 200);
    assert_eq!(called(&world, &acme).await, (429, "traffic.quota.exceeded".to_owned()));
    let again = act(&world, &acme, "versions/verify", json!({ "version": 2 })).await;
    assert_eq!((again.status, again.code().as_str()), (429, "vault.version.paced"), "{}", again.text());
    assert_eq!(world.vendor.count(ME), 1);
    world.end().await;
}

/// What the vendor said of a version stands although there is no room to ask it again.
#[tokio::test]
async fn a_verification_that_is_put_off_undoes_none() {
    let (world, acme) = used_up(json!({ "per_minute": 1, "burst": 1 })).await;
    // The vendor takes it at first, as it is furnished.
    world.vendor.answers(ME, Canned::json(401, "{}"));
    world.vendor.answers(ME, Canned::json(200, "{}"));
    staged(&world, &acme, json!({})).await;
    for (answer, state) in [(200, "verified"), (401, "failed"), (200, "verified")] {
        world.pass(Duration::from_secs(60)).await;
        let asked = act(&world, &acme, "versions/verify", json!({ "version": 2 })).await;
        assert_eq!(asked.status < 400, answer == 200, "{}", asked.text());
        let before = shown(&world, &acme).await["last_rotation"].clone();
        assert_eq!(before["state"], state, "{before}");
        world.pass(Duration::from_secs(1)).await;
        let again = act(&world, &acme, "versions/verify", json!({ "version": 2 })).await;
        assert_eq!(again.code(), "vault.version.paced", "{}", again.text());
        assert_eq!(shown(&world, &acme).await["last_rotation"], before, "state, code, moment and tries");
    }
    let trail = told(&world, &acme, "credential.rotation").await;
    assert_eq!(trail.iter().filter(|entry| detail(entry, "outcome") == "put_off").count(), 3, "{trail:?}");
    let finished = act(&world, &acme, "versions/finish", json!({ "version": 2 })).await;
    assert_eq!(finished.status, 200, "{}", finished.text());
    world.end().await;
}

#[tokio::test]
async fn a_verification_waits_for_a_turn_that_is_near() {
    let (world, acme) = used_up(json!({ "per_minute": 60, "burst": 1 })).await;
    staged(&world, &acme, json!({})).await;
    let verifying = act(&world, &acme, "versions/verify", json!({ "version": 2 }));
    let ticking = async {
        for tick in 0.. {
            for _ in 0..2_000 {
                tokio::task::yield_now().await;
            }
            if tick < 4 {
                assert_eq!(world.vendor.count(ME), 0, "its turn is after a second");
            }
            world.pass(Duration::from_millis(200)).await;
        }
    };
    let verified = tokio::select! {
        verified = verifying => verified,
        () = ticking => unreachable!("it ticks for ever"),
    };
    assert_eq!((verified.status, world.vendor.count(ME)), (200, 1), "{}", verified.text());
    world.end().await;
}

#[tokio::test]
async fn a_planned_rotation_that_is_put_off_is_verified_by_itself_once_there_is_room() {
    let (world, acme) = used_up(json!({ "per_minute": 1, "burst": 1 })).await;
    staged(&world, &acme, json!({ "finish_in": 0 })).await;
    for _ in 0..3 {
        world.running.rooms.custodian.tend().await.expect("tended");
    }
    let last = shown(&world, &acme).await["last_rotation"].clone();
    assert_eq!((&last["state"], &last["code"]), (&json!("staged"), &json!("vault.version.paced")), "{last}");
    assert_eq!((&last["tries"], world.vendor.count(ME)), (&json!(0), 0), "the vendor was not asked: {last}");
    let trail = told(&world, &acme, "credential.rotation").await;
    let put_off = trail.iter().filter(|entry| detail(entry, "code") == "vault.version.paced").count();
    assert_eq!(put_off, 1, "it is not looked at before its time: {trail:?}");
    world.pass(Duration::from_secs(61)).await;
    let last = loop {
        world.running.rooms.custodian.tend().await.expect("tended");
        let last = shown(&world, &acme).await["last_rotation"].clone();
        if last["state"] == "finished" {
            break last;
        }
        assert_ne!(last["state"], "failed", "{last}");
    };
    assert_eq!(last["version"], 2, "{last}");
    world.end().await;
}
