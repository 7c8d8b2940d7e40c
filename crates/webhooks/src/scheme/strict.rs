//! The strict readers of what stands in headers. They run before any cryptography.
//!
//! Providers' own libraries take what a lenient reader takes: signs and blanks in numbers, foreign characters
//! in base64, the first or last of two headers. Two readers that differ are a way in; here is one spelling.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use lockgate_inspect::media_type::MediaType;
use lockgate_vocabulary::Timestamp;

use crate::refusal::WebhookRefusal;

/// Signatures that one delivery may carry.
pub const CANDIDATES: usize = 16;

/// Characters of an identifier or a word at the most: both stand beside the sealed delivery, in the clear.
pub const ID_CHARACTERS: usize = 128;

/// Digits of a moment in seconds at the most: what is longer lies past every window.
const TIMESTAMP_DIGITS: usize = 12;

/// The text of a header that may stand once or not at all.
pub fn optional<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, WebhookRefusal> {
    let mut all = headers.get_all(name).iter();
    let Some(value) = all.next() else { return Ok(None) };
    if all.next().is_some() {
        return Err(WebhookRefusal::HeaderDuplicated);
    }
    value.to_str().map(Some).map_err(|_| WebhookRefusal::SignatureMalformed)
}

/// The text of a signature's header, which must stand once.
pub fn signature<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, WebhookRefusal> {
    optional(headers, name)?.ok_or(WebhookRefusal::SignatureMissing)
}

/// A header's moment in seconds, with its text, which is what was signed.
pub fn moment<'a>(headers: &'a HeaderMap, name: &str) -> Result<(&'a str, Timestamp), WebhookRefusal> {
    let text = optional(headers, name)?.ok_or(WebhookRefusal::TimestampMalformed)?;
    Ok((text, seconds(text)?))
}

/// A header's identifier, which must stand once.
pub fn demanded_id<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, WebhookRefusal> {
    id(headers, name)?.ok_or(WebhookRefusal::IdMalformed)
}

/// A header's identifier, if it is there.
pub fn id<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, WebhookRefusal> {
    match optional(headers, name)? {
        Some(text) if !is_id(text) => Err(WebhookRefusal::IdMalformed),
        found => Ok(found),
    }
}

/// A header's word, such as an event's type, if it is there and is one.
pub fn word<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, WebhookRefusal> {
    Ok(optional(headers, name)?.filter(|text| is_word(text)))
}

/// Whether the text is a word, such as an event's type: `[A-Za-z0-9._/:-]`.
pub fn is_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'/' | b':' | b'-');
    !text.is_empty() && text.len() <= ID_CHARACTERS && text.bytes().all(plain)
}

/// Whether the text is an identifier: `[A-Za-z0-9_-]`, so that it can never swallow what stands beside it.
pub fn is_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !text.is_empty() && text.len() <= ID_CHARACTERS && text.bytes().all(plain)
}

/// Whether the text is an identifier inside a body: `[A-Za-z0-9._:-]`. Nothing stands beside it there, so that
/// it may have the marks of a URN.
pub fn is_body_id(text: &str) -> bool {
    is_word(text) && !text.contains('/')
}

/// Seconds since 1970: ASCII decimal digits, no sign, no leading nought.
pub fn seconds(text: &str) -> Result<Timestamp, WebhookRefusal> {
    let digits = !text.is_empty() && text.len() <= TIMESTAMP_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return Err(WebhookRefusal::TimestampMalformed);
    }
    text.parse().map(Timestamp::from_secs).map_err(|_| WebhookRefusal::TimestampMalformed)
}

/// So many bytes in lower-case hex.
pub fn hex(text: &str, bytes: usize) -> Result<Vec<u8>, WebhookRefusal> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.len() != bytes {
        return Err(WebhookRefusal::SignatureMalformed);
    }
    let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    pairs.iter().map(byte).collect::<Option<_>>().ok_or(WebhookRefusal::SignatureMalformed)
}

/// So many bytes in standard base64 with padding.
pub fn base64(text: &str, bytes: usize) -> Result<Vec<u8>, WebhookRefusal> {
    let decoded = any_base64(text)?;
    if decoded.len() == bytes { Ok(decoded) } else { Err(WebhookRefusal::SignatureMalformed) }
}

/// Bytes in standard base64 with padding, at least one. No two texts stand for the same bytes.
pub fn any_base64(text: &str) -> Result<Vec<u8>, WebhookRefusal> {
    let decoded = STANDARD.decode(text).map_err(|_| WebhookRefusal::SignatureMalformed)?;
    if decoded.is_empty() || STANDARD.encode(&decoded) != text {
        return Err(WebhookRefusal::SignatureMalformed);
    }
    Ok(decoded)
}

/// Refuses more signatures than one sender needs, before any is looked at.
pub fn demand_few(candidates: usize) -> Result<(), WebhookRefusal> {
    if candidates > CANDIDATES { Err(WebhookRefusal::CandidatesExceeded) } else { Ok(()) }
}

/// The media type without its parameters, in lower case; none where the header is not there.
pub fn media_type(headers: &HeaderMap) -> Result<Option<String>, WebhookRefusal> {
    let Some(text) = optional(headers, "content-type")? else { return Ok(None) };
    let read = MediaType::parse(text.as_bytes()).map_err(|_| WebhookRefusal::MediaTypeUnfit)?;
    Ok(Some(read.essence().to_owned()))
}

#[cfg(test)]
mod tests;
