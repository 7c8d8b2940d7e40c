//! Slack: `X-Slack-Signature: v0=`, HMAC-SHA256 in hex of `v0:{timestamp}:{body}`. Events are JSON with an
//! identifier; slash commands and interactions are forms without one.

use lockgate_vault::webhook::{Hash, WebhookSecrets};
use serde_json::json;

use super::members::Members;
use super::{Profile, Scheme, Window, strict, vouched};
use crate::parcel::Parcel;
use crate::refusal::WebhookRefusal;
use crate::setting::Setting;
use crate::verified::{Challenge, Verified};

pub(super) struct Slack;

const PROFILE: &Profile = &Profile {
    name: "slack",
    signature_header: Some("x-slack-signature"),
    window: Some(Window::both(300)),
    signs_id: true,
    ..Profile::PLAIN
};

impl Scheme for Slack {
    fn profile(&self) -> &'static Profile {
        PROFILE
    }

    fn verify(&self, parcel: &Parcel, _: &Setting, secrets: &WebhookSecrets) -> Result<Verified, WebhookRefusal> {
        let headers = &parcel.headers;
        let text = strict::signature(headers, "x-slack-signature")?;
        let text = text.strip_prefix("v0=").ok_or(WebhookRefusal::SignatureMalformed)?;
        let candidate = strict::hex(text, Hash::Sha256.bytes())?;
        let (timestamp, sent_at) = strict::moment(headers, "x-slack-request-timestamp")?;
        let signed: [&[u8]; 4] = [b"v0:", timestamp.as_bytes(), b":", &parcel.body];
        let mut verified = vouched(self, secrets, Hash::Sha256, &signed, &[candidate], &parcel.body)?;
        verified.sent_at = Some(sent_at);
        let members = Members::read(&parcel.body).unwrap_or_default();
        let outer = members.word("type");
        if outer.as_deref() == Some("url_verification") {
            verified.challenge = Some(challenge(&members)?);
        }
        verified.delivery_id = members.id("event_id")?;
        verified.event_type = members.object("event").and_then(|event| event.word("type")).or(outer);
        Ok(verified)
    }
}

fn challenge(members: &Members<'_>) -> Result<Challenge, WebhookRefusal> {
    let token = members.text("challenge").filter(|token| strict::is_id(token));
    let token = token.ok_or(WebhookRefusal::ChallengeMalformed)?;
    Ok(Challenge { media_type: "application/json", body: json!({ "challenge": token }).to_string() })
}
