//! Deliveries that the tenant fetches.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockgate_store::{Change, Statement, values};
use lockgate_vocabulary::TenantId;
use serde_json::json;

use super::{SECRET, acknowledged, fetched, operator, shown, taken, with_scope, world};
use crate::sender::{deliver, door, github, recorded, refusal};
use crate::world::{Tenant, World};

const INGEST: &str = "webhooks.deliveries.ingest";
const DAY: i64 = 86_400;

#[tokio::test]
async fn what_waits_comes_until_it_is_acknowledged() {
    let (world, acme) = world().await;
    let hook = door(&world, &acme, ("code", "github"), SECRET, json!({})).await;
    let key = with_scope(&world, &acme, "puller", INGEST).await;
    let bodies = [r#"{"n": 1 }"#, "no JSON, and \u{e4}", r#"{"twice":1,"twice":2}"#];
    let mut ids = Vec::new();
    for body in bodies {
        let mut fields = github(SECRET, &format!("d-{}", body.len()), body);
        fields.extend(
            [("Authorization", "Bearer ours"), ("Cookie", "a=b"), ("X-Note", "one"), ("X-Note", "two")]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let kept = deliver(world.door, &hook.path, &fields, body).await;
        assert_eq!(kept.status, 200, "{}", kept.text());
        ids.push(kept.json()["delivery"].as_str().expect("an id").to_owned());
        world.clock.skew(1);
    }
    let (items, next) = fetched(&world, &key, "").await;
    assert!(next.is_null() && items.len() == 3, "{items:?}");
    for ((item, id), body) in items.iter().zip(&ids).zip(bodies) {
        assert_eq!((&item["delivery"], &item["event_type"]), (&json!(id), &json!("push")), "the oldest first");
        assert_eq!(item["body_b64"], STANDARD.encode(body), "byte for byte");
        let headers = &item["headers"];
        assert_eq!((&headers["x-note"], &headers["authorization"]), (&json!("one, two"), &json!(null)), "{headers}");
        assert!(headers["cookie"].is_null() && headers["x-github-delivery"].is_string(), "{headers}");
    }
    // The JSON itself is told where it has one reading.
    assert_eq!(
        (&items[0]["json"], &items[1]["json"], &items[2]["json"]),
        (&json!({ "n": 1 }), &json!(null), &json!(null))
    );

    let (page, next) = fetched(&world, &key, "?limit=2").await;
    let next = next.as_str().expect("more waits").to_owned();
    let (rest, end) = fetched(&world, &key, &format!("?limit=2&cursor={next}")).await;
    assert!(page.len() == 2 && rest.len() == 1 && end.is_null());
    for _ in 0..2 {
        let done = acknowledged(&world, &key, &ids[1]).await;
        assert_eq!((done.status, done.body.len()), (204, 0), "{}", done.text());
    }
    let (left, _) = fetched(&world, &key, &format!("?subscription={}", hook.id)).await;
    assert_eq!(left.iter().map(|item| &item["delivery"]).collect::<Vec<_>>(), [&json!(ids[0]), &json!(ids[2])]);
    assert_eq!(shown(&world, &acme, &ids[1]).await["state"], "delivered");
    assert_eq!(recorded(&world, &acme, "delivery.acknowledge").await.len(), 1, "once, however often it is said");
    world.end().await;
}

#[tokio::test]
async fn nobody_elses_deliveries_are_fetched_or_acknowledged() {
    let (world, acme) = world().await;
    let globex = world.tenant("globex").await;
    let hook = door(&world, &acme, ("code", "github"), SECRET, json!({})).await;
    let id = taken(&world, &hook, "{}").await;
    let foreign = with_scope(&world, &globex, "puller", INGEST).await;
    let unscoped = with_scope(&world, &acme, "sender", "webhooks.events.send").await;
    assert!(fetched(&world, &foreign, "").await.0.is_empty());
    let by_id = world.read(&foreign, &format!("/deliveries?subscription={}", hook.id)).await;
    let unknown = acknowledged(&world, &foreign, "dlv_00000000000000000000000000").await;
    assert_eq!(refusal(&unknown), (403, "access.object.unknown".to_owned()), "{}", unknown.text());
    assert_eq!(by_id.blanked(), unknown.blanked());
    for named in [id.as_str(), "no-id"] {
        assert_eq!(acknowledged(&world, &foreign, named).await.blanked(), unknown.blanked(), "{named}");
    }
    for answer in [acknowledged(&world, &unscoped, &id).await, world.read(&unscoped, "/deliveries").await] {
        assert_eq!(refusal(&answer), (403, "access.scope.missing".to_owned()), "{}", answer.text());
    }
    assert_eq!(acknowledged(&world, "lgk_nobody", &id).await.status, 401);
    assert_eq!(shown(&world, &acme, &id).await["state"], "waiting");
    let theirs = world.ask(&globex.operator, "GET", &format!("/v1/deliveries/{id}"), None).await;
    assert_eq!(refusal(&theirs), (403, "access.object.unknown".to_owned()));
    world.end().await;
}

#[tokio::test]
async fn what_was_acknowledged_is_forgotten_after_its_days_and_what_waits_never_is() {
    let (world, acme) = world().await;
    let hook = door(&world, &acme, ("code", "github"), SECRET, json!({ "delivery": { "keep_days": 2 } })).await;
    let key = with_scope(&world, &acme, "puller", INGEST).await;
    let (done, waits) = (taken(&world, &hook, "{}").await, taken(&world, &hook, "{\"n\":1}").await);
    assert_eq!(acknowledged(&world, &key, &done).await.status, 204);
    let kept = async |delivery: &str| {
        world.running.rooms.webhooks.forget().await.expect("what is over is forgotten");
        let path = format!("/v1/deliveries/{delivery}");
        world.ask(&acme.operator, "GET", &path, None).await.status == 200
    };
    world.clock.skew(2 * DAY - 1);
    assert!(kept(&done).await && kept(&waits).await);
    world.clock.skew(1);
    assert!(!kept(&done).await && kept(&waits).await);
    world.clock.skew(60 * DAY);
    assert!(kept(&waits).await);
    world.end().await;
}

static SEALED: Statement =
    Statement::tenant("test.sealed", "SELECT sealed FROM deliveries WHERE tenant = $1 AND delivery = $2");
static RESEALED: Statement =
    Statement::tenant("test.resealed", "UPDATE deliveries SET sealed = $3 WHERE tenant = $1 AND delivery = $2");
static SIZED: Statement =
    Statement::tenant("test.sized", "UPDATE deliveries SET size = $3 WHERE tenant = $1 AND delivery = $2");

/// Changes what is kept of a delivery, behind the gateway's back.
pub async fn spoil(world: &World, acme: &Tenant, delivery: &str, how: impl FnOnce(&mut Vec<u8>)) {
    let (store, tenant) = (&world.running.rooms.store, acme.id.parse::<TenantId>().expect("an id"));
    let rows = store.read(tenant, &SEALED, values![delivery]).await.expect("read");
    let mut sealed = rows[0].bytes(0).expect("bytes").to_vec();
    how(&mut sealed);
    let change = Change::of(tenant).step(&RESEALED, values![delivery, sealed]).expecting(1);
    store.apply(change).await.map(drop).expect("written");
}

#[tokio::test]
async fn one_that_is_broken_ends_once_and_keeps_no_other_from_being_fetched() {
    let (world, acme) = world().await;
    let hook = door(&world, &acme, ("code", "github"), SECRET, json!({})).await;
    let key = with_scope(&world, &acme, "puller", INGEST).await;
    let (broken, sound) = (taken(&world, &hook, "{}").await, taken(&world, &hook, "{\"n\":1}").await);
    spoil(&world, &acme, &broken, |sealed| *sealed.last_mut().expect("a tag") ^= 1).await;
    let (one, two) = tokio::join!(fetched(&world, &key, ""), fetched(&world, &key, ""));
    for (items, next) in [one, two] {
        assert!(next.is_null() && items.len() == 1 && items[0]["delivery"] == json!(sound), "{items:?}");
    }
    let told = shown(&world, &acme, &broken).await;
    assert_eq!((&told["state"], &told["code"]), (&json!("dead"), &json!("webhooks.envelope.unreadable")), "{told}");
    assert!(told["envelope"].is_null(), "{told}");
    assert_eq!(recorded(&world, &acme, "delivery.dead").await.len(), 1, "two readers write one record");
    world.end().await;
}

#[tokio::test]
async fn one_whose_key_is_not_here_yet_waits() {
    let (world, acme) = world().await;
    let hook = door(&world, &acme, ("code", "github"), SECRET, json!({})).await;
    let key = with_scope(&world, &acme, "puller", INGEST).await;
    let id = taken(&world, &hook, "{}").await;
    // The version of the key stands in the last four bytes of the head.
    spoil(&world, &acme, &id, |sealed| sealed[8] += 1).await;
    let answer = world.read(&key, "/deliveries").await;
    assert!(answer.status == 503 && answer.header("retry-after").is_some(), "{}", answer.text());
    spoil(&world, &acme, &id, |sealed| sealed[8] -= 1).await;
    assert_eq!(fetched(&world, &key, "").await.0.len(), 1, "it was not ended");
    assert!(recorded(&world, &acme, "delivery.dead").await.is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_page_is_cut_by_its_bytes_and_who_was_handed_it_is_recorded() {
    let (world, acme) = world().await;
    let hook = door(&world, &acme, ("code", "github"), SECRET, json!({})).await;
    let key = with_scope(&world, &acme, "puller", INGEST).await;
    assert!(fetched(&world, &key, "").await.0.is_empty());
    assert!(recorded(&world, &acme, "delivery.pull").await.is_empty(), "nobody was handed anything");
    let mut ids = Vec::new();
    for body in ["1", "22", "333"] {
        ids.push(taken(&world, &hook, body).await);
        world.clock.skew(1);
    }
    let tenant = acme.id.parse::<TenantId>().expect("an id");
    for (id, size) in [(&ids[0], 5i64 << 20), (&ids[1], 3 << 20), (&ids[2], 1 << 20)] {
        let change = Change::of(tenant).step(&SIZED, values![id.as_str(), size]).expecting(1);
        world.running.rooms.store.apply(change).await.map(drop).expect("written");
    }
    let (alone, next) = fetched(&world, &key, "").await;
    assert!(alone.len() == 1 && next == json!(ids[0]), "a larger one comes alone: {alone:?}");
    let (both, end) = fetched(&world, &key, &format!("?cursor={}", ids[0])).await;
    assert!(both.len() == 2 && end.is_null(), "exactly 4 MiB are a page: {both:?}");
    let records = recorded(&world, &acme, "delivery.pull").await;
    let told = json!(records).to_string();
    assert_eq!(records.len(), 2, "{told}");
    for id in &ids {
        assert!(told.contains(id.as_str()), "{told}");
    }
    world.end().await;
}

#[tokio::test]
async fn what_a_delivery_holds_is_shown_to_those_who_may_have_it_anyway() {
    let (world, acme) = world().await;
    let hook = door(&world, &acme, ("code", "github"), SECRET, json!({})).await;
    let id = taken(&world, &hook, "{}").await;
    let (runs, replay) = ("integration.runs.read", "webhooks.deliveries.replay");
    for (name, scopes, sees) in [("one", vec![runs], false), ("two", vec![runs, replay], true)] {
        let key = operator(&world, &acme, name, json!(scopes)).await;
        let answer = world.ask(&key, "GET", &format!("/v1/deliveries/{id}"), None).await;
        let told = answer.json();
        assert_eq!((answer.status, &told["state"], told["attempts"].is_array()), (200, &json!("waiting"), true));
        assert_eq!(told["envelope"].is_object(), sees, "{told}");
        assert_eq!(recorded(&world, &acme, "delivery.read").await.len(), usize::from(sees), "{name}");
    }
    let key = operator(&world, &acme, "three", json!([replay])).await;
    let refused = world.ask(&key, "GET", &format!("/v1/deliveries/{id}"), None).await;
    assert_eq!(refusal(&refused), (403, "access.scope.missing".to_owned()), "{}", refused.text());
    world.end().await;
}
