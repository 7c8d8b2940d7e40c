//! Schemes: how each provider signs what it sends. One file each.
//!
//! In every file the order is the same: the headers are read strictly, then the signature is checked over the
//! raw bytes, and only then is the body looked into. Nothing of the body is believed before.

mod adyen_platform;
mod adyen_standard;
mod convoy;
mod discord;
mod github;
mod hmac;
mod jws;
mod list;
mod members;
mod paddle;
mod paypal;
mod profile;
mod sendgrid;
mod shopify;
mod slack;
mod square;
mod standard;
mod strict;
mod stripe;
mod twilio;
mod zoom;

use std::time::Duration;

use lockgate_vault::webhook::{Hash, WebhookSecrets};

use crate::parcel::Parcel;
use crate::refusal::WebhookRefusal;
use crate::setting::{Encoding, Setting};
use crate::verified::Verified;

pub use profile::{Answer, Need, Profile, Window};
pub use strict::{CANDIDATES, ID_CHARACTERS};

/// How a provider signs.
pub trait Scheme: Send + Sync {
    /// What is to be known of it.
    fn profile(&self) -> &'static Profile;

    /// Refuses a delivery that does not carry the one header that its signature would stand in, so that no
    /// secret is opened for it.
    fn looks_signed(&self, parcel: &Parcel, _setting: &Setting) -> Result<(), WebhookRefusal> {
        self.profile().signature_header.map_or(Ok(()), |name| strict::signature(&parcel.headers, name).map(drop))
    }

    /// Checks a delivery over its raw bytes; `setting` was resolved for this scheme.
    fn verify(&self, parcel: &Parcel, setting: &Setting, secrets: &WebhookSecrets) -> Result<Verified, WebhookRefusal>;

    /// How far from now the signed moment may lie under this setting; none where none is signed.
    fn window(&self, _setting: &Setting) -> Option<Window> {
        self.profile().window
    }

    /// How long a claim on a delivery is kept under this setting.
    fn claim_time(&self, setting: &Setting) -> Duration {
        profile::claim_time(self.profile(), self.window(setting))
    }
}

/// Every scheme, by name.
pub const ALL: &[&dyn Scheme] = &[
    &adyen_platform::AdyenPlatform,
    &adyen_standard::AdyenStandard,
    &convoy::ADVANCED,
    &convoy::SIMPLE,
    &discord::Discord,
    &github::GitHub,
    &hmac::Hmac,
    &jws::Jws,
    &paddle::Paddle,
    &paypal::PayPal,
    &sendgrid::SendGrid,
    &shopify::CLASSIC,
    &shopify::EVENTS,
    &slack::Slack,
    &square::Square,
    &standard::STANDARD,
    &standard::SVIX,
    &stripe::Stripe,
    &twilio::Twilio,
    &zoom::Zoom,
];

/// The scheme with exactly this name.
pub fn named(name: &str) -> Option<&'static dyn Scheme> {
    ALL.iter().copied().find(|scheme| scheme.profile().name == name)
}

/// The bytes of a signature that is written in this way.
pub(crate) fn read_signature(text: &str, encoding: Encoding, hash: Hash) -> Result<Vec<u8>, WebhookRefusal> {
    match encoding {
        Encoding::Hex => strict::hex(text, hash.bytes()),
        Encoding::Base64 => strict::base64(text, hash.bytes()),
    }
}

/// What a live secret vouches for: the parts, one after the other, under one of the candidates.
fn vouched(
    scheme: &dyn Scheme,
    secrets: &WebhookSecrets,
    hash: Hash,
    signed: &[&[u8]],
    candidates: &[Vec<u8>],
    body: &[u8],
) -> Result<Verified, WebhookRefusal> {
    let key = secrets.matching(hash, scheme.profile().key_form, signed, candidates);
    Ok(Verified::by(key.ok_or(WebhookRefusal::SignatureMismatch)?, signed, body))
}

/// What one of the setting's public keys vouches for.
fn attested(setting: &Setting, signed: &[&[u8]], signature: &[u8], body: &[u8]) -> Result<Verified, WebhookRefusal> {
    let key = setting.public_keys.iter().position(|key| key.verifies(signed, signature));
    let key = key.and_then(|index| u32::try_from(index + 1).ok()).ok_or(WebhookRefusal::SignatureMismatch)?;
    Ok(Verified::by(key, signed, body))
}

#[cfg(test)]
mod tests;
