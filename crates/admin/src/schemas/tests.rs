//! What does not hold is named by its place.

use serde_json::json;

use super::*;

fn wrong(schemas: &[Value]) -> Vec<(String, String)> {
    let each = schemas.iter().cloned().enumerate();
    let schemas: Vec<_> = each.map(|(index, schema)| Declared { index, schema, fallback: None }).collect();
    tried(&schemas, "/endpoints").into_iter().map(|each| (each.pointer, each.reason)).collect()
}

#[test]
fn schemas_that_hold_pass() {
    assert_eq!(wrong(&[json!(true), json!({"pattern": "^a$"}), json!({"type": "object"})]), []);
}

#[test]
fn each_that_does_not_hold_is_named() {
    let found = wrong(&[json!({"type": "strin"}), json!({}), json!({"$ref": "#"})]);
    let places: Vec<_> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
    assert_eq!(places, ["/endpoints/0/answer/schema", "/endpoints/2/answer/schema"]);
}

#[test]
fn schemas_that_are_too_much_together_are_not_compiled() {
    let patterns: Vec<Value> = (0..60).map(|number| json!({"pattern": format!("^{number}$")})).collect();
    let schema = json!({"prefixItems": patterns});
    assert_eq!(wrong(&vec![schema.clone(); 8]), []);
    let found = wrong(&vec![schema; 9]);
    assert_eq!((found.len(), found[0].0.as_str()), (1, "/endpoints"));
}

#[tokio::test]
async fn a_tenant_that_is_compiling_holds_up_itself_and_no_other() {
    let (one, other) = (TenantId::from_u128(1), TenantId::from_u128(2));
    let endpoint = json!({"method": "GET", "path": "/a", "answer": {"schema": {"type": "object"}}});
    let endpoints: Vec<EndpointSpec> = serde_json::from_value(json!([endpoint])).expect("endpoints");
    let turn = TURNS.take(one).await.expect("a turn");
    assert!(demand(other, &endpoints, "/endpoints").await.is_ok());
    let mut waiting = Box::pin(demand(one, &endpoints, "/endpoints"));
    let first = std::future::poll_fn(|context| std::task::Poll::Ready(waiting.as_mut().poll(context))).await;
    assert!(first.is_pending(), "its own turn is taken");
    drop(turn);
    assert!(waiting.await.is_ok());
}

#[test]
fn a_fallback_is_held_to_the_schema() {
    let told = |schema: Value, body: &str| {
        let declared = [Declared { index: 3, schema, fallback: Some(body.to_owned()) }];
        tried(&declared, "/endpoints").into_iter().map(|each| each.pointer).collect::<Vec<_>>()
    };
    let schema = json!({"type": "object", "required": ["id"]});
    assert!(told(schema.clone(), r#"{"id": 1}"#).is_empty());
    for body in [r#"{"name": 1}"#, "[]", "{", ""] {
        assert_eq!(told(schema.clone(), body), ["/endpoints/3/fallback/body"], "{body}");
    }
    assert_eq!(told(json!({"type": "strin"}), "{"), ["/endpoints/3/answer/schema"]);
}
