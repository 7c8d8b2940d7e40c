//! Deliveries that are played again: why, by whom, and with whose consent.

use lockgate_store::{Change, Statement, values};
use lockgate_testkit::{Behaviour, Canned};
use lockgate_vocabulary::{Clock as _, TenantId};
use serde_json::{Value, json};

use super::pull::spoil;
use super::{LINE, SECRET, acknowledged, becomes, fetched, operator, pushing, shown, taken, with_scope, world};
use crate::client::Answer;
use crate::sender::{Hook, deliver, door, events, github, listed, recorded, refusal};
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

/// The codes of those that could not be played.
fn failed(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told = answer.json()["failed"].as_array().expect("a list").clone();
    told.iter().map(|each| each["code"].as_str().expect("a code").to_owned()).collect()
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
    assert_eq!(failed(&replay(&world, &globex.operator, ask.clone()).await), ["access.object.unknown"]);
    assert_eq!(recorded(&world, &globex, "delivery.replay_failed").await.len(), 1, "it stands in their trail");
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
    assert_eq!(failed(&replay(&world, &acme.operator, ask()).await), ["webhooks.delivery.under_way"]);
    assert_eq!(acknowledged(&world, &key, &id).await.status, 204);
    assert_eq!(played(&replay(&world, &acme.operator, ask()).await).len(), 1);
    assert_eq!(fetched(&world, &key, "").await.0[0]["replay_of"], json!(id));
    let retired = json!({ "status": "retired", "reason": "no more" });
    let path = format!("/v1/subscriptions/{}", hook.id);
    assert_eq!(world.ask(&acme.operator, "PATCH", &path, Some(retired)).await.status, 200);
    assert_eq!(failed(&replay(&world, &acme.operator, ask()).await), ["webhooks.subscription.retired"]);
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
        (json!({ "deliveries": [ids[0]], "cursor": ids[0], "reason": "x" }), "/cursor"),
        (json!({ "subscription": "code", "quarantined": true, "reason": "x" }), "/quarantined"),
        (json!({ "deliveries": [ids[0]], "nonce": "", "reason": "x" }), "/nonce"),
        (json!({ "deliveries": [ids[0]], "nonce": "a b", "reason": "x" }), "/nonce"),
        (json!({ "deliveries": [ids[0]], "nonce": "x".repeat(65), "reason": "x" }), "/nonce"),
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

/// A door from which the tenant fetches, and a delivery of it that was acknowledged; and the key that fetches.
async fn acknowledged_one(world: &World, acme: &Tenant, more: Value) -> (Hook, String, String) {
    let hook = door(world, acme, ("code", "github"), SECRET, more).await;
    let key = with_scope(world, acme, "puller", "webhooks.deliveries.ingest").await;
    let id = taken(world, &hook, "{}").await;
    assert_eq!(acknowledged(world, &key, &id).await.status, 204);
    (hook, id, key)
}

#[tokio::test]
async fn one_that_cannot_be_played_keeps_no_other_from_it() {
    let (world, acme) = world().await;
    let (hook, sound, key) = acknowledged_one(&world, &acme, json!({})).await;
    let broken = taken(&world, &hook, "333").await;
    assert_eq!(acknowledged(&world, &key, &broken).await.status, 204);
    spoil(&world, &acme, &broken, |sealed| *sealed.last_mut().expect("a tag") ^= 1).await;
    let waits = taken(&world, &hook, "4444").await;
    let nobodys = "dlv_01hzzzzzzzzzzzzzzzzzzzzzzz";
    let ask = json!({ "deliveries": [nobodys, broken, waits, sound], "reason": "lost" });
    let answer = replay(&world, &acme.operator, ask).await;
    assert_eq!(played(&answer).into_iter().map(|(of, _)| of).collect::<Vec<_>>(), [sound]);
    let mut codes = failed(&answer);
    codes.sort();
    assert_eq!(codes, ["access.object.unknown", "webhooks.delivery.under_way", "webhooks.envelope.unreadable"]);
    world.end().await;
}

#[tokio::test]
async fn under_a_callers_own_nonce_each_is_played_once_in_seven_days() {
    let (world, acme) = world().await;
    let (_, id, key) = acknowledged_one(&world, &acme, json!({})).await;
    let ask = async |who: &str, nonce: Value| {
        let ask = json!({ "deliveries": [id], "nonce": nonce, "reason": "lost" });
        played(&replay(&world, who, ask).await)
    };
    let first = ask(&acme.operator, json!("run-1")).await;
    assert_eq!(ask(&acme.operator, json!("run-1")).await, first, "told again, not played again");
    assert_eq!(fetched(&world, &key, "").await.0.len(), 1);
    let other = operator(&world, &acme, "second", json!([REPLAY])).await;
    let more = [ask(&acme.operator, json!("run-2")).await, ask(&other, json!("run-1")).await];
    assert!(more.iter().all(|each| *each != first), "a nonce is its caller's own");
    world.clock.skew(7 * 86_400);
    assert_ne!(ask(&acme.operator, json!("run-1")).await, first);
    assert_eq!(fetched(&world, &key, "").await.0.len(), 4);
    world.end().await;
}

static COPIED: Statement = Statement::tenant(
    "test.copied",
    "INSERT INTO deliveries (tenant, delivery, subscription, state, digest, size, sealed, tries, received_at) \
     SELECT tenant, $3, subscription, state, digest, size, sealed, tries, received_at FROM deliveries \
     WHERE tenant = $1 AND delivery = $2",
);

#[tokio::test]
async fn more_than_a_thousand_are_played_with_a_cursor() {
    let (world, acme) = world().await;
    let (_, id, _) = acknowledged_one(&world, &acme, json!({})).await;
    // What was copied is bound to another place, so none of it can be opened or played.
    for some in (1..=1_000).collect::<Vec<u32>>().chunks(50) {
        let change = some.iter().fold(Change::of(acme.id.parse::<TenantId>().expect("an id")), |change, number| {
            change.step(&COPIED, values![id.as_str(), format!("dlv_{number:026}")])
        });
        world.running.rooms.store.apply(change).await.map(drop).expect("copied");
    }
    let ask = |cursor: Value| json!({ "subscription": "code", "state": "delivered", "cursor": cursor, "reason": "x" });
    let first = replay(&world, &acme.operator, ask(Value::Null)).await;
    assert_eq!((played(&first).len(), failed(&first).len(), &first.json()["more"]), (0, 1_000, &json!(true)));
    let cursor = first.json()["cursor"].clone();
    assert_eq!(cursor, json!(format!("dlv_{:026}", 1_000)));
    let second = replay(&world, &acme.operator, ask(cursor)).await;
    let told = second.json();
    assert_eq!((&told["more"], &told["cursor"]), (&json!(false), &Value::Null), "{told}");
    assert_eq!(played(&second).into_iter().map(|(of, _)| of).collect::<Vec<_>>(), [id]);
    world.end().await;
}

#[tokio::test]
async fn what_is_in_quarantine_is_played_by_its_name_and_with_somebody_elses_consent() {
    let (world, acme) = world().await;
    let (hook, ..) = acknowledged_one(&world, &acme, json!({})).await;
    let conflict = deliver(world.door, &hook.path, &github(SECRET, "d-2", "[]"), "[]").await;
    assert_eq!((conflict.status, &conflict.json()["quarantined"]), (200, &json!(true)), "{}", conflict.text());
    let dead = listed(&world, &acme, "/v1/dead-letters").await;
    let id = dead[0]["delivery"].as_str().expect("an id").to_owned();
    let ask = |quarantined: bool| json!({ "deliveries": [id], "quarantined": quarantined, "reason": "looked at both" });
    assert_eq!(failed(&replay(&world, &acme.operator, ask(false)).await), ["webhooks.delivery.quarantined"]);
    let asked = replay(&world, &acme.operator, ask(true)).await;
    assert!(played(&asked).is_empty(), "{}", asked.text());
    let approval = asked.json()["approval"].as_str().expect("it always waits").to_owned();
    assert_eq!(decide(&world, &acme.operator, &approval, true).await.code(), "webhooks.approval.own");
    let other = operator(&world, &acme, "second", json!([DECIDE])).await;
    let done = played(&decide(&world, &other, &approval, true).await);
    assert_eq!(done.iter().map(|(of, _)| of).collect::<Vec<_>>(), [&id]);
    let told = events(&world, &acme, "WebhookDeliveryReplayed").await;
    let data = &told[0]["data"];
    assert_eq!((&data["was"], &data["approval"]), (&json!("quarantined"), &json!(approval)), "{data}");
    let asker = listed(&world, &acme, "/v1/approvals").await[0]["requested_by"].clone();
    assert_eq!(data["requested_by"], asker, "{data}");
    let record = recorded(&world, &acme, "delivery.replay").await[0].to_string();
    for part in ["quarantined", approval.as_str(), asker.as_str().expect("an id")] {
        assert!(record.contains(part), "{record}");
    }
    assert_eq!(failed(&replay(&world, &acme.operator, ask(false)).await), ["webhooks.delivery.quarantined"]);
    world.end().await;
}

#[tokio::test]
async fn an_approval_shows_what_it_is_for_and_is_void_once_its_subscription_was_changed() {
    let (world, acme) = world().await;
    let guarded = json!({ "delivery": { "replay_approval": true } });
    let (hook, id, key) = acknowledged_one(&world, &acme, guarded).await;
    let other = operator(&world, &acme, "second", json!([DECIDE])).await;
    let ask = json!({ "deliveries": [id], "nonce": "n", "reason": "lost" });
    let asked = replay(&world, &acme.operator, ask.clone()).await.json()["approval"].clone();
    assert_eq!(replay(&world, &acme.operator, ask).await.json()["approval"], asked, "one request under one nonce");
    let approval = asked.as_str().expect("an approval").to_owned();
    let shown = world.ask(&other, "GET", &format!("/v1/approvals/{approval}"), None).await.json();
    let wanted = json!({ "count": 1, "deliveries": [id], "subscriptions": [hook.id], "quarantined": false });
    assert_eq!((&shown["request"], &shown["reason"]), (&wanted, &json!("lost")), "{shown}");
    assert_eq!(recorded(&world, &acme, "approval.read").await.len(), 1);
    // Another key of whoever asked is the same principal.
    let body = json!({ "principal": shown["requested_by"], "kind": "api-key" });
    let second_key = world.make(&acme.operator, "/v1/api-keys", body).await;
    let own = decide(&world, second_key["secret"].as_str().expect("a key"), &approval, true).await;
    assert_eq!(refusal(&own), (403, "webhooks.approval.own".to_owned()), "{}", own.text());
    let path = format!("/v1/subscriptions/{}", hook.id);
    let paused = json!({ "status": "paused", "reason": "moving" });
    assert_eq!(world.ask(&acme.operator, "PATCH", &path, Some(paused)).await.status, 200);
    let refused = decide(&world, &other, &approval, true).await;
    assert_eq!(refusal(&refused), (409, "webhooks.approval.outdated".to_owned()), "{}", refused.text());
    assert!(fetched(&world, &key, "").await.0.is_empty(), "nothing was played");
    assert_eq!(decide(&world, &other, &approval, false).await.json()["approval"]["state"], "denied");
    world.end().await;
}

static BROKEN_OFF: Statement = Statement::tenant(
    "test.broken_off",
    "UPDATE approvals SET state = 'approved' WHERE tenant = $1 AND approval = $2 AND state = 'done'",
);

#[tokio::test]
async fn what_was_approved_and_broke_off_is_gone_on_with_for_a_day() {
    let (world, acme) = world().await;
    let guarded = json!({ "delivery": { "replay_approval": true } });
    let (_, id, key) = acknowledged_one(&world, &acme, guarded).await;
    let other = operator(&world, &acme, "second", json!([DECIDE])).await;
    let asked = replay(&world, &acme.operator, json!({ "deliveries": [id], "reason": "lost" })).await;
    let approval = asked.json()["approval"].as_str().expect("an approval").to_owned();
    // As late as it may be decided.
    world.clock.skew(86_400 - 10);
    let first = played(&decide(&world, &other, &approval, true).await);
    let break_off = async || {
        let change = Change::of(acme.id.parse::<TenantId>().expect("an id"));
        let change = change.step(&BROKEN_OFF, values![approval.as_str()]).expecting(1);
        world.running.rooms.store.apply(change).await.map(drop).expect("written");
    };
    break_off().await;
    assert_eq!(decide(&world, &other, &approval, false).await.code(), "webhooks.approval.over", "it was approved");
    world.clock.skew(86_400 - 10);
    world.running.rooms.webhooks.forget().await.expect("what is over is forgotten");
    assert_eq!(played(&decide(&world, &other, &approval, true).await), first, "and nothing is played twice");
    break_off().await;
    world.clock.skew(20);
    let late = decide(&world, &other, &approval, true).await;
    assert_eq!(refusal(&late), (409, "webhooks.approval.over".to_owned()), "{}", late.text());
    assert_eq!(listed(&world, &acme, "/v1/approvals").await[0]["state"], "expired");
    assert_eq!(fetched(&world, &key, "").await.0.len(), 1);
    world.end().await;
}
