//! Twilio: HMAC-SHA1 in base64 of the subscription's URL and the form's parameters, sorted, decoded and joined
//! without anything between; SHA-256 where the delivery says so (shared keys). A JSON body is signed through
//! its SHA-256 in the URL's query.
//!
//! The URL is the one that the subscription names. For JSON Twilio puts `bodySHA256` behind it, which is
//! worked out here from the body and never taken from the request.

mod form;

use lockgate_vault::webhook::{Hash, WebhookSecrets, hex, sha256};

use super::{Answer, Need, Profile, Scheme, strict, vouched};
use crate::parcel::Parcel;
use crate::refusal::WebhookRefusal;
use crate::setting::Setting;
use crate::verified::Verified;

pub(super) struct Twilio;

const PROFILE: &Profile = &Profile {
    name: "twilio",
    signature_header: Some("x-twilio-signature"),
    answer: Some(Answer { media_type: "text/xml", body: "<Response/>" }),
    public_url: Need::Must,
    ..Profile::PLAIN
};

/// The parameter of the query that holds the body's digest.
const DIGEST: &str = "bodySHA256";

impl Scheme for Twilio {
    fn profile(&self) -> &'static Profile {
        PROFILE
    }

    fn verify(&self, parcel: &Parcel, setting: &Setting, secrets: &WebhookSecrets) -> Result<Verified, WebhookRefusal> {
        let headers = &parcel.headers;
        let text = strict::signature(headers, "x-twilio-signature")?;
        let hash = hash(strict::optional(headers, "x-twilio-webhooks-signature-settings")?)?;
        let candidate = strict::base64(text, hash.bytes())?;
        let id = strict::id(headers, "i-twilio-idempotency-token")?;
        let url = &setting.public_url;
        let signed = match strict::media_type(headers)?.as_deref() {
            Some("application/x-www-form-urlencoded") if named_digest(url).is_none() => {
                format!("{url}{}", form::joined(&parcel.body).ok_or(WebhookRefusal::BodyMalformed)?)
            }
            Some("application/json") => with_digest(url, &parcel.body)?,
            _ => return Err(WebhookRefusal::MediaTypeUnfit),
        };
        let mut verified = vouched(self, secrets, hash, &[signed.as_bytes()], &[candidate], &parcel.body)?;
        verified.delivery_id = id.map(str::to_owned);
        Ok(verified)
    }
}

/// The hash that the settings name: exactly `key=…` and `algorithm=HMAC_SHA256`. Without them it is SHA-1.
fn hash(settings: Option<&str>) -> Result<Hash, WebhookRefusal> {
    let Some(settings) = settings else { return Ok(Hash::Sha1) };
    let (mut key, mut algorithm) = (None, None);
    for part in settings.split(',') {
        let (name, value) = part.split_once('=').ok_or(WebhookRefusal::AlgorithmUnfit)?;
        let earlier = match name {
            "key" if strict::is_id(value) => key.replace(value),
            "algorithm" if value == "HMAC_SHA256" => algorithm.replace(value),
            _ => return Err(WebhookRefusal::AlgorithmUnfit),
        };
        if earlier.is_some() {
            return Err(WebhookRefusal::AlgorithmUnfit);
        }
    }
    if key.is_some() && algorithm.is_some() { Ok(Hash::Sha256) } else { Err(WebhookRefusal::AlgorithmUnfit) }
}

/// The URL with the body's digest in its query. One that stands there already must be the body's.
fn with_digest(url: &str, body: &[u8]) -> Result<String, WebhookRefusal> {
    let digest = hex(&sha256(&[body]));
    match named_digest(url) {
        Some(named) if named == digest => Ok(url.to_owned()),
        Some(_) => Err(WebhookRefusal::SignatureMismatch),
        None => {
            let before = if url.contains('?') { '&' } else { '?' };
            Ok(format!("{url}{before}{DIGEST}={digest}"))
        }
    }
}

/// What the URL's query says of the body's digest.
fn named_digest(url: &str) -> Option<&str> {
    let (_, query) = url.split_once('?')?;
    query.split('&').find_map(|pair| pair.split_once('=').filter(|(name, _)| *name == DIGEST)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests;
