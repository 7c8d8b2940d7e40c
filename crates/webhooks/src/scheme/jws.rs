//! JSON Web Signatures by a key set: compact, where the body is the token, or detached, where a header has the
//! token without its payload and the body is what is signed (RFC 7515, appendix F).
//!
//! `access` takes the token apart and finds the key, as it does for access tokens: no member of the header can
//! choose a key or switch a check off, so `b64` and `crit` are refused.

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

    fn verify(&self, parcel: &Parcel, setting: &Setting, _: &WebhookSecrets) -> Result<Verified, WebhookRefusal> {
        let jws = setting.jws.as_ref().ok_or(WebhookRefusal::SignatureMismatch)?;
        match &jws.form {
            JwsForm::Detached(header) => {
                let token = strict::signature(&parcel.headers, header)?;
                let (head, signature) = token.split_once("..").ok_or(WebhookRefusal::SignatureMalformed)?;
                let payload = base64url::encode(&parcel.body);
                let signed = check(head, &payload, signature, &jws.keys)?;
                Ok(Verified::by(0, &[signed.as_bytes()], &parcel.body))
            }
            JwsForm::Compact => {
                let token = std::str::from_utf8(&parcel.body).map_err(|_| WebhookRefusal::SignatureMalformed)?;
                let (signed, signature) = token.rsplit_once('.').ok_or(WebhookRefusal::SignatureMissing)?;
                let (head, payload) = signed.split_once('.').ok_or(WebhookRefusal::SignatureMissing)?;
                let decoded = base64url::decode(payload.as_bytes()).ok_or(WebhookRefusal::SignatureMalformed)?;
                let signed = check(head, payload, signature, &jws.keys)?;
                let mut verified = Verified::by(0, &[signed.as_bytes()], &parcel.body);
                let members = Members::read(&decoded).unwrap_or_default();
                verified.delivery_id = members.id("jti");
                verified.sent_at = members.whole("iat").map(Timestamp::from_secs);
                Ok(verified)
            }
        }
    }
}

/// Checks the signature, and gives what was signed.
fn check(head: &str, payload: &str, signature: &str, keys: &KeySet) -> Result<String, WebhookRefusal> {
    let rules = HeaderRules {
        algorithms: ALGORITHMS,
        types: ["JOSE", "JWT", "JWS"].map(Into::into).into(),
        type_may_be_absent: true,
        more_members: Box::default(),
    };
    // The payload may be far longer than a token may be, so the token is taken apart without it.
    let bare = format!("{head}..{signature}");
    let compact = Compact::parse(&bare, &rules).map_err(|_| WebhookRefusal::SignatureMalformed)?;
    let key = keys.find(&compact.kid).map_err(|_| WebhookRefusal::SignatureMismatch)?;
    let signed = format!("{head}.{payload}");
    if !key.algorithms().has(compact.algorithm) || !key.verifies(signed.as_bytes(), &compact.signature) {
        return Err(WebhookRefusal::SignatureMismatch);
    }
    Ok(signed)
}

#[cfg(test)]
mod tests;
