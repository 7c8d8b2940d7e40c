//! The key by which deliveries are put in order: what a JSON Pointer finds in the body.
//!
//! It may be personal data, so only a digest under a key of the tenant's leaves this module.

use lockgate_inspect::json;
use lockgate_vault::Vault;
use serde_json::Value;

use crate::subscription::Subscription;

/// Bytes of what is found there. What is longer is no identifier of anything.
const MOST_BYTES: usize = 1_024;

/// Bytes of a body that has a key. One delivery's tree of values must not cost what many bodies do.
const MOST_BODY_BYTES: usize = 1024 * 1024;

/// The key of this body; none where it is not JSON of one reading, is larger than has a key, or has nothing there.
pub(crate) fn of(vault: &Vault, subscription: &Subscription, body: &[u8]) -> Option<String> {
    let key = found(subscription.onward.order_by.as_deref(), body)?;
    let digest = vault.digest(subscription.tenant, "webhook.order", key.as_bytes());
    // Half of it tells keys apart as well, and an index is smaller by it.
    Some(digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

fn found(pointer: Option<&str>, body: &[u8]) -> Option<String> {
    let pointer = pointer?;
    // Of two members with one name, two readers could take two keys.
    json::check(body, &json::Limits { bytes: MOST_BODY_BYTES, ..json::Limits::default() }).ok()?;
    let value: Value = serde_json::from_slice(body).ok()?;
    let key = match value.pointer(pointer)? {
        Value::String(text) => format!("s:{text}"),
        Value::Number(number) => format!("n:{number}"),
        Value::Bool(flag) => format!("b:{flag}"),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (key.len() <= MOST_BYTES).then_some(key)
}

#[cfg(test)]
mod tests;
