//! Where browsers are sent. Pure.

use http::Uri;

use crate::equip::encode;

/// Bytes of where a browser goes in the end.
const RETURN_TO: usize = 1_024;

/// Whether a browser may be sent there with a confirmation: over TLS, or to this machine, which a program at a desk
/// listens on (RFC 8252 section 7.3).
pub(super) fn may_return_to(url: &str) -> bool {
    let Ok(uri) = Uri::try_from(url) else { return false };
    let Some(authority) = uri.authority() else { return false };
    let loopback = matches!(uri.host(), Some("127.0.0.1" | "localhost" | "[::1]"));
    let scheme = uri.scheme_str().is_some_and(|scheme| scheme == "https" || (scheme == "http" && loopback));
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'\\' | b'"' | b'<' | b'>'));
    scheme && plain && url.len() <= RETURN_TO && !authority.as_str().contains('@') && !authority.host().is_empty()
}

/// The URL with these parameters behind those that it has.
pub(super) fn with_query(url: &str, parameters: &[(&str, &str)]) -> String {
    let mut whole = url.as_bytes().to_vec();
    let mut next = if url.contains('?') { b'&' } else { b'?' };
    for (name, value) in parameters {
        whole.push(next);
        encode(&mut whole, name.as_bytes());
        whole.push(b'=');
        encode(&mut whole, value.as_bytes());
        next = b'&';
    }
    // What was encoded is ASCII, and so is what it stands behind.
    String::from_utf8(whole).unwrap_or_default()
}
