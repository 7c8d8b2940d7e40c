//! A credential as a query parameter: put in, and taken out together with whatever passes for it.

use bytes::Bytes;
use http::Uri;
use http::uri::PathAndQuery;
use lockgate_vocabulary::Fault;
use zeroize::Zeroizing;

use crate::spelling::{Forms, LEAST, Sent, Spellings};

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Appends the parameter after removing every other of its name. The target and the secret's spellings are
/// one buffer that is wiped when dropped.
pub(super) fn put(uri: &mut Uri, name: &str, secret: &[u8]) -> Result<Option<Spellings>, Fault> {
    let kept = uri.query().map(|query| without(query, name)).unwrap_or_default();
    let path = uri.path();
    let sent = 3 * secret.len();
    // The whole room is made at once, so that growing never leaves a copy behind.
    let room = path.len() + kept.len() + 3 + 3 * name.len() + sent + Forms::room(secret.len(), sent);
    let mut target = Zeroizing::new(Vec::with_capacity(room));
    target.extend_from_slice(path.as_bytes());
    target.push(b'?');
    if !kept.is_empty() {
        target.extend_from_slice(kept.as_bytes());
        target.push(b'&');
    }
    encode(&mut target, name.as_bytes());
    target.push(b'=');
    let value = target.len();
    encode(&mut target, secret);
    let length = target.len();
    let forms = Forms::write(&mut target, secret, &Sent::Encoded(value..length), LEAST);
    let target = Bytes::from_owner(target);
    replace(uri, target.slice(..length))?;
    Ok(Spellings::new(target, forms))
}

/// Removes every parameter of this name.
pub(super) fn remove(uri: &mut Uri, name: &str) -> Result<(), Fault> {
    let Some(query) = uri.query() else { return Ok(()) };
    let kept = without(query, name);
    if kept.len() == query.len() {
        return Ok(());
    }
    let target = if kept.is_empty() { uri.path().to_owned() } else { format!("{}?{kept}", uri.path()) };
    replace(uri, Bytes::from_owner(Zeroizing::new(target.into_bytes())))
}

fn replace(uri: &mut Uri, target: Bytes) -> Result<(), Fault> {
    let invalid = || Fault::violated("a target stays one when a parameter is added or removed");
    let target = PathAndQuery::from_maybe_shared(target).map_err(|_| invalid())?;
    let mut parts = std::mem::take(uri).into_parts();
    parts.path_and_query = Some(target);
    *uri = Uri::from_parts(parts).map_err(|_| invalid())?;
    Ok(())
}

/// The query without parameters that a server could take for this one: their names are compared after
/// decoding, without regard to case, with `name[` as the same, and `;` separates as `&` does.
fn without(query: &str, name: &str) -> String {
    let kept = query.split('&').filter_map(|part| {
        if !part.split(';').any(|piece| is_named(piece, name)) {
            return Some(part.to_owned());
        }
        let pieces: Vec<&str> = part.split(';').filter(|piece| !is_named(piece, name)).collect();
        (!pieces.is_empty()).then(|| pieces.join(";"))
    });
    kept.collect::<Vec<_>>().join("&")
}

fn is_named(piece: &str, name: &str) -> bool {
    let given = decode(piece.split('=').next().unwrap_or(piece));
    let name = name.as_bytes();
    let (start, rest) = given.split_at_checked(name.len()).unwrap_or((&given, &[]));
    start.eq_ignore_ascii_case(name) && rest.first().is_none_or(|next| *next == b'[')
}

/// Decodes percent signs and `+`; what is no percent-encoding stays as it is.
fn decode(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut left = text.as_bytes();
    while let [byte, rest @ ..] = left {
        left = rest;
        let hidden = match (byte, rest) {
            (b'%', [high, low, after @ ..]) => nibble(*high).zip(nibble(*low)).map(|pair| (pair, after)),
            _ => None,
        };
        match hidden {
            Some(((high, low), after)) => {
                out.push(high << 4 | low);
                left = after;
            }
            None => out.push(if *byte == b'+' { b' ' } else { *byte }),
        }
    }
    out
}

/// Percent-encodes what is not unreserved.
pub(crate) fn encode(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(*byte);
            continue;
        }
        let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
        out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
    }
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
