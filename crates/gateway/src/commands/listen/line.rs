//! One line for each delivery and each refusal, for a person or as JSON.

use lockgate_vocabulary::Timestamp;
use serde_json::{Value, json};

use super::handed::Handed;
use crate::manual;

/// The gateway does not tell the two apart.
const UNREADABLE: &str =
    "what it holds cannot be opened, or the key has neither webhooks.deliveries.replay nor webhooks.deliveries.ingest";

/// A delivery, and what became of it at the desk.
pub(super) fn delivery(record: &Value, handed: &Handed, as_json: bool) -> String {
    if as_json {
        return json!({ "kind": "delivery", "delivery": record, "forwarded": forwarded(handed) }).to_string();
    }
    let text = |name: &str| record.get(name).and_then(Value::as_str);
    let mut parts = vec![
        text("received_at").unwrap_or("-").to_owned(),
        text("delivery").unwrap_or("-").to_owned(),
        text("event_type").unwrap_or("-").to_owned(),
        format!("{} B", number(record, "bytes").unwrap_or_default()),
        text("state").unwrap_or("-").to_owned(),
    ];
    parts.extend(text("code").map(str::to_owned));
    parts.extend(number(record, "secret_version").map(|version| format!("secret {version}")));
    parts.extend(text("replay_of").map(|played| format!("plays {played}")));
    parts.extend(match handed {
        Handed::Nowhere => None,
        Handed::Withheld => Some("-> withheld: it is in quarantine".to_owned()),
        Handed::Unreadable => Some(format!("-> {UNREADABLE}")),
        Handed::Answered(answer) => Some(format!("-> {} in {} ms", answer.status.as_u16(), answer.took.as_millis())),
        Handed::Unanswered(failure) => Some(format!("-> no answer: {failure}")),
    });
    parts.join("  ")
}

fn forwarded(handed: &Handed) -> Value {
    match handed {
        Handed::Nowhere => Value::Null,
        Handed::Withheld => json!({ "withheld": "quarantined" }),
        Handed::Unreadable => json!({ "error": UNREADABLE }),
        Handed::Answered(answer) => json!({
            "status": answer.status.as_u16(),
            "took_ms": u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX),
        }),
        Handed::Unanswered(failure) => json!({ "error": failure.to_string() }),
    }
}

/// A delivery that was refused at the door: the code, and what helps.
pub(super) fn refused(entry: &Value, as_json: bool) -> String {
    let text = |name: &str| entry.get(name).and_then(Value::as_str);
    let code = text("code").unwrap_or_default();
    let cure = manual::cure(code).unwrap_or_default();
    let status = number(entry, "status").unwrap_or_default();
    let at = number(entry, "time").map(|micros| Timestamp::from_micros(micros).to_string()).unwrap_or_default();
    let subscription = text("endpoint").and_then(|endpoint| endpoint.strip_prefix("/hooks/")).unwrap_or("-");
    if as_json {
        let peer = entry.get("peer");
        return json!({
            "kind": "refused", "at": at, "subscription": subscription, "code": code, "status": status,
            "cure": cure, "peer": peer, "trace_id": text("trace"),
        })
        .to_string();
    }
    format!("{at}  refused  {subscription}  {status} {code}  {cure}")
}

fn number(value: &Value, name: &str) -> Option<i64> {
    value.get(name).and_then(Value::as_i64)
}
