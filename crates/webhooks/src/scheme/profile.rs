//! What is to be known of a scheme beside how it verifies: one row of a table each.

use std::time::Duration;

use lockgate_vault::webhook::{KeyForm, PublicKeyForm};

/// How long a claim on a delivery is kept at the least: most providers send again for three days at the most.
const LEAST_CLAIM: Duration = days(7);

/// The same where no moment is signed. LIMIT: such a delivery verifies for as long as its key is live, so one
/// that was captured is taken as a new one when its claim is over; no claim is kept for ever.
const LEAST_TIMELESS_CLAIM: Duration = days(30);

/// How far from now a signed moment may lie, the ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// How old it may be.
    pub past: Duration,
    /// How far ahead it may be.
    pub future: Duration,
}

impl Window {
    /// As wide on both sides.
    pub const fn both(seconds: u64) -> Self {
        Self { past: Duration::from_secs(seconds), future: Duration::from_secs(seconds) }
    }
}

/// Whether a part of the setting is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Without it nothing verifies.
    Must,
    /// It may be there.
    May,
    /// The scheme knows nothing of it.
    Never,
}

/// What the provider wants to hear when a delivery was taken in, where any 2xx would not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The media type.
    pub media_type: &'static str,
    /// The body.
    pub body: &'static str,
}

/// What is to be known of a scheme.
#[derive(Debug, Clone)]
pub struct Profile {
    /// The scheme's name in a subscription.
    pub name: &'static str,
    /// The header of the signature, where it is the same one in every subscription.
    pub signature_header: Option<&'static str>,
    /// How far from now the signed moment may lie; none where no moment is signed.
    pub window: Option<Window>,
    /// For how long the provider sends a delivery again that nobody took, as far as is known.
    pub repeats_for: Duration,
    /// What the provider wants to hear, where that is special.
    pub answer: Option<Answer>,
    /// Whether the delivery's identifier is among what is signed.
    pub signs_id: bool,
    /// Whether every byte of the body is among what is signed.
    pub signs_body: bool,
    /// How the secret is written.
    pub key_form: KeyForm,
    /// Whether it is checked with a secret.
    pub secret: Need,
    /// Whether it is checked with a public key, and how that is written.
    pub public_key: Need,
    /// How a public key is written.
    pub public_key_form: PublicKeyForm,
    /// Whether the subscription's public URL is signed.
    pub public_url: Need,
    /// Whether the provider's identifier of the webhook is signed.
    pub webhook_id: Need,
    /// Whether hash and encoding are the subscription's to say.
    pub digest: Need,
    /// Whether the subscription says what is signed.
    pub hmac: Need,
    /// Whether the subscription names a key set.
    pub jws: Need,
    /// The networks that the provider publishes as those it sends from; empty where it publishes none or
    /// they change too often to stand in a program.
    pub sources: &'static [&'static str],
}

impl Profile {
    /// A scheme with one secret over the body, no moment and nothing else.
    pub(super) const PLAIN: Self = Self {
        name: "",
        signature_header: None,
        window: None,
        repeats_for: Duration::ZERO,
        answer: None,
        signs_id: false,
        signs_body: true,
        key_form: KeyForm::Text,
        secret: Need::Must,
        public_key: Need::Never,
        public_key_form: PublicKeyForm::Ed25519Hex,
        public_url: Need::Never,
        webhook_id: Need::Never,
        digest: Need::Never,
        hmac: Need::Never,
        jws: Need::Never,
        sources: &[],
    };
}

/// How long a claim on a delivery is kept: for as long as its provider can send it again and, where its moment
/// is signed, for as long as somebody who captured it can. Both sides of the window count twice, because what
/// is signed for the farthest moment ahead verifies until it is as far behind.
pub(super) fn claim_time(profile: &Profile, window: Option<Window>) -> Duration {
    let least = window.map_or(LEAST_TIMELESS_CLAIM, |window| LEAST_CLAIM.max((window.past + window.future) * 2));
    least.max(profile.repeats_for)
}

/// So many days.
pub(super) const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 60 * 60)
}
