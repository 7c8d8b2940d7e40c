//! What a vendor's answer to an authorization request looks like (RFC 6749 section 4.1.2, RFC 9207). Pure.

use lockgate_vocabulary::Secret;
use zeroize::Zeroize as _;

use crate::refusal::VaultRefusal;

/// Bytes of the query, and of a code in it.
const QUERY: usize = 8 * 1024;
const CODE: usize = 4 * 1024;

/// Errors that a vendor may have (RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6, RFC 8707 section 2, RFC
/// 9396 section 5). Whatever else stands there is somebody's own words, of which nothing is kept.
const ERRORS: &[&str] = &[
    "access_denied",
    "account_selection_required",
    "consent_required",
    "interaction_required",
    "invalid_authorization_details",
    "invalid_request",
    "invalid_request_object",
    "invalid_request_uri",
    "invalid_scope",
    "invalid_target",
    "login_required",
    "registration_not_supported",
    "request_not_supported",
    "request_uri_not_supported",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_response_type",
];

/// The answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) state: String,
    pub(super) issuer: Option<String>,
    pub(super) said: Said,
}

/// What the vendor says.
#[derive(Debug)]
pub(super) enum Said {
    /// The person lets the client in.
    Code(Secret),
    /// It does not, by this name.
    Error(&'static str),
}

impl Answer {
    /// Reads the query. Whatever stands in it twice, or has no single reading, makes it none; what is not known is let
    /// pass, as RFC 6749 section 4.1.2 wants it.
    pub(super) fn read(query: &str) -> Result<Self, VaultRefusal> {
        let (mut state, mut issuer, mut code, mut error) = (None, None, None, None);
        if query.len() > QUERY {
            return Err(VaultRefusal::ConnectAnswer);
        }
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let name = decoded(name).ok_or(VaultRefusal::ConnectAnswer)?;
            let place = match name.as_str() {
                "state" => &mut state,
                "iss" => &mut issuer,
                "code" => &mut code,
                "error" => &mut error,
                _ => continue,
            };
            let value = decoded(value).ok_or(VaultRefusal::ConnectAnswer)?;
            if place.replace(value).is_some() {
                return Err(VaultRefusal::ConnectAnswer);
            }
        }
        let said = match (code, error) {
            (Some(code), None) => Said::Code(secret(code)?),
            (None, Some(error)) => Said::Error(named(&error)),
            _ => return Err(VaultRefusal::ConnectAnswer),
        };
        Ok(Self { state: state.ok_or(VaultRefusal::ConnectAnswer)?, issuer, said })
    }
}

/// A code is visible ASCII and blanks (RFC 6749 appendix A.11).
fn secret(mut code: String) -> Result<Secret, VaultRefusal> {
    let fits = (1..=CODE).contains(&code.len()) && code.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
    if !fits {
        code.zeroize();
        return Err(VaultRefusal::ConnectAnswer);
    }
    Ok(Secret::from(code))
}

/// The error's name, if it is one.
fn named(error: &str) -> &'static str {
    ERRORS.iter().find(|known| **known == error).copied().unwrap_or("other")
}

/// Decodes what was encoded as in a form. What has no single reading has none.
fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut left = text.as_bytes();
    while let [byte, rest @ ..] = left {
        left = rest;
        match (byte, rest) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
                out.push(digit(*high)? << 4 | digit(*low)?);
                left = after;
            }
            (b'%', _) => return None,
            (b'+', _) => out.push(b' '),
            _ => out.push(*byte),
        }
    }
    String::from_utf8(out).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests;
