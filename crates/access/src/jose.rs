//! JSON Web Signatures (RFC 7515, RFC 8725), strictly: compact form only, one key, one algorithm.
//!
//! Here: taking a token apart ([`Compact`]), the strict JSON reader ([`json`]), keys that verify
//! ([`VerifyingKey`]), and [`verify`], which puts them in order. Not here: what the claims mean
//! (`authn`), and key sets (`keyset`). Encryption (JWE) and the JSON forms are not understood at all.

mod algorithm;
pub mod base64url;
mod compact;
pub mod json;
mod key;

pub use algorithm::{Algorithm, Algorithms};
pub use compact::{Compact, HeaderRules, KID_BYTES};
pub use key::{KeyRejected, VerifyingKey};

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

#[cfg(test)]
mod tests;
