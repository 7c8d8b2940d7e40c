//! What a tenant has together, and what a connection has on one day, as callers outside meet it.

use std::time::Duration;

use lockgate_testkit::Canned;
use lockgate_vocabulary::Clock;
use serde_json::json;

use crate::client::Answer;
use crate::world::World;

const READ: &str = "GET /v1/things/1";
const DAY: i64 = 86_400;

/// It is a refusal with this code that says when to come again, and what the caller has left.
fn tells_when(answer: &Answer, code: &str) -> u64 {
    assert_eq!((answer.status, answer.code().as_str()), (429, code), "{}", answer.text());
    for name in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"] {
        assert!(answer.header(name).is_some(), "{name}");
    }
    answer.header("retry-after").expect("when to come again").parse().expect("seconds")
}

#[tokio::test]
async fn a_tenant_has_one_rate_whoever_calls_and_no_other_tenant_notices() {
    let world = World::with("[traffic]\ntenant_per_minute = 60\ntenant_burst = 3").await;
    let (acme, globex) = (world.tenant("acme").await, world.tenant("globex").await);
    world.connection(&acme, "pay").await;
    world.connection(&acme, "mail").await;
    world.connection(&globex, "pay").await;
    world.vendor.answers(READ, Canned::json(200, "{}"));
    let (_, other) = world.service(&acme.operator, "other", json!(["integration.connections.call"])).await;
    let calls = [(&acme.service, "pay"), (&other, "pay"), (&other, "mail")];
    for (left, (key, name)) in (0..3).rev().zip(calls) {
        let answer = world.read(key, &format!("/call/{name}/v1/things/1")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("x-ratelimit-limit"), Some("3"), "the tighter rate is told");
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(left.to_string().as_str()));
    }
    for (key, name) in calls {
        let refused = world.read(key, &format!("/call/{name}/v1/things/1")).await;
        assert_eq!(tells_when(&refused, "traffic.tenant.exceeded"), 1);
    }
    assert_eq!(world.vendor.count(READ), 3);
    assert_eq!(world.read(&globex.service, "/call/pay/v1/things/1").await.status, 200);
    let shown = world.ask(&acme.operator, "GET", "/v1/connections/pay", None).await;
    assert_eq!(shown.status, 200, "operators are not held off by what their tenant calls");
    let trail = world.trail(&acme).await;
    assert!(trail.iter().any(|entry| entry["code"] == "traffic.tenant.exceeded"), "it is recorded like any other");
    world.pass(Duration::from_secs(1)).await;
    assert_eq!(world.read(&acme.service, "/call/pay/v1/things/1").await.status, 200);
    world.end().await;
}

#[tokio::test]
async fn a_connection_has_so_many_calls_a_day() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection_with(&acme, "pay", json!({ "limits": { "per_day": 2 } })).await;
    world.connection(&acme, "mail").await;
    world.vendor.answers(READ, Canned::json(200, "{}"));
    for left in ["1", "0"] {
        let answer = world.read(&acme.service, "/call/pay/v1/things/1").await;
        assert_eq!((answer.status, answer.header("x-ratelimit-remaining")), (200, Some(left)), "{}", answer.text());
    }
    let refused = world.read(&acme.service, "/call/pay/v1/things/1").await;
    let wait = tells_when(&refused, "traffic.quota.exceeded");
    let now = world.clock.now().as_micros() / 1_000_000;
    assert_eq!(wait, u64::try_from(DAY - now.rem_euclid(DAY)).expect("seconds"), "until midnight UTC");
    assert_eq!(world.read(&acme.service, "/call/mail/v1/things/1").await.status, 200, "another one has its own");
    assert_eq!(world.vendor.count(READ), 3);
    world.pass(Duration::from_secs(wait)).await;
    assert_eq!(world.read(&acme.service, "/call/pay/v1/things/1").await.status, 200);
    for wrong in [0, 1_000_000_001] {
        let settings = json!({ "limits": { "per_day": wrong } });
        let refused = world.try_connection(&acme, &format!("c{wrong}"), settings).await.expect_err("no such quota");
        assert_eq!((refused.status, refused.code().as_str()), (422, "access.input.invalid"), "{}", refused.text());
        assert_eq!(refused.json()["violations"][0]["pointer"], "/spec/limits/per_day");
    }
    world.end().await;
}
