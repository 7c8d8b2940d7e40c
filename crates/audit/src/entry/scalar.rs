//! The smallest parts of an entry: numbers, identifiers, hashes, text; each has exactly one spelling.
//!
//! The hot path: nothing here allocates beyond the buffer that it writes to, and none of it goes
//! through `fmt` but what is rare.

use std::borrow::Cow;
use std::io::Write;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::chain::{HASH_TEXT, Hash};

/// The digits of identifiers: Crockford base 32, lower case.
const BASE32: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The digits of bytes.
const HEX: &[u8; 16] = b"0123456789abcdef";

/// What replaces the end of a text that is too long.
const CUT: &str = "…";

pub(crate) fn unsigned(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0u8; 20];
    let mut count = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        count += 1;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - count..).unwrap_or_default());
}

pub(crate) fn signed(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    unsigned(out, value.unsigned_abs());
}

pub(crate) fn flag(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// An identifier in quotes: the same text as its `Display`, at a fraction of the cost.
pub(crate) fn id(out: &mut Vec<u8>, prefix: &str, value: u128) {
    let mut digits = [b'0'; 26];
    let mut rest = value;
    for digit in digits.iter_mut().rev() {
        *digit = BASE32.get((rest & 31) as usize).copied().unwrap_or(b'0');
        rest >>= 5;
    }
    out.push(b'"');
    out.extend_from_slice(prefix.as_bytes());
    out.push(b'_');
    out.extend_from_slice(&digits);
    out.push(b'"');
}

/// A hash in quotes, as base 64.
pub(crate) fn hash(out: &mut Vec<u8>, value: &Hash) {
    let mut text = [0u8; HASH_TEXT];
    let written = STANDARD.encode_slice(value.as_bytes(), &mut text).unwrap_or(0);
    out.push(b'"');
    out.extend_from_slice(text.get(..written).unwrap_or_default());
    out.push(b'"');
}

/// Bytes in quotes, as hexadecimal digits.
pub(crate) fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for byte in bytes {
        let digit = |four_bits: u8| HEX.get(usize::from(four_bits)).copied().unwrap_or(b'0');
        out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    out.push(b'"');
}

/// An address in quotes.
pub(crate) fn address(out: &mut Vec<u8>, address: IpAddr) {
    out.push(b'"');
    match address {
        IpAddr::V4(v4) => {
            for (place, part) in v4.octets().into_iter().enumerate() {
                if place > 0 {
                    out.push(b'.');
                }
                unsigned(out, u64::from(part));
            }
        }
        // Writing to a vector cannot fail.
        IpAddr::V6(v6) => _ = write!(out, "{v6}"),
    }
    out.push(b'"');
}

/// Text in quotes, cut to at most `most` bytes before it is escaped.
pub(crate) fn text(out: &mut Vec<u8>, value: &str, most: usize) {
    out.push(b'"');
    let (kept, cut) = bounded(value, most);
    escaped(out, kept);
    if cut {
        out.extend_from_slice(CUT.as_bytes());
    }
    out.push(b'"');
}

/// As much of the text as fits into `most` bytes, room for the mark of the cut included.
fn bounded(value: &str, most: usize) -> (&str, bool) {
    if value.len() <= most {
        return (value, false);
    }
    let mut end = most.saturating_sub(CUT.len());
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    (value.get(..end).unwrap_or_default(), true)
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

fn escaped(out: &mut Vec<u8>, value: &str) {
    if value.bytes().all(is_plain) {
        out.extend_from_slice(value.as_bytes());
        return;
    }
    for c in value.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            // Writing to a vector cannot fail.
            c if is_hidden(c) => _ = write!(out, "\\u{:04x}", u32::from(c)),
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// Characters that a terminal would act upon, or that would make a line look like another.
const fn is_hidden(c: char) -> bool {
    matches!(c, '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' |
        '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The text between the quotes, if this is the one way to write it.
pub(crate) fn unescape(raw: &[u8]) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(raw).ok()?;
    if raw.iter().copied().all(is_plain) {
        return Some(Cow::Borrowed(text));
    }
    let mut value = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        value.push(if c == '\\' { unescape_one(&mut rest)? } else { c });
    }
    let mut again = Vec::with_capacity(raw.len());
    escaped(&mut again, &value);
    (again == raw).then_some(Cow::Owned(value))
}

fn unescape_one(rest: &mut std::str::Chars<'_>) -> Option<char> {
    match rest.next()? {
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        c @ ('"' | '\\') => Some(c),
        'u' => {
            let digits = rest.as_str().get(..4)?;
            let value = u32::from_str_radix(digits, 16).ok()?;
            *rest = rest.as_str().get(4..)?.chars();
            char::from_u32(value)
        }
        _ => None,
    }
}
