//! JSON Web Signatures by a key set: compact, where the body is the token, or detached, where a header has the
//! token without its payload and the body is what is signed (RFC 7515, appendix F).
//!
//! `access` takes the token apart and finds the key, as it does for access tokens: no member of the header can
//! choose a key or switch a check off, so `b64` and `crit` are refused.
//!
//! A moment is demanded, `iat` of a compact one's payload or of a detached one's header, unless the setting
//! does without. A delivery is its payload: a retry has another signature, and may have another header.

use lockgate_access::jose::{Algorithm, Algorithms, Compact, HeaderRules, base64url};
use lockgate_access::keyset::KeySet;
use lockgate_vault::webhook::WebhookSecrets;
use lockgate_vocabulary::Timestamp;

use super::members::Members;
use super::{Need, Profile, Scheme, Window, strict};
use crate::parcel::Parcel;
use crate::refusal::WebhookRefusal;
use crate::setting::{JwsForm, Setting};
use crate::verified::Verified;

pub(super) struct Jws;

const PROFILE: &Profile = &Profile { name: "jws", secret: Need::Never, jws: Need::Must, ..Profile::PLAIN };

/// Signatures that only the publisher of the key set can make.
const ALGORITHMS: Algorithms = Algorithms::of(&[
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Ed25519,
    Algorithm::EdDsa,
    Algorithm::Ps256,
    Algorithm::Rs256,
]);

impl Scheme for Jws {
    fn profile(&self) -> &'static Profile {
        PROFILE
    }

    fn window(&self, setting: &Setting) -> Option<Window> {
        setting.jws.as_ref().and_then(|jws| jws.window)
    }

    fn looks_signed(&self, parcel: &Parcel, setting: &Setting) -> Result<(), WebhookRefusal> {
        match setting.jws.as_ref().map(|jws| &jws.form) {
            Some(JwsForm::Detached(header)) => strict::signature(&parcel.headers, header).map(drop),
            Some(JwsForm::Compact) | None => Ok(()),
        }
    }

    fn verify(&self, parcel: &Parcel, setting: &Setting, _: &WebhookSecrets) -> Result<Verified, WebhookRefusal> {
        let jws = setting.jws.as_ref().ok_or(WebhookRefusal::SignatureMismatch)?;
        match &jws.form {
            JwsForm::Detached(header) => {
                let token = strict::signature(&parcel.headers, header)?;
                let (head, signature) = token.split_once("..").ok_or(WebhookRefusal::SignatureMalformed)?;
                let told = check([head, &base64url::encode(&parcel.body), signature], &jws.keys, &["iat"])?;
                let mut verified = Verified::by(0, &[&parcel.body], &parcel.body);
                verified.sent_at = issued_at(&Members::read(&told).unwrap_or_default());
                Ok(verified)
            }
            JwsForm::Compact => {
                let token = std::str::from_utf8(&parcel.body).map_err(|_| WebhookRefusal::SignatureMalformed)?;
                let (signed, signature) = token.rsplit_once('.').ok_or(WebhookRefusal::SignatureMissing)?;
                let (head, payload) = signed.split_once('.').ok_or(WebhookRefusal::SignatureMissing)?;
                let told = base64url::decode(payload.as_bytes()).ok_or(WebhookRefusal::SignatureMalformed)?;
                check([head, payload, signature], &jws.keys, &[])?;
                let mut verified = Verified::by(0, &[&told], &told);
                let members = Members::read(&told).unwrap_or_default();
                verified.delivery_id = members.id("jti")?;
                verified.sent_at = issued_at(&members);
                Ok(verified)
            }
        }
    }
}

fn issued_at(members: &Members<'_>) -> Option<Timestamp> {
    members.whole("iat").map(Timestamp::from_secs)
}

/// Checks the signature over the encoded header and payload, and gives the header.
fn check(
    [head, payload, signature]: [&str; 3],
    keys: &KeySet,
    more_members: &[&str],
) -> Result<Vec<u8>, WebhookRefusal> {
    let rules = HeaderRules {
        algorithms: ALGORITHMS,
        types: ["JOSE", "JWT", "JWS"].map(Into::into).into(),
        type_may_be_absent: true,
        more_members: more_members.iter().copied().map(Into::into).collect(),
    };
    // The payload may be far longer than a token may be, so the token is taken apart without it.
    let bare = format!("{head}..{signature}");
    let compact = Compact::parse(&bare, &rules).map_err(|_| WebhookRefusal::SignatureMalformed)?;
    let key = keys.find(&compact.kid).map_err(|_| WebhookRefusal::SignatureMismatch)?;
    let signed = format!("{head}.{payload}");
    if !key.algorithms().has(compact.algorithm) || !key.verifies(signed.as_bytes(), &compact.signature) {
        return Err(WebhookRefusal::SignatureMismatch);
    }
    base64url::decode(head.as_bytes()).ok_or(WebhookRefusal::SignatureMalformed)
}

#[cfg(test)]
mod tests;
