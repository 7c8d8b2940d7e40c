//! Principals: least privilege is held where it is given.

use serde_json::json;

use super::input;
use crate::access::tests::world::{World, code, key, pointers, principal, shown};
use crate::registry::PageAsk;
use crate::scope::Scope;

#[tokio::test(flavor = "multi_thread")]
async fn a_principal_is_created_listed_and_shown() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    let made = registry
        .create_principal(input(json!({
            "name": "AI-AGENT-triage", "kind": "agent", "roles": ["caller"], "scopes": ["agents.sessions"],
            "endpoints": [{"connection": "crm", "method": "GET", "path": "/v1/{rest...}"}],
            "addresses": ["192.0.2.0/24"], "expires_in": 3600,
        })))
        .await
        .unwrap();
    assert_eq!(made, registry.principal("AI-AGENT-triage").await.unwrap());
    assert_eq!(made, registry.principal(&made.principal.to_string()).await.unwrap());
    let listed = registry.principals(&PageAsk::default()).await.unwrap();
    assert_eq!(listed.items.len(), 2);
    assert!(listed.items.contains(&made) && listed.next.is_none());
    let shown = serde_json::to_value(&made).unwrap();
    assert_eq!(shown["scopes"], json!(["agents.sessions"]));
    assert_eq!(shown["expires_at"].as_str().unwrap().len(), "2027-01-15T08:00:00.000000Z".len());
    assert!(shown.get("changed").is_none());

    let view = world.access.directory().expect("fresh").tenants[&world.acme.tenant].clone();
    let held = view.principal("AI-AGENT-triage").unwrap();
    assert!(held.scopes.has(Scope::ConnectionsCall) && held.scopes.has(Scope::AgentsSessions));
    assert_eq!((held.uses.as_ref().unwrap().len(), held.addresses.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named_by_its_place() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    for (new, pointer) in [
        (json!({"name": "triage", "kind": "agent"}), "/name"),
        (json!({"name": "x", "kind": "service", "scopes": ["audit.read", "nonsense"]}), "/scopes/1"),
        (json!({"name": "x", "kind": "service", "scopes": ["tenants.admin"]}), "/scopes"),
        (json!({"name": "x", "kind": "service", "roles": ["custodian"]}), "/scopes"),
        (json!({"name": "x", "kind": "operator", "roles": ["caller"]}), "/scopes"),
        (json!({"name": "x", "kind": "service", "addresses": ["192.0.2.1/24"]}), "/addresses/0"),
        (
            json!({"name": "x", "kind": "service", "endpoints": [{"connection": "crm", "method": "get", "path": "/"}]}),
            "/endpoints/0/method",
        ),
        (json!({"name": "x", "kind": "service", "expires_in": 0}), "/expires_in"),
    ] {
        assert_eq!(pointers(registry.create_principal(input(new.clone())).await), [pointer], "{new}");
    }
    registry.create_principal(principal("x", "service", &[])).await.unwrap();
    assert_eq!(code(registry.create_principal(principal("x", "person", &[])).await), "access.name.taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_hands_on_what_they_do_not_have() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    registry
        .create_principal(input(json!({"name": "clerk", "kind": "operator", "roles": ["administrator"]})))
        .await
        .unwrap();
    let clerk = registry.create_key(key("clerk")).await.unwrap();
    let clerk = world.caller(&shown(&clerk)).await;
    let registry = world.registry(&clerk);
    let custodian = json!({"name": "me-too", "kind": "operator", "roles": ["custodian"]});
    assert_eq!(pointers(registry.create_principal(input(custodian)).await), ["/scopes"]);
    assert_eq!(pointers(registry.change_principal("clerk", input(json!({"roles": ["custodian"]}))).await), ["/scopes"]);
    // A key of a mightier operator would be a way around.
    assert_eq!(pointers(registry.create_key(key("operator")).await), ["/scopes"]);
    let narrowed = json!({"principal": "operator", "kind": "api-key", "scopes": ["audit.read"]});
    assert!(registry.create_key(input(narrowed)).await.is_ok());
    // What is not elevated, and what one holds, may be handed on.
    registry.create_principal(principal("worker", "service", &["integration.connections.call"])).await.unwrap();
    registry.create_principal(principal("clerk-two", "operator", &["tenants.admin"])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_replaces_what_it_names_and_keeps_the_rest() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    let uses = json!([{"connection": "crm", "method": "*", "path": "/{all...}"}]);
    let new =
        json!({"name": "worker", "kind": "service", "scopes": ["audit.read"], "endpoints": uses, "expires_in": 60});
    let made = registry.create_principal(input(new)).await.unwrap();
    let changed =
        registry.change_principal("worker", input(json!({"scopes": ["integration.runs.read"]}))).await.unwrap();
    assert_eq!(changed.scopes.to_string(), "integration.runs.read");
    assert_eq!((&changed.endpoints, changed.expires_at), (&made.endpoints, made.expires_at));
    let cleared =
        registry.change_principal("worker", input(json!({"endpoints": null, "expires_in": null}))).await.unwrap();
    assert_eq!((cleared.endpoints, cleared.expires_at), (None, None));
    assert_eq!(pointers(registry.change_principal("worker", input(json!({"status": "gone"}))).await), ["/status"]);

    registry.change_principal("worker", input(json!({"status": "retired"}))).await.unwrap();
    assert_eq!(
        code(registry.change_principal("worker", input(json!({"status": "active"}))).await),
        "access.status.conflict"
    );
    assert_eq!(code(registry.create_key(key("worker")).await), "access.status.conflict");
    // Nobody locks themselves out.
    assert_eq!(
        pointers(registry.change_principal("operator", input(json!({"status": "suspended"}))).await),
        ["/status"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_quicker_wins() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    registry.create_principal(principal("worker", "service", &[])).await.unwrap();
    let suspend = || registry.change_principal("worker", input(json!({"status": "suspended"})));
    let scopes = || registry.change_principal("worker", input(json!({"scopes": ["audit.read"]})));
    let (one, two) = tokio::join!(suspend(), scopes());
    // Both read before either wrote, or one after the other; never does one undo the other.
    let record = registry.principal("worker").await.unwrap();
    match (one, two) {
        (Ok(_), Ok(_)) => {
            assert_eq!((record.status.as_str(), record.scopes.to_string().as_str()), ("suspended", "audit.read"))
        }
        (Ok(_), late) => {
            assert_eq!(code(late), "access.status.conflict");
            assert_eq!((record.status.as_str(), record.scopes.is_empty()), ("suspended", true));
        }
        (late, Ok(_)) => {
            assert_eq!(code(late), "access.status.conflict");
            assert_eq!((record.status.as_str(), record.scopes.to_string().as_str()), ("active", "audit.read"));
        }
        both => panic!("{both:?}"),
    }
}
