//! Schemas that do not hold, answers that would take too long to check, and tenants that keep others waiting.

use std::sync::mpsc;
use std::time::Duration;

use lockgate_testkit::Canned;
use serde_json::{Value, json};

use crate::EgressRefusal;
use crate::tests::world::{World, code};

const LINE: &str = "GET /base/v1/judged";

/// A connection with one endpoint that declares this schema. The registry takes it as it is: it stands for
/// one that was written down when the rules were wider.
async fn world(schema: Value) -> World {
    World::with(|provider, connection| {
        provider["endpoints"] = json!([{"method": "GET", "path": "/v1/judged", "answer": {"schema": schema}}]);
        connection["retries"] = json!(0);
    })
    .await
}

/// Patterns that are at their worst together.
fn hostile() -> Value {
    let each = (0..60).map(|number| json!({"pattern": format!("[xX]*x[xX]{{{}}}[0-9]", 40 + number % 20)}));
    let forms: Vec<Value> = each.chain([json!({})]).collect();
    json!({"type": "array", "items": {"anyOf": forms}})
}

#[tokio::test]
async fn an_answer_that_would_take_too_long_is_refused_before_a_pattern_runs() {
    let world = world(hostile()).await;
    world.vendor.answers(LINE, Canned::json(200, &json!(["xXxXX".repeat(15_000)]).to_string()));
    assert_eq!(code(world.call("GET /v1/judged").await), EgressRefusal::AnswerTooCostly.info().code);
    world.vendor.forget(LINE);
    world.vendor.answers(LINE, Canned::json(200, r#"["xX"]"#));
    assert_eq!(world.call("GET /v1/judged").await.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_large_answer_is_checked_beside_the_calls() {
    let world = world(json!({"type": "array", "items": {"type": "integer"}})).await;
    world.vendor.answers(LINE, Canned::json(200, &json!(vec![1; 50_000]).to_string()));
    assert_eq!(world.call("GET /v1/judged").await.expect("an answer").body.len(), 100_001);
    world.vendor.forget(LINE);
    world.vendor.answers(LINE, Canned::json(200, &json!(vec!["1"; 50_000]).to_string()));
    assert_eq!(code(world.call("GET /v1/judged").await), EgressRefusal::AnswerSchema.info().code);
}

#[tokio::test]
async fn a_stored_schema_that_does_not_hold_refuses_the_call_and_breaks_nothing() {
    for schema in
        [json!({"type": "strin"}), json!({"$ref": "#"}), json!({"prefixItems": vec![json!({"pattern": "a"}); 65]})]
    {
        let world = world(schema).await;
        for _ in 0..2 {
            assert_eq!(code(world.call("GET /v1/judged").await), EgressRefusal::EndpointSchema.info().code);
        }
        assert_eq!(world.vendor.count(LINE), 0, "nothing is sent whose answer could not be checked");
    }
}

#[tokio::test]
async fn a_check_that_gets_no_turn_ends_with_its_call() {
    let world = world(json!({"type": "array"})).await;
    let (gate, opens) = mpsc::channel::<()>();
    let opens = std::sync::Arc::new(std::sync::Mutex::new(opens));
    let (begun, begins) = tokio::sync::oneshot::channel();
    let mut begun = Some(begun);
    for _ in 0..256 {
        let (inner, tenant, opens) = (world.egress.inner.clone(), world.tenant, opens.clone());
        let begun = begun.take();
        tokio::spawn(async move {
            let work = move || {
                if let Some(begun) = begun {
                    begun.send(()).ok();
                }
                opens.lock().expect("not poisoned").recv().ok();
            };
            drop(inner.schemas.turns.run(tenant, work).await);
        });
    }
    begins.await.expect("one begins");
    let call = world.spawn(world.order("GET /v1/judged")).await;
    world.until(|| world.sleepers() > 0).await;
    world.pass(Duration::from_secs(30)).await;
    assert_eq!(code(call.await.expect("over")), EgressRefusal::AnswerUnchecked.info().code);
    drop(gate);
}
