//! What a caller outside gets in the vendor's place while the vendor is down, and what its run says of it.

use std::time::Duration;

use lockgate_testkit::Canned;
use serde_json::{Value, json};

use crate::world::{Tenant, World};

const RATES: &str = "GET /v1/rates";
const BODY: &str = r#"{"rates":[]}"#;

fn endpoints() -> Value {
    let fallback = json!({ "media_type": "application/json", "body": BODY });
    let schema = json!({ "type": "object", "required": ["rates"] });
    json!([
        { "method": "GET", "path": "/v1/rates", "answer": { "schema": schema }, "fallback": fallback },
        { "method": "GET", "path": "/v1/plain" },
    ])
}

async fn world(more: Value) -> (World, Tenant) {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let mut settings = json!({ "retries": 0, "endpoints": endpoints() });
    settings.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    world.connection_with(&acme, "pay", settings).await;
    (world, acme)
}

#[tokio::test]
async fn a_vendor_that_is_down_is_stood_in_for_and_the_run_says_so() {
    let (world, acme) = world(json!({ "breaker": { "least_calls": 1, "failure_percent": 100 } })).await;
    world.vendor.answers(RATES, Canned::json(503, "{}"));
    for (code, sent) in [("egress.vendor.failed", 1), ("traffic.breaker.open", 0)] {
        let answer = world.read(&acme.service, "/call/pay/v1/rates").await;
        assert_eq!((answer.status, answer.text().as_str()), (200, BODY), "{code}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("x-lockgate-fallback"), Some("true"), "it is told for what it is");
        for name in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "traceparent"] {
            assert!(answer.header(name).is_some(), "{name}");
        }
        let run = world.ended(&acme, answer.header("x-lockgate-run").expect("a run")).await;
        let said = [&run["outcome"], &run["code"], &run["status"], &run["fallback"]];
        assert_eq!(said, [&json!("failed"), &json!(code), &json!(200), &json!(true)], "{run}");
        assert_eq!(run["attempts"].as_array().map(Vec::len), Some(sent), "{run}");
    }
    assert_eq!(world.vendor.count(RATES), 1, "an open breaker lets nothing out");
    let refused = world.read(&acme.service, "/call/pay/v1/plain").await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "traffic.breaker.open"), "{}", refused.text());
    assert_eq!(refused.header("x-lockgate-fallback"), None);

    world.pass(Duration::from_secs(16)).await;
    world.vendor.forget(RATES);
    world.vendor.answers(RATES, Canned::json(200, r#"{"rates":[1]}"#).header("x-lockgate-fallback", "true"));
    let answer = world.read(&acme.service, "/call/pay/v1/rates").await;
    assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"rates":[1]}"#));
    assert_eq!(answer.header("x-lockgate-fallback"), None, "a vendor does not say it in our name");
    let run = world.ended(&acme, answer.header("x-lockgate-run").expect("a run")).await;
    assert_eq!((&run["outcome"], &run["fallback"]), (&json!("succeeded"), &json!(false)));
    world.end().await;
}

#[tokio::test]
async fn nothing_stands_in_where_the_gateway_itself_says_no() {
    let limits = json!({ "limits": { "per_minute": 1, "burst": 1 } });
    let (world, acme) = world(limits).await;
    world.vendor.answers(RATES, Canned::json(200, BODY));
    assert_eq!(world.read(&acme.service, "/call/pay/v1/rates").await.status, 200);
    let limited = world.read(&acme.service, "/call/pay/v1/rates").await;
    assert_eq!((limited.status, limited.code().as_str()), (429, "traffic.rate.exceeded"), "{}", limited.text());
    let stranger = world.read("nobody", "/call/pay/v1/rates").await;
    assert_eq!(stranger.status, 401);
    let undeclared = world.read(&acme.service, "/call/pay/v1/other").await;
    assert_eq!(undeclared.status, 403);
    for answer in [limited, stranger, undeclared] {
        assert_eq!(answer.header("x-lockgate-fallback"), None);
    }
    world.end().await;
}

#[tokio::test]
async fn what_must_not_stand_in_is_refused_where_it_is_declared() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let given = |media_type: &str, body: &str| json!({ "media_type": media_type, "body": body });
    let schema = json!({ "type": "object", "required": ["id"] });
    let read = |answer: Value, fallback: Value| json!({ "method": "GET", "path": "/v1/things", "answer": answer, "fallback": fallback });
    let large = "x".repeat(16 * 1024 + 1);
    let cases = [
        (json!({ "method": "POST", "path": "/v1/things", "fallback": given("text/plain", "done") }), "/fallback"),
        (json!({ "method": "DELETE", "path": "/v1/things", "fallback": given("text/plain", "gone") }), "/fallback"),
        (read(json!({}), json!({ "status": 503, "media_type": "text/plain", "body": "" })), "/fallback/status"),
        (read(json!({}), given("text", "x")), "/fallback/media_type"),
        (read(json!({}), given("text/plain", &large)), "/fallback/body"),
        (read(json!({ "schema": schema }), given("application/json", r#"{"name":1}"#)), "/fallback/body"),
    ];
    for (number, (endpoint, place)) in cases.into_iter().enumerate() {
        let settings = json!({ "endpoints": [endpoint] });
        let refused = world.try_connection(&acme, &format!("c{number}"), settings).await;
        let refused = refused.expect_err("no such connection is made");
        assert_eq!((refused.status, refused.code().as_str()), (422, "access.input.invalid"), "{}", refused.text());
        let told = refused.json()["violations"][0]["pointer"].clone();
        assert_eq!(told, json!(format!("/spec/endpoints/0{place}")), "{}", refused.text());
    }
    world.end().await;
}
