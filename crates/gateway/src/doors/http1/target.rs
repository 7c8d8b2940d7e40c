//! Request targets and authorities (RFC 9112 section 3.2, RFC 3986 section 3).
//!
//! The door serves origin-form. Absolute-form must be accepted by every server (RFC 9112 section 3.2.2);
//! it is taken only where its host and port are, letter for letter, what `Host` says, and [`super::head`]
//! cuts it down to origin-form, user information and all, so that nobody behind the reader ever sees two
//! hosts or a password. Letters beyond ASCII are taken where they are UTF-8, which has one mapping to
//! percent-encodings (RFC 3987 section 3.1). Authority-form, asterisk-form and fragments are refused.

use std::net::Ipv6Addr;
use std::ops::Range;

/// Where the parts of a target lie, counted from its first byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// The host and port of an absolute-form target.
    pub authority: Option<Range<usize>>,
    /// Where the path begins; at the end where an absolute-form target has none.
    pub path: usize,
}

/// Reads a target; `None` if it is not one that is served.
pub(super) fn parse(target: &[u8]) -> Option<Target> {
    if target.first() == Some(&b'/') {
        return is_path_and_query(target).then_some(Target { authority: None, path: 0 });
    }
    let from = scheme_end(target)?;
    let rest = target.get(from..)?;
    let length = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(length)?;
    let user = authority.iter().rposition(|byte| *byte == b'@').map_or(0, |at| at + 1);
    let (user, host) = authority.split_at_checked(user)?;
    // A query right after the authority would need a slash put in before it: one more reading than needed.
    let fits =
        is_user(user) && is_authority(host) && (path.is_empty() || (path.starts_with(b"/") && is_path_and_query(path)));
    fits.then(|| Target { authority: Some(from + user.len()..from + length), path: from + length })
}

/// Whether these bytes are nothing, or user information and the sign that ends it.
fn is_user(bytes: &[u8]) -> bool {
    let Some(user) = bytes.strip_suffix(b"@") else { return bytes.is_empty() };
    user.iter().all(|byte| matches!(byte, b':' | b'%') || class_of(*byte) & NAME != 0)
}

/// Where the authority of an absolute-form target begins.
fn scheme_end(target: &[u8]) -> Option<usize> {
    [b"http://".as_slice(), b"https://"]
        .into_iter()
        .find(|scheme| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
        .map(<[u8]>::len)
}

/// Whether these bytes are a path and perhaps a query. The query takes what browsers leave unescaped in
/// one (brackets, braces, bar, caret, backquote); the path takes what RFC 3986 allows and no more.
fn is_path_and_query(bytes: &[u8]) -> bool {
    let (mut class, mut wide) = (PATH, false);
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'?' => class = PATH | QUERY,
            b'%' => {
                let hex = |digit: Option<&u8>| digit.is_some_and(u8::is_ascii_hexdigit);
                if !(hex(rest.next()) && hex(rest.next())) {
                    return false;
                }
            }
            0x80.. => wide = true,
            _ if class_of(*byte) & class != 0 => {}
            _ => return false,
        }
    }
    !wide || std::str::from_utf8(bytes).is_ok()
}

const PATH: u8 = 1;
const QUERY: u8 = 2;
const NAME: u8 = 4;

fn class_of(byte: u8) -> u8 {
    const CLASSES: [u8; 256] = classes();
    CLASSES.get(usize::from(byte)).copied().unwrap_or(0)
}

const fn classes() -> [u8; 256] {
    let mut table = [0u8; 256];
    let mut byte = 0u8;
    while byte < 128 {
        let unreserved = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        let sub_delim = matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=');
        let mut class = 0;
        if unreserved || sub_delim {
            class |= PATH | NAME;
        }
        if matches!(byte, b'/' | b':' | b'@') {
            class |= PATH;
        }
        if matches!(byte, b'?' | b'[' | b']' | b'{' | b'}' | b'|' | b'^' | b'`') {
            class |= QUERY;
        }
        #[expect(clippy::indexing_slicing, reason = "a byte below 128 lies within 256 places")]
        {
            table[byte as usize] = class;
        }
        byte += 1;
    }
    table
}

/// Whether these bytes are a host and perhaps a port, without user information.
pub(super) fn is_authority(bytes: &[u8]) -> bool {
    let (host, port) = if bytes.first() == Some(&b'[') {
        let Some(end) = bytes.iter().position(|byte| *byte == b']') else { return false };
        bytes.split_at_checked(end + 1).unwrap_or_default()
    } else {
        let end = bytes.iter().position(|byte| *byte == b':').unwrap_or(bytes.len());
        bytes.split_at_checked(end).unwrap_or_default()
    };
    is_host(host) && is_port(port)
}

fn is_host(host: &[u8]) -> bool {
    if let Some(literal) = host.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")) {
        return std::str::from_utf8(literal).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok());
    }
    // The grammar lets a name have a comma, which is how some proxies write two hosts as one.
    let plain = |byte: &u8| class_of(*byte) & NAME != 0 && *byte != b',';
    !host.is_empty() && host.len() <= 255 && host.iter().all(plain)
}

/// Nothing, or a colon and a port number.
fn is_port(port: &[u8]) -> bool {
    let Some(digits) = port.strip_prefix(b":") else { return port.is_empty() };
    let plain = (1..=5).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    plain && digits.iter().fold(0u32, |sum, digit| sum * 10 + u32::from(digit - b'0')) <= 65_535
}

#[cfg(test)]
mod tests;
