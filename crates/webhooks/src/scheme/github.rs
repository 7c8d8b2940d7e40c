//! GitHub: `X-Hub-Signature-256: sha256=`, HMAC-SHA256 in hex of the body. Neither the moment nor the
//! delivery's identifier is signed; the SHA-1 header beside it counts for nothing.

use lockgate_vault::webhook::{Hash, WebhookSecrets};

use super::{Profile, Scheme, strict, vouched};
use crate::parcel::Parcel;
use crate::refusal::WebhookRefusal;
use crate::setting::Setting;
use crate::verified::Verified;

pub(super) struct GitHub;

const PROFILE: &Profile = &Profile { name: "github", signature_header: Some("x-hub-signature-256"), ..Profile::PLAIN };

impl Scheme for GitHub {
    fn profile(&self) -> &'static Profile {
        PROFILE
    }

    fn verify(&self, parcel: &Parcel, _: &Setting, secrets: &WebhookSecrets) -> Result<Verified, WebhookRefusal> {
        let headers = &parcel.headers;
        let text = strict::signature(headers, "x-hub-signature-256")?;
        let text = text.strip_prefix("sha256=").ok_or(WebhookRefusal::SignatureMalformed)?;
        let candidate = strict::hex(text, Hash::Sha256.bytes())?;
        let id = strict::id(headers, "x-github-delivery")?;
        let event = strict::word(headers, "x-github-event")?;
        let mut verified = vouched(self, secrets, Hash::Sha256, &[&parcel.body], &[candidate], &parcel.body)?;
        verified.delivery_id = id.map(str::to_owned);
        verified.event_type = event.map(str::to_owned);
        Ok(verified)
    }
}
