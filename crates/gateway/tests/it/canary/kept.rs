//! Answers that are not given at once: an operation's, asked for after its end, and the one that an endpoint declares
//! for a vendor that is down.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockgate_testkit::Canned;
use lockgate_vocabulary::{Clock as _, SystemClock};
use rustix::process::Signal;
use serde_json::json;

use super::begin::Tenant;
use super::calls::connected_with;
use super::watched::{Kept, Watched, told};

/// The connection, and the first part of its vendor's paths.
const NAME: &str = "kept";

const CREDENTIAL: &str = "credential of kept";

/// Looks at something that takes its time, for 20 seconds at the least.
const LOOKS: usize = 400;

/// Everything; the gateway serves again afterwards.
pub async fn drive(watched: &Watched, tenant: &Tenant) {
    let credential = watched.nest.token(CREDENTIAL);
    watched.may_hold(&watched.at_vendor(NAME), CREDENTIAL);
    let endpoints = json!([
        { "method": "GET", "path": "/limited" },
        { "method": "POST", "path": "/later", "idempotent": true },
        { "method": "GET", "path": "/down", "fallback": { "media_type": "text/plain", "body": "the usual" } },
    ]);
    connected_with(watched, tenant, NAME, json!({ "placement": "bearer" }), endpoints, &credential).await;
    // The limit would hold back what comes after it, so it comes last.
    down(watched, tenant, &credential).await;
    later(watched, tenant, &credential).await;
}

fn at_rest(watched: &Watched, when: &str) {
    let leaks = watched.leaks_at_rest();
    assert!(leaks.is_empty(), "{when}: {} leaks:\n{}", leaks.len(), told(&leaks));
}

/// A vendor that is down says why, with all that it knows; its caller gets what the endpoint declares.
async fn down(watched: &Watched, tenant: &Tenant, credential: &str) {
    let person = watched.nest.text("person in an answer that a fallback stands for");
    let body = json!({ "person": person, "you_sent": credential, "coded": STANDARD.encode(credential) });
    watched.vendor.answers("GET /kept/down", Canned::json(503, &body.to_string()).header("x-echo", credential));
    let key = format!("X-Api-Key: {}\r\n", tenant.service);
    let answer = watched.calls("a fallback", &format!("GET /call/{NAME}/down"), &key, "").await.demand(200);
    assert_eq!(
        (answer.answer.header("x-lockgate-fallback"), answer.answer.text().as_str()),
        (Some("true"), "the usual")
    );
}

/// A write waits behind an operation until the vendor's limit opens; its answer is kept, and asked for again and again.
async fn later(watched: &Watched, tenant: &Tenant, credential: &str) {
    let used_up = Canned::json(200, "{}").header("x-ratelimit-remaining", "0").header("x-ratelimit-reset", "2");
    watched.vendor.answers("GET /kept/limited", used_up);
    let kept = "person in the answer of an operation";
    let body =
        json!({ "person": watched.nest.text(kept), "you_sent": credential, "coded": STANDARD.encode(credential) });
    watched.vendor.answers("POST /kept/later", Canned::json(201, &body.to_string()).header("x-echo", credential));
    let key = format!("X-Api-Key: {}\r\n", tenant.service);
    watched.calls("what uses up a limit", &format!("GET /call/{NAME}/limited"), &key, "").await.demand(200);

    let sent = "person in a write that waits for a limit";
    let person = watched.nest.text(sent);
    watched.may_hold(&watched.at_vendor(NAME), sent);
    let body = json!({ "person": person, "more": "x".repeat(300_000) }).to_string();
    let once = watched.nest.word("idempotency key of a write that waits for a limit");
    let fields = format!("{key}Content-Type: application/json\r\nIdempotency-Key: {once}\r\n");
    let line = format!("POST /call/{NAME}/later");
    let waiting = format!("{fields}Prefer: respond-async\r\n");
    let taken = watched.calls("a write that waits for a limit", &line, &waiting, &body).await.demand(202);
    let operation = taken.answer.header("location").expect("where it is told of").to_owned();
    at_rest(watched, "while a write waits");
    let ended = ended(watched, &operation, &key).await;
    assert_eq!(ended.json()["state"], "succeeded", "{}", ended.answer.text());
    watched.shows(&ended, kept);
    at_rest(watched, "after an operation's end");
    let again = watched.calls("a kept answer by its key", &line, &fields, &body).await.demand(201);
    watched.shows(&again, kept);
    assert_eq!(watched.vendor.count("POST /kept/later"), 1, "it is done once");
    assert_eq!(watched.ended_by(Signal::TERM).code(), Some(0));
    at_rest(watched, "with a kept answer");
    watched.serve();
    let again = watched.calls("a kept answer by its key, of a new process", &line, &fields, &body).await.demand(201);
    watched.shows(&again, kept);
}

/// The operation once it has ended.
async fn ended(watched: &Watched, operation: &str, key: &str) -> Kept {
    let clock = SystemClock::new();
    for _ in 0..LOOKS {
        let shown = watched.calls("an operation", &format!("GET {operation}"), key, "").await;
        if shown.json()["state"] != "running" {
            return shown;
        }
        clock.sleep(Duration::from_millis(50)).await;
    }
    panic!("{operation} never ends");
}
