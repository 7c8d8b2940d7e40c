//! The proof that a delivery is its provider's.

use lockgate_vault::webhook::sha256;
use lockgate_vocabulary::Timestamp;

/// A delivery whose signature was checked over its raw bytes. Only a scheme makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub(crate) key: u32,
    pub(crate) delivery_id: Option<String>,
    pub(crate) signed: [u8; 32],
    pub(crate) items: Vec<[u8; 32]>,
    pub(crate) body: [u8; 32],
    pub(crate) sent_at: Option<Timestamp>,
    pub(crate) event_type: Option<String>,
    pub(crate) challenge: Option<Challenge>,
}

impl Verified {
    /// What this key vouched for, of a delivery with this body.
    pub(crate) fn by(key: u32, signed: &[&[u8]], body: &[u8]) -> Self {
        Self {
            key,
            delivery_id: None,
            signed: sha256(signed),
            items: Vec::new(),
            body: sha256(&[body]),
            sent_at: None,
            event_type: None,
            challenge: None,
        }
    }

    /// The version of the secret that vouched for it; of a public key, its place in the setting's list from
    /// one; of a key set, nought.
    pub const fn key(&self) -> u32 {
        self.key
    }

    /// The provider's own identifier of the delivery, where it sends one. The scheme's profile says whether
    /// it was signed.
    pub fn delivery_id(&self) -> Option<&str> {
        self.delivery_id.as_deref()
    }

    /// SHA-256 of what was signed: equal for a delivery that is repeated as it was. Where the sender signs a
    /// retry anew, it is the digest of the body alone.
    pub const fn signed(&self) -> &[u8; 32] {
        &self.signed
    }

    /// SHA-256 of what was signed of each item, where items are signed each by itself. Anybody may put such
    /// items together anew.
    pub fn items(&self) -> &[[u8; 32]] {
        &self.items
    }

    /// SHA-256 of the raw body; of a JSON Web Signature's payload. Where the signature covers less than the body, one that was signed once may
    /// come with another body; this tells.
    pub const fn body(&self) -> &[u8; 32] {
        &self.body
    }

    /// When it was sent, where that was signed.
    pub const fn sent_at(&self) -> Option<Timestamp> {
        self.sent_at
    }

    /// What it tells of, where the provider says so. In a header it is not signed: route by it, trust it not.
    pub fn event_type(&self) -> Option<&str> {
        self.event_type.as_deref()
    }

    /// What the provider wants to hear in answer. Such a delivery is answered and not passed on.
    pub const fn challenge(&self) -> Option<&Challenge> {
        self.challenge.as_ref()
    }
}

/// An answer that a provider demands, such as to prove that an endpoint is its owner's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The media type of the answer.
    pub media_type: &'static str,
    /// Its body.
    pub body: String,
}
