//! How a delivery and a refusal read, and which refusals are a subscription's. Listening itself is tested with
//! a running gateway.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use lockgate_egress::{DeskAnswer, DeskFailure};
use serde_json::{Value, json};

use super::handed::Handed;
use super::{line, missed};

fn record() -> Value {
    json!({
        "delivery": "dlv_1", "subscription": "sub_1", "state": "waiting", "event_type": "invoice.paid",
        "provider_id": "evt_1", "secret_version": 2, "bytes": 123, "tries": 0, "code": null, "replay_of": null,
        "received_at": "2026-09-21T14:13:20.000000Z",
    })
}

fn answered(status: u16) -> Handed {
    let status = StatusCode::from_u16(status).expect("a status");
    Handed::Answered(DeskAnswer { status, body: Bytes::new(), took: Duration::from_millis(12) })
}

#[test]
fn a_delivery_is_one_line() {
    assert_eq!(
        line::delivery(&record(), &answered(200), false),
        "2026-09-21T14:13:20.000000Z  dlv_1  invoice.paid  123 B  waiting  secret 2  -> 200 in 12 ms"
    );
    let silent = Handed::Unanswered(DeskFailure::Unanswered("unreachable"));
    assert!(line::delivery(&record(), &silent, false).ends_with("-> no answer: unreachable"));
    assert!(line::delivery(&record(), &Handed::Nowhere, false).ends_with("secret 2"));
    let told: Value = serde_json::from_str(&line::delivery(&record(), &answered(500), true)).expect("JSON");
    assert_eq!((&told["delivery"]["delivery"], &told["forwarded"]["status"]), (&json!("dlv_1"), &json!(500)));
}

#[test]
fn only_what_a_server_refused_or_did_not_answer_is_untaken() {
    for taken in [answered(204), Handed::Nowhere, Handed::Withheld] {
        assert!(taken.was_taken());
    }
    for untaken in [answered(500), answered(302), Handed::Unreadable] {
        assert!(!untaken.was_taken());
    }
}

#[test]
fn a_refusal_says_its_code_and_its_cure() {
    let entry = json!({
        "index": 7, "time": 1_790_000_000_000_000_i64, "kind": "refused", "door": "hook", "status": 401,
        "code": "webhooks.signature.mismatch", "endpoint": "/hooks/sub_1", "peer": "192.0.2.1", "trace": "00ff",
    });
    let text = line::refused(&entry, false);
    let cure = crate::manual::cure("webhooks.signature.mismatch").expect("a cure");
    for part in ["401 webhooks.signature.mismatch", "sub_1", cure, "2026-09-21T14:13:20"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let told: Value = serde_json::from_str(&line::refused(&entry, true)).expect("JSON");
    assert_eq!((&told["kind"], &told["cure"], &told["peer"]), (&json!("refused"), &json!(cure), &json!("192.0.2.1")));
    assert!(missed::is_of(&entry, Some("sub_1")) && missed::is_of(&entry, None));
    assert!(!missed::is_of(&entry, Some("sub_2")));
    assert!(!missed::is_of(&json!({ "door": "call", "endpoint": "/hooks/sub_1" }), None));
}
