//! The texts of the secrets that we hand out: API keys and client secrets.
//!
//! An API key reads `lgk_`, the 26 digits of its id, `_`, 43 characters of base64url; a client secret
//! reads `lgs_` and 43 characters. Both carry 256 random bits, so a plain SHA-256 of the text is all
//! that is kept; the fixed beginnings let scanners find one that was leaked.

use aws_lc_rs::digest;
use lockgate_vocabulary::{Entropy, KeyId, Secret};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::jose::base64url;

const KEY_PREFIX: &str = "lgk_";
const SECRET_PREFIX: &str = "lgs_";

/// Characters that 32 bytes take in base64url.
const CHANCE_CHARACTERS: usize = 43;

/// A secret that was just made. The text is shown once; the verifier is what is kept.
#[derive(Debug)]
pub struct Minted {
    /// What the holder presents.
    pub text: Secret,
    /// What is kept.
    pub verifier: [u8; 32],
}

/// Makes the text of an API key.
pub fn mint_api_key(id: KeyId, entropy: &dyn Entropy) -> Minted {
    let id = id.to_string();
    let digits = id.strip_prefix("key_").unwrap_or_default();
    mint(&[KEY_PREFIX, digits, "_"].concat(), entropy)
}

/// Makes a client's secret.
pub fn mint_client_secret(entropy: &dyn Entropy) -> Minted {
    mint(SECRET_PREFIX, entropy)
}

fn mint(prefix: &str, entropy: &dyn Entropy) -> Minted {
    let mut chance = Zeroizing::new([0; 32]);
    entropy.fill(&mut *chance);
    let tail = Zeroizing::new(base64url::encode(&*chance));
    let mut text = Vec::with_capacity(prefix.len() + tail.len());
    text.extend_from_slice(prefix.as_bytes());
    text.extend_from_slice(tail.as_bytes());
    let verifier = fingerprint(&text);
    Minted { text: Secret::new(text), verifier }
}

/// The key that an API key's text names, if it is the text of one.
pub(crate) fn api_key_id(text: &[u8]) -> Option<KeyId> {
    let text = std::str::from_utf8(text).ok()?;
    let (digits, tail) = text.strip_prefix(KEY_PREFIX)?.split_once('_')?;
    if tail.len() != CHANCE_CHARACTERS || base64url::decode(tail.as_bytes()).is_none() {
        return None;
    }
    ["key_", digits].concat().parse().ok()
}

/// Whether the text is the one that was minted. It takes as long for a wrong one as for the right one.
pub(crate) fn proves(text: &[u8], verifier: &[u8; 32]) -> bool {
    fingerprint(text).ct_eq(verifier).into()
}

/// SHA-256.
pub(crate) fn fingerprint(text: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, text).as_ref());
    out
}

#[cfg(test)]
mod tests;
