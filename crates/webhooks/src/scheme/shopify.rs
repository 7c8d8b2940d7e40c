//! Shopify, in both families of headers: HMAC-SHA256 in base64 of the body, with the app's client secret.
//! Topic, shop, moment and identifier stand in headers and are not signed.

use lockgate_vault::webhook::{Hash, WebhookSecrets};

use super::{Profile, Scheme, strict, vouched};
use crate::parcel::Parcel;
use crate::refusal::WebhookRefusal;
use crate::setting::Setting;
use crate::verified::Verified;

/// One family of headers.
pub(super) struct Shopify {
    profile: &'static Profile,
    signature: &'static str,
    id: &'static str,
    topic: &'static str,
}

const PROFILE: Profile = Profile { name: "shopify", signature_header: Some("x-shopify-hmac-sha256"), ..Profile::PLAIN };

pub(super) const CLASSIC: Shopify = Shopify {
    profile: &PROFILE,
    signature: "x-shopify-hmac-sha256",
    id: "x-shopify-webhook-id",
    topic: "x-shopify-topic",
};

pub(super) const EVENTS: Shopify = Shopify {
    profile: &Profile { name: "shopify_events", signature_header: Some("shopify-hmac-sha256"), ..PROFILE },
    signature: "shopify-hmac-sha256",
    id: "shopify-webhook-id",
    topic: "shopify-topic",
};

impl Scheme for Shopify {
    fn profile(&self) -> &'static Profile {
        self.profile
    }

    fn verify(&self, parcel: &Parcel, _: &Setting, secrets: &WebhookSecrets) -> Result<Verified, WebhookRefusal> {
        let headers = &parcel.headers;
        let candidate = strict::base64(strict::signature(headers, self.signature)?, Hash::Sha256.bytes())?;
        let id = strict::id(headers, self.id)?;
        let topic = strict::word(headers, self.topic)?;
        let mut verified = vouched(self, secrets, Hash::Sha256, &[&parcel.body], &[candidate], &parcel.body)?;
        verified.delivery_id = id.map(str::to_owned);
        verified.event_type = topic.map(str::to_owned);
        Ok(verified)
    }
}
