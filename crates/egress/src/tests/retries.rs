//! What is tried again, how often, when, and what the caller is told where it is not.

use std::time::Duration;

use lockgate_audit::Outcome;
use lockgate_testkit::{Behaviour, Canned};
use serde_json::json;

use super::world::{World, code, json_body, refusal};
use crate::EgressRefusal;

const LINE: &str = "GET /base/v1/things/1";

/// Lets waits of the schedule go by, each with its most chance.
async fn ride<T>(world: &World, call: &tokio::task::JoinHandle<T>, waits: &[u64]) {
    for wait in waits {
        world.until_it_waits(call).await;
        world.pass(Duration::from_millis(wait * 1_250)).await;
    }
}

#[tokio::test]
async fn a_read_is_tried_again_until_it_is_answered() {
    let world = World::new().await;
    for status in [500, 502, 503] {
        world.vendor.answers(LINE, Canned::json(status, "{}"));
    }
    world.vendor.answers(LINE, Canned::json(200, r#"{"id":1}"#));
    let order = world.order("GET /v1/things/1");
    let run = order.run;
    let call = world.spawn(order).await;
    ride(&world, &call, &[1, 2, 4]).await;
    let got = call.await.expect("it ran").expect("an answer");
    assert_eq!((got.status.as_u16(), got.body.as_str()), (200, r#"{"id":1}"#));
    assert_eq!(world.vendor.count(LINE), 4);
    assert_eq!(world.vendor.connections(), 1, "answers that are not passed on leave their line usable");
    let run = world.run(run).await;
    assert_eq!((run.outcome(), run.attempts.len()), (Some(Outcome::Succeeded), 4));
    assert_eq!(world.entries("opened").await, 1);
}

#[tokio::test]
async fn not_before_the_first_second_is_over() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(503, "{}"));
    let call = world.spawn(world.order("GET /v1/things/1")).await;
    world.until_it_waits(&call).await;
    world.pass(Duration::from_millis(999)).await;
    assert_eq!(world.vendor.count(LINE), 1);
    world.pass(Duration::from_millis(251)).await;
    world.vendor.wait_for(LINE, 2).await;
    call.abort();
}

#[tokio::test]
async fn what_would_not_end_in_time_is_not_begun() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(503, "{}"));
    let call = world.spawn(world.order("GET /v1/things/1")).await;
    ride(&world, &call, &[1, 2, 4, 8]).await;
    let refused = refusal(call.await.expect("it ran"));
    assert_eq!((refused.code(), refused.status()), ("egress.vendor.unavailable", 503));
    let wait = refused.wait().expect("a time");
    assert!((Duration::from_secs(16)..=Duration::from_secs(20)).contains(&wait), "{wait:?}");
    assert_eq!(world.vendor.count(LINE), 5);
}

#[tokio::test]
async fn a_limit_is_waited_out_as_long_as_the_vendor_says() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(429, "{}").header("retry-after", "7"));
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    let call = world.spawn(world.order("GET /v1/things/1")).await;
    world.until_it_waits(&call).await;
    world.pass(Duration::from_millis(6_900)).await;
    assert_eq!(world.vendor.count(LINE), 1);
    world.pass(Duration::from_millis(200)).await;
    assert_eq!(call.await.expect("it ran").expect("an answer").status, 200);
    assert_eq!(world.vendor.count(LINE), 2);
}

#[tokio::test]
async fn a_limit_beyond_the_calls_time_is_told() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(429, "{}").header("retry-after", "60"));
    let refused = refusal(world.call("GET /v1/things/1").await);
    assert_eq!((refused.code(), refused.status()), (EgressRefusal::VendorLimited.info().code, 429));
    assert_eq!(refused.wait(), Some(Duration::from_secs(60)));
    assert_eq!(world.vendor.count(LINE), 1);
    // The vendor's word is obeyed before it has to say it again.
    assert_eq!(code(world.call("GET /v1/things/1").await), "traffic.vendor.limited");
    assert_eq!(world.vendor.count(LINE), 1);
}

#[tokio::test]
async fn limits_in_the_headers_are_obeyed_before_the_vendor_refuses() {
    let world = World::new().await;
    let spent = Canned::json(200, "{}").header("x-ratelimit-remaining", "0").header("x-ratelimit-reset", "30");
    world.vendor.answers(LINE, spent);
    assert_eq!(world.call("GET /v1/things/1").await.expect("an answer").status, 200);
    let held = refusal(world.call("GET /v1/things/1").await);
    assert_eq!((held.code(), held.status()), ("traffic.vendor.limited", 429));
    assert_eq!(world.vendor.count(LINE), 1);
    world.pass(Duration::from_secs(31)).await;
    assert_eq!(world.call("GET /v1/things/1").await.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_write_that_was_answered_is_not_sent_again() {
    let world = World::new().await;
    for status in [500, 503, 429] {
        world.vendor.forget("POST /base/v1/things");
        world.vendor.answers("POST /base/v1/things", Canned::json(status, "{}").header("retry-after", "1"));
        let before = world.vendor.seen().len();
        let got = world.call("POST /v1/things").await;
        match status {
            429 => assert_eq!(got.expect("the vendor's no").status, 429),
            _ => assert_eq!(code(got), "egress.vendor.failed"),
        }
        assert_eq!(world.vendor.seen().len(), before + 1);
        world.pass(Duration::from_secs(2)).await;
    }
}

#[tokio::test]
async fn what_is_declared_harmless_is_tried_again() {
    let world = World::new().await;
    let line = "POST /base/v1/pings";
    world.vendor.answers(line, Canned::json(503, "{}"));
    world.vendor.answers(line, Canned::json(200, "{}"));
    let mut order = world.order("POST /v1/pings");
    json_body(&mut order, r#"{"ping":1}"#);
    let call = world.spawn(order).await;
    ride(&world, &call, &[1]).await;
    assert_eq!(call.await.expect("it ran").expect("an answer").status, 200);
    let bodies: Vec<_> = world.vendor.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies, [br#"{"ping":1}"#.to_vec(), br#"{"ping":1}"#.to_vec()]);
}

#[tokio::test]
async fn a_write_that_never_left_is_tried_again() {
    let world = World::new().await;
    let port = world.vendor.address.port();
    // Nobody listens there any more: the connection is refused, so nothing was sent.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    assert_ne!(port, closed);
    world.connect("gone", closed, &world.vendor.authority_pem.clone(), |_, spec| spec["retries"] = json!(2)).await;
    let mut order = world.order("POST /v1/things");
    order.ask.connection = "gone".into();
    let run = order.run;
    let call = world.spawn(order).await;
    ride(&world, &call, &[1, 2]).await;
    assert_eq!(code(call.await.expect("it ran")), EgressRefusal::VendorUnreachable.info().code);
    let run = world.run(run).await;
    assert_eq!((run.outcome(), run.attempts.len()), (Some(Outcome::Failed), 3));
    assert!(run.attempts.iter().all(|attempt| !attempt.facts.sent));
}

#[tokio::test]
async fn a_revocation_ends_the_retries() {
    let world = World::new().await;
    world.vendor.answers(LINE, Canned::json(503, "{}"));
    let caller = world.worker().await;
    let key = caller.key().expect("a key");
    let call = world.spawn(world.order("GET /v1/things/1")).await;
    world.until_it_waits(&call).await;
    let operator = world.operator().await;
    world.access.registry(&operator, super::world::trace()).revoke_key(key).await.expect("revoked");
    world.pass(Duration::from_secs(2)).await;
    assert_eq!(code(call.await.expect("it ran")), "access.call.withdrawn");
    assert_eq!(world.vendor.count(LINE), 1);
}

#[tokio::test]
async fn the_breaker_ends_the_retries() {
    let world = World::with(|_, spec| spec["breaker"] = json!({"least_calls": 2, "failure_percent": 50})).await;
    world.vendor.answers(LINE, Canned::json(500, "{}"));
    let call = world.spawn(world.order("GET /v1/things/1")).await;
    ride(&world, &call, &[1, 2]).await;
    assert_eq!(code(call.await.expect("it ran")), "traffic.breaker.open");
    assert_eq!(world.vendor.count(LINE), 2);
    assert_eq!(code(world.call("GET /v1/things/1").await), "traffic.breaker.open");
    assert_eq!(world.vendor.count(LINE), 2);
}

#[tokio::test]
async fn an_answer_that_breaks_its_schema_is_tried_again_where_that_is_safe() {
    let world = World::new().await;
    world.vendor.answers("GET /base/v1/checked", Canned::json(200, r#"{"id":"one"}"#));
    world.vendor.answers("GET /base/v1/checked", Canned::json(200, r#"{"id":1}"#));
    let call = world.spawn(world.order("GET /v1/checked")).await;
    ride(&world, &call, &[1]).await;
    assert_eq!(call.await.expect("it ran").expect("an answer").body, r#"{"id":1}"#);

    world.vendor.answers("POST /base/v1/checked", Canned::json(200, r#"{"id":1,"extra":true}"#));
    let refused = refusal(world.call("POST /v1/checked").await);
    assert_eq!(refused.code(), EgressRefusal::AnswerSchema.info().code);
    assert!(!refused.violations().is_empty());
    assert_eq!(world.vendor.count("POST /base/v1/checked"), 1);
}

#[tokio::test]
async fn a_hung_read_is_given_up_in_time() {
    let world = World::new().await;
    world.vendor.on(LINE, Behaviour::Stall(Vec::new()));
    let order = world.order("GET /v1/things/1");
    let run = order.run;
    let call = world.spawn(order).await;
    world.vendor.wait_for(LINE, 1).await;
    world.pass(Duration::from_secs(31)).await;
    let refused = refusal(call.await.expect("it ran"));
    assert_eq!((refused.code(), refused.status()), (EgressRefusal::AnswerTimeout.info().code, 504));
    assert_eq!(world.vendor.count(LINE), 1);
    assert_eq!(world.outcome(run).await.0, Outcome::Failed);
}
