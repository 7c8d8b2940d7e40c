//! What may be shown of a secret, and keyed digests of what may not be written down.
//!
//! A fingerprint tells whether two credentials of one tenant are the same, and nothing else: without the
//! fingerprint root nobody can test a guess, and the same value has another fingerprint at another
//! tenant. The roots come from the house's own first key, which a rotation of the root key does not
//! change, so both stay the same over the years.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lockgate_vocabulary::{Fault, Secret, TenantId};
use zeroize::Zeroizing;

use crate::seal::{TenantKey, derived};

/// Bytes of the HMAC that a fingerprint shows.
const SHOWN: usize = 16;

/// Makes fingerprints and digests.
pub(crate) struct Digests {
    fingerprint_root: Box<Zeroizing<[u8; 32]>>,
    digest_key: hmac::Key,
}

impl Digests {
    /// From the house's own first key.
    pub(crate) fn new(house: &TenantKey) -> Result<Self, Fault> {
        let missing = || Fault::violated("a lasting subkey can always be derived");
        let digest_root = house.subkey("digest root v1").ok_or_else(missing)?;
        Ok(Self {
            fingerprint_root: house.subkey("fingerprint root v1").ok_or_else(missing)?,
            digest_key: hmac::Key::new(hmac::HMAC_SHA256, digest_root.as_ref().as_ref()),
        })
    }

    /// `v1:` and 128 bits, base64url.
    pub(crate) fn fingerprint(&self, tenant: TenantId, value: &Secret) -> Result<String, Fault> {
        let tenant = tenant.as_u128().to_be_bytes();
        let key = derived(&tenant, &self.fingerprint_root, &[b"lockgate fingerprint v1"])
            .ok_or(Fault::violated("a fingerprint key can always be derived"))?;
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_ref().as_ref()), value.expose());
        let shown = tag.as_ref().first_chunk::<SHOWN>().ok_or(Fault::violated("SHA-256 gives 32 bytes"))?;
        Ok(format!("v1:{}", URL_SAFE_NO_PAD.encode(shown)))
    }

    /// A keyed digest. The tenant and the purpose are part of what is digested, so one HMAC does, and two
    /// tenants' digests of the same bytes have nothing in common.
    pub(crate) fn digest(&self, tenant: TenantId, purpose: &str, data: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.digest_key);
        context.update(&tenant.as_u128().to_be_bytes());
        context.update(&(purpose.len() as u64).to_be_bytes());
        context.update(purpose.as_bytes());
        context.update(data);
        let tag = context.sign();
        let mut digest = [0u8; 32];
        for (to, from) in digest.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        digest
    }
}

#[cfg(test)]
mod tests;
