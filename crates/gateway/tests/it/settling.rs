//! The store can only be read at the very moment at which what came of an operation is to be kept: if it comes back
//! in time it is kept, and else the operation is unknown. Nothing is sent a second time either way.

use std::time::Duration;

use lockgate_testkit::{Behaviour, Canned};
use serde_json::{Value, json};

use crate::client::Answer;
use crate::readonly::Frozen;
use crate::world::{Tenant, VENDOR_HOST, VENDOR_SECRET, World, call_at};

const WRITE: &str = "POST /v1/things";

/// The clock leaps while a real disk writes; that does not make the disk slow.
const PATIENT: &str = "[audit]\nstall_seconds = 600";

/// Lets time go by in steps, with the look at the store that a node owes within two seconds.
async fn pass(world: &World, by: Duration) {
    let mut left = by;
    while !left.is_zero() {
        let step = left.min(Duration::from_millis(500));
        left -= step;
        world.clock.advance(step);
        world.running.rooms.store.confirm_epoch().await.expect("the store can be read");
        world.running.rooms.access.refresh().await.expect("the directory");
        tokio::task::yield_now().await;
    }
}

/// A write behind an operation, whose vendor has it and has not answered yet.
struct Underway {
    world: World,
    acme: Tenant,
    location: String,
    run: String,
}

impl Underway {
    async fn start() -> Self {
        let world = World::with(PATIENT).await;
        let acme = world.tenant("acme").await;
        // Only what the vendor knows again may be sent after it was put off.
        let spec = json!({
            "name": "vendor", "title": "Vendor", "base_url": format!("https://{VENDOR_HOST}:{}", world.vendor.address.port()),
            "auth": { "placement": "bearer" }, "idempotency_header": "idempotency-key",
            "endpoints": [{ "method": "POST", "path": "/v1/things" }],
        });
        world.make(&acme.operator, "/v1/providers", spec).await;
        let settings = json!({ "trust_pem": world.vendor.authority_pem, "danger_private_networks": ["127.0.0.0/8"] });
        let connection = json!({ "name": "pay", "provider": "vendor", "spec": settings });
        world.make(&acme.operator, "/v1/connections", connection).await;
        let credential = json!({ "name": "key", "connection": "pay", "owner": "payments", "secret": VENDOR_SECRET });
        world.make(&acme.operator, "/v1/credentials", credential).await;
        world.vendor.answers(WRITE, Canned::json(429, "{}").header("retry-after", "60"));
        world.vendor.on(WRITE, Behaviour::Gated(Canned::json(201, r#"{"id":9}"#)));
        let accepted = keyed(&world, &acme).await;
        assert_eq!(accepted.status, 202, "{}", accepted.text());
        let location = accepted.header("location").expect("where").to_owned();
        let run = accepted.json()["run"].as_str().expect("a run").to_owned();
        pass(&world, Duration::from_secs(61)).await;
        // The clock stands still until the vendor has it: the call would be over otherwise.
        world.vendor.wait_for(WRITE, 2).await;
        Self { world, acme, location, run }
    }

    async fn operation(&self) -> Answer {
        call_at(self.world.door, &self.acme.service, ("GET", &self.location), "", "").await
    }

    /// The vendor answers while the store can only be read; the trail says that it did.
    async fn answered(&self) {
        self.world.vendor.release();
        let (tenant, run) = (self.acme.id.parse().expect("an id"), self.run.parse().expect("an id"));
        loop {
            let found = self.world.running.rooms.audit.run(tenant, run).await.expect("the trail is read");
            if found.is_some_and(|run| run.ended.is_some()) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

async fn keyed(world: &World, acme: &Tenant) -> Answer {
    let more = "Prefer: respond-async\r\nIdempotency-Key: once\r\n";
    world.call(&acme.service, "POST", "/call/pay/v1/things", more, "").await
}

fn runs_on(answer: &Answer) -> bool {
    answer.json()["state"] == "running"
}

#[tokio::test]
async fn what_came_of_an_operation_is_kept_where_the_store_comes_back_in_time() {
    let underway = Underway::start().await;
    let world = &underway.world;
    let Some(frozen) = Frozen::database(&world.data()) else { return };
    underway.answered().await;
    pass(world, Duration::from_secs(20)).await;
    let still = underway.operation().await;
    assert!(runs_on(&still), "{} {}", still.status, still.text());
    drop(frozen);
    let ended = loop {
        pass(world, Duration::from_secs(1)).await;
        let answer = underway.operation().await;
        if !runs_on(&answer) {
            break answer;
        }
    };
    let told = ended.json();
    assert_eq!((&told["state"], &told["answer"]["status"]), (&json!("succeeded"), &json!(201)), "{told}");
    assert_eq!(told["answer"]["json"], json!({ "id": 9 }), "{told}");
    let told = world.ended(&underway.acme, &underway.run).await;
    assert_eq!(told["outcome"], "succeeded", "{told}");
    let open = world.ask(&underway.acme.operator, "GET", "/v1/escalations?state=open", None).await.json();
    assert_eq!(open["items"], json!([]), "nobody has to look");
    assert_eq!(world.vendor.count(WRITE), 2, "it is sent once");
    underway.world.end().await;
}

#[tokio::test]
async fn an_operation_whose_end_was_never_kept_is_unknown_and_never_repeated() {
    let underway = Underway::start().await;
    let world = &underway.world;
    let Some(frozen) = Frozen::database(&world.data()) else { return };
    underway.answered().await;
    // As long as a node tries, and as long as its lease holds.
    pass(world, Duration::from_secs(200)).await;
    assert_eq!(world.vendor.count(WRITE), 2);
    drop(frozen);
    let ended = loop {
        pass(world, Duration::from_secs(1)).await;
        let answer = underway.operation().await;
        if !runs_on(&answer) {
            break answer;
        }
    };
    let state = ended.json()["state"].clone();
    assert_eq!((state, ended.code().as_str()), (json!("unknown"), "egress.outcome.unknown"), "{}", ended.text());
    let open = world.ask(&underway.acme.operator, "GET", "/v1/escalations?state=open", None).await.json();
    let open: Vec<&Value> = open["items"].as_array().expect("items").iter().map(|item| &item["run"]).collect();
    assert_eq!(open, [&json!(underway.run)], "an operator is told to look");
    let told = world.ended(&underway.acme, &underway.run).await;
    assert_eq!(told["outcome"], "succeeded", "the trail has what the store had not: {told}");
    let again = keyed(world, &underway.acme).await;
    assert!(again.status >= 400, "{} {}", again.status, again.text());
    pass(world, Duration::from_secs(200)).await;
    assert_eq!(world.vendor.count(WRITE), 2, "it is never sent again");
    underway.world.end().await;
}
