//! What is told to the governance side: CloudEvents 1.0, kept in the change that they tell of.

use lockgate_store::{Change, values};
use lockgate_vocabulary::EventId;
use serde_json::{Value, json};

use super::Act;
use crate::rows;
use crate::vault::Inner;

/// Adds an event to the change. `subject` is what it is about, by its identifier.
pub(super) fn told(change: Change, inner: &Inner, act: Act<'_>, kind: &str, subject: &str, data: Value) -> Change {
    let id = EventId::generate(inner.clock.as_ref(), inner.entropy.as_ref());
    let (now, actor) = (inner.clock.now(), act.caller.actor());
    let mut data = data;
    if let Some(members) = data.as_object_mut() {
        members.insert("tenant".to_owned(), json!(actor.tenant));
        members.insert("operator".to_owned(), json!(actor.principal));
        members.insert("trace_id".to_owned(), json!(act.trace.to_string()));
    }
    let body = json!({
        "specversion": "1.0",
        "id": id,
        "source": format!("/tenants/{}", actor.tenant),
        "type": kind,
        "subject": subject,
        "time": now.to_string(),
        "datacontenttype": "application/json",
        "data": data,
    });
    change.step(&rows::EVENT_INSERT, values![id, kind, body.to_string(), now])
}
