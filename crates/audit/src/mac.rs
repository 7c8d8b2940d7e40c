//! What shows that a row of the outbox is ours.
//!
//! Whoever writes the database could put a row there, and the relay would append it to a log that is then
//! signed. So each row carries a MAC over its identifier and its body. The key is derived from the seed of
//! the checkpoint key, under a label of its own: it is as secret as that, and of no use for anything else.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use lockgate_vocabulary::AuditId;

/// What the key is derived for. The log's identity follows.
const LABEL: &[u8] = b"lockgate audit outbox row 1\n";

/// Authenticates the rows of one log's outbox.
#[derive(Clone)]
pub(crate) struct RowKey(hmac::Key);

impl RowKey {
    /// The key of the log with this seed and identity.
    pub(crate) fn derived(seed: &[u8; 32], origin: &str) -> Self {
        let mut derivation = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, seed));
        derivation.update(LABEL);
        derivation.update(origin.as_bytes());
        Self(hmac::Key::new(hmac::HMAC_SHA256, derivation.sign().as_ref()))
    }

    /// The MAC of a row.
    pub(crate) fn sign(&self, entry: AuditId, body: &str) -> Vec<u8> {
        self.mac(entry, body).as_ref().to_vec()
    }

    /// Whether this is the MAC of the row.
    pub(crate) fn is_of(&self, entry: AuditId, body: &str, mac: &[u8]) -> bool {
        verify_slices_are_equal(self.mac(entry, body).as_ref(), mac).is_ok()
    }

    /// The identifier has one length, so no two rows read the same.
    fn mac(&self, entry: AuditId, body: &str) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(&entry.as_u128().to_be_bytes());
        context.update(body.as_bytes());
        context.sign()
    }
}

impl fmt::Debug for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RowKey")
    }
}
