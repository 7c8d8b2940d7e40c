//! What a subscription says of its provider: plain data from outside, made sound for one scheme.
//!
//! Secrets are not among it; they are the vault's.

mod digest;
mod hmac;
mod jws;

use lockgate_vault::webhook::PublicKey;
use lockgate_vocabulary::Violation;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::scheme::{Need, Profile, Scheme};

pub use digest::{Digest, DigestSpec, Encoding, HashName};
pub use hmac::{HmacSpec, KeyFormName};
pub use jws::{JwsFormName, JwsSpec};

pub(crate) use hmac::{Pattern, Piece};
pub(crate) use jws::{Jws, JwsForm};

/// Public keys of one subscription at the most.
const PUBLIC_KEYS: usize = 8;

/// Characters of a URL or an identifier at the most.
const TEXT_CHARACTERS: usize = 2048;

/// The setting as it comes from outside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SettingSpec {
    /// The URL under which the provider was told to reach the subscription, exactly as it was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// The provider's identifier of the webhook (PayPal).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_id: Option<String>,
    /// The provider's public keys, or certificates; several while one is replaced.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub public_keys: Vec<String>,
    /// Hash and encoding, where they are the sender's choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<DigestSpec>,
    /// What the generic HMAC signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hmac: Option<HmacSpec>,
    /// The key set of JSON Web Signatures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jws: Option<JwsSpec>,
}

/// The setting as a scheme uses it. Only [`Setting::resolve`] makes one.
#[derive(Debug, Default)]
pub struct Setting {
    pub(crate) public_url: String,
    pub(crate) webhook_id: String,
    pub(crate) public_keys: Vec<PublicKey>,
    pub(crate) digest: Digest,
    pub(crate) hmac: Option<Pattern>,
    pub(crate) jws: Option<Jws>,
}

impl Setting {
    /// Makes the setting sound for this scheme, or names all that is wrong with it.
    pub fn resolve(scheme: &dyn Scheme, spec: &SettingSpec) -> Result<Self, Vec<Violation>> {
        let profile = scheme.profile();
        let mut wrong = Wrong::default();
        wrong.demand(profile.public_url, spec.public_url.is_some(), "/public_url");
        wrong.demand(profile.webhook_id, spec.webhook_id.is_some(), "/webhook_id");
        wrong.demand(profile.public_key, !spec.public_keys.is_empty(), "/public_keys");
        wrong.demand(profile.digest, spec.digest.is_some(), "/digest");
        wrong.demand(profile.hmac, spec.hmac.is_some(), "/hmac");
        wrong.demand(profile.jws, spec.jws.is_some(), "/jws");
        if let Some(reason) = spec.public_url.as_deref().and_then(unfit_url) {
            wrong.add("/public_url", reason);
        }
        if spec.webhook_id.as_deref().is_some_and(|id| !is_webhook_id(id)) {
            wrong.add("/webhook_id", "is not letters, digits, `_` and `-` alone");
        }
        let setting = Self {
            public_url: spec.public_url.clone().unwrap_or_default(),
            webhook_id: spec.webhook_id.clone().unwrap_or_default(),
            public_keys: public_keys(profile, spec, &mut wrong),
            digest: spec.digest.map(Digest::from).unwrap_or_default(),
            hmac: spec.hmac.as_ref().and_then(|hmac| hmac.resolve(spec.public_url.is_some(), &mut wrong)),
            jws: spec.jws.as_ref().and_then(|jws| jws.resolve(&mut wrong)),
        };
        if wrong.0.is_empty() { Ok(setting) } else { Err(wrong.0) }
    }
}

/// What is wrong, collected.
#[derive(Default)]
pub(crate) struct Wrong(Vec<Violation>);

impl Wrong {
    pub(crate) fn add(&mut self, pointer: impl Into<String>, reason: impl Into<String>) {
        self.0.push(Violation { pointer: pointer.into(), reason: reason.into() });
    }

    fn demand(&mut self, need: Need, is_there: bool, pointer: &str) {
        match (need, is_there) {
            (Need::Must, false) => self.add(pointer, "is missing: the scheme needs it"),
            (Need::Never, true) => self.add(pointer, "is of no use to the scheme"),
            _ => {}
        }
    }
}

/// What is wrong with a URL that is signed as it is written.
fn unfit_url(text: &str) -> Option<&'static str> {
    if text.len() > TEXT_CHARACTERS || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some("is too long, or has other than visible ASCII characters");
    }
    let Ok(url) = Url::parse(text) else { return Some("is not a URL") };
    let plain = url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
    if !plain || url.fragment().is_some() {
        return Some("is not an https URL without user and fragment");
    }
    None
}

fn is_webhook_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !id.is_empty() && id.len() <= 128 && id.bytes().all(plain)
}

fn public_keys(profile: &Profile, spec: &SettingSpec, wrong: &mut Wrong) -> Vec<PublicKey> {
    if spec.public_keys.len() > PUBLIC_KEYS {
        wrong.add("/public_keys", "has more than eight keys");
        return Vec::new();
    }
    let mut keys = Vec::with_capacity(spec.public_keys.len());
    for (index, text) in spec.public_keys.iter().enumerate() {
        match PublicKey::parse(profile.public_key_form, text) {
            Ok(key) => keys.push(key),
            Err(reason) => wrong.add(format!("/public_keys/{index}"), reason),
        }
    }
    keys
}

#[cfg(test)]
mod tests;
