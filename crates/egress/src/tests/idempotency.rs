//! One key, one run: what is replayed, what is refused, and what is never done twice.

use std::time::Duration;

use http::HeaderValue;
use lockgate_audit::Outcome;
use lockgate_testkit::{Behaviour, Canned, Vendor};
use serde_json::json;

use super::world::{World, code, json_body, read, refusal};
use crate::{Config, EgressRefusal, Order};

const LINE: &str = "POST /base/v1/things";

fn keyed(world: &World, line: &str, key: &str, body: &str) -> Order {
    let mut order = world.order(line);
    order.idempotency_key = Some(key.into());
    json_body(&mut order, body);
    order
}

#[tokio::test]
async fn the_first_answer_is_given_again() {
    let world = World::new().await;
    let answer = Canned::json(201, r#"{"id":7}"#).header("location", "/v1/things/7").header("x-trace", "secret");
    world.vendor.answers(LINE, answer);
    let first = keyed(&world, "POST /v1/things", "key-1", r#"{"a":1}"#);
    let run = first.run;
    let got = world.send(first).await.expect("an answer");
    assert_eq!(got.status, 201);

    let again = keyed(&world, "POST /v1/things", "key-1", r#"{"a":1}"#);
    let reply = world.egress.call(world.worker().await, again).await.expect("a reply");
    assert!(reply.replayed());
    assert_eq!(reply.run(), run);
    let got = read(reply).await.expect("the answer");
    assert_eq!((got.status.as_u16(), got.body.as_str()), (201, r#"{"id":7}"#));
    assert_eq!(got.headers.get("location"), Some(&HeaderValue::from_static("/v1/things/7")));
    assert_eq!(got.headers.get("x-trace"), None);
    assert_eq!(world.vendor.count(LINE), 1);
    assert_eq!(world.entries("opened").await, 1);
    assert_eq!(world.vendor.seen()[0].header("idempotency-key"), None);
}

#[tokio::test]
async fn a_key_stands_for_one_request_of_one_caller() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(201, "{}"));
    world.vendor.answers("PUT /base/v1/things/1", Canned::json(200, "{}"));
    world.send(keyed(&world, "POST /v1/things", "key-1", "{}")).await.expect("an answer");
    for (line, body) in [("POST /v1/things", r#"{"a":2}"#), ("POST /v1/things?x=1", "{}"), ("PUT /v1/things/1", "{}")] {
        let refused = refusal(world.send(keyed(&world, line, "key-1", body)).await);
        assert_eq!((refused.code(), refused.status()), (EgressRefusal::IdempotencyMismatch.info().code, 422), "{line}");
    }
    assert_eq!(world.vendor.seen().len(), 1);

    let other = world.principal("other", &["integration.connections.call"]).await;
    let order = keyed(&world, "POST /v1/things", "key-1", "{}");
    let reply = world.egress.call(world.caller(&other).await, order).await.expect("a reply");
    assert!(!reply.replayed(), "another caller's key is another key");
    read(reply).await.expect("an answer");
    assert_eq!(world.vendor.count(LINE), 2);
}

#[tokio::test]
async fn a_tenant_keeps_so_many_bytes_and_takes_no_new_key_until_some_are_forgotten() {
    let vendor = Vendor::start("vendor.test").await;
    let (port, pem) = (vendor.address.port(), vendor.authority_pem.clone());
    let world = World::bare(vendor, Config { kept_tenant_bytes: 64, ..Config::default() }).await;
    world.connect("crm", port, &pem, |_, _| ()).await;
    world.vendor.answers(LINE, Canned::json(201, &format!("{{\"id\":\"{}\"}}", "7".repeat(100))));
    world.send(keyed(&world, "POST /v1/things", "key-1", "{}")).await.expect("an answer");
    let full = refusal(world.send(keyed(&world, "POST /v1/things", "key-2", "{}")).await);
    assert_eq!((full.code(), full.status()), (EgressRefusal::IdempotencyFull.info().code, 429));
    assert_eq!(full.wait(), Some(Duration::from_secs(60)));
    let again = world.send(keyed(&world, "POST /v1/things", "key-1", "{}")).await;
    assert_eq!(again.expect("what is kept").status.as_u16(), 201);
    assert_eq!(world.vendor.count(LINE), 1, "nothing was sent for the key that was refused");
    let unkeyed = world.call("POST /v1/things").await;
    assert_eq!(unkeyed.expect("an answer").status.as_u16(), 201, "without a key calls go on");
}

#[tokio::test]
async fn two_at_once_run_once() {
    let world = World::new().await;
    world.vendor.on(LINE, Behaviour::Gated(Canned::json(201, r#"{"id":7}"#)));
    let first = world.spawn(keyed(&world, "POST /v1/things", "key-1", "{}")).await;
    world.vendor.wait_for(LINE, 1).await;
    let refused = refusal(world.send(keyed(&world, "POST /v1/things", "key-1", "{}")).await);
    assert_eq!((refused.code(), refused.status()), (EgressRefusal::IdempotencyBusy.info().code, 409));
    assert!(refused.wait().is_some());
    world.vendor.release();
    assert_eq!(first.await.expect("it ran").expect("an answer").status, 201);
    assert_eq!(world.send(keyed(&world, "POST /v1/things", "key-1", "{}")).await.expect("kept").body, r#"{"id":7}"#);
    assert_eq!(world.vendor.count(LINE), 1);
}

#[tokio::test]
async fn a_caller_that_leaves_finds_the_answer_when_it_comes_back() {
    let world = World::new().await;
    world.vendor.on(LINE, Behaviour::Gated(Canned::json(201, r#"{"id":7}"#)));
    let order = keyed(&world, "POST /v1/things", "key-1", "{}");
    let run = order.run;
    let first = world.spawn(order).await;
    world.vendor.wait_for(LINE, 1).await;
    first.abort();
    world.vendor.release();
    assert_eq!(world.outcome(run).await.0, Outcome::Succeeded);
    let got = world.send(keyed(&world, "POST /v1/things", "key-1", "{}")).await.expect("kept");
    assert_eq!(got.body, r#"{"id":7}"#);
    assert_eq!(world.vendor.count(LINE), 1);
}

/// Lets others have their turn so many times.
async fn turns(count: usize) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_caller_that_leaves_while_its_key_is_taken_leaves_it_free() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(201, "{}"));
    for left in 0..8 {
        let key = format!("key-{left}");
        let sent = world.vendor.count(LINE);
        let order = keyed(&world, "POST /v1/things", &key, "{}");
        tokio::select! {
            biased;
            reply = world.egress.call(world.worker().await, order) => drop(reply),
            () = turns(left) => {}
        }
        if world.vendor.count(LINE) > sent {
            break;
        }
        let mut tries = 0;
        while let Err(stop) = world.send(keyed(&world, "POST /v1/things", &key, "{}")).await {
            assert_eq!(
                refusal::<()>(Err(stop)).code(),
                EgressRefusal::IdempotencyBusy.info().code,
                "after {left} turns"
            );
            tries += 1;
            assert!(tries < 10_000, "the key stays taken after {left} turns");
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn what_nobody_knows_stays_blocked() {
    let world = World::new().await;
    world.vendor.on(LINE, Behaviour::Hang);
    for _ in 0..2 {
        let refused = refusal(world.send(keyed(&world, "POST /v1/things", "key-1", "{}")).await);
        assert_eq!((refused.code(), refused.status()), (EgressRefusal::OutcomeUnknown.info().code, 504));
    }
    assert_eq!(world.vendor.count(LINE), 1);
}

#[tokio::test]
async fn a_vendors_failure_is_kept_and_what_did_nothing_is_not() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(500, r#"{"code":"oops"}"#));
    world.vendor.answers(LINE, Canned::json(201, "{}"));
    for _ in 0..2 {
        let refused = refusal(world.send(keyed(&world, "POST /v1/things", "key-1", "{}")).await);
        assert_eq!(refused.code(), EgressRefusal::VendorFailed.info().code);
        assert_eq!(refused.told(), Some("The vendor answered: status 500, code oops."));
    }
    assert_eq!(world.vendor.count(LINE), 1);

    let mut dry = keyed(&world, "POST /v1/things", "key-2", "{}");
    dry.dry_run = true;
    world.send(dry).await.expect("a transcript");
    world.send(keyed(&world, "POST /v1/things", "key-2", "{}")).await.expect("an answer");
    assert_eq!(world.vendor.count(LINE), 2, "a dry run uses no key up");
}

#[tokio::test]
async fn a_limited_call_frees_its_key() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(429, "{}").header("retry-after", "1"));
    world.vendor.answers(LINE, Canned::json(201, "{}"));
    assert_eq!(world.send(keyed(&world, "POST /v1/things", "key-1", "{}")).await.expect("the no").status, 429);
    // Held back by the vendor's word, refused before a record was opened: the key is free again.
    assert_eq!(code(world.send(keyed(&world, "POST /v1/things", "key-1", "{}")).await), "traffic.vendor.limited");
    world.pass(Duration::from_secs(2)).await;
    assert_eq!(world.send(keyed(&world, "POST /v1/things", "key-1", "{}")).await.expect("an answer").status, 201);
    assert_eq!(world.vendor.count(LINE), 2);
}

#[tokio::test]
async fn a_vendor_that_takes_a_key_gets_one_and_may_be_asked_again() {
    let world = World::with(|provider, _| provider["idempotency_header"] = json!("idempotency-key")).await;
    world.vendor.on(LINE, Behaviour::Hang);
    world.vendor.answers(LINE, Canned::json(201, "{}"));
    let call = world.spawn(keyed(&world, "POST /v1/things", "key-1", "{}")).await;
    world.until_it_waits(&call).await;
    world.pass(Duration::from_millis(1_250)).await;
    assert_eq!(call.await.expect("it ran").expect("an answer").status, 201);
    let keys: Vec<_> =
        world.vendor.seen().iter().map(|seen| seen.header("idempotency-key").map(str::to_owned)).collect();
    assert!(keys.len() == 2 && keys[0].is_some() && keys[0] == keys[1], "{keys:?}");
    assert_ne!(keys[0].as_deref(), Some("key-1"), "two callers with one key do not meet at the vendor");
}

#[tokio::test]
async fn keys_are_read_strictly_and_mean_nothing_for_reads() {
    let world = World::new().await;
    world.vendor.answers("GET /base/v1/things/1", Canned::json(200, "{}"));
    for key in [String::new(), "a b".into(), "k\u{e9}y".into(), "x".repeat(256), "a\n".into()] {
        let stopped = world.send(keyed(&world, "POST /v1/things", &key, "{}")).await;
        assert_eq!(code(stopped), EgressRefusal::IdempotencyKey.info().code, "{key:?}");
    }
    for _ in 0..2 {
        let mut order = world.order("GET /v1/things/1");
        order.idempotency_key = Some("key-1".into());
        assert_eq!(world.send(order).await.expect("an answer").status, 200);
    }
    assert_eq!(world.vendor.count("GET /base/v1/things/1"), 2);
    assert_eq!(world.vendor.seen().len(), 2);
}

#[tokio::test]
async fn an_answer_too_large_to_keep_is_given_once() {
    let world = World::new().await;
    let large = format!(r#"{{"text":"{}"}}"#, "x".repeat(1_200_000));
    world.vendor.answers(LINE, Canned::json(201, &large));
    assert_eq!(world.send(keyed(&world, "POST /v1/things", "key-1", "{}")).await.expect("an answer").body, large);
    let refused = refusal(world.send(keyed(&world, "POST /v1/things", "key-1", "{}")).await);
    assert_eq!((refused.code(), refused.status()), (EgressRefusal::IdempotencyNotKept.info().code, 409));
    assert_eq!(world.vendor.count(LINE), 1);
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(201, "{}"));
    world.send(keyed(&world, "POST /v1/things", "key-1", "{}")).await.expect("an answer");
    world.clock.advance(Duration::from_secs(24 * 3_600 - 10));
    world.pass(Duration::from_secs(5)).await;
    world.send(keyed(&world, "POST /v1/things", "key-1", "{}")).await.expect("kept");
    assert_eq!(world.vendor.count(LINE), 1);
    world.pass(Duration::from_secs(10)).await;
    world.egress.tidy().await.expect("forgotten");
    world.send(keyed(&world, "POST /v1/things", "key-1", "{}")).await.expect("an answer");
    assert_eq!(world.vendor.count(LINE), 2);
}

#[tokio::test]
async fn what_is_kept_is_sealed() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(201, r#"{"name":"CANARY-ANSWER"}"#));
    world
        .send(keyed(&world, "POST /v1/things", "CANARY-KEY", r#"{"name":"CANARY-REQUEST"}"#))
        .await
        .expect("an answer");
    for entry in std::fs::read_dir(world.folder.path()).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            let bytes = std::fs::read(&path).expect("a file");
            assert!(!bytes.windows(6).any(|window| window == b"CANARY"), "{}", path.display());
        }
    }
}

#[tokio::test]
async fn an_answer_with_a_schema_is_kept_no_longer_than_any_other() {
    let vendor = Vendor::start("vendor.test").await;
    let (port, pem) = (vendor.address.port(), vendor.authority_pem.clone());
    let world = World::bare(vendor, Config { kept_answer_bytes: 64, ..Config::default() }).await;
    world.connect("crm", port, &pem, |_, _| ()).await;
    let (line, name) = ("POST /base/v1/checked", "n".repeat(200));
    world.vendor.answers(line, Canned::json(200, &format!("{{\"id\":1,\"name\":\"{name}\"}}")));
    world.send(keyed(&world, "POST /v1/checked", "key-1", "{}")).await.expect("an answer");
    let again = refusal(world.send(keyed(&world, "POST /v1/checked", "key-1", "{}")).await);
    assert_eq!(again.code(), EgressRefusal::IdempotencyNotKept.info().code);
    assert_eq!(world.vendor.count(line), 1);
}
