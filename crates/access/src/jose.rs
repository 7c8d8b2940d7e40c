//! JSON Web Signatures (RFC 7515, RFC 8725), strictly: compact form only, one key, one algorithm.
//!
//! Here: taking a token apart ([`Compact`]), the strict JSON reader ([`json`]), keys that verify
//! ([`VerifyingKey`]), [`verify`], which puts them in order, and keys that sign
//! ([`Signer`]). Not here: what the claims mean
//! (`authn`), and key sets (`keyset`). Encryption (JWE) and the JSON forms are not understood at all.

mod algorithm;
pub mod base64url;
mod compact;
pub mod json;
mod key;
mod signer;

pub use algorithm::{Algorithm, Algorithms};
pub use compact::{Compact, HeaderRules, KID_BYTES};
pub use key::{KeyRejected, VerifyingKey};
pub use signer::{PrivateForm, Signer};

use lockgate_vocabulary::limit;

use self::json::{Json, Object};
use crate::AccessRefusal;

/// Checks the signature of a token that was taken apart, with the key that was found for its `kid`.
///
/// The algorithm must be the key's own: a key is never used in a way for which it was not published.
pub fn verify(compact: &Compact<'_>, key: &VerifyingKey) -> Result<(), AccessRefusal> {
    if !key.algorithms().has(compact.algorithm) {
        return Err(AccessRefusal::TokenAlgorithmMismatch);
    }
    if !key.verifies(compact.signed, &compact.signature) {
        return Err(AccessRefusal::TokenSignature);
    }
    Ok(())
}

/// The claims of a token that nothing was verified of: they say at the most where to look for its keys.
pub(crate) fn peek(token: &str) -> Result<Object, AccessRefusal> {
    if token.len() > limit::CREDENTIAL_BYTES {
        return Err(AccessRefusal::TokenSize);
    }
    let mut segments = token.split('.');
    let (Some(_), Some(payload), Some(_), None) = (segments.next(), segments.next(), segments.next(), segments.next())
    else {
        return Err(AccessRefusal::TokenSegments);
    };
    let payload = base64url::decode(payload.as_bytes()).ok_or(AccessRefusal::TokenEncoding)?;
    Json::object(&payload).map_err(|_| AccessRefusal::TokenPayload)
}

#[cfg(test)]
pub(crate) mod tests;
