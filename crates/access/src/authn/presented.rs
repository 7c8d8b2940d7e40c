//! What a request presents, before anything of it is believed.

use lockgate_vocabulary::{Refusal, limit};

use crate::AccessRefusal;

/// The credentials of a request, as they stood in its headers. Where a header stands twice, the door has
/// refused the request already.
#[derive(Debug, Clone, Copy, Default)]
pub struct Presented<'a> {
    /// The value of `Authorization`.
    pub authorization: Option<&'a [u8]>,
    /// The value of `X-Api-Key`.
    pub api_key: Option<&'a [u8]>,
}

/// The one credential that was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credential<'a> {
    ApiKey(&'a [u8]),
    Bearer(&'a str),
}

impl<'a> Presented<'a> {
    pub(crate) fn credential(self) -> Result<Credential<'a>, AccessRefusal> {
        match (self.authorization, self.api_key) {
            (Some(_), Some(_)) => Err(AccessRefusal::CredentialAmbiguous),
            (None, None) => Err(AccessRefusal::CredentialMissing),
            (None, Some(text)) => Ok(Credential::ApiKey(text)),
            (Some(header), None) => bearer(header).map(Credential::Bearer),
        }
    }
}

/// The token of `Authorization: Bearer <token>` (RFC 6750 section 2.1).
fn bearer(header: &[u8]) -> Result<&str, AccessRefusal> {
    let text = std::str::from_utf8(header).map_err(|_| AccessRefusal::TokenEncoding)?;
    let (scheme, token) = text.split_once(' ').ok_or(AccessRefusal::TokenSegments)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(AccessRefusal::TokenSegments);
    }
    if token.len() > limit::CREDENTIAL_BYTES {
        return Err(AccessRefusal::TokenSize);
    }
    Ok(token)
}

/// The `WWW-Authenticate` that goes with a refusal of this room (RFC 6750 section 3, RFC 6749 section 5.2).
pub fn challenge(refusal: &Refusal) -> Option<&'static str> {
    let is = |known: AccessRefusal| refusal.info() == known.info();
    if is(AccessRefusal::CredentialMissing) || is(AccessRefusal::KeyInvalid) {
        return Some(r#"Bearer realm="lockgate""#);
    }
    if is(AccessRefusal::TokenInvalid) {
        return Some(r#"Bearer realm="lockgate", error="invalid_token""#);
    }
    if is(AccessRefusal::CredentialAmbiguous) {
        return Some(r#"Bearer realm="lockgate", error="invalid_request""#);
    }
    if is(AccessRefusal::ScopeMissing) {
        return Some(r#"Bearer realm="lockgate", error="insufficient_scope""#);
    }
    is(AccessRefusal::ClientInvalid).then_some(r#"Basic realm="lockgate""#)
}

#[cfg(test)]
mod tests;
