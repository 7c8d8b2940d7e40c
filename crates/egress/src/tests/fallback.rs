//! What stands in for a vendor that is down, and what nothing stands in for.

use std::time::Duration;

use lockgate_audit::Outcome;
use lockgate_testkit::{Behaviour, Canned};
use lockgate_vocabulary::{RunId, Stop};
use serde_json::{Value, json};

use super::world::{World, code, json_body, read};
use crate::{EgressRefusal, Order};

const LINE: &str = "GET /base/v1/rates";
const BODY: &str = r#"{"rates":[]}"#;

/// Endpoints of which some declare what stands in for the vendor.
fn declared(provider: &mut Value) {
    let fallback = json!({"status": 203, "media_type": "application/json", "body": BODY});
    provider["endpoints"] = json!([
        {"method": "GET", "path": "/v1/rates", "fallback": fallback},
        {"method": "HEAD", "path": "/v1/rates", "fallback": fallback},
        {"method": "POST", "path": "/v1/search", "operation": "read", "fallback": fallback},
        {"method": "GET", "path": "/v1/typed", "answer": {"media_types": ["application/json"]}, "fallback": fallback},
        {"method": "GET", "path": "/v1/plain"},
        {"method": "POST", "path": "/v1/rates"},
    ]);
}

/// A world in which nothing is tried again.
async fn world(more: Value) -> World {
    World::with(|provider, spec| {
        declared(provider);
        spec["retries"] = json!(0);
        spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    })
    .await
}

/// What a caller got, and whether it was told that something stood in.
async fn got(world: &World, order: Order) -> Result<(u16, String, bool), Stop> {
    let reply = world.egress.call(world.worker().await, order).await?;
    let stood_in = reply.fallback();
    let got = read(reply).await?;
    Ok((got.status.as_u16(), got.body, stood_in))
}

/// The run failed under this code, and says that something stood in.
async fn is_honest(world: &World, run: RunId, code: &str) {
    let ended = world.run(run).await.ended.expect("it ended");
    let said = (ended.outcome, ended.code.as_deref(), ended.status, ended.fallback);
    assert_eq!(said, (Outcome::Failed, Some(code), Some(203), true));
}

fn stood_in() -> (u16, String, bool) {
    (203, BODY.to_owned(), true)
}

#[tokio::test]
async fn after_the_last_retry_it_stands_in_for_a_vendor_that_fails() {
    let world = World::with(|provider, spec| {
        declared(provider);
        spec["retries"] = json!(1);
    })
    .await;
    world.vendor.answers(LINE, Canned::json(502, r#"{"error":"down"}"#));
    let order = world.order("GET /v1/rates");
    let run = order.run;
    let call = world.spawn(order).await;
    world.until_it_waits(&call).await;
    world.pass(Duration::from_millis(1_250)).await;
    let answer = call.await.expect("it ran").expect("an answer");
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (203, BODY));
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(world.vendor.count(LINE), 2, "the vendor was asked as often as it may be");
    is_honest(&world, run, EgressRefusal::VendorFailed.info().code).await;
}

#[tokio::test]
async fn it_stands_in_while_the_breaker_is_open_and_nothing_is_sent() {
    let world = world(json!({"breaker": {"least_calls": 1, "failure_percent": 1}})).await;
    world.vendor.answers(LINE, Canned::json(500, "{}"));
    assert_eq!(got(&world, world.order("GET /v1/rates")).await.expect("an answer"), stood_in());
    let order = world.order("GET /v1/rates");
    let run = order.run;
    assert_eq!(got(&world, order).await.expect("an answer"), stood_in());
    is_honest(&world, run, "traffic.breaker.open").await;
    assert_eq!(code(got(&world, world.order("GET /v1/plain")).await), "traffic.breaker.open");
    assert_eq!(code(got(&world, world.order("POST /v1/rates")).await), "traffic.breaker.open");
    let mut rehearsed = world.order("GET /v1/rates");
    rehearsed.dry_run = true;
    assert_eq!(code(got(&world, rehearsed).await), "traffic.breaker.open", "what is rehearsed is told as it is");
    assert_eq!(world.vendor.count(LINE), 1);
}

#[tokio::test]
async fn it_stands_in_for_a_vendor_that_is_not_reached() {
    let world = world(json!({})).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    let pem = world.vendor.authority_pem.clone();
    let plain = |provider: &mut Value, spec: &mut Value| {
        declared(provider);
        spec["retries"] = json!(0);
    };
    world.connect("gone", closed, &pem, plain).await;
    let nameless = |provider: &mut Value, spec: &mut Value| {
        plain(provider, spec);
        provider["base_url"] = json!("https://nobody.vendor.test/base");
    };
    world.connect("nameless", closed, &pem, nameless).await;
    for (name, refused) in [("gone", EgressRefusal::VendorUnreachable), ("nameless", EgressRefusal::NameUnresolved)] {
        let mut order = world.order("GET /v1/rates");
        order.ask.connection = name.into();
        let run = order.run;
        assert_eq!(got(&world, order).await.expect("an answer"), stood_in(), "{name}");
        is_honest(&world, run, refused.info().code).await;
        let mut order = world.order("GET /v1/plain");
        order.ask.connection = name.into();
        assert_eq!(code(got(&world, order).await), refused.info().code);
    }
}

#[tokio::test]
async fn it_stands_in_for_a_vendor_that_falls_silent() {
    let world = world(json!({})).await;
    world.vendor.on(LINE, Behaviour::Stall(Vec::new()));
    let order = world.order("GET /v1/rates");
    let run = order.run;
    let call = world.spawn(order).await;
    world.vendor.wait_for(LINE, 1).await;
    world.pass(Duration::from_secs(31)).await;
    assert_eq!(call.await.expect("it ran").expect("an answer").body, BODY);
    is_honest(&world, run, EgressRefusal::AnswerTimeout.info().code).await;
    world.vendor.on("HEAD /base/v1/rates", Behaviour::Hang);
    let got = got(&world, world.order("HEAD /v1/rates")).await.expect("an answer");
    assert_eq!(got, (203, String::new(), true), "there is no body where none was asked for");
}

#[tokio::test]
async fn nothing_stands_in_for_an_answer_a_limit_or_what_we_refuse() {
    let world = world(json!({"breaker": {"least_calls": 10_000}})).await;
    world.vendor.answers(LINE, Canned::json(404, r#"{"error":"none"}"#));
    assert_eq!(got(&world, world.order("GET /v1/rates")).await.expect("an answer").0, 404);
    world.vendor.answers("GET /base/v1/typed", Canned::bytes(200, "<html>").header("content-type", "text/html"));
    let refused = got(&world, world.order("GET /v1/typed")).await;
    assert_eq!(code(refused), EgressRefusal::AnswerMediaType.info().code);
    world.vendor.answers("POST /base/v1/rates", Canned::json(500, "{}"));
    assert_eq!(code(got(&world, world.order("POST /v1/rates")).await), EgressRefusal::VendorFailed.info().code);
    world.vendor.forget(LINE);
    world.vendor.answers(LINE, Canned::json(429, "{}").header("retry-after", "60"));
    assert_eq!(code(got(&world, world.order("GET /v1/rates")).await), "egress.vendor.limited");
    assert_eq!(code(got(&world, world.order("GET /v1/rates")).await), "traffic.vendor.limited");
}

#[tokio::test]
async fn an_address_that_is_forbidden_is_refused_as_ever() {
    let world = world(json!({})).await;
    let inside = |provider: &mut Value, _: &mut Value| {
        declared(provider);
        provider["base_url"] = json!("https://inside.vendor.test/base");
    };
    world.connect("inside", 443, &world.vendor.authority_pem.clone(), inside).await;
    let mut order = world.order("GET /v1/rates");
    order.ask.connection = "inside".into();
    assert_eq!(code(got(&world, order).await), EgressRefusal::AddressPrivate.info().code);
}

#[tokio::test]
async fn no_key_stands_for_it() {
    let world = world(json!({"breaker": {"least_calls": 10_000}})).await;
    let line = "POST /base/v1/search";
    world.vendor.answers(line, Canned::json(503, "{}"));
    world.vendor.answers(line, Canned::json(200, r#"{"found":1}"#));
    let keyed = || {
        let mut order = world.order("POST /v1/search");
        order.idempotency_key = Some("k-1".into());
        json_body(&mut order, "{}");
        order
    };
    assert_eq!(got(&world, keyed()).await.expect("an answer"), stood_in());
    let answer = got(&world, keyed()).await.expect("an answer");
    assert_eq!(answer, (200, r#"{"found":1}"#.to_owned(), false), "the key was free for the vendor's answer");
    assert_eq!(world.vendor.count(line), 2);
}

#[tokio::test]
async fn who_waits_for_later_waits_for_the_vendor() {
    let world = World::with(|provider, _| declared(provider)).await;
    world.vendor.answers(LINE, Canned::json(503, "{}").header("retry-after", "60"));
    world.vendor.answers(LINE, Canned::json(501, "{}"));
    let mut order = world.order("GET /v1/rates");
    order.respond_async = true;
    let run = order.run;
    let (status, _, stood_in) = got(&world, order).await.expect("an answer");
    assert_eq!((status, stood_in), (202, false));
    world.until(|| world.sleeps_for(Duration::from_secs(60))).await;
    world.pass(Duration::from_secs(61)).await;
    let ended = world.run(run).await.ended.expect("it ended");
    assert_eq!((ended.code.as_deref(), ended.fallback), (Some("egress.vendor.failed"), false));
}
