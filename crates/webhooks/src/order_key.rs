//! The key by which deliveries are put in order: what a JSON Pointer finds in the body.

use serde_json::Value;

/// Bytes of a key. What is longer has none of its own, so that nobody fills an index.
const MOST_BYTES: usize = 256;

/// The key of this body; none where it is not JSON, or has nothing there.
pub(crate) fn of(pointer: Option<&str>, body: &[u8]) -> Option<String> {
    let pointer = pointer?;
    let value: Value = serde_json::from_slice(body).ok()?;
    let key = match value.pointer(pointer)? {
        Value::String(text) => format!("s:{text}"),
        Value::Number(number) => format!("n:{number}"),
        Value::Bool(flag) => format!("b:{flag}"),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    // The store holds no text with the character NUL.
    (key.len() <= MOST_BYTES && !key.contains('\0')).then_some(key)
}

#[cfg(test)]
mod tests;
