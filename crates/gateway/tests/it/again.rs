//! What is tried again and when, what goes on behind an operation, and what is never done twice.
//!
//! The clock is moved only while a call provably sleeps until its next attempt: the vendor holds each
//! answer back until the test has noted who sleeps, and whoever sleeps anew afterwards is the call.

use std::ops::RangeInclusive;
use std::time::Duration;

use lockgate_testkit::{Behaviour, Canned};
use lockgate_vocabulary::Clock;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::client::Answer;
use crate::world::{Tenant, World, call_at};

const READ: &str = "GET /v1/things/1";
const WRITE: &str = "POST /v1/things";
const ASYNC: &str = "Prefer: respond-async\r\n";

/// The clock leaps while a real disk writes; that does not make the disk slow.
const PATIENT: &str = "[audit]\nstall_seconds = 600";

async fn world() -> (World, Tenant) {
    let world = World::with(PATIENT).await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    (world, acme)
}

fn held(canned: Canned) -> Behaviour {
    Behaviour::Gated(canned)
}

/// Has the service call beside the test.
fn spawn(world: &World, acme: &Tenant, line: &str, more: &str, body: &str) -> JoinHandle<Answer> {
    let (door, key) = (world.door, acme.service.clone());
    let [line, more, body] = [line, more, body].map(str::to_owned);
    tokio::spawn(async move {
        let (method, path) = line.split_once(' ').expect("a method and a path");
        call_at(door, &key, (method, &format!("/call/pay{path}")), &more, &body).await
    })
}

/// Lets the vendor answer the request of this number, and waits until the call sleeps until its next
/// attempt; how long it does. An attempt's own alarms are whole seconds, a wait of the schedule is none.
async fn wait_after(world: &World, line: &str, number: usize, within: RangeInclusive<f64>) -> Duration {
    world.vendor.wait_for(line, number).await;
    let asleep = || {
        let now = world.clock.elapsed();
        let waits = world.clock.wakes().into_iter().map(|wakes| wakes.saturating_sub(now));
        waits.filter(|wait| within.contains(&wait.as_secs_f64())).collect::<Vec<_>>()
    };
    let before = asleep();
    world.vendor.release();
    loop {
        let mut anew = asleep();
        for known in &before {
            let place = anew.iter().position(|wait| wait == known);
            place.map(|place| anew.remove(place));
        }
        if let Some(wait) = anew.first() {
            return *wait;
        }
        tokio::task::yield_now().await;
    }
}

/// Lets time go by in steps, with the look at the store that a node owes within two seconds.
async fn pass(world: &World, by: Duration) {
    let mut left = by;
    while !left.is_zero() {
        let step = left.min(Duration::from_millis(400));
        left -= step;
        world.clock.advance(step);
        world.running.rooms.store.confirm_epoch().await.expect("the store answers");
        world.running.rooms.access.refresh().await.expect("the directory");
        tokio::task::yield_now().await;
    }
}

/// Lets the waits of the schedule with these numbers go by.
async fn ride(world: &World, line: &str, numbers: RangeInclusive<u32>) {
    for number in numbers {
        let plain = f64::from(1 << (number - 1));
        let wait = wait_after(world, line, number as usize, plain + 1e-9..=plain * 1.25).await;
        pass(world, wait).await;
    }
}

fn seconds(answer: &Answer) -> u64 {
    answer.header("retry-after").expect("when to come back").parse().expect("seconds")
}

async fn operation(world: &World, key: &str, location: &str) -> Answer {
    call_at(world.door, key, ("GET", location), "", "").await
}

async fn events(world: &World, acme: &Tenant, kind: &str) -> Vec<Value> {
    let told = world.ask(&acme.operator, "GET", "/v1/events?limit=1000", None).await.json();
    let items = told["items"].as_array().expect("items").clone();
    items.into_iter().filter(|event| event["type"] == kind).collect()
}

#[tokio::test]
async fn a_read_is_tried_again_and_not_before_the_vendor_wants_it() {
    let (world, acme) = world().await;
    world.vendor.on(READ, held(Canned::json(503, "{}")));
    world.vendor.on(READ, held(Canned::json(429, "{}").header("retry-after", "7")));
    world.vendor.answers(READ, Canned::json(200, r#"{"id":1}"#));
    let call = spawn(&world, &acme, READ, "", "");
    ride(&world, READ, 1..=1).await;
    let wait = wait_after(&world, READ, 2, 6.9..=7.1).await;
    assert_eq!(wait, Duration::from_secs(7), "as long as the vendor says, and not as the schedule does");
    pass(&world, Duration::from_millis(6_900)).await;
    assert_eq!(world.vendor.count(READ), 2);
    pass(&world, Duration::from_millis(100)).await;
    let answer = call.await.expect("it ran");
    assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"id":1}"#));
    assert_eq!(world.vendor.count(READ), 3);
    let run = world.ended(&acme, answer.header("x-lockgate-run").expect("a run")).await;
    assert_eq!(run["attempts"].as_array().map(Vec::len), Some(3), "{run}");
    world.end().await;
}

#[tokio::test]
async fn what_cannot_end_in_time_is_not_begun_and_says_when_to_come_back() {
    let (world, acme) = world().await;
    world.vendor.on(READ, held(Canned::json(503, "{}")));
    let call = spawn(&world, &acme, READ, "", "");
    ride(&world, READ, 1..=4).await;
    world.vendor.wait_for(READ, 5).await;
    world.vendor.release();
    let answer = call.await.expect("it ran");
    assert_eq!((answer.status, answer.code().as_str()), (503, "egress.vendor.unavailable"), "{}", answer.text());
    assert!((16..=20).contains(&seconds(&answer)), "{answer:?}");
    assert_eq!(world.vendor.count(READ), 5, "the sixth would have ended after the call's time");
    world.end().await;
}

#[tokio::test]
async fn a_vendor_that_wants_a_minute_is_obeyed_and_its_word_is_told() {
    let (world, acme) = world().await;
    world.vendor.answers(READ, Canned::json(429, "{}").header("retry-after", "60"));
    for code in ["egress.vendor.limited", "traffic.vendor.limited"] {
        let answer = world.read(&acme.service, "/call/pay/v1/things/1").await;
        assert_eq!((answer.status, answer.code().as_str(), seconds(&answer)), (429, code, 60));
    }
    assert_eq!(world.vendor.count(READ), 1, "not asked again before its time");
    world.end().await;
}

#[tokio::test]
async fn a_limit_that_is_used_up_is_waited_out_behind_an_operation() {
    let (world, acme) = world().await;
    let spent = Canned::json(200, "{}").header("x-ratelimit-remaining", "0").header("x-ratelimit-reset", "60");
    world.vendor.answers(READ, spent);
    world.vendor.answers(READ, Canned::json(200, r#"{"id":2}"#));
    assert_eq!(world.read(&acme.service, "/call/pay/v1/things/1").await.status, 200);
    let refused = world.read(&acme.service, "/call/pay/v1/things/1").await;
    assert_eq!((refused.status, refused.code().as_str()), (429, "traffic.vendor.limited"), "{}", refused.text());
    let accepted = world.call(&acme.service, "GET", "/call/pay/v1/things/1", ASYNC, "").await;
    assert_eq!((accepted.status, seconds(&accepted)), (202, 60), "{}", accepted.text());
    let location = accepted.header("location").expect("where to ask").to_owned();
    assert_eq!(operation(&world, &acme.service, &location).await.json()["state"], "running");
    assert_eq!(world.vendor.count(READ), 1, "nothing leaves before the window opens");
    pass(&world, Duration::from_secs(61)).await;
    world.vendor.wait_for(READ, 2).await;
    let ended = ended(&world, &acme, &accepted).await;
    assert_eq!((&ended["state"], &ended["answer"]["json"]), (&json!("succeeded"), &json!({ "id": 2 })), "{ended}");
    let run = world.ended(&acme, accepted.header("x-lockgate-run").expect("a run")).await;
    assert_eq!(run["attempts"].as_array().map(Vec::len), Some(1), "{run}");
    world.end().await;
}

#[tokio::test]
async fn behind_an_operation_the_whole_schedule_goes_by_and_ends() {
    let (world, acme) = world().await;
    world.vendor.on(READ, held(Canned::json(503, "{}")));
    let call = spawn(&world, &acme, READ, ASYNC, "");
    ride(&world, READ, 1..=4).await;
    let wait = wait_after(&world, READ, 5, 16.0..=20.0).await;
    let accepted = call.await.expect("it ran");
    assert_eq!(accepted.status, 202, "{}", accepted.text());
    let location = accepted.header("location").expect("where to ask").to_owned();
    assert!(location.starts_with("/operations/op_"), "{location}");
    assert!((16..=20).contains(&seconds(&accepted)));
    let running = operation(&world, &acme.service, &location).await;
    assert_eq!((running.status, &running.json()["state"]), (202, &json!("running")));
    pass(&world, wait).await;
    world.vendor.wait_for(READ, 6).await;
    world.vendor.release();
    let ended = ended(&world, &acme, &accepted).await;
    assert_eq!((&ended["state"], &ended["code"]), (&json!("failed"), &json!("egress.vendor.failed")), "{ended}");
    assert_eq!(world.vendor.count(READ), 6, "one attempt and five retries");
    assert_eq!(events(&world, &acme, "IntegrationFailed").await.len(), 1);
    world.end().await;
}

/// The operation once it is over.
async fn ended(world: &World, acme: &Tenant, accepted: &Answer) -> Value {
    world.ended(acme, accepted.header("x-lockgate-run").expect("a run")).await;
    loop {
        // Its run has ended, and what came of it is about to be kept.
        let told = operation(world, &acme.service, accepted.header("location").expect("where to ask")).await;
        if told.status == 200 {
            return told.json();
        }
        assert_eq!(told.status, 202, "{}", told.text());
    }
}

#[tokio::test]
async fn an_operation_ends_in_the_vendors_answer_and_is_its_callers_alone() {
    let (world, acme) = world().await;
    let globex = world.tenant("globex").await;
    world.vendor.on(READ, held(Canned::json(429, "{}").header("retry-after", "60")));
    // Neither a number nor the order of members comes out otherwise than the vendor wrote it.
    let exact = r#"{"id":1, "b":1.10,"a":2E1,"n":9007199254740993}"#;
    world.vendor.answers(READ, Canned::json(200, exact));
    let call = spawn(&world, &acme, READ, ASYNC, "");
    let wait = wait_after(&world, READ, 1, 60.0..=60.0).await;
    let accepted = call.await.expect("it ran");
    assert_eq!((accepted.status, seconds(&accepted)), (202, 60), "{}", accepted.text());
    let location = accepted.header("location").expect("where to ask").to_owned();
    let (_, other) = world.service(&acme.operator, "other", json!(["integration.connections.call"])).await;
    // Another key of the same principal's, for another connection.
    let declared = json!([{ "connection": "elsewhere", "method": "*", "path": "/{path...}" }]);
    let body = json!({ "principal": acme.principal, "kind": "api-key", "endpoints": declared });
    let made = world.make(&acme.operator, "/v1/api-keys", body).await;
    let narrow = made["secret"].as_str().expect("a secret").to_owned();
    for key in [&globex.service, &other, &narrow] {
        let theirs = operation(&world, key, &location).await;
        let never = operation(&world, key, "/operations/op_01hzzzzzzzzzzzzzzzzzzzzzzz").await;
        assert_eq!((theirs.status, theirs.code()), (403, never.code()), "{}", theirs.text());
        for unreadable in ["xyz", "op_1", "run_01hzzzzzzzzzzzzzzzzzzzzzzz"] {
            let unreadable = operation(&world, key, &format!("/operations/{unreadable}")).await;
            assert_eq!(unreadable.blanked(), never.blanked());
        }
    }
    pass(&world, wait).await;
    world.vendor.wait_for(READ, 2).await;
    let ended = ended(&world, &acme, &accepted).await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_eq!((&ended["answer"]["status"], &ended["answer"]["json"]["id"]), (&json!(200), &json!(1)));
    let told = operation(&world, &acme.service, &location).await.text();
    assert!(told.contains(&format!("\"json\":{exact}")), "{told}");
    assert_eq!(ended["run"].as_str(), accepted.header("x-lockgate-run"), "one run for all of it");
    assert_eq!(world.vendor.count(READ), 2);
    assert_eq!(events(&world, &acme, "IntegrationRunCompleted").await.len(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_key_stands_for_one_request_and_one_run() {
    let (world, acme) = world().await;
    world.vendor.on(WRITE, held(Canned::json(201, r#"{"id":9}"#)));
    let keyed = "Content-Type: application/json\r\nIdempotency-Key: k-1\r\n";
    let first = spawn(&world, &acme, WRITE, keyed, r#"{"a":1}"#);
    world.vendor.wait_for(WRITE, 1).await;
    let post = async |body: &str| world.call(&acme.service, "POST", "/call/pay/v1/things", keyed, body).await;
    let second = post(r#"{"a":1}"#).await;
    assert_eq!((second.status, second.code().as_str()), (409, "egress.idempotency.busy"), "{}", second.text());
    assert!(seconds(&second) >= 1);
    world.vendor.release();
    let first = first.await.expect("it ran");
    assert_eq!((first.status, first.header("idempotent-replayed")), (201, None));
    let again = post(r#"{"a":1}"#).await;
    assert_eq!((again.status, again.text()), (201, first.text()));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.header("x-lockgate-run"), first.header("x-lockgate-run"));
    let other = post(r#"{"a":2}"#).await;
    assert_eq!((other.status, other.code().as_str()), (422, "egress.idempotency.mismatch"), "{}", other.text());
    assert_eq!(world.vendor.count(WRITE), 1);
    world.end().await;
}

#[tokio::test]
async fn a_write_that_nobody_answered_is_unknown_and_is_told() {
    let (world, acme) = world().await;
    world.vendor.on(WRITE, Behaviour::Stall(Vec::new()));
    let call = spawn(&world, &acme, WRITE, "", "");
    world.vendor.wait_for(WRITE, 1).await;
    pass(&world, Duration::from_secs(31)).await;
    let answer = call.await.expect("it ran");
    assert_eq!((answer.status, answer.code().as_str()), (504, "egress.outcome.unknown"), "{}", answer.text());
    assert_eq!(answer.header("retry-after"), None, "nobody is told to send it again");
    let run = answer.header("x-lockgate-run").expect("a run").to_owned();
    let told = events(&world, &acme, "IntegrationFailed").await;
    assert_eq!(told.len(), 1, "{told:?}");
    let data = &told[0]["data"];
    assert_eq!((&data["run"], &data["outcome"]), (&json!(run), &json!("unknown")), "{data}");
    assert_eq!((&data["code"], &data["connection_name"]), (&json!("egress.answer.timeout"), &json!("pay")));
    assert_eq!(world.ended(&acme, &run).await["outcome"], "unknown");
    let unknown = world.ask(&acme.operator, "GET", "/v1/runs?outcome=unknown", None).await.json();
    assert_eq!(unknown["items"].as_array().map(Vec::len), Some(1), "{unknown}");
    assert_eq!(world.vendor.count(WRITE), 1, "never repeated");
    world.end().await;
}

#[tokio::test]
async fn a_write_that_a_redirect_answered_is_not_done_twice() {
    let world = World::with(PATIENT).await;
    let acme = world.tenant("acme").await;
    let redirects = json!({ "follow": true, "hosts": ["files.vendor.test"] });
    world.connection_with(&acme, "pay", json!({ "redirects": redirects })).await;
    // Nobody listens any more where it leads.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let location = format!("https://files.vendor.test:{port}/x");
    world.vendor.answers(WRITE, Canned::bytes(303, "").header("location", &location));
    let send = async |more: &str| {
        let answer = world.call(&acme.service, "POST", "/call/pay/v1/things", more, "{}").await;
        assert_eq!((answer.status, answer.code().as_str()), (502, "egress.vendor.unreachable"), "{}", answer.text());
        answer.header("x-lockgate-run").expect("a run").to_owned()
    };
    let typed = "Content-Type: application/json\r\n";
    let run = send(typed).await;
    let told = world.ended(&acme, &run).await;
    assert_eq!(told["outcome"], "failed", "the vendor took it, so it was not refused: {told}");
    assert_eq!(world.vendor.count(WRITE), 1);
    for _ in 0..2 {
        send(&format!("{typed}Idempotency-Key: key-1\r\n")).await;
    }
    assert_eq!(world.vendor.count(WRITE), 2, "the key stands for what it came to");
    world.end().await;
}

#[tokio::test]
async fn a_wait_of_years_is_told_and_not_held() {
    let (world, acme) = world().await;
    world.vendor.answers(READ, Canned::json(429, "{}").header("retry-after", "99999999"));
    let answer = world.call(&acme.service, "GET", "/call/pay/v1/things/1", ASYNC, "").await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "egress.vendor.limited"), "{}", answer.text());
    assert_eq!(answer.header("retry-after"), Some("99999999"));
    assert_eq!(world.last_run(&acme).await.0, json!("failed"));
    world.end().await;
}

#[tokio::test]
async fn a_tenants_operations_are_counted() {
    let world = World::with(&format!("{PATIENT}\n[egress]\noperations_per_tenant = 0")).await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    world.vendor.answers(READ, Canned::json(429, "{}").header("retry-after", "120"));
    let answer = world.call(&acme.service, "GET", "/call/pay/v1/things/1", ASYNC, "").await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "egress.operation.too_many"), "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
    world.end().await;
}
