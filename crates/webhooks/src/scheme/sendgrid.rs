//! SendGrid: ECDSA on P-256 over `{timestamp}{body}`, DER in base64. A body has many events, each with an
//! identifier of its own, so a delivery has none.
//!
//! It is sent again for a day, and nobody says whether that is signed anew; so the past may be that long. A
//! digit that moved between the moment and the body would still lie far outside.

use std::time::Duration;

use lockgate_vault::webhook::{PublicKeyForm, WebhookSecrets};

use super::profile::days;
use super::{Need, Profile, Scheme, Window, attested, strict};
use crate::parcel::Parcel;
use crate::refusal::WebhookRefusal;
use crate::setting::Setting;
use crate::verified::Verified;

pub(super) struct SendGrid;

const PROFILE: &Profile = &Profile {
    name: "sendgrid",
    signature_header: Some("x-twilio-email-event-webhook-signature"),
    window: Some(Window { past: days(1), future: Duration::from_secs(300) }),
    repeats_for: days(1),
    secret: Need::Never,
    public_key: Need::Must,
    public_key_form: PublicKeyForm::P256,
    ..Profile::PLAIN
};

impl Scheme for SendGrid {
    fn profile(&self) -> &'static Profile {
        PROFILE
    }

    fn verify(&self, parcel: &Parcel, setting: &Setting, _: &WebhookSecrets) -> Result<Verified, WebhookRefusal> {
        let headers = &parcel.headers;
        let signature = strict::signature(headers, "x-twilio-email-event-webhook-signature")?;
        let signature = strict::any_base64(signature)?;
        let (timestamp, sent_at) = strict::moment(headers, "x-twilio-email-event-webhook-timestamp")?;
        let mut verified = attested(setting, &[timestamp.as_bytes(), &parcel.body], &signature, &parcel.body)?;
        verified.sent_at = Some(sent_at);
        Ok(verified)
    }
}
