//! Zoom: `x-zm-signature: v0=`, HMAC-SHA256 in hex of `v0:{timestamp}:{body}`.
//!
//! Its challenge is answered with an HMAC of the sender's token under the same secret, which would sign any
//! event for whoever may choose the token. So the challenge itself must be verified, and a token is letters,
//! digits, `_` and `-` alone: no signed text is without a colon.

use lockgate_vault::webhook::{Hash, WebhookSecrets};
use serde_json::json;

use super::members::Members;
use super::{Profile, Scheme, Window, strict, vouched};
use crate::parcel::Parcel;
use crate::refusal::WebhookRefusal;
use crate::setting::Setting;
use crate::verified::{Challenge, Verified};

pub(super) struct Zoom;

const PROFILE: &Profile = &Profile {
    name: "zoom",
    signature_header: Some("x-zm-signature"),
    window: Some(Window::both(300)),
    ..Profile::PLAIN
};

impl Scheme for Zoom {
    fn profile(&self) -> &'static Profile {
        PROFILE
    }

    fn verify(&self, parcel: &Parcel, _: &Setting, secrets: &WebhookSecrets) -> Result<Verified, WebhookRefusal> {
        let headers = &parcel.headers;
        let text = strict::signature(headers, "x-zm-signature")?;
        let text = text.strip_prefix("v0=").ok_or(WebhookRefusal::SignatureMalformed)?;
        let candidate = strict::hex(text, Hash::Sha256.bytes())?;
        let (timestamp, sent_at) = strict::moment(headers, "x-zm-request-timestamp")?;
        let signed: [&[u8]; 4] = [b"v0:", timestamp.as_bytes(), b":", &parcel.body];
        let mut verified = vouched(self, secrets, Hash::Sha256, &signed, &[candidate], &parcel.body)?;
        let members = Members::read(&parcel.body).unwrap_or_default();
        // Zoom signs a retry anew and names no delivery, so one is known by what it tells and not by its moment.
        verified.signed = verified.body;
        verified.sent_at = Some(sent_at);
        verified.event_type = members.word("event");
        if verified.event_type.as_deref() == Some("endpoint.url_validation") {
            verified.challenge = Some(challenge(&members, verified.key, secrets)?);
        }
        Ok(verified)
    }
}

fn challenge(members: &Members<'_>, key: u32, secrets: &WebhookSecrets) -> Result<Challenge, WebhookRefusal> {
    let token = members.object("payload").and_then(|payload| payload.text("plainToken"));
    let token = token.ok_or(WebhookRefusal::ChallengeMalformed)?;
    let answer = secrets.answer_challenge(key, &token).ok_or(WebhookRefusal::ChallengeMalformed)?;
    let body = json!({ "plainToken": token, "encryptedToken": answer }).to_string();
    Ok(Challenge { media_type: "application/json", body })
}
