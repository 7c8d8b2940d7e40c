//! Providers as they send: what they sign, and their requests byte for byte.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockgate_vault::webhook::sha256;
use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::world::{Tenant, World};

/// A secret as Standard Webhooks writes one.
pub const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The fields of a delivery.
pub type Fields = Vec<(String, String)>;

/// A subscription's door.
pub struct Hook {
    pub id: String,
    pub path: String,
}

/// Establishes a subscription and gives what was told of it.
pub async fn subscribed(world: &World, tenant: &Tenant, name: &str, spec: Value, secrets: &[&str]) -> Value {
    let body = json!({ "name": name, "spec": spec, "secrets": secrets });
    world.make(&tenant.operator, "/v1/subscriptions", body).await
}

/// A door for the deliveries of one scheme, with settings beside it.
pub async fn door(world: &World, tenant: &Tenant, (name, scheme): (&str, &str), secret: &str, more: Value) -> Hook {
    let mut spec = json!({ "direction": "inbound", "scheme": scheme });
    spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let made = subscribed(world, tenant, name, spec, &[secret]).await;
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text in {made}")).to_owned();
    Hook { id: text(&made["subscription"]), path: text(&made["path"]) }
}

/// HMAC-SHA256 (RFC 2104) of the parts, one after the other.
pub fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let key = if key.len() > 64 { sha256(&[key]).to_vec() } else { key.to_vec() };
    let pad = |with: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ with).collect() };
    let (inner, outer) = (pad(0x36), pad(0x5c));
    let whole: Vec<&[u8]> = std::iter::once(&*inner).chain(parts.iter().copied()).collect();
    sha256(&[&outer, &sha256(&whole)])
}

/// Bytes in lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn fields<const N: usize>(all: [(&str, String); N]) -> Fields {
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What GitHub sends along.
pub fn github(secret: &str, id: &str, body: &str) -> Fields {
    let signature = format!("sha256={}", hex(&hmac(secret.as_bytes(), &[body.as_bytes()])));
    let event = "push".to_owned();
    fields([("X-Hub-Signature-256", signature), ("X-GitHub-Delivery", id.to_owned()), ("X-GitHub-Event", event)])
}

/// What Standard Webhooks send along.
pub fn standard(secret: &str, id: &str, at: i64, body: &str) -> Fields {
    let (at, signature) = (at.to_string(), standard_signature(secret, id, at, body.as_bytes()));
    fields([("webhook-id", id.to_owned()), ("webhook-timestamp", at), ("webhook-signature", signature)])
}

/// The signature of Standard Webhooks.
pub fn standard_signature(secret: &str, id: &str, at: i64, body: &[u8]) -> String {
    let key = STANDARD.decode(secret.trim_start_matches("whsec_")).expect("base 64");
    format!("v1,{}", STANDARD.encode(hmac(&key, &[format!("{id}.{at}.").as_bytes(), body])))
}

/// What Slack sends along.
pub fn slack(secret: &str, at: i64, body: &str) -> Fields {
    coloned(secret, at, body, ["X-Slack-Request-Timestamp", "X-Slack-Signature"])
}

/// What Zoom sends along.
pub fn zoom(secret: &str, at: i64, body: &str) -> Fields {
    coloned(secret, at, body, ["x-zm-request-timestamp", "x-zm-signature"])
}

fn coloned(secret: &str, at: i64, body: &str, [timestamp, signature]: [&str; 2]) -> Fields {
    let mac = hmac(secret.as_bytes(), &[format!("v0:{at}:{body}").as_bytes()]);
    fields([(timestamp, at.to_string()), (signature, format!("v0={}", hex(&mac)))])
}

/// The head of a delivery, without the empty line behind it.
pub fn head(path: &str, fields: &Fields) -> String {
    let mut head = format!("POST {path} HTTP/1.1\r\nHost: gate\r\n");
    for (name, value) in fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head
}

/// Sends a delivery.
pub async fn deliver(door: SocketAddr, path: &str, fields: &Fields, body: &str) -> Answer {
    deliver_by(&mut Client::connect(door).await, path, fields, body).await
}

/// The same on a connection that is there.
pub async fn deliver_by(client: &mut Client, path: &str, fields: &Fields, body: &str) -> Answer {
    client.send(format!("{}Content-Length: {}\r\n\r\n{body}", head(path, fields), body.len())).await;
    client.answer().await.expect("an answer")
}

/// The status and the code of a refusal.
pub fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status, answer.code())
}

/// The deliveries of the tenant, as operators see them.
pub async fn deliveries(world: &World, tenant: &Tenant) -> Vec<Value> {
    listed(world, tenant, "/v1/deliveries?limit=1000").await
}

/// The tenant's events of this type.
pub async fn events(world: &World, tenant: &Tenant, kind: &str) -> Vec<Value> {
    let mut all = listed(world, tenant, "/v1/events?limit=1000").await;
    all.retain(|event| event["type"] == kind);
    all
}

/// The tenant's records of this action, with those that stood beside changes of the store until now.
pub async fn recorded(world: &World, tenant: &Tenant, action: &str) -> Vec<Value> {
    world.running.rooms.relay.pass().await.expect("the store and the trail are there");
    let mut all = world.trail(tenant).await;
    all.retain(|record| record["action"] == action);
    all
}

/// The rows of a list.
pub async fn listed(world: &World, tenant: &Tenant, path: &str) -> Vec<Value> {
    let answer = world.ask(&tenant.operator, "GET", path, None).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()["items"].as_array().expect("items").clone()
}
