//! Webhooks: what providers send and whoever forges it, what is fetched, pushed, given up and played again, and the
//! tenant's own events.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockgate_testkit::{Behaviour, Canned};
use lockgate_vocabulary::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::begin::{Engine, Tenant};
use super::watched::{Kept, Watched};
use crate::sender::{Fields, github, head, hex, hmac, slack, standard, zoom};
use crate::world::VENDOR_HOST;

/// Looks at something that takes its time, for 20 seconds at the least.
const LOOKS: usize = 400;

/// A provider's door.
pub struct Door {
    scheme: &'static str,
    secret: String,
    id: String,
    path: String,
}

impl Door {
    pub async fn opened(watched: &Watched, tenant: &Tenant, name: &str, scheme: &'static str, more: Value) -> Self {
        let planted = format!("secret of {name}");
        let secret = match scheme {
            "standardwebhooks" => watched.nest.whsec(&planted),
            _ => watched.nest.token(&planted),
        };
        let mut spec = json!({ "direction": "inbound", "scheme": scheme });
        spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let body = json!({ "name": name, "spec": spec, "secrets": [secret] });
        let made = watched.makes(&tenant.operator, "/v1/subscriptions", body).await;
        if made.json()["signing_secret"].is_string() {
            watched.shown_once(&made, &format!("signing secret of {name}"), &made.json()["signing_secret"]);
        }
        let text = |member: &str| made.json()[member].as_str().expect("text").to_owned();
        Self { scheme, secret, id: text("subscription"), path: text("path") }
    }

    /// What the provider sends along with this body, signed with this secret.
    fn signed(&self, secret: &str, id: &str, body: &str) -> Fields {
        let now = SystemClock::new().now().as_secs();
        match self.scheme {
            "standardwebhooks" => standard(secret, id, now, body),
            "slack" => slack(secret, now, body),
            "zoom" => zoom(secret, now, body),
            "hmac" => {
                let mac = hex(&hmac(secret.as_bytes(), &[format!("{now}.{body}").as_bytes()]));
                vec![("X-Signature".to_owned(), mac), ("X-Timestamp".to_owned(), now.to_string())]
            }
            _ => github(secret, id, body),
        }
    }

    /// A delivery with fields that are no business of the consumer's.
    async fn gets(&self, watched: &Watched, what: &str, secret: &str, (id, body): (&str, &str)) -> Kept {
        let mut fields = self.signed(secret, id, body);
        let password = watched.nest.word(&format!("password beside {what}"));
        let login = STANDARD.encode(format!("provider:{password}"));
        fields.push(("Authorization".to_owned(), format!("Basic {login}")));
        fields.push(("Cookie".to_owned(), format!("session={password}")));
        fields.push(("X-Person".to_owned(), watched.nest.word(&format!("header of {what}"))));
        let bytes = format!("{}Content-Length: {}\r\n\r\n{body}", head(&self.path, &fields), body.len());
        watched.sends(what, watched.door(), bytes).await.unwrap_or_else(|| panic!("{what}: no answer"))
    }

    /// A delivery that is taken in; its id.
    pub async fn takes(&self, watched: &Watched, what: &str, number: usize) -> String {
        let person = watched.nest.text(&format!("person in {what}"));
        let body = json!({ "type": "person.moved", "number": number, "person": person }).to_string();
        let id = format!("{}-{number}", self.scheme);
        let kept = self.gets(watched, what, &self.secret.clone(), (&id, &body)).await.demand(200);
        kept.json()["delivery"].as_str().unwrap_or_else(|| panic!("{}", kept.answer.text())).to_owned()
    }
}

/// An endpoint of the tenant's at the vendor, below a path of its own.
fn endpoint(watched: &Watched, path: &str) -> Value {
    watched.vendor.on(&format!("POST /{path}"), Behaviour::Agree);
    json!({
        "url": format!("https://{VENDOR_HOST}:{}/{path}", watched.vendor.address.port()),
        "trust_pem": watched.vendor.authority_pem, "danger_private_networks": ["127.0.0.0/8"],
    })
}

/// Everything.
pub async fn drive(watched: &Watched, tenant: &Tenant, engine: &Engine) {
    if engine.publishes {
        are_published(watched, tenant).await;
    }
    come_in(watched, tenant).await;
    are_fetched_and_played_again(watched, tenant).await;
    are_pushed_and_given_up(watched, tenant).await;
    events_go_out(watched, tenant).await;
}

/// Each scheme: a delivery that is taken, the same again, another body under its name, a forged one, one that is cut.
async fn come_in(watched: &Watched, tenant: &Tenant) {
    let hmac = json!({
        "setting": {
            "hmac": { "signature_header": "X-Signature", "template": "{timestamp}.{body}", "timestamp_header": "X-Timestamp" },
            "digest": { "hash": "sha256", "encoding": "hex" },
        },
    });
    let none = json!({});
    let schemes = [
        ("github", none.clone()),
        ("standardwebhooks", none.clone()),
        ("slack", none.clone()),
        ("zoom", none),
        ("hmac", hmac),
    ];
    for (scheme, setting) in schemes {
        let door = Door::opened(watched, tenant, &format!("in-{scheme}"), scheme, setting).await;
        let named = |what: &str| format!("{what} of {scheme}");
        let person = watched.nest.text(&named("person in a delivery"));
        let body = json!({ "type": "person.moved", "person": person }).to_string();
        let id = format!("id-{scheme}");
        for what in ["a delivery", "the same delivery"] {
            door.gets(watched, &named(what), &door.secret, (&id, &body)).await.demand(200);
        }
        let person = watched.nest.text(&named("person in a conflict"));
        let other = json!({ "type": "person.moved", "person": person }).to_string();
        door.gets(watched, &named("a conflict"), &door.secret, (&id, &other)).await.demand(200);
        let guess = match scheme {
            "standardwebhooks" => watched.nest.whsec(&named("a guess")),
            _ => watched.nest.token(&named("a guess")),
        };
        let forged = watched.nest.text(&named("person in a forged delivery"));
        let forged = json!({ "person": forged }).to_string();
        door.gets(watched, &named("a forged delivery"), &guess, (&id, &forged)).await.demand(401);
        let cut = watched.nest.word(&named("person in half a delivery"));
        door.gets(watched, &named("half a delivery"), &door.secret, ("cut", &format!("{{\"person\":\"{cut}"))).await;
    }
}

/// Fetched, acknowledged, shown to whoever may see it and not to others, played again once somebody else consents.
async fn are_fetched_and_played_again(watched: &Watched, tenant: &Tenant) {
    let more = json!({ "delivery": { "replay_approval": true } });
    let door = Door::opened(watched, tenant, "fetched", "github", more).await;
    let id = door.takes(watched, "a delivery that is fetched", 1).await;
    let person = "person in a delivery that is fetched";
    let header = "header of a delivery that is fetched";
    let key = format!("X-Api-Key: {}\r\n", tenant.service);
    let fetched = format!("GET /deliveries?subscription={}", door.id);
    let page = watched.calls("what waits", &fetched, &key, "").await.demand(200);
    watched.shows(&page, person);
    watched.shows(&page, header);
    watched.calls("acknowledged", &format!("POST /deliveries/{id}/ack"), &key, "").await.demand(204);
    let shown = watched.asks("a delivery shown", &tenant.operator, &format!("GET /v1/deliveries/{id}"), None).await;
    let shown = shown.demand(200);
    watched.shows(&shown, person);
    watched.shows(&shown, header);
    watched.asks("the same to an onlooker", &tenant.onlooker, &format!("GET /v1/deliveries/{id}"), None).await;

    let body = json!({ "deliveries": [id], "reason": "the ledger was restored" });
    let asked = watched.asks("a replay", &tenant.operator, "POST /v1/deliveries/replay", Some(body)).await;
    let approval = asked.json()["approval"].as_str().unwrap_or_else(|| panic!("{}", asked.answer.text())).to_owned();
    watched.asks("an approval", &tenant.second, &format!("GET /v1/approvals/{approval}"), None).await.demand(200);
    let decide = format!("POST /v1/approvals/{approval}/decide");
    let body = json!({ "approve": true, "note": "it was" });
    let done = watched.asks("a decision", &tenant.second, &decide, Some(body)).await.demand(200);
    assert!(done.json().to_string().contains(&id), "{}", done.answer.text());
    let page = watched.calls("what was played waits", &fetched, &key, "").await.demand(200);
    watched.shows(&page, person);
    watched.shows(&page, header);
}

/// Handed to the broker, which has no stream for it, so that it waits.
async fn are_published(watched: &Watched, tenant: &Tenant) {
    let more = json!({ "handoff": "nats", "delivery": { "retry_seconds": [1] } });
    let door = Door::opened(watched, tenant, "published", "github", more).await;
    let id = door.takes(watched, "a delivery that is published", 1).await;
    becomes(watched, tenant, &id, "dead").await;
}

/// Pushed, with a secret that is replaced meanwhile; refused by an endpoint that sends back what it got, until it is
/// a dead letter, and played again.
async fn are_pushed_and_given_up(watched: &Watched, tenant: &Tenant) {
    let handoff = json!({ "push": endpoint(watched, "pushed") });
    let delivery = json!({ "retry_seconds": [1], "order_by": "/person" });
    let more = json!({ "handoff": handoff, "delivery": delivery });
    let door = Door::opened(watched, tenant, "pushed", "github", more).await;
    let id = door.takes(watched, "a delivery that is pushed", 1).await;
    becomes(watched, tenant, &id, "delivered").await;
    let secrets = format!("POST /v1/subscriptions/{}/secrets", door.id);
    let added = watched.asks("a secret more", &tenant.operator, &secrets, Some(json!({ "overlap_hours": 1 }))).await;
    let signing = added.json()["signing_secret"].clone();
    watched.shown_once(&added, "another signing secret", &signing);
    let newer = watched.nest.token("another secret of the provider");
    let body = json!({ "secret": newer, "overlap_hours": 1 });
    watched.asks("a provider's secret more", &tenant.operator, &secrets, Some(body)).await.demand(201);

    watched.vendor.forget("POST /pushed");
    let echo = json!({ "sent": newer, "signed_with": signing }).to_string();
    watched.vendor.answers("POST /pushed", Canned::json(500, &echo).header("x-echo", &newer));
    let id = door.takes(watched, "a delivery that nobody takes", 2).await;
    becomes(watched, tenant, &id, "dead").await;
    watched.vendor.forget("POST /pushed");
    watched.vendor.on("POST /pushed", Behaviour::Agree);
    let body = json!({ "deliveries": [id], "reason": "the endpoint was down" });
    let played =
        watched.asks("a dead letter's replay", &tenant.operator, "POST /v1/deliveries/replay", Some(body)).await;
    let played = played.json()["played"][0]["replay"].as_str().unwrap_or_default().to_owned();
    becomes(watched, tenant, &played, "delivered").await;
    for what in ["a delivery that is pushed", "a delivery that nobody takes"] {
        watched.may_hold(&watched.at_vendor("pushed"), &format!("person in {what}"));
    }
}

/// The tenant's own events go to one endpoint, and the gateway's to another, which gets nothing of what is in them.
async fn events_go_out(watched: &Watched, tenant: &Tenant) {
    for (name, types) in [("told", json!(["person.*"])), ("governed", json!(GOVERNING))] {
        let spec = json!({ "direction": "outbound", "event_types": types, "endpoint": endpoint(watched, name) });
        let body = json!({ "name": name, "spec": spec });
        let made = watched.makes(&tenant.operator, "/v1/subscriptions", body).await;
        watched.shown_once(&made, &format!("signing secret of {name}"), &made.json()["signing_secret"]);
    }
    let person = watched.nest.text("person in an event");
    watched.may_hold(&watched.at_vendor("told"), "person in an event");
    let key = watched.nest.word("idempotency key of an event");
    let fields =
        format!("X-Api-Key: {}\r\nContent-Type: application/json\r\nIdempotency-Key: {key}\r\n", tenant.service);
    let event = json!({ "type": "person.moved", "data": { "person": person } }).to_string();
    for what in ["an event", "the same event"] {
        watched.calls(what, "POST /events", &fields, &event).await.demand(202);
    }
    watched.calls("an event that is none", "POST /events", &fields, &event.replace("person.moved", "a b")).await;
    watched.vendor.wait_for("POST /told", 2).await;
}

/// The gateway's own events.
const GOVERNING: [&str; 10] = [
    "ApprovalDecided",
    "ApprovalRequested",
    "CredentialRevoked",
    "CredentialRotated",
    "IntegrationConnectionDegraded",
    "IntegrationConnectionEstablished",
    "IntegrationFailed",
    "IntegrationRunCompleted",
    "SecurityAlertRaised",
    "WebhookDeliveryReceived",
];

/// Looks until the delivery is in this state. The onlooker sees no more of it than that.
async fn becomes(watched: &Watched, tenant: &Tenant, id: &str, state: &str) {
    let clock = SystemClock::new();
    let mut last = Value::Null;
    for _ in 0..LOOKS {
        let shown =
            watched.asks("a delivery's state", &tenant.onlooker, &format!("GET /v1/deliveries/{id}"), None).await;
        last = shown.json();
        if last["state"] == state {
            return;
        }
        clock.sleep(Duration::from_millis(50)).await;
    }
    panic!("{id} never is {state}: {last}");
}
