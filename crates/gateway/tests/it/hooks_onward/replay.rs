//! Deliveries that are played again: why, by whom, and with whose consent.

use lockgate_testkit::{Behaviour, Canned};
use lockgate_vocabulary::Clock as _;
use serde_json::{Value, json};

use super::{LINE, SECRET, acknowledged, becomes, fetched, operator, pushing, shown, taken, with_scope, world};
use crate::client::Answer;
use crate::sender::{Hook, door, events, listed, recorded, refusal};
use crate::world::{Tenant, World};

const REPLAY: &str = "webhooks.deliveries.replay";
const DECIDE: &str = "integration.approvals.decide";

async fn replay(world: &World, key: &str, ask: Value) -> Answer {
    world.ask(key, "POST", "/v1/deliveries/replay", Some(ask)).await
}

/// The plays of a replay that was done: which delivery, and which one plays it.
fn played(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told = answer.json();
    let told = told["replayed"].as_object().map_or(&told["played"], |replayed| &replayed["played"]).clone();
    let text = |value: &Value| value.as_str().expect("an id").to_owned();
    told.as_array().expect("plays").iter().map(|each| (text(&each["delivery"]), text(&each["replay"]))).collect()
}

/// A dead letter of a door whose endpoint fails once, and takes everything from then on.
async fn dead_letter(world: &World, acme: &Tenant) -> (Hook, String) {
    let (hook, _) = pushing(world, acme, json!({ "retry_seconds": [] })).await;
    world.vendor.forget(LINE);
    world.vendor.answers(LINE, Canned::json(500, "{}"));
    let id = taken(world, &hook, "{\"n\":1}").await;
    becomes(world, acme, &id, "dead", 1).await;
    world.vendor.forget(LINE);
    world.vendor.on(LINE, Behaviour::Agree);
    (hook, id)
}

#[tokio::test]
async fn a_dead_letter_is_played_again_under_a_name_of_its_own() {
    let (world, acme) = world().await;
    let (hook, id) = dead_letter(&world, &acme).await;
    for reason in
        [json!({}), json!({ "reason": "" }), json!({ "reason": "x".repeat(201) }), json!({ "reason": "a\nb" })]
    {
        let mut ask = json!({ "deliveries": [id] });
        ask.as_object_mut().expect("an object").extend(reason.as_object().expect("an object").clone());
        let refused = replay(&world, &acme.operator, ask).await;
        assert_eq!((refused.status, &refused.json()["violations"][0]["pointer"]), (422, &json!("/reason")), "{reason}");
    }
    let ask = json!({ "deliveries": [id], "reason": "their release was broken" });
    let unscoped = operator(&world, &acme, "reader", json!(["integration.runs.read"])).await;
    let refused = replay(&world, &unscoped, ask.clone()).await;
    assert_eq!(refusal(&refused), (403, "access.scope.missing".to_owned()), "{}", refused.text());
    let globex = world.tenant("globex").await;
    let refused = replay(&world, &globex.operator, ask.clone()).await;
    assert_eq!(refusal(&refused), (403, "access.object.unknown".to_owned()), "{}", refused.text());
    assert_eq!(shown(&world, &acme, &id).await["state"], "dead");

    let again = played(&replay(&world, &acme.operator, ask).await);
    let [(of, new)] = again.as_slice() else { panic!("{again:?}") };
    assert!(*of == id && *new != id);
    let done = becomes(&world, &acme, new, "delivered", 1).await;
    assert_eq!((&done["replay_of"], &done["provider_id"]), (&json!(id), &json!("d-7")), "{done}");
    let seen = world.vendor.seen().last().expect("it was sent").clone();
    assert_eq!((seen.header("webhook-id"), seen.body.as_slice()), (Some(new.as_str()), br#"{"n":1}"#.as_slice()));
    assert_eq!(shown(&world, &acme, &id).await["state"], "replayed");
    assert!(listed(&world, &acme, "/v1/dead-letters").await.is_empty());
    let told = events(&world, &acme, "WebhookDeliveryReplayed").await;
    assert_eq!((told.len(), &told[0]["data"]["replay_of"]), (1, &json!(id)), "{told:?}");
    let records = recorded(&world, &acme, "delivery.replay").await;
    assert_eq!(records.len(), 1);
    let record = records[0].to_string();
    assert!(record.contains("their release was broken") && record.contains(&hook.id), "{record}");
    world.end().await;
}

#[tokio::test]
async fn what_is_under_way_or_whose_subscription_is_gone_is_not_played() {
    let (world, acme) = world().await;
    let hook = door(&world, &acme, ("code", "github"), SECRET, json!({})).await;
    let key = with_scope(&world, &acme, "puller", "webhooks.deliveries.ingest").await;
    let id = taken(&world, &hook, "{}").await;
    let ask = || json!({ "deliveries": [id], "reason": "to see" });
    let refused = replay(&world, &acme.operator, ask()).await;
    assert_eq!(refusal(&refused), (409, "webhooks.delivery.under_way".to_owned()), "{}", refused.text());
    assert_eq!(acknowledged(&world, &key, &id).await.status, 204);
    assert_eq!(played(&replay(&world, &acme.operator, ask()).await).len(), 1);
    assert_eq!(fetched(&world, &key, "").await.0[0]["replay_of"], json!(id));
    let retired = json!({ "status": "retired", "reason": "no more" });
    let path = format!("/v1/subscriptions/{}", hook.id);
    assert_eq!(world.ask(&acme.operator, "PATCH", &path, Some(retired)).await.status, 200);
    let refused = replay(&world, &acme.operator, ask()).await;
    assert_eq!(refusal(&refused), (409, "webhooks.subscription.retired".to_owned()), "{}", refused.text());
    world.end().await;
}

#[tokio::test]
async fn the_deliveries_of_a_time_are_played_and_no_others() {
    let (world, acme) = world().await;
    let hook = door(&world, &acme, ("code", "github"), SECRET, json!({})).await;
    let key = with_scope(&world, &acme, "puller", "webhooks.deliveries.ingest").await;
    let (mut ids, mut moments) = (Vec::new(), Vec::new());
    for body in ["1", "22", "333", "4444"] {
        moments.push(world.clock.now().to_string());
        ids.push(taken(&world, &hook, body).await);
        world.clock.skew(60);
    }
    for id in ids.iter().take(3) {
        assert_eq!(acknowledged(&world, &key, id).await.status, 204);
    }
    let ask = |since: &str, until: &str| json!({ "subscription": "code", "since": since, "until": until, "state": "delivered", "reason": "lost" });
    let of = |answer: &Answer| played(answer).into_iter().map(|(of, _)| of).collect::<Vec<_>>();
    // From the first moment on, the last one not among them.
    let answer = replay(&world, &acme.operator, ask(&moments[1], &moments[2])).await;
    assert_eq!(of(&answer), [ids[1].clone()]);
    let answer = replay(&world, &acme.operator, ask(&moments[1], "2100-01-01T00:00:00Z")).await;
    assert_eq!(of(&answer), [ids[1].clone(), ids[2].clone()], "what waits still is not played");
    for (wrong, pointer) in [
        (json!({ "subscription": "code", "since": "yesterday", "reason": "x" }), "/since"),
        (json!({ "subscription": "code", "deliveries": [ids[0]], "reason": "x" }), "/deliveries"),
        (json!({ "subscription": "code", "state": "waiting", "reason": "x" }), "/state"),
        (json!({ "reason": "x" }), "/deliveries"),
    ] {
        let refused = replay(&world, &acme.operator, wrong.clone()).await;
        assert_eq!((refused.status, &refused.json()["violations"][0]["pointer"]), (422, &json!(pointer)), "{wrong}");
    }
    let waiting = fetched(&world, &key, "").await.0;
    assert_eq!(waiting.iter().filter(|item| item["replay_of"].is_string()).count(), 3, "{waiting:?}");
    world.end().await;
}

async fn decide(world: &World, key: &str, approval: &str, approve: bool) -> Answer {
    let body = json!({ "approve": approve, "note": "looked at it" });
    world.ask(key, "POST", &format!("/v1/approvals/{approval}/decide"), Some(body)).await
}

#[tokio::test]
async fn where_it_is_so_declared_somebody_else_has_to_approve() {
    let (world, acme) = world().await;
    let guarded = json!({ "delivery": { "replay_approval": true } });
    let hook = door(&world, &acme, ("code", "github"), SECRET, guarded).await;
    let key = with_scope(&world, &acme, "puller", "webhooks.deliveries.ingest").await;
    let id = taken(&world, &hook, "{}").await;
    assert_eq!(acknowledged(&world, &key, &id).await.status, 204);
    let other = operator(&world, &acme, "second", json!([DECIDE])).await;
    let reader = operator(&world, &acme, "reader", json!([REPLAY])).await;
    let request = async || {
        world.clock.skew(1);
        let answer = replay(&world, &acme.operator, json!({ "deliveries": [id], "reason": "lost" })).await;
        assert!(played(&answer).is_empty(), "{}", answer.text());
        answer.json()["approval"].as_str().expect("it waits for one").to_owned()
    };
    let waits = async || fetched(&world, &key, "").await.0;

    let approval = request().await;
    let own = decide(&world, &acme.operator, &approval, true).await;
    assert_eq!(refusal(&own), (403, "webhooks.approval.own".to_owned()), "{}", own.text());
    assert_eq!(refusal(&decide(&world, &reader, &approval, true).await), (403, "access.scope.missing".to_owned()));
    let globex = world.tenant("globex").await;
    let foreign = decide(&world, &globex.operator, &approval, true).await;
    assert_eq!(refusal(&foreign), (403, "access.object.unknown".to_owned()));
    assert!(waits().await.is_empty(), "nobody has approved it");

    let done = played(&decide(&world, &other, &approval, true).await);
    assert_eq!(done.iter().map(|(of, _)| of).collect::<Vec<_>>(), [&id]);
    for approve in [true, false] {
        let late = decide(&world, &other, &approval, approve).await;
        assert_eq!(refusal(&late), (409, "webhooks.approval.over".to_owned()), "{}", late.text());
    }
    let denied = request().await;
    let told = decide(&world, &other, &denied, false).await.json();
    assert_eq!((&told["approval"]["state"], &told["replayed"]), (&json!("denied"), &Value::Null), "{told}");
    assert_eq!(decide(&world, &other, &denied, true).await.code(), "webhooks.approval.over");
    let forgotten = request().await;
    world.clock.skew(86_400);
    let late = decide(&world, &other, &forgotten, true).await;
    assert_eq!(refusal(&late), (409, "webhooks.approval.over".to_owned()), "{}", late.text());
    let waiting = waits().await;
    assert_eq!((waiting.len(), &waiting[0]["replay_of"]), (1, &json!(id)), "one was approved: {waiting:?}");
    let states = listed(&world, &acme, "/v1/approvals").await;
    let states: Vec<&Value> = states.iter().map(|each| &each["state"]).collect();
    assert_eq!(states, ["expired", "denied", "done"]);
    assert_eq!(events(&world, &acme, "ApprovalRequested").await.len(), 3);
    assert_eq!(events(&world, &acme, "ApprovalDecided").await.len(), 2);
    assert_eq!(recorded(&world, &acme, "approval.decide").await.len(), 2);
    world.end().await;
}
