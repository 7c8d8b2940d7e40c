//! Square: HMAC-SHA256 in base64 of the notification URL and the body. The URL is the one that the
//! subscription names, never what the request says of itself; the SHA-1 header beside it counts for nothing.

use lockgate_vault::webhook::{Hash, WebhookSecrets};

use super::members::Members;
use super::profile::days;
use super::{Need, Profile, Scheme, strict, vouched};
use crate::parcel::Parcel;
use crate::refusal::WebhookRefusal;
use crate::setting::Setting;
use crate::verified::Verified;

pub(super) struct Square;

const PROFILE: &Profile = &Profile {
    name: "square",
    signature_header: Some("x-square-hmacsha256-signature"),
    repeats_for: days(1),
    signs_id: true,
    public_url: Need::Must,
    ..Profile::PLAIN
};

impl Scheme for Square {
    fn profile(&self) -> &'static Profile {
        PROFILE
    }

    fn verify(&self, parcel: &Parcel, setting: &Setting, secrets: &WebhookSecrets) -> Result<Verified, WebhookRefusal> {
        let text = strict::signature(&parcel.headers, "x-square-hmacsha256-signature")?;
        let candidate = strict::base64(text, Hash::Sha256.bytes())?;
        let signed = [setting.public_url.as_bytes(), &parcel.body];
        let mut verified = vouched(self, secrets, Hash::Sha256, &signed, &[candidate], &parcel.body)?;
        let members = Members::read(&parcel.body).unwrap_or_default();
        verified.delivery_id = members.id("event_id")?;
        verified.event_type = members.word("type");
        Ok(verified)
    }
}
