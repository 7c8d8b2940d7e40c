//! Whose door it is, from where, and how often.

use std::net::IpAddr;

use lockgate_store::{Change, Statement, values};
use lockgate_vocabulary::Clock as _;
use serde_json::json;

use super::{SECRET, hooked, taken};
use crate::client::{Answer, Client};
use crate::sender::{deliver, deliver_by, deliveries, github, hex, hmac, listed, refusal, subscribed};
use crate::world::{VENDOR_HOST, World};

#[tokio::test]
async fn whoever_may_not_deliver_here_is_told_nothing_more() {
    let (world, acme, hook) = hooked(json!({})).await;
    let globex = world.tenant("globex").await;
    let foreign = crate::sender::door(&world, &globex, ("code", "github"), SECRET, json!({})).await;
    let retired = crate::sender::door(&world, &acme, ("old", "github"), SECRET, json!({})).await;
    let url = format!("https://{VENDOR_HOST}:{}/in", world.vendor.address.port());
    let out = json!({ "direction": "outbound", "event_types": ["*"], "endpoint": { "url": url } });
    let outbound = subscribed(&world, &acme, "out", out, &[]).await["subscription"].as_str().expect("an id").to_owned();
    let send = async |path: &str| deliver(world.door, path, &github(SECRET, "d-1", "{}"), "{}").await;
    for hook in [&hook, &foreign, &retired] {
        assert_eq!(send(&hook.path).await.status, 200);
    }

    let change = async |key: &str, path: String, status: &str| {
        let changed = world.ask(key, "PATCH", &path, Some(json!({ "status": status }))).await;
        assert_eq!(changed.status, 200, "{}", changed.text());
    };
    change(&acme.operator, format!("/v1/subscriptions/{}", retired.id), "retired").await;
    change(&world.house, format!("/v1/tenants/{}", globex.id), "suspended").await;
    let end = if hook.path.ends_with('0') { "1" } else { "0" };
    let mut nobodys = hook.path.clone();
    nobodys.replace_range(nobodys.len() - 1.., end);
    let unknown = send("/hooks/nobody").await;
    assert_eq!(refusal(&unknown), (403, "webhooks.subscription.unknown".to_owned()), "{}", unknown.text());
    for path in [nobodys, format!("/hooks/{outbound}"), retired.path, foreign.path.clone()] {
        assert_eq!(send(&path).await.blanked(), unknown.blanked(), "{path}");
    }
    let refused = listed(&world, &acme, "/v1/audit?limit=1000").await;
    let told = refused.iter().filter(|entry| entry.to_string().contains("webhooks.subscription.unknown"));
    assert_eq!(told.count(), 2, "the retired door's and the way out's are its tenant's: {refused:?}");

    change(&world.house, format!("/v1/tenants/{}", globex.id), "active").await;
    assert_eq!(send(&foreign.path).await.json()["duplicate"], true, "what was taken before was not forgotten");
    world.end().await;
}

#[tokio::test]
async fn only_listed_networks_deliver_whatever_a_header_says() {
    let (world, acme, hook) = hooked(json!({ "addresses": ["203.0.113.0/24"] })).await;
    let mut fields = github(SECRET, "d-1", "{}");
    fields.push(("X-Forwarded-For".to_owned(), "203.0.113.7".to_owned()));
    let refused = deliver(world.door, &hook.path, &fields, "{}").await;
    assert_eq!(refusal(&refused), (403, "webhooks.address.refused".to_owned()), "{}", refused.text());
    assert!(!refused.text().contains("203.0.113"), "{}", refused.text());
    assert!(deliveries(&world, &acme).await.is_empty());

    let spec = json!({ "direction": "inbound", "scheme": "github", "addresses": ["203.0.113.0/24", "127.0.0.1/32"] });
    let path = format!("/v1/subscriptions/{}", hook.id);
    let changed = world.ask(&acme.operator, "PATCH", &path, Some(json!({ "spec": spec }))).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(deliver(world.door, &hook.path, &fields, "{}").await.status, 200);
    let elsewhere = deliver_from(&world, [127, 0, 0, 9].into(), &hook.path, "9").await;
    assert_eq!(elsewhere.code(), "webhooks.address.refused", "{}", elsewhere.text());
    world.end().await;
}

#[tokio::test]
async fn only_the_networks_that_a_provider_publishes_deliver_where_that_is_asked_for() {
    let (world, acme, _) = hooked(json!({})).await;
    let published = |scheme: &str| json!({ "direction": "inbound", "scheme": scheme, "published_addresses": true });
    let body = json!({ "name": "none", "spec": published("github"), "secrets": [SECRET] });
    let refused = world.ask(&acme.operator, "POST", "/v1/subscriptions", Some(body)).await;
    let pointer = refused.json()["violations"][0]["pointer"].clone();
    assert_eq!((refused.status, pointer), (422, json!("/spec/published_addresses")), "{}", refused.text());

    let made = subscribed(&world, &acme, "shop", published("paddle"), &[SECRET]).await;
    let path = made["path"].as_str().expect("a path").to_owned();
    let body = r#"{"event_id":"evt_1","event_type":"transaction.paid"}"#;
    let now = world.clock.now().as_secs();
    let mac = hex(&hmac(SECRET.as_bytes(), &[format!("{now}:{body}").as_bytes()]));
    let fields = vec![("Paddle-Signature".to_owned(), format!("ts={now};h1={mac}"))];
    let elsewhere = deliver(world.door, &path, &fields, body).await;
    assert_eq!(refusal(&elsewhere), (403, "webhooks.address.refused".to_owned()), "{}", elsewhere.text());

    // What the operator lists beside them is let in as well; here it stands for the provider.
    let mut spec = published("paddle");
    spec["addresses"] = json!(["127.0.0.1/32"]);
    let id = made["subscription"].as_str().expect("an id");
    let change = Some(json!({ "spec": spec }));
    let changed = world.ask(&acme.operator, "PATCH", &format!("/v1/subscriptions/{id}"), change).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(deliver(world.door, &path, &fields, body).await.status, 200);
    world.end().await;
}

/// A delivery from this address.
async fn deliver_from(world: &World, from: IpAddr, path: &str, body: &str) -> Answer {
    let mut client = Client::connect_from(from, world.door).await;
    deliver_by(&mut client, path, &github(SECRET, &format!("d-{body}"), body), body).await
}

#[tokio::test]
async fn forgeries_use_up_what_their_own_network_may_knock_and_nothing_else() {
    let (world, acme, hook) = hooked(json!({ "per_minute": 60 })).await;
    let forged = github("a guess", "d-1", "{}");
    // A network may knock 6,000 times a minute at the least, and a tenth of that at once.
    for number in 0..600 {
        let answer = deliver(world.door, &hook.path, &forged, "{}").await;
        assert!(matches!(answer.status, 401 | 429), "{number}: {}", answer.text());
    }
    let genuine = deliver(world.door, &hook.path, &github(SECRET, "d-2", "[]"), "[]").await;
    assert_eq!(genuine.status, 429, "{}", genuine.text());
    assert!(genuine.header("retry-after").is_some());
    // All six that the subscription takes at once are there still for its provider.
    for number in 0..6 {
        let answer = deliver_from(&world, [127, 0, 0, 2].into(), &hook.path, &number.to_string()).await;
        assert_eq!(answer.status, 200, "{number}: {}", answer.text());
    }
    assert_eq!(deliveries(&world, &acme).await.len(), 6);
    world.end().await;
}

#[tokio::test]
async fn a_subscription_takes_so_many_over_all_networks() {
    let (world, acme, hook) = hooked(json!({ "per_minute": 60 })).await;
    let from = async |last: u8, body: &str| deliver_from(&world, [127, 0, 0, last].into(), &hook.path, body).await;
    for number in 0..6_u8 {
        assert_eq!(from(number % 3 + 2, &number.to_string()).await.status, 200);
    }
    let answer = from(7, "late").await;
    assert_eq!(refusal(&answer), (429, "traffic.subscription.exceeded".to_owned()), "{}", answer.text());
    let wait: u64 = answer.header("retry-after").expect("a time").parse().expect("seconds");
    assert_eq!(deliveries(&world, &acme).await.len(), 6, "what was refused is not kept");
    world.pass(std::time::Duration::from_secs(wait)).await;
    let answer = from(7, "late").await;
    assert_eq!((answer.status, &answer.json()["duplicate"]), (200, &json!(false)), "nor is it remembered");
    world.end().await;
}

#[tokio::test]
async fn a_storm_of_forgeries_is_counted_and_a_genuine_delivery_comes_through() {
    let (world, acme, hook) = hooked(json!({})).await;
    let mut client = Client::connect(world.door).await;
    let forged = github("a guess", "d-1", "{}");
    let mut statuses = Vec::new();
    for _ in 0..125 {
        statuses.push(deliver_by(&mut client, &hook.path, &forged, "{}").await);
    }
    let throttled: Vec<&Answer> = statuses.iter().filter(|answer| answer.status == 429).collect();
    assert_eq!(throttled.len(), 5, "120 records in a minute are enough for one network");
    assert!(throttled.iter().all(|answer| answer.code() == "gateway.stranger.throttled"));
    assert!(throttled.iter().all(|answer| answer.header("retry-after").is_some()));
    taken(&world, &hook, "d-1", "{}").await;
    assert_eq!(deliveries(&world, &acme).await.len(), 1);
    world.end().await;
}

#[tokio::test]
async fn a_subscription_whose_settings_are_not_understood_here_is_our_fault_until_they_are() {
    let (world, acme, hook) = hooked(json!({})).await;
    taken(&world, &hook, "d-1", "{}").await;
    // A newer version of the gateway wrote something that this one does not know.
    let newer = r#"{"direction":"inbound","scheme":"of-tomorrow","setting":{},"addresses":[]}"#;
    written(&world, &hook.id, newer).await;
    let answer = deliver(world.door, &hook.path, &github(SECRET, "d-2", "[1]"), "[1]").await;
    assert_eq!(refusal(&answer), (503, "gateway.fault.unavailable".to_owned()), "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
    written(&world, &hook.id, r#"{"direction":"inbound","scheme":"github"}"#).await;
    taken(&world, &hook, "d-2", "[1]").await;
    assert_eq!(deliveries(&world, &acme).await.len(), 2);
    world.end().await;
}

/// Writes a subscription's settings behind the gateway's back, and has it read them.
async fn written(world: &World, id: &str, spec: &str) {
    static WRITE: Statement = Statement::house(
        "test.spec",
        "UPDATE subscriptions SET spec = $2, changed = (SELECT value FROM house WHERE name = 'epoch') \
         WHERE subscription = $1",
    );
    let rooms = &world.running.rooms;
    let change = Change::house().raising_epoch().step(&WRITE, values![id, spec]);
    rooms.store.apply(change).await.expect("written");
    rooms.access.refresh().await.expect("the directory");
    rooms.webhooks.refresh().await.expect("the book");
}
