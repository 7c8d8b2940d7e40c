//! Schemas of answers from outside: what does not hold is refused where it is written down, and what would
//! take too long to check is refused before it keeps anybody waiting.

use lockgate_testkit::Canned;
use serde_json::{Value, json};

use crate::world::World;

const READ: &str = "GET /v1/things/1";

/// So many patterns that are at their worst together, and a form that takes everything.
fn hostile(patterns: usize) -> Value {
    let each = (0..patterns).map(|number| json!({ "pattern": format!("[xX]*x[xX]{{{}}}[0-9]", 40 + number % 20) }));
    let forms: Vec<Value> = each.chain([json!({})]).collect();
    json!({ "type": "array", "items": { "anyOf": forms } })
}

fn endpoints(schema: &Value) -> Value {
    json!([
        { "method": "GET", "path": "/v1/free/{id}" },
        { "method": "GET", "path": "/v1/things/{id}", "answer": { "schema": schema } },
    ])
}

#[tokio::test]
async fn a_schema_that_does_not_hold_is_not_written_down() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    let provider = |schema: &Value| {
        json!({
            "name": "judged", "title": "Vendor", "base_url": "https://api.vendor.test",
            "auth": { "placement": "bearer" }, "endpoints": endpoints(schema),
        })
    };
    let nested =
        json!({ "$defs": { "a": { "pattern": "\\w{45}" } }, "prefixItems": vec![json!({ "$ref": "#/$defs/a" }); 700] });
    for schema in [hostile(100), nested, json!({ "$ref": "#" }), json!({ "pattern": "(a{1000}){1000}" })] {
        let spec = json!({ "trust_pem": world.vendor.authority_pem, "endpoints": endpoints(&schema) });
        let fresh = json!({ "name": "judged", "provider": "vendor-pay", "spec": spec });
        for (method, path, body, pointer) in [
            ("POST", "/v1/providers", provider(&schema), "/endpoints/1/answer/schema"),
            ("PUT", "/v1/providers/vendor-pay", provider(&schema), "/endpoints/1/answer/schema"),
            ("POST", "/v1/connections", fresh, "/spec/endpoints/1/answer/schema"),
            ("PATCH", "/v1/connections/pay", json!({ "spec": spec }), "/spec/endpoints/1/answer/schema"),
        ] {
            let answer = world.ask(&acme.operator, method, path, Some(body)).await;
            assert_eq!((answer.status, answer.code().as_str()), (422, "access.input.invalid"), "{}", answer.text());
            assert_eq!(answer.json()["violations"][0]["pointer"], pointer);
        }
    }
    // Who may not write it down is not told whether it would hold.
    let asked = world.ask(&acme.service, "POST", "/v1/providers", Some(provider(&hostile(100)))).await;
    assert_eq!(asked.status, 403, "{}", asked.text());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_would_take_too_long_to_check_keeps_nobody_waiting() {
    let world = World::start().await;
    let (acme, other) = (world.tenant("acme").await, world.tenant("other").await);
    let settings = json!({ "retries": 0, "endpoints": endpoints(&hostile(60)) });
    world.connection_with(&acme, "pay", settings).await;
    world.connection(&other, "pay").await;
    let text = json!(["xXXxXxxXXX".repeat(7_600)]).to_string();
    world.vendor.answers(READ, Canned::json(200, &text));
    world.vendor.answers("GET /v1/files/a", Canned::json(200, "{}"));
    for _ in 0..8 {
        let answer = world.read(&acme.service, "/call/pay/v1/things/1").await;
        assert_eq!((answer.status, answer.code().as_str()), (502, "egress.answer.too_costly"), "{}", answer.text());
        let answer = world.read(&other.service, "/call/pay/v1/files/a").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    // What is small is judged by the same schema.
    world.vendor.forget(READ);
    world.vendor.answers(READ, Canned::json(200, r#"["xX"]"#));
    assert_eq!(world.read(&acme.service, "/call/pay/v1/things/1").await.status, 200);
    world.end().await;
}
