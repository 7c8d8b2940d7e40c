//! Discord: `X-Signature-Ed25519` in hex over `{timestamp}{body}`, with the application's public key.
//!
//! Nothing stands between the two parts. The window keeps a digit from moving from one to the other: it would
//! make the moment ten times as early or as late.

use lockgate_vault::webhook::{PublicKeyForm, WebhookSecrets};

use super::members::Members;
use super::{Need, Profile, Scheme, Window, attested, strict};
use crate::parcel::Parcel;
use crate::refusal::WebhookRefusal;
use crate::setting::Setting;
use crate::verified::{Challenge, Verified};

pub(super) struct Discord;

const PROFILE: &Profile = &Profile {
    name: "discord",
    signature_header: Some("x-signature-ed25519"),
    window: Some(Window::both(300)),
    signs_id: true,
    secret: Need::Never,
    public_key: Need::Must,
    public_key_form: PublicKeyForm::Ed25519Hex,
    ..Profile::PLAIN
};

/// Bytes of an Ed25519 signature.
const SIGNATURE_BYTES: usize = 64;

impl Scheme for Discord {
    fn profile(&self) -> &'static Profile {
        PROFILE
    }

    fn verify(&self, parcel: &Parcel, setting: &Setting, _: &WebhookSecrets) -> Result<Verified, WebhookRefusal> {
        let headers = &parcel.headers;
        let signature = strict::hex(strict::signature(headers, "x-signature-ed25519")?, SIGNATURE_BYTES)?;
        let (timestamp, sent_at) = strict::moment(headers, "x-signature-timestamp")?;
        let mut verified = attested(setting, &[timestamp.as_bytes(), &parcel.body], &signature, &parcel.body)?;
        let members = Members::read(&parcel.body).unwrap_or_default();
        verified.sent_at = Some(sent_at);
        verified.delivery_id = members.id("id")?;
        verified.event_type = members.object("event").and_then(|event| event.word("type"));
        // An interaction of type 1 is a ping; a webhook's event of type 1 has an event in it.
        if members.whole("type") == Some(1) && !members.has("event") {
            let body = "{\"type\":1}".to_owned();
            verified.challenge = Some(Challenge { media_type: "application/json", body });
        }
        Ok(verified)
    }
}
