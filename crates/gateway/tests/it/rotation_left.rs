//! Rotations that are left to themselves: planned, retried, broken off between two steps, and due.

use std::time::Duration;

use lockgate_store::{Change, Statement};
use lockgate_testkit::{Behaviour, Canned, Vendor};
use lockgate_vocabulary::{Clock as _, SystemClock};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::client::Client;
use crate::process::{Gate, Serving, ask, furnish};
use crate::rotation::{ME, act, bearer, connected, detail, events, provider, sent, shown, told, verified};
use crate::world::{Tenant, VENDOR_HOST, World};

async fn usual(world: &World) -> Tenant {
    let acme = world.tenant("acme").await;
    connected(world, &acme, provider(&world.vendor, bearer(), verified()), "sk-one").await;
    acme
}

async fn staged(world: &World, acme: &Tenant, finish_in: u64) {
    let body = json!({ "secret": "sk-two", "stage": true, "finish_in": finish_in });
    let staged = act(world, acme, "versions", body).await;
    assert_eq!(staged.status, 201, "{}", staged.text());
}

/// The last rotation once it has been gone on with as far as it goes at this moment, whoever does it.
async fn gone_on(world: &World, acme: &Tenant) -> Value {
    loop {
        world.running.rooms.custodian.tend().await.expect("tended");
        // The clock stands still meanwhile: nobody's time is up before the vendor could answer.
        let last = shown(world, acme).await["last_rotation"].clone();
        let waits = last["state"] == "verified" && last["finish_at"].is_string();
        if last["state"] != "verifying" && !waits {
            return last;
        }
    }
}

#[tokio::test]
async fn a_planned_rotation_is_verified_and_finished_by_itself_at_its_moment() {
    let world = World::start().await;
    let acme = usual(&world).await;
    world.vendor.answers(ME, Canned::json(200, "{}"));
    staged(&world, &acme, 3_600).await;
    world.running.rooms.custodian.tend().await.expect("tended");
    assert_eq!((world.vendor.count(ME), sent(&world, &acme).await), (0, "Bearer sk-one".to_owned()), "not yet");
    world.pass(Duration::from_secs(3_600)).await;
    let last = gone_on(&world, &acme).await;
    assert_eq!((&last["version"], &last["state"]), (&json!(2), &json!("finished")), "{last}");
    assert_eq!(last["tries"], 1, "{last}");
    assert_eq!(sent(&world, &acme).await, "Bearer sk-two");
    let trail = told(&world, &acme, "credential.rotation").await;
    let last = trail.iter().find(|entry| detail(entry, "outcome") == "finished").expect("told");
    assert!(detail(last, "asked_by").as_str().is_some_and(|by| by.starts_with("prn_")), "{last}");
    assert!(last["actor"].is_null(), "the house did it: {last}");
    world.end().await;
}

#[tokio::test]
async fn a_vendor_that_does_not_answer_is_asked_again_and_one_that_refuses_is_not() {
    let world = World::start().await;
    let acme = usual(&world).await;
    world.vendor.on(ME, Behaviour::Answer(Canned::json(503, "{}")));
    world.vendor.on(ME, Behaviour::Answer(Canned::json(429, "{}")));
    world.vendor.on(ME, Behaviour::Answer(Canned::json(401, "{}")));
    world.vendor.answers(ME, Canned::json(200, "{}"));
    staged(&world, &acme, 0).await;
    for (tries, status) in [(1, 503), (2, 429), (3, 401)] {
        let last = gone_on(&world, &acme).await;
        assert_eq!((&last["state"], &last["tries"]), (&json!("failed"), &json!(tries)), "{last}");
        assert_eq!(last["vendor_status"], status, "{last}");
        assert_eq!(gone_on(&world, &acme).await["tries"], tries, "not before its time");
        // It is asked again after half a minute to a minute, then after one to two.
        world.pass(Duration::from_secs(120)).await;
    }
    let alerts = events(&world, &acme, "SecurityAlertRaised", Some("credential.rotation_failed")).await;
    assert_eq!(alerts.len(), 1, "what is tried again has not failed for good: {alerts:?}");
    world.pass(Duration::from_secs(7_200)).await;
    world.running.rooms.custodian.tend().await.expect("tended");
    assert_eq!((world.vendor.count(ME), sent(&world, &acme).await), (3, "Bearer sk-one".to_owned()));
    // A revocation ends what was planned.
    staged(&world, &acme, 60).await;
    assert_eq!(act(&world, &acme, "revoke", json!({ "reason": "leaked" })).await.status, 200);
    world.pass(Duration::from_secs(120)).await;
    world.running.rooms.custodian.tend().await.expect("tended");
    assert_eq!(world.vendor.count(ME), 3);
    world.end().await;
}

/// A verification on a line of its own, whose answer nobody has read yet.
async fn verifying(world: &World, acme: &Tenant) -> Client {
    let mut client = Client::connect(world.admin).await;
    let body = json!({ "version": 2 }).to_string();
    client
        .send(format!(
            "POST /v1/credentials/pay-key/versions/verify HTTP/1.1\r\nHost: gate\r\nX-Api-Key: {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            acme.operator,
            body.len()
        ))
        .await;
    client
}

/// The last rotation once nobody is asked about it any more. Whoever looks has a rate, so the machine gets its turns.
async fn settled(world: &World, acme: &Tenant) -> Value {
    loop {
        for _ in 0..2_000 {
            tokio::task::yield_now().await;
        }
        let last = shown(world, acme).await["last_rotation"].clone();
        if last["state"] != "verifying" {
            return last;
        }
    }
}

#[tokio::test]
async fn a_verification_goes_on_without_whoever_asked_for_it_and_its_end_is_the_end_of_its_lease() {
    let world = World::start().await;
    let acme = usual(&world).await;
    world.vendor.on(ME, Behaviour::Gated(Canned::json(200, "{}")));
    world.vendor.on(ME, Behaviour::Hang);
    world.vendor.answers(ME, Canned::json(200, "{}"));
    let body = json!({ "secret": "sk-two", "stage": true });
    assert_eq!(act(&world, &acme, "versions", body).await.status, 201);
    let client = verifying(&world, &acme).await;
    world.vendor.wait_for(ME, 1).await;
    let busy = act(&world, &acme, "versions/verify", json!({ "version": 2 })).await;
    assert_eq!((busy.status, busy.code().as_str()), (409, "vault.version.verifying"));
    let again = act(&world, &acme, "versions", json!({ "secret": "sk-two", "stage": true })).await;
    assert_eq!((again.status, again.code().as_str()), (409, "vault.version.verifying"));
    drop(client);
    world.vendor.release();
    let last = settled(&world, &acme).await;
    assert_eq!((&last["state"], &last["tries"]), (&json!("verified"), &json!(1)), "{last}");
    // The same where the vendor says nothing: nobody waits for the lease.
    drop(verifying(&world, &acme).await);
    world.vendor.wait_for(ME, 2).await;
    let last = settled(&world, &acme).await;
    assert_eq!((&last["state"], &last["code"]), (&json!("failed"), &json!("vault.version.unanswered")), "{last}");
    let verified = act(&world, &acme, "versions/verify", json!({ "version": 2 })).await;
    assert_eq!((verified.status, verified.json()["tries"].clone()), (200, json!(3)), "{}", verified.text());
    assert_eq!(sent(&world, &acme).await, "Bearer sk-one", "the version in use was not touched");
    world.end().await;
}

#[tokio::test]
async fn a_verification_that_a_stop_cuts_off_leaves_no_lease() {
    let world = World::with("drain_seconds = 1\n").await;
    let acme = usual(&world).await;
    world.vendor.on(ME, Behaviour::Stall(Vec::new()));
    world.vendor.answers(ME, Canned::json(200, "{}"));
    let body = json!({ "secret": "sk-two", "stage": true });
    assert_eq!(act(&world, &acme, "versions", body).await.status, 201);
    let client = verifying(&world, &acme).await;
    world.vendor.wait_for(ME, 1).await;
    // A second is all that it gets; the vendor would have ten.
    let clock = world.clock.clone();
    let ticking = async {
        loop {
            for _ in 0..2_000 {
                tokio::task::yield_now().await;
            }
            clock.advance(Duration::from_millis(100));
        }
    };
    let begun = clock.elapsed();
    let world = tokio::select! {
        world = world.restarted("") => world,
        () = ticking => unreachable!("it ticks for ever"),
    };
    drop(client);
    let last = shown(&world, &acme).await["last_rotation"].clone();
    assert_eq!((&last["state"], &last["code"]), (&json!("staged"), &json!("vault.version.interrupted")), "{last}");
    assert!(events(&world, &acme, "SecurityAlertRaised", Some("credential.rotation_failed")).await.is_empty());
    let verified = act(&world, &acme, "versions/verify", json!({ "version": 2 })).await;
    assert_eq!((verified.status, verified.json()["tries"].clone()), (200, json!(2)), "{}", verified.text());
    assert!(world.clock.elapsed() - begun < Duration::from_secs(60), "its lease would go on until then");
    let trail = told(&world, &acme, "credential.rotation").await;
    let cut = trail.iter().find(|entry| detail(entry, "code") == "vault.version.interrupted").expect("recorded");
    assert_eq!(detail(cut, "outcome"), "cut_off");
    assert!(detail(cut, "asked_by").as_str().is_some_and(|by| by.starts_with("prn_")), "{cut}");
    world.end().await;
}

/// What a node that was killed while the vendor was asked leaves behind.
static LEASED: Statement = Statement::tenant(
    "test.verification_leased",
    "UPDATE rotations SET state = 'verifying', tries = tries + 1, lease_until = $2, due_at = $2 WHERE tenant = $1",
);

#[tokio::test]
async fn a_verification_whose_node_is_gone_is_taken_over_once_its_lease_is_over() {
    let world = World::start().await;
    let acme = usual(&world).await;
    world.vendor.answers(ME, Canned::json(200, "{}"));
    let body = json!({ "secret": "sk-two", "stage": true });
    assert_eq!(act(&world, &acme, "versions", body).await.status, 201);
    let until = world.clock.now().after(Duration::from_secs(60));
    let left = Change::of(acme.id.parse().expect("an id")).step(&LEASED, vec![until.into()]).expecting(1);
    world.running.rooms.store.apply(left).await.expect("written");
    assert_eq!(shown(&world, &acme).await["last_rotation"]["state"], "verifying");
    world.running.rooms.custodian.tend().await.expect("tended");
    assert_eq!(world.vendor.count(ME), 0, "it has its time");
    world.pass(Duration::from_secs(61)).await;
    let last = gone_on(&world, &acme).await;
    assert_eq!((&last["state"], &last["tries"]), (&json!("verified"), &json!(2)), "{last}");
    assert_eq!(world.vendor.count(ME), 1);
    assert_eq!(sent(&world, &acme).await, "Bearer sk-one", "whoever asked for it finishes it");
    let finished = act(&world, &acme, "versions/finish", json!({ "version": 2 })).await;
    assert_eq!(finished.status, 200, "{}", finished.text());
    assert_eq!(sent(&world, &acme).await, "Bearer sk-two");
    world.end().await;
}

#[tokio::test]
async fn a_verification_counts_for_a_day() {
    let world = World::start().await;
    let acme = usual(&world).await;
    world.vendor.answers(ME, Canned::json(200, "{}"));
    let body = json!({ "secret": "sk-two", "stage": true });
    assert_eq!(act(&world, &acme, "versions", body).await.status, 201);
    assert_eq!(act(&world, &acme, "versions/verify", json!({ "version": 2 })).await.status, 200);
    world.pass(Duration::from_secs(86_400)).await;
    let late = act(&world, &acme, "versions/finish", json!({ "version": 2 })).await;
    assert_eq!((late.status, late.code().as_str()), (409, "vault.version.unverified"));
    assert_eq!(act(&world, &acme, "versions/verify", json!({ "version": 2 })).await.status, 200);
    assert_eq!(act(&world, &acme, "versions/finish", json!({ "version": 2 })).await.status, 200);
    world.end().await;
}

/// A gateway whose connection's provider declares how a version is tried; its vendor, operator and service.
async fn verifiable() -> (Gate, Serving, Vendor, String, String) {
    let gate = Gate::init();
    let vendor = Vendor::start(VENDOR_HOST).await;
    vendor.answers("POST /v1/things", Canned::json(201, "{}"));
    let serving = gate.serve();
    let (operator, service) = furnish(serving.admin, &gate.operator, &vendor).await;
    let mut spec = provider(&vendor, bearer(), verified());
    spec["name"] = json!("vendor");
    let endpoints = spec["endpoints"].as_array_mut().expect("endpoints");
    endpoints.push(json!({ "method": "POST", "path": "/v1/things" }));
    let changed = ask(serving.admin, &operator, "PUT", "/v1/providers/vendor", Some(spec)).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    (gate, serving, vendor, operator, service)
}

/// How the credential stands once this version is in use.
async fn in_use(serving: &Serving, operator: &str, version: usize) -> Value {
    loop {
        let shown = ask(serving.admin, operator, "GET", "/v1/credentials/pay-key", None).await.json();
        if shown["last_rotation"]["state"] == "finished" && shown["current_version"] == version {
            return shown;
        }
        assert_ne!(shown["last_rotation"]["state"], "failed", "{shown}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_while_the_vendor_is_asked_asks_again_and_finishes_once() {
    let (gate, serving, vendor, operator, service) = verifiable().await;
    let clock = SystemClock::new();
    vendor.on(ME, Behaviour::Gated(Canned::json(200, "{}")));
    let body = json!({ "secret": "sk-2", "stage": true, "finish_in": 1 });
    let staged = ask(serving.admin, &operator, "POST", "/v1/credentials/pay-key/versions", Some(body)).await;
    assert_eq!(staged.status, 201, "{}", staged.text());
    vendor.wait_for(ME, 1).await;
    let begun = clock.elapsed();
    serving.signal(Signal::KILL);
    assert_eq!(serving.wait(), None, "it had no time to end");
    vendor.forget(ME);
    vendor.answers(ME, Canned::json(200, "{}"));
    let serving = gate.serve();
    let shown = ask(serving.admin, &operator, "GET", "/v1/credentials/pay-key", None).await.json();
    assert_eq!((&shown["last_rotation"]["state"], &shown["current_version"]), (&json!("verifying"), &json!(1)));
    let answer = ask(serving.door, &service, "POST", "/call/pay/v1/things", Some(json!({}))).await;
    assert_eq!(answer.status, 201, "calls go on with the version in use: {}", answer.text());
    vendor.wait_for(ME, 2).await;
    assert!(clock.elapsed() - begun >= Duration::from_secs(50), "it was asked while somebody might be asking still");
    let shown = in_use(&serving, &operator, 2).await;
    assert_eq!(shown["last_rotation"]["tries"], 2, "{shown}");
    let tried: Vec<_> = vendor.seen().into_iter().filter(|seen| seen.line() == ME).collect();
    let tried: Vec<_> = tried.iter().map(|seen| seen.all("authorization").join("")).collect();
    assert_eq!(tried, ["Bearer sk-2"; 2], "with the staged value alone");
    let answer = ask(serving.door, &service, "POST", "/call/pay/v1/things", Some(json!({}))).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(vendor.seen().last().expect("a call").all("authorization"), ["Bearer sk-2"]);
    let listed = ask(serving.admin, &operator, "GET", "/v1/events?limit=1000", None).await.json();
    let all = listed["items"].as_array().expect("items");
    assert_eq!(all.iter().filter(|event| event["type"] == "CredentialRotated").count(), 1, "it is told once");
    serving.signal(Signal::TERM);
    assert_eq!(serving.wait(), Some(0));
    assert!(gate.verify().status.success());
}

/// Between every two steps: after staging, after the vendor said yes, after it is in use.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_between_two_steps_finishes_the_rotation_when_it_serves_again() {
    let (gate, mut serving, vendor, operator, service) = verifiable().await;
    let key = "/v1/credentials/pay-key";
    let authorization = async |door| {
        let answer = ask(door, &service, "POST", "/call/pay/v1/things", Some(json!({}))).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        vendor.seen().last().expect("a call").all("authorization").join("")
    };
    vendor.answers(ME, Canned::json(200, "{}"));
    for (round, asks) in
        [&["stage"][..], &["stage", "verify"][..], &["stage", "verify", "finish"][..]].iter().enumerate()
    {
        let version = round + 2;
        let value = format!("sk-{version}");
        for step in *asks {
            let (path, body) = match *step {
                "stage" => ("versions", json!({ "secret": value, "stage": true, "finish_in": 2 })),
                "verify" => ("versions/verify", json!({ "version": version })),
                _ => ("versions/finish", json!({ "version": version })),
            };
            let answer = ask(serving.admin, &operator, "POST", &format!("{key}/{path}"), Some(body)).await;
            assert!(matches!(answer.status, 200 | 201), "{step}: {}", answer.text());
        }
        serving.signal(Signal::KILL);
        assert_eq!(serving.wait(), None, "it had no time to end");
        serving = gate.serve();
        let last = in_use(&serving, &operator, version).await;
        assert_eq!(authorization(serving.door).await, format!("Bearer {value}"));
        let current = last["versions"].as_array().expect("versions").iter().filter(|each| each["status"] == "current");
        assert_eq!(current.count(), 1, "{last}");
    }
    let listed = ask(serving.admin, &operator, "GET", "/v1/events?limit=1000", None).await.json();
    let rotated =
        listed["items"].as_array().expect("items").iter().filter(|event| event["type"] == "CredentialRotated");
    assert_eq!(rotated.count(), 3, "each is told once");
    serving.signal(Signal::TERM);
    assert_eq!(serving.wait(), Some(0));
    assert!(gate.verify().status.success());
}

#[tokio::test]
async fn a_rotation_that_is_due_is_told_of_once_and_shown() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    connected(&world, &acme, provider(&world.vendor, bearer(), verified()), "sk-one").await;
    let body = json!({ "name": "mail", "provider": "vendor-pay", "spec": {
        "trust_pem": world.vendor.authority_pem, "danger_private_networks": ["127.0.0.0/8"],
    } });
    world.make(&acme.operator, "/v1/connections", body).await;
    let body = json!({
        "name": "mail-key", "connection": "mail", "owner": "mail", "cadence_days": 30, "expires_in": 100 * 86_400,
        "secret": "sk-mail",
    });
    let made = world.make(&acme.operator, "/v1/credentials", body).await;
    assert_eq!(made["rotation_due"], false);
    let tend = async || world.running.rooms.custodian.tend().await.expect("tended");
    let alert = Some("credential.rotation_due");
    let read = async || world.ask(&acme.operator, "GET", "/v1/credentials/mail-key", None).await.json();
    tend().await;
    world.pass(Duration::from_secs(28 * 86_400)).await;
    tend().await;
    assert!(events(&world, &acme, "SecurityAlertRaised", alert).await.is_empty());
    assert_eq!(read().await["rotation_due"], false);
    world.pass(Duration::from_secs(2 * 86_400)).await;
    for _ in 0..3 {
        tend().await;
        world.pass(Duration::from_secs(86_400)).await;
    }
    let alerts = events(&world, &acme, "SecurityAlertRaised", alert).await;
    assert_eq!((alerts.len(), &alerts[0]["data"]["name"]), (1, &json!("mail-key")), "{alerts:?}");
    assert_eq!(alerts[0]["data"]["owner"], "mail");
    let shown = read().await;
    assert_eq!(shown["rotation_due"], true, "{shown}");
    let due = shown["rotation_due_at"].as_str().and_then(|at| at.parse::<lockgate_vocabulary::Timestamp>().ok());
    assert!(due.is_some_and(|due| due <= world.clock.now()));
    world.vendor.answers(ME, Canned::json(200, "{}"));
    let body = json!({ "secret": "sk-mail-two" });
    let rotated = world.ask(&acme.operator, "POST", "/v1/credentials/mail-key/versions", Some(body)).await;
    assert_eq!((rotated.status, rotated.json()["rotation_due"].clone()), (201, json!(false)), "{}", rotated.text());
    tend().await;
    world.pass(Duration::from_secs(31 * 86_400)).await;
    tend().await;
    assert_eq!(events(&world, &acme, "SecurityAlertRaised", alert).await.len(), 2, "and once of the next");
    world.end().await;
}
