//! A write of which nobody knows the outcome, from its 504 to an operator who has looked at the vendor.

use std::time::Duration;

use lockgate_testkit::{Behaviour, Canned};
use serde_json::{Value, json};

use crate::client::Answer;
use crate::world::{Tenant, World};

const WRITE: &str = "POST /v1/things";

/// Has the vendor break off, so that nobody knows whether it did it; the run.
async fn doubtful(world: &World, acme: &Tenant) -> String {
    world.vendor.forget(WRITE);
    world.vendor.on(WRITE, Behaviour::Hang);
    let answer = world.call(&acme.service, "POST", "/call/pay/v1/things", "", "").await;
    assert_eq!((answer.status, answer.code().as_str()), (504, "egress.outcome.unknown"), "{}", answer.text());
    answer.header("x-lockgate-run").expect("a run").to_owned()
}

async fn list(world: &World, key: &str, query: &str) -> Vec<Value> {
    let answer = world.ask(key, "GET", &format!("/v1/escalations{query}"), None).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["items"].as_array().expect("items").clone()
}

async fn resolve(world: &World, key: &str, run: &str, body: Value) -> Answer {
    world.ask(key, "POST", &format!("/v1/escalations/{run}/resolve"), Some(body)).await
}

#[tokio::test]
async fn who_looked_at_the_vendor_says_what_was_found() {
    let world = World::start().await;
    let acme = world.tenant("acme").await;
    let connection = world.connection(&acme, "pay").await;
    let first = doubtful(&world, &acme).await;
    world.pass(Duration::from_secs(1)).await;
    let second = doubtful(&world, &acme).await;
    let open = list(&world, &acme.operator, "?state=open").await;
    let runs: Vec<_> = open.iter().map(|each| each["run"].as_str().expect("a run")).collect();
    assert_eq!(runs, [second.as_str(), &first], "the newest first");
    let told = [&open[0]["connection"], &open[0]["connection_name"], &open[0]["code"], &open[0]["resolution"]];
    assert_eq!(told, [&json!(connection), &json!("pay"), &json!("egress.vendor.reset"), &Value::Null]);

    let found = json!({ "reason": "done", "note": "charge ch_9 is there" });
    let resolved = resolve(&world, &acme.operator, &first, found.clone()).await;
    assert_eq!(resolved.status, 200, "{}", resolved.text());
    let record = resolved.json();
    assert_eq!((&record["state"], &record["resolution"]["reason"]), (&json!("resolved"), &json!("done")), "{record}");
    assert_eq!(resolve(&world, &acme.operator, &first, found).await.json(), record, "the same again changes nothing");
    let other = resolve(&world, &acme.operator, &first, json!({ "reason": "not_done" })).await;
    assert_eq!((other.status, other.code().as_str()), (409, "access.status.conflict"), "{}", other.text());
    assert_eq!(list(&world, &acme.operator, "?state=resolved").await, [record]);
    assert_eq!(list(&world, &acme.operator, "?state=open").await.len(), 1);
    let page = world.ask(&acme.operator, "GET", "/v1/escalations?limit=1", None).await.json();
    let next = page["next"].as_str().expect("a next page");
    let rest = list(&world, &acme.operator, &format!("?limit=1&cursor={next}")).await;
    assert_eq!((&page["items"][0]["run"], &rest[0]["run"]), (&json!(second), &json!(first)));

    let events = world.ask(&acme.operator, "GET", "/v1/events?limit=1000", None).await.json();
    let events = events["items"].as_array().expect("items").clone();
    let of_it: Vec<_> = events.iter().filter(|event| event["data"]["resolution"] == "done").collect();
    assert_eq!(of_it.len(), 1, "{events:?}");
    assert_eq!((&of_it[0]["type"], &of_it[0]["subject"]), (&json!("IntegrationRunCompleted"), &json!(first)));
    world.running.rooms.relay.pass().await.expect("what was done is recorded");
    let trail = world.trail(&acme).await;
    let deeds: Vec<_> = trail.iter().filter(|entry| entry["action"] == "escalation.resolve").collect();
    assert_eq!((deeds.len(), &deeds[0]["object"]), (1, &json!(first)), "{deeds:?}");
    assert!(deeds[0]["trace"].is_string() && deeds[0]["actor"]["name"].is_string(), "{}", deeds[0]);
    assert!(!deeds[0].to_string().contains("ch_9"), "what was noted stands in no trail");
    world.end().await;
}

#[tokio::test]
async fn what_is_not_ones_own_or_was_never_in_doubt_is_not_there() {
    let world = World::start().await;
    let (acme, globex) = (world.tenant("acme").await, world.tenant("globex").await);
    world.connection(&acme, "pay").await;
    let run = doubtful(&world, &acme).await;
    world.vendor.forget(WRITE);
    world.vendor.answers(WRITE, Canned::json(201, "{}"));
    let known = world.call(&acme.service, "POST", "/call/pay/v1/things", "", "").await;
    let known = known.header("x-lockgate-run").expect("a run").to_owned();
    let found = || json!({ "reason": "done" });
    let never = "run_01hzzzzzzzzzzzzzzzzzzzzzzz";
    for (key, run) in
        [(&globex.operator, run.as_str()), (&acme.operator, &known), (&acme.operator, never), (&acme.operator, "x")]
    {
        let refused = resolve(&world, key, run, found()).await;
        assert_eq!((refused.status, refused.code().as_str()), (403, "access.object.unknown"), "{}", refused.text());
    }
    assert!(list(&world, &globex.operator, "").await.is_empty());
    let unscoped = resolve(&world, &acme.service, &run, found()).await;
    assert_eq!((unscoped.status, unscoped.code().as_str()), (403, "access.scope.missing"), "{}", unscoped.text());
    let (_, auditor) = world.service(&acme.operator, "auditor", json!(["integration.runs.read"])).await;
    assert_eq!(list(&world, &auditor, "?state=open").await.len(), 1, "who may read what ran sees it");
    let reading = resolve(&world, &auditor, &run, found()).await;
    assert_eq!((reading.status, reading.code().as_str()), (403, "access.scope.missing"), "and does not end it");
    for body in
        [json!({}), json!({ "reason": "maybe" }), json!({ "reason": "done", "more": 1 }), json!({ "note": "x" })]
    {
        let refused = resolve(&world, &acme.operator, &run, body).await;
        assert_eq!((refused.status, refused.code().as_str()), (422, "admin.input.invalid"), "{}", refused.text());
    }
    let refused = resolve(&world, &acme.operator, &run, json!({ "reason": "done", "note": "" })).await;
    assert_eq!((refused.status, refused.code().as_str()), (422, "access.input.invalid"), "{}", refused.text());
    for query in ["?state=all", "?limit=0", "?cursor=x", "?more=1"] {
        let refused = world.ask(&acme.operator, "GET", &format!("/v1/escalations{query}"), None).await;
        assert_eq!(refused.status, 400, "{query}: {}", refused.text());
    }
    assert_eq!(list(&world, &acme.operator, "?state=open").await.len(), 1, "nothing of that resolved it");
    world.end().await;
}

#[tokio::test]
async fn what_is_old_is_forgotten_by_itself_and_what_is_open_is_kept() {
    let world = World::with("[access.retention]\nevents_days = 1\nescalations_days = 2").await;
    let acme = world.tenant("acme").await;
    world.connection(&acme, "pay").await;
    let (resolved, open) = (doubtful(&world, &acme).await, doubtful(&world, &acme).await);
    assert_eq!(resolve(&world, &acme.operator, &resolved, json!({ "reason": "unclear" })).await.status, 200);
    let events = async || {
        let events = world.ask(&acme.operator, "GET", "/v1/events?limit=1000", None).await.json();
        events["items"].as_array().expect("items").len()
    };
    assert!(events().await > 0);
    // The clock is about to leap: whatever goes into the trail is there before.
    for run in [&resolved, &open] {
        world.ended(&acme, run).await;
    }
    world.running.rooms.relay.pass().await.expect("what was done is recorded");
    let day = Duration::from_secs(86_400);
    world.pass(day - Duration::from_secs(600)).await;
    assert!(events().await > 0, "not before its time");
    while events().await > 0 {
        world.pass(Duration::from_secs(61)).await;
    }
    assert_eq!(list(&world, &acme.operator, "").await.len(), 2);
    world.pass(day).await;
    while list(&world, &acme.operator, "").await.len() > 1 {
        world.pass(Duration::from_secs(61)).await;
    }
    assert_eq!(list(&world, &acme.operator, "?state=open").await[0]["run"], json!(open));
    world.end().await;
}
