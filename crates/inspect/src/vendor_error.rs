//! A vendor's error, reduced to what may be shown.
//!
//! A vendor's text may hold anything: a stack trace, another customer's name, the request that was sent
//! with its credential, or words meant for a model that reads them. So of its body only what a machine
//! would read is passed on: codes from a list of known places, of a narrow alphabet. Free text goes to
//! operators alone, and only through [`sanitise`].

use std::fmt;

use serde_json::Value;

use crate::json::{self, is_hidden};
use crate::media_type::MediaType;
use crate::personal;

/// Bytes of a body that are read.
const BODY_BYTES: usize = 64 * 1024;
/// Characters of one code.
const CODE: usize = 64;
/// Codes of one error.
const CODES: usize = 4;

/// Where vendors put their codes: the name under which it is shown, and where it stands.
const PLACES: &[(&str, &str)] = &[
    ("code", "/error/code"),
    ("code", "/code"),
    ("code", "/errorCode"),
    ("code", "/error_code"),
    ("code", "/errors/0/code"),
    ("code", "/error/errors/0/reason"),
    ("type", "/error/type"),
    ("type", "/type"),
    ("type", "/errors/0/type"),
    ("status", "/error/status"),
    ("error", "/error"),
    ("parameter", "/error/param"),
    ("parameter", "/errors/0/field"),
];

/// What is left of a vendor's error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorError {
    /// The HTTP status.
    pub status: u16,
    /// Codes by the name under which they are shown; each name once.
    pub codes: Vec<(&'static str, String)>,
}

impl VendorError {
    /// Reads an error answer. A body that is no strict JSON, or says that it is none, gives no codes.
    pub fn reduce(status: u16, content_type: Option<&[u8]>, body: &[u8]) -> Self {
        let is_json = content_type.and_then(|value| MediaType::parse(value).ok()).is_some_and(|media| media.is_json());
        let limits = json::Limits { bytes: BODY_BYTES, depth: 16, ..json::Limits::default() };
        let readable = is_json && json::check(body, &limits).is_ok();
        let tree = if readable { serde_json::from_slice(body).unwrap_or(Value::Null) } else { Value::Null };
        Self { status, codes: codes(&tree) }
    }

    /// The code under this name.
    pub fn code(&self, name: &str) -> Option<&str> {
        self.codes.iter().find(|(known, _)| *known == name).map(|(_, code)| code.as_str())
    }
}

impl fmt::Display for VendorError {
    /// One line, such as `status 402, code card_declined, type card_error`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.status)?;
        self.codes.iter().try_for_each(|(name, code)| write!(f, ", {name} {code}"))
    }
}

fn codes(tree: &Value) -> Vec<(&'static str, String)> {
    let mut codes: Vec<(&'static str, String)> = Vec::new();
    for (name, place) in PLACES {
        if codes.len() == CODES || codes.iter().any(|(known, _)| known == name) {
            continue;
        }
        if let Some(code) = tree.pointer(place).and_then(code) {
            codes.push((*name, code));
        }
    }
    codes
}

/// The value if it is a code: a small number, or a short word of letters, digits and `_ - .` that is
/// nobody's token, number or address.
fn code(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => {
            number.as_i64().filter(|number| number.abs() < 1_000_000_000).map(|number| number.to_string())
        }
        Value::String(text) => {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
            let narrow = (1..=CODE).contains(&text.len()) && text.bytes().all(plain);
            let worded = text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
            (narrow && worded && personal::find(text).is_empty()).then(|| text.clone())
        }
        _ => None,
    }
}

/// A vendor's free text for operators: one line of at most so many characters, with markup, control
/// characters and what may be personal or secret taken out.
pub fn sanitise(text: &str, most_characters: usize) -> String {
    let text = text.get(..text.floor_char_boundary(personal::TEXT_BYTES)).unwrap_or_default();
    // Hidden characters go first: they could split what would be found without them.
    let mut visible = String::with_capacity(text.len());
    let mut inside_tag = false;
    for character in text.chars() {
        match character {
            '<' => inside_tag = true,
            '>' if inside_tag => {
                inside_tag = false;
                visible.push(' ');
            }
            _ if inside_tag => {}
            blank if blank.is_whitespace() => visible.push(' '),
            hidden if is_hidden(hidden) => {}
            shown => visible.push(shown),
        }
    }
    let masked = personal::mask(&visible);
    let line = masked.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(most_characters) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests;
