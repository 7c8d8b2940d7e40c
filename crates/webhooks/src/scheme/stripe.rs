//! Stripe: `Stripe-Signature: t=,v1=[,v1=]`, HMAC-SHA256 in hex of `{t}.{body}`; the key is the whole text of
//! the secret. `v0` is what test mode sends besides, and counts for nothing.

use lockgate_vault::webhook::{Hash, WebhookSecrets};

use super::list::{self, Manner};
use super::members::Members;
use super::profile::days;
use super::{Profile, Scheme, Window, strict, vouched};
use crate::parcel::Parcel;
use crate::refusal::WebhookRefusal;
use crate::setting::Setting;
use crate::verified::Verified;

pub(super) struct Stripe;

const PROFILE: &Profile = &Profile {
    name: "stripe",
    signature_header: Some("stripe-signature"),
    window: Some(Window::both(300)),
    repeats_for: days(3),
    signs_id: true,
    ..Profile::PLAIN
};

const MANNER: Manner = Manner { between: ',', moment: "t", counts: |label| label == "v1" };

impl Scheme for Stripe {
    fn profile(&self) -> &'static Profile {
        PROFILE
    }

    fn verify(&self, parcel: &Parcel, _: &Setting, secrets: &WebhookSecrets) -> Result<Verified, WebhookRefusal> {
        let parts = list::read(strict::signature(&parcel.headers, "stripe-signature")?, &MANNER)?;
        let candidates = parts.hex(Hash::Sha256)?;
        let signed = [parts.moment.as_bytes(), b".", &parcel.body];
        let mut verified = vouched(self, secrets, Hash::Sha256, &signed, &candidates, &parcel.body)?;
        let members = Members::read(&parcel.body).unwrap_or_default();
        verified.sent_at = Some(parts.sent_at);
        verified.delivery_id = members.id("id")?;
        verified.event_type = members.word("type");
        Ok(verified)
    }
}
