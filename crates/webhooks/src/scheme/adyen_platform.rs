//! Adyen's platform webhooks: `HmacSignature`, HMAC-SHA256 in base64 of the body, the key in hex. The
//! identifiers in the body are those of what it tells of, not of the delivery.

use lockgate_vault::webhook::{Hash, KeyForm, WebhookSecrets};

use super::members::Members;
use super::profile::days;
use super::{Profile, Scheme, strict, vouched};
use crate::parcel::Parcel;
use crate::refusal::WebhookRefusal;
use crate::setting::Setting;
use crate::verified::Verified;

pub(super) struct AdyenPlatform;

const PROFILE: &Profile = &Profile {
    name: "adyen_platform",
    signature_header: Some("hmacsignature"),
    repeats_for: days(30),
    key_form: KeyForm::Hex,
    ..Profile::PLAIN
};

impl Scheme for AdyenPlatform {
    fn profile(&self) -> &'static Profile {
        PROFILE
    }

    fn verify(&self, parcel: &Parcel, _: &Setting, secrets: &WebhookSecrets) -> Result<Verified, WebhookRefusal> {
        let headers = &parcel.headers;
        let candidate = strict::base64(strict::signature(headers, "hmacsignature")?, Hash::Sha256.bytes())?;
        if strict::optional(headers, "protocol")?.is_some_and(|named| named != "HmacSHA256") {
            return Err(WebhookRefusal::AlgorithmUnfit);
        }
        let mut verified = vouched(self, secrets, Hash::Sha256, &[&parcel.body], &[candidate], &parcel.body)?;
        verified.event_type = Members::read(&parcel.body).and_then(|members| members.word("type"));
        Ok(verified)
    }
}
