//! A validated set of public keys (RFC 7517).
//!
//! Here: reading a JWKS from people we do not trust, refusing it whole where it is dangerous, leaving
//! keys out where they are merely of no use, and finding a key by its `kid`. Not here: fetching
//! (`issuer`) and what a token may choose (`jose`).
//!
//! Refused whole: a private or symmetric key (whoever published it has lost it, or confuses verifying
//! with signing), and a `kid` that stands twice (two readers would pick different keys). Left out, each
//! with its reason: keys for encryption, of unknown type, too weak, off their curve, without a `kid`.

mod jwk;

use std::fmt;

use aws_lc_rs::digest;

use crate::AccessRefusal;
use crate::jose::json::{Json, Object};
use crate::jose::{KID_BYTES, VerifyingKey, base64url};

pub use jwk::is_small_order;

/// Bytes of a JWKS document at the most.
pub const DOCUMENT_BYTES: usize = 256 * 1024;

/// Keys in one set at the most.
pub const KEYS_MOST: usize = 100;

/// Keys that verify, each found by exactly one `kid`.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<Entry>,
    digest: [u8; 32],
}

struct Entry {
    kid: Box<str>,
    key: Result<VerifyingKey, AccessRefusal>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.kid, self.key)
    }
}

impl KeySet {
    /// Reads a JWKS document.
    pub fn parse(document: &[u8]) -> Result<Self, AccessRefusal> {
        if document.len() > DOCUMENT_BYTES {
            return Err(AccessRefusal::KeysTooMany);
        }
        let object = Json::object(document).map_err(|_| AccessRefusal::KeysMalformed)?;
        let Some(Json::List(listed)) = object.member("keys") else { return Err(AccessRefusal::KeysMalformed) };
        if listed.len() > KEYS_MOST {
            return Err(AccessRefusal::KeysTooMany);
        }
        let mut keys = Vec::with_capacity(listed.len());
        for key in listed {
            let Json::Object(key) = key else { return Err(AccessRefusal::KeysMalformed) };
            if let Some(entry) = entry(key)? {
                keys.push(entry);
            }
        }
        if has_twice(&keys) {
            return Err(AccessRefusal::KeysDuplicate);
        }
        Ok(Self { keys, digest: sha256(document) })
    }

    /// The key with exactly this `kid`; the reason where it is published but left out.
    pub fn find(&self, kid: &str) -> Result<&VerifyingKey, AccessRefusal> {
        let entry = self.keys.iter().find(|entry| *entry.kid == *kid).ok_or(AccessRefusal::TokenKeyUnknown)?;
        entry.key.as_ref().map_err(|refusal| *refusal)
    }

    /// How many keys can verify.
    pub fn usable(&self) -> usize {
        self.keys.iter().filter(|entry| entry.key.is_ok()).count()
    }

    /// Every key that was left out, and why.
    pub fn left_out(&self) -> impl Iterator<Item = (&str, AccessRefusal)> {
        self.keys.iter().filter_map(|entry| entry.key.as_ref().err().map(|refusal| (&*entry.kid, *refusal)))
    }

    /// Whether both were read from the same document, byte for byte.
    pub fn is_same(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

fn entry(key: &Object) -> Result<Option<Entry>, AccessRefusal> {
    // These two come first: a set with such a key is refused whatever else is wrong with the key.
    jwk::demand_public(key)?;
    let kid = match key.member("kid") {
        // Without a `kid` no token can name it.
        None => return Ok(None),
        Some(Json::Text(kid)) if !kid.is_empty() && kid.len() <= KID_BYTES => kid.as_str(),
        Some(_) => return Err(AccessRefusal::KeysMalformed),
    };
    Ok(Some(Entry { kid: kid.into(), key: jwk::read(key) }))
}

fn has_twice(keys: &[Entry]) -> bool {
    let mut kids: Vec<&str> = keys.iter().map(|entry| &*entry.kid).collect();
    kids.sort_unstable();
    kids.windows(2).any(|pair| pair.first() == pair.last())
}

/// The thumbprint of a key (RFC 7638): SHA-256 over its required members in alphabetical order.
pub fn thumbprint(canonical: &str) -> String {
    base64url::encode(&sha256(canonical.as_bytes()))
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests;
