//! Providers' deliveries at the door: every signed vector with its own subscription, and what is done with them.

use std::collections::HashMap;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockgate_testkit::ManualClock;
use lockgate_vocabulary::Timestamp;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::world::{Tenant, World};

/// The moment for which the vectors are made.
const NOW: i64 = 1_790_000_000;

/// The webhook's identifier in PayPal's vectors: that of PayPal's own samples.
const PAYPAL_WEBHOOK: &str = lockgate_webhooks::explain::SAMPLE_WEBHOOK;

fn vectors() -> (Vec<Value>, Vec<Value>) {
    let texts = [
        include_str!("../../../webhooks/testdata/vectors.json"),
        include_str!("../../../webhooks/testdata/vectors-tier-c.json"),
    ];
    let (mut vectors, mut sequences) = (Vec::new(), Vec::new());
    for text in texts {
        let file: Value = serde_json::from_str(text).expect("JSON");
        vectors.extend(file["vectors"].as_array().expect("vectors").clone());
        sequences.extend(file["sequences"].as_array().expect("sequences").clone());
    }
    (vectors, sequences)
}

/// One vector.
pub fn vector(id: &str) -> Value {
    vectors().0.into_iter().find(|vector| vector["id"] == id).unwrap_or_else(|| panic!("no vector {id}"))
}

/// A subscription as the vector's provider would be given one.
fn spec(vector: &Value) -> Value {
    let provider = vector["provider"].as_str().expect("a provider");
    let mut setting = json!({});
    if matches!(provider, "square" | "twilio") {
        setting["public_url"] = vector["url"].clone();
    }
    if provider == "paypal" {
        setting["webhook_id"] = json!(PAYPAL_WEBHOOK);
    }
    if vector["public_key"].is_string() {
        setting["public_keys"] = json!([vector["public_key"]]);
    }
    json!({ "direction": "inbound", "scheme": provider, "setting": setting })
}

async fn subscribed(world: &World, acme: &Tenant, name: &str, vector: &Value) -> String {
    let mut secrets: Vec<Value> = vector["secrets"].as_array().expect("secrets").clone();
    if spec(vector)["setting"]["public_keys"].is_array() {
        secrets.clear();
    }
    let body = json!({ "name": name, "spec": spec(vector), "secrets": secrets });
    let made = world.make(&acme.operator, "/v1/subscriptions", body).await;
    made["path"].as_str().expect("a path").to_owned()
}

pub fn body(vector: &Value) -> Vec<u8> {
    STANDARD.decode(vector["body_b64"].as_str().expect("a body")).expect("base 64")
}

/// The vector's request to this path, byte for byte.
pub async fn delivered(world: &World, path: &str, vector: &Value) -> Answer {
    delivered_at(world.door, path, vector).await
}

/// The same to the door of a node.
pub async fn delivered_at(door: SocketAddr, path: &str, vector: &Value) -> Answer {
    let (mut head, body) = (format!("POST {path} HTTP/1.1\r\nHost: gate\r\n"), body(vector));
    for header in vector["headers"].as_array().expect("headers") {
        head.push_str(&format!(
            "{}: {}\r\n",
            header[0].as_str().expect("a name"),
            header[1].as_str().expect("a value")
        ));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    let mut client = Client::connect(door).await;
    client.send([head.into_bytes(), body].concat()).await;
    client.answer().await.expect("an answer")
}

async fn world() -> (World, Tenant) {
    let more = "[traffic]\ncaller_per_minute = 1000000\ncaller_burst = 1000000\n";
    let world = World::at(ManualClock::at(Timestamp::from_secs(NOW)), more).await;
    let acme = world.tenant("acme").await;
    (world, acme)
}

/// A delivery that was taken, and an operator's request to play it again, which waits for another one's approval.
pub async fn awaiting_approval(world: &World, acme: &Tenant) -> String {
    let spec = json!({ "direction": "inbound", "scheme": "convoy_simple", "delivery": { "replay_approval": true } });
    let body = json!({ "name": "convoy", "spec": spec, "secrets": ["8IX9njirDG"] });
    let made = world.make(&acme.operator, "/v1/subscriptions", body).await;
    let signed = vector("convoy_simple-001-none_compact");
    let taken = delivered(world, made["path"].as_str().expect("a path"), &signed).await;
    assert_eq!(taken.status, 200, "{}", taken.text());
    let delivery = taken.json()["delivery"].as_str().expect("an id").to_owned();
    let (_, service) = world.service(&acme.operator, "puller", json!(["webhooks.deliveries.ingest"])).await;
    let path = format!("/deliveries/{delivery}/ack");
    assert_eq!(world.call(&service, "POST", &path, "", "").await.status, 204);
    let asked = json!({ "deliveries": [delivery], "reason": "the ledger was restored" });
    let asked = world.ask(&acme.operator, "POST", "/v1/deliveries/replay", Some(asked)).await;
    asked.json()["approval"].as_str().unwrap_or_else(|| panic!("{}", asked.text())).to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_signed_vector_arrives_and_no_mutation_does() {
    let (world, acme) = world().await;
    let (vectors, _) = vectors();
    let mut wrong = Vec::new();
    for (number, vector) in vectors.iter().enumerate() {
        let path = subscribed(&world, &acme, &format!("v{number}"), vector).await;
        let answer = delivered(&world, &path, vector).await;
        let valid = vector["expect"] == "valid";
        if valid != (answer.status == 200) || answer.status >= 500 {
            wrong.push(format!("{}: {} {}", vector["id"], answer.status, answer.text()));
        }
    }
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), vectors.len());
    world.end().await;
}

#[tokio::test]
async fn what_was_delivered_before_is_told_by_its_id_or_by_what_was_signed() {
    let (world, acme) = world().await;
    let (vectors, sequences) = vectors();
    let by_id: HashMap<&str, &Value> = vectors.iter().map(|each| (each["id"].as_str().expect("an id"), each)).collect();
    for (number, sequence) in sequences.iter().enumerate() {
        let steps: Vec<&Value> =
            sequence["steps"].as_array().expect("steps").iter().map(|id| by_id[id.as_str().expect("an id")]).collect();
        let path = subscribed(&world, &acme, &format!("s{number}"), steps[0]).await;
        let first = delivered(&world, &path, steps[0]).await;
        assert_eq!(first.status, 200, "{sequence}: {}", first.text());
        let name = sequence["name"].as_str().expect("a name");
        if name.contains("CRC32") {
            // What came later is newer, whatever chance gave it beside the moment.
            world.pass(std::time::Duration::from_millis(1)).await;
        }
        let second = delivered(&world, &path, steps[1]).await;
        let id = path.rsplit('/').next().expect("an id").to_owned();
        let all = world.ask(&acme.operator, "GET", &format!("/v1/deliveries?subscription={id}"), None).await.json();
        let states: Vec<&str> = all["items"]
            .as_array()
            .expect("items")
            .iter()
            .map(|item| item["state"].as_str().expect("a state"))
            .collect();
        if name.contains("CRC32") {
            // Of PayPal's body no more than a checksum is signed, so the second may be anybody's.
            assert_eq!((second.status, &second.json()["quarantined"]), (200, &json!(true)), "{name}");
            assert_eq!(all["items"][0]["code"], "webhooks.delivery.conflict", "{name}");
            assert_eq!(states, ["quarantined", "waiting"], "{name}");
            let events = world.ask(&acme.operator, "GET", "/v1/events?limit=1000", None).await.text();
            assert!(events.contains("SecurityAlertRaised"), "an alert is raised");
            continue;
        }
        assert_eq!((second.status, &second.json()["duplicate"]), (200, &json!(true)), "{name}: {}", second.text());
        assert_eq!(second.json()["delivery"], first.json()["delivery"], "{name}");
        assert_eq!(states, ["waiting"], "{name}");
    }
    world.end().await;
}
