//! An HMAC of the subscription's own description: which header, which hash and encoding, what is signed.

use bytes::Bytes;
use lockgate_vault::webhook::WebhookSecrets;
use lockgate_vocabulary::Timestamp;

use super::{Need, Profile, Scheme, Window, strict};
use crate::parcel::Parcel;
use crate::refusal::WebhookRefusal;
use crate::setting::{Piece, Setting};
use crate::verified::Verified;

pub(super) struct Hmac;

const PROFILE: &Profile =
    &Profile { name: "hmac", public_url: Need::May, digest: Need::May, hmac: Need::Must, ..Profile::PLAIN };

impl Scheme for Hmac {
    fn profile(&self) -> &'static Profile {
        PROFILE
    }

    fn window(&self, setting: &Setting) -> Option<Window> {
        setting.hmac.as_ref().and_then(|pattern| pattern.window)
    }

    fn looks_signed(&self, parcel: &Parcel, setting: &Setting) -> Result<(), WebhookRefusal> {
        let pattern = setting.hmac.as_ref().ok_or(WebhookRefusal::SignatureMismatch)?;
        strict::signature(&parcel.headers, &pattern.signature_header).map(drop)
    }

    fn verify(&self, parcel: &Parcel, setting: &Setting, secrets: &WebhookSecrets) -> Result<Verified, WebhookRefusal> {
        let headers = &parcel.headers;
        let pattern = setting.hmac.as_ref().ok_or(WebhookRefusal::SignatureMismatch)?;
        let text = strict::signature(headers, &pattern.signature_header)?;
        let text = text.strip_prefix(&*pattern.signature_prefix).ok_or(WebhookRefusal::SignatureMalformed)?;
        let candidate = setting.digest.read(text)?;
        let moment: Option<(&str, Timestamp)> =
            pattern.timestamp_header.as_deref().map(|name| strict::moment(headers, name)).transpose()?;
        let id = match &pattern.id_header {
            Some(name) if pattern.pieces.contains(&Piece::Id) => Some(strict::demanded_id(headers, name)?),
            Some(name) => strict::id(headers, name)?,
            None => None,
        };
        let part = |piece: &Piece| match piece {
            Piece::Literal(text) => Bytes::copy_from_slice(text.as_bytes()),
            Piece::Timestamp => moment.map(|(text, _)| Bytes::copy_from_slice(text.as_bytes())).unwrap_or_default(),
            Piece::Id => id.map(|id| Bytes::copy_from_slice(id.as_bytes())).unwrap_or_default(),
            Piece::Url => Bytes::copy_from_slice(setting.public_url.as_bytes()),
            // The body alone is long, and this is no copy of it.
            Piece::Body => parcel.body.clone(),
        };
        let parts: Vec<Bytes> = pattern.pieces.iter().map(part).collect();
        let signed: Vec<&[u8]> = parts.iter().map(|part| &**part).collect();

        let key = secrets.matching(setting.digest.hash, pattern.key_form, &signed, &[candidate]);
        let key = key.ok_or(WebhookRefusal::SignatureMismatch)?;
        let mut verified = Verified::by(key, &signed, &parcel.body);
        verified.delivery_id = id.map(str::to_owned);
        verified.sent_at = moment.map(|(_, sent_at)| sent_at);
        Ok(verified)
    }
}

#[cfg(test)]
mod tests;
