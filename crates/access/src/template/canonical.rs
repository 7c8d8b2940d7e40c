//! The one spelling of a path.
//!
//! Refused is whatever readers are known to disagree about: a slash or a backslash in disguise, dot
//! segments in any spelling (with path parameters, too: some servers read `..;x` as `..`), empty
//! segments, bytes that are no characters of a URI, control bytes, and percent-encoded bytes that are
//! not UTF-8 (an overlong `.` is one). What was encoded twice stays as it is: it is data.

use std::borrow::Cow;
use std::fmt;

use lockgate_vocabulary::limit::TARGET_BYTES;

/// Why a path was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathParse {
    /// A byte that no path has: a control byte, a backslash, a blank, a raw byte beyond ASCII.
    Byte,
    /// `.` or `..`, in whatever spelling.
    DotSegment,
    /// Two slashes in a row.
    EmptySegment,
    /// A percent sign without two hexadecimal digits, or one that hides a slash, a backslash, a
    /// control byte or what is not UTF-8.
    Encoding,
    /// It does not start with a slash.
    Relative,
    /// More bytes than a request target may have.
    TooLong,
}

impl fmt::Display for PathParse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Byte => "a byte that no path has",
            Self::DotSegment => "a dot segment",
            Self::EmptySegment => "an empty segment",
            Self::Encoding => "a percent-encoding that is malformed or hides what it must not",
            Self::Relative => "it does not start with '/'",
            Self::TooLong => "it is too long",
        })
    }
}

impl std::error::Error for PathParse {}

/// The path's one spelling: what needs no percent-encoding is decoded, hexadecimal digits are upper
/// case. Nothing is allocated where the path has that spelling already. A slash at the end stays: it
/// names another resource, and a template must end in one as well to match.
pub fn canonical_path(path: &str) -> Result<Cow<'_, str>, PathParse> {
    if path.len() > TARGET_BYTES {
        return Err(PathParse::TooLong);
    }
    let inner = path.strip_prefix('/').ok_or(PathParse::Relative)?;
    let spelled = spell(path)?;
    if inner.is_empty() {
        return Ok(spelled);
    }
    let mut segments = spelled.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        if segment.is_empty() && segments.peek().is_some() {
            return Err(PathParse::EmptySegment);
        }
        if is_dot_segment(segment) {
            return Err(PathParse::DotSegment);
        }
        if !decodes_to_utf8(segment) {
            return Err(PathParse::Encoding);
        }
    }
    Ok(spelled)
}

/// Whether the text is one segment in its canonical spelling.
pub(super) fn is_canonical_segment(segment: &str) -> bool {
    !segment.is_empty()
        && !segment.contains('/')
        && !is_dot_segment(segment)
        && decodes_to_utf8(segment)
        && matches!(spell(segment), Ok(Cow::Borrowed(_)))
}

/// RFC 3986 section 2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986 section 3.3: what stands in a path as it is, the slash included.
const fn is_path_byte(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@')
        || byte == b'/'
}

fn is_dot_segment(segment: &str) -> bool {
    let before_parameters = segment.split(';').next().unwrap_or(segment);
    matches!(before_parameters, "." | "..")
}

const fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The byte behind a percent sign whose two digits come next.
fn encoded(digits: &mut impl Iterator<Item = u8>) -> Option<(u8, bool)> {
    let (high, low) = (digits.next()?, digits.next()?);
    let byte = (hex(high)? << 4) | hex(low)?;
    let upper = !high.is_ascii_lowercase() && !low.is_ascii_lowercase();
    Some((byte, upper))
}

fn spell(text: &str) -> Result<Cow<'_, str>, PathParse> {
    let mut already = true;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let (hidden, upper) = encoded(&mut bytes).ok_or(PathParse::Encoding)?;
            if hidden.is_ascii_control() || matches!(hidden, b'/' | b'\\') {
                return Err(PathParse::Encoding);
            }
            already &= upper && !is_unreserved(hidden);
        } else if !is_path_byte(byte) {
            return Err(PathParse::Byte);
        }
    }
    if already { Ok(Cow::Borrowed(text)) } else { Ok(Cow::Owned(respell(text))) }
}

/// Spells a text anew that [`spell`] has found to be well-formed.
fn respell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(char::from(byte));
            continue;
        }
        match encoded(&mut bytes) {
            Some((hidden, _)) if is_unreserved(hidden) => out.push(char::from(hidden)),
            Some((hidden, _)) => {
                out.push('%');
                out.push(char::from(digit(hidden >> 4)));
                out.push(char::from(digit(hidden & 0xf)));
            }
            None => {}
        }
    }
    out
}

const fn digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 }
}

fn decodes_to_utf8(segment: &str) -> bool {
    if !segment.contains('%') {
        return true;
    }
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        let plain = if byte == b'%' { encoded(&mut bytes).map(|(hidden, _)| hidden) } else { Some(byte) };
        let Some(plain) = plain else { return false };
        decoded.push(plain);
    }
    std::str::from_utf8(&decoded).is_ok()
}
