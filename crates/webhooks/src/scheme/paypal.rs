//! PayPal: RSA with SHA-256 over `{transmission id}|{time}|{webhook id}|{CRC-32 of the body}`.
//!
//! A CRC is no digest: another body with the same one is found in seconds. What is signed is the transmission,
//! so whoever takes a second body under one that is known is deceived; [`Verified::body`] tells them apart.
//! The certificate is the setting's. The one that the delivery names is never fetched, but must be PayPal's.
//!
//! It is sent again for three days, and nobody says whether that has a moment of its own; so the past may be
//! that long.

mod moment;

use std::sync::LazyLock;
use std::time::Duration;

use lockgate_vault::webhook::{PublicKeyForm, WebhookSecrets};

use super::members::Members;
use super::profile::days;
use super::{Need, Profile, Scheme, Window, attested, strict};
use crate::parcel::Parcel;
use crate::refusal::WebhookRefusal;
use crate::setting::Setting;
use crate::verified::Verified;

pub(super) struct PayPal;

const PROFILE: &Profile = &Profile {
    name: "paypal",
    signature_header: Some("paypal-transmission-sig"),
    window: Some(Window { past: days(3), future: Duration::from_secs(300) }),
    repeats_for: days(3),
    signs_id: true,
    signs_body: false,
    secret: Need::Never,
    public_key: Need::Must,
    public_key_form: PublicKeyForm::Rsa,
    webhook_id: Need::Must,
    ..Profile::PLAIN
};

/// Where PayPal's certificates are.
const CERTIFICATES: [&str; 2] =
    ["https://api.paypal.com/v1/notifications/certs/", "https://api.sandbox.paypal.com/v1/notifications/certs/"];

impl Scheme for PayPal {
    fn profile(&self) -> &'static Profile {
        PROFILE
    }

    fn verify(&self, parcel: &Parcel, setting: &Setting, _: &WebhookSecrets) -> Result<Verified, WebhookRefusal> {
        let headers = &parcel.headers;
        let signature = strict::any_base64(strict::signature(headers, "paypal-transmission-sig")?)?;
        if strict::optional(headers, "paypal-auth-algo")? != Some("SHA256withRSA") {
            return Err(WebhookRefusal::AlgorithmUnfit);
        }
        demand_own_certificate(strict::optional(headers, "paypal-cert-url")?)?;
        let id = strict::demanded_id(headers, "paypal-transmission-id")?;
        let time = strict::optional(headers, "paypal-transmission-time")?.ok_or(WebhookRefusal::TimestampMalformed)?;
        let sent_at = moment::read(time).ok_or(WebhookRefusal::TimestampMalformed)?;

        let signed = format!("{id}|{time}|{}|{}", setting.webhook_id, crc32(&parcel.body));
        let mut verified = attested(setting, &[signed.as_bytes()], &signature, &parcel.body)?;
        verified.delivery_id = Some(id.to_owned());
        verified.sent_at = Some(sent_at);
        verified.event_type = Members::read(&parcel.body).and_then(|members| members.word("event_type"));
        Ok(verified)
    }
}

fn demand_own_certificate(url: Option<&str>) -> Result<(), WebhookRefusal> {
    let url = url.ok_or(WebhookRefusal::CertificateForeign)?;
    let name = CERTIFICATES.iter().find_map(|base| url.strip_prefix(base));
    name.filter(|name| strict::is_id(name)).map(drop).ok_or(WebhookRefusal::CertificateForeign)
}

/// The remainder of each byte under the polynomial of [`crc32`]: bit by bit, a long body would hold a thread up.
static REMAINDERS: LazyLock<[u32; 256]> = LazyLock::new(|| {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 };
    let mut bytes = 0..;
    std::array::from_fn(|_| (0..8).fold(bytes.next().unwrap_or_default(), |crc, _| step(crc)))
});

/// CRC-32 as in zip and PNG (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    let remainders = &*REMAINDERS;
    let next = |crc: u32, byte: &u8| {
        let [low, ..] = crc.to_le_bytes();
        // Every byte has its remainder, so the default is never taken.
        crc >> 8 ^ remainders.get(usize::from(low ^ byte)).copied().unwrap_or_default()
    };
    !bytes.iter().fold(u32::MAX, next)
}

#[cfg(test)]
mod tests;
