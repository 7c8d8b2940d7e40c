//! What the record of a change tells of it: which fields were changed, a digest of what they are now, where
//! calls go, and every weakening in clear.
//!
//! Values are not told: a setting may hold what does not belong into a trail. The digest shows afterwards
//! whether settings that somebody presents are the ones that were written.

use aws_lc_rs::digest;
use lockgate_audit::Deed;
use serde_json::{Map, Value};

/// Tells of settings that were written. `before` is what stood there, where something did.
pub(super) fn tell(deed: Deed, before: Option<&Value>, after: &Value) -> Deed {
    let empty = Map::new();
    let now = after.as_object().unwrap_or(&empty);
    let deed = match before {
        Some(before) => deed.with("changed", differing(before.as_object().unwrap_or(&empty), now)),
        None => deed,
    };
    let deed = deed.with("spec_sha256", sha256(&after.to_string()));
    let host = now.get("base_url").and_then(Value::as_str).and_then(|url| http::Uri::try_from(url).ok());
    let deed = match host.as_ref().and_then(http::Uri::host) {
        Some(host) => deed.with("base_host", host),
        None => deed,
    };
    match weakenings(now) {
        none if none.is_empty() => deed,
        weakenings => deed.with("dangers", weakenings),
    }
}

/// The digest of what a column holds, or that it holds nothing.
pub(super) fn column_sha256(column: &lockgate_store::Value) -> String {
    match column {
        lockgate_store::Value::Text(text) => sha256(text),
        _ => "none".to_owned(),
    }
}

/// The digest of a text, in hexadecimal digits.
fn sha256(text: &str) -> String {
    digest::digest(&digest::SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The names of the fields that differ.
fn differing(before: &Map<String, Value>, now: &Map<String, Value>) -> String {
    let gone = before.keys().filter(|name| !now.contains_key(*name));
    let names = now.keys().filter(|name| before.get(*name) != now.get(*name)).chain(gone);
    names.map(String::as_str).collect::<Vec<_>>().join(",")
}

/// Each setting that weakens something and is set, with its value.
fn weakenings(now: &Map<String, Value>) -> String {
    let set = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(items) => !items.is_empty(),
        _ => true,
    };
    let dangers = now.iter().filter(|(name, value)| name.starts_with("danger_") && set(value));
    dangers.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}
