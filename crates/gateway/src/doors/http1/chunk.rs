//! The lines between chunks (RFC 9112 section 7.1).
//!
//! A size has one to eight hexadecimal digits. Extensions must be ignored by a server that does not know
//! them; they are read by their exact grammar, bounded, and not handed on. Trailers are not taken.

use memchr::memchr;

use super::field;
use super::violation::Violation;

/// A chunk line's bytes at the most, with its extensions and without its CRLF.
const LINE_BYTES: usize = 256;

/// A chunk line that keeps all rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    /// How many digits the size has.
    pub digits: usize,
    /// The bytes of the line, without its CRLF.
    pub length: usize,
    /// The size.
    pub size: u64,
}

/// Reads the chunk line that `bytes` begin with; `None` if it has not arrived whole.
pub(super) fn line(bytes: &[u8]) -> Result<Option<Line>, Violation> {
    let window = bytes.get(..bytes.len().min(LINE_BYTES + 2)).unwrap_or_default();
    let Some(end) = memchr(b'\n', window) else {
        return if window.len() == LINE_BYTES + 2 { Err(Violation::ChunkSize) } else { Ok(None) };
    };
    let line = window.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(Violation::ChunkSize)?;
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (size, extensions) = line.split_at_checked(digits).ok_or(Violation::ChunkSize)?;
    let size = std::str::from_utf8(size)
        .ok()
        .filter(|digits| (1..=8).contains(&digits.len()))
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .filter(|_| are_extensions(extensions))
        .ok_or(Violation::ChunkSize)?;
    Ok(Some(Line { digits, length: line.len(), size }))
}

/// Any number of `;name`, `;name=token` and `;name="quoted"`, without white space between them.
fn are_extensions(mut rest: &[u8]) -> bool {
    while !rest.is_empty() {
        let Some(after) = rest.strip_prefix(b";").and_then(after_token) else { return false };
        rest = after;
        let Some(value) = rest.strip_prefix(b"=") else { continue };
        let after = if value.starts_with(b"\"") { after_quoted(value) } else { after_token(value) };
        let Some(after) = after else { return false };
        rest = after;
    }
    true
}

/// What follows the token at the start.
fn after_token(bytes: &[u8]) -> Option<&[u8]> {
    let length = bytes.iter().take_while(|byte| field::is_token_byte(**byte)).count();
    bytes.get(length..).filter(|_| length > 0)
}

/// What follows the quoted string at the start (RFC 9110 section 5.6.4).
fn after_quoted(bytes: &[u8]) -> Option<&[u8]> {
    let mut escaped = false;
    for (place, byte) in bytes.iter().enumerate().skip(1) {
        let plain = *byte == b'\t' || (0x20..0x7f).contains(byte);
        match byte {
            _ if !plain => return None,
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return bytes.get(place + 1..),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests;
