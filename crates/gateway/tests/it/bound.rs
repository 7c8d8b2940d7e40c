//! A credential stays where it was given to, whoever may change what is around it.

use lockgate_testkit::Canned;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn neither_its_place_nor_whom_it_is_shown_to_can_be_changed_under_a_credential() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    world.connection_with(&acme, "pay", json!({ "retries": 0 })).await;
    world.vendor.answers("*", Canned::json(200, "{}"));
    let path = "/call/pay/v1/things/1";
    assert_eq!(world.read(&acme.service, path).await.status, 200);

    // Where others read it.
    let provider = world.ask(&acme.operator, "GET", "/v1/providers/vendor-pay", None).await.json();
    let mut spec = json!({});
    for member in ["name", "title", "base_url", "endpoints"] {
        spec[member] = provider["spec"].get(member).unwrap_or(&provider[member]).clone();
    }
    for (auth, status) in [
        (json!({ "placement": "query", "name": "description" }), 409),
        (json!({ "placement": "header", "name": "x-note", "prefix": "" }), 409),
        (json!({ "placement": "bearer" }), 200),
    ] {
        spec["auth"] = auth;
        let changed = world.ask(&acme.operator, "PUT", "/v1/providers/vendor-pay", Some(spec.clone())).await;
        assert_eq!(changed.status, 200, "{}", changed.text());
        let answer = world.read(&acme.service, path).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        assert!(status == 200 || answer.json()["code"] == "vault.binding.moved", "{}", answer.text());
    }
    assert_eq!(world.vendor.seen().len(), 2, "what was refused was not sent");
    world.end().await;
}
