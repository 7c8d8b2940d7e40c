//! The proof that a delivery is its provider's.

use lockgate_vocabulary::Timestamp;

/// A delivery whose signature was checked over its raw bytes. Only a scheme makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Which of the subscription's live secrets or public keys vouched for it.
    pub(crate) key: u32,
    /// The provider's own identifier of the delivery, where it sends one.
    pub(crate) delivery_id: Option<String>,
    /// SHA-256 of all that was signed.
    pub(crate) signed: [u8; 32],
    /// When it was sent, where that was signed.
    pub(crate) sent_at: Option<Timestamp>,
    /// What it tells of, where the provider says so.
    pub(crate) event_type: Option<String>,
    /// What the provider wants to hear in answer.
    pub(crate) challenge: Option<Challenge>,
}

/// An answer that a provider demands, such as to prove that an endpoint is its owner's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The media type of the answer.
    pub media_type: &'static str,
    /// Its body.
    pub body: String,
}
