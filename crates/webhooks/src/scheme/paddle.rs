//! Paddle Billing: `Paddle-Signature: ts=;h1=[;h1=]`, HMAC-SHA256 in hex of `{ts}:{body}`, within five seconds.

use lockgate_vault::webhook::{Hash, WebhookSecrets};

use super::list::{self, Manner};
use super::members::Members;
use super::profile::days;
use super::{Profile, Scheme, Window, strict, vouched};
use crate::parcel::Parcel;
use crate::refusal::WebhookRefusal;
use crate::setting::Setting;
use crate::verified::Verified;

pub(super) struct Paddle;

/// The live networks are those that `https://api.paddle.com/ips` gave in October 2026.
const PROFILE: &Profile = &Profile {
    name: "paddle",
    signature_header: Some("paddle-signature"),
    window: Some(Window::both(5)),
    repeats_for: days(3),
    signs_id: true,
    sources: &[
        "34.195.105.136/32",
        "34.212.5.7/32",
        "34.232.58.13/32",
        "34.237.3.244/32",
        "35.155.119.135/32",
        "52.11.166.252/32",
    ],
    ..Profile::PLAIN
};

const MANNER: Manner = Manner { between: ';', moment: "ts", counts: |label| label == "h1" };

impl Scheme for Paddle {
    fn profile(&self) -> &'static Profile {
        PROFILE
    }

    fn verify(&self, parcel: &Parcel, _: &Setting, secrets: &WebhookSecrets) -> Result<Verified, WebhookRefusal> {
        let parts = list::read(strict::signature(&parcel.headers, "paddle-signature")?, &MANNER)?;
        let candidates = parts.hex(Hash::Sha256)?;
        let signed = [parts.moment.as_bytes(), b":", &parcel.body];
        let mut verified = vouched(self, secrets, Hash::Sha256, &signed, &candidates, &parcel.body)?;
        let members = Members::read(&parcel.body).unwrap_or_default();
        verified.sent_at = Some(parts.sent_at);
        verified.delivery_id = members.id("event_id")?;
        verified.event_type = members.word("event_type");
        Ok(verified)
    }
}
