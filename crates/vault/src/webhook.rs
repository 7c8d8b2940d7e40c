//! Webhooks' signatures: every secret and every public key that vouches for a delivery is used here.
//!
//! In reading order: [`WebhookSecrets`] are one subscription's live secrets, which check a delivery that came
//! in and sign one that goes out; [`PublicKey`] is what a provider publishes instead; `keep` seals secrets
//! and brings them back. Not here: what is signed, and how a provider writes it (`webhooks`). No function
//! gives a secret out, and none signs a text of the caller's choice but Standard Webhooks' own and a
//! challenge that cannot be mistaken for an event.

mod form;
mod keep;
mod public_key;

use std::fmt;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockgate_vocabulary::Secret;
use subtle::ConstantTimeEq as _;

pub use form::{Hash, KeyForm};
pub use public_key::{PublicKey, PublicKeyForm};

/// Characters of a challenge's token at the most.
pub const TOKEN_CHARACTERS: usize = 128;

/// The live secrets of one subscription, newest first. It prints nothing and gives nothing out.
#[derive(Default)]
pub struct WebhookSecrets {
    live: Vec<Live>,
}

struct Live {
    version: u32,
    secret: Secret,
}

impl WebhookSecrets {
    /// From each live secret and its version.
    pub fn new(secrets: impl IntoIterator<Item = (u32, Secret)>) -> Self {
        let mut live: Vec<Live> = secrets.into_iter().map(|(version, secret)| Live { version, secret }).collect();
        live.sort_by_key(|live| std::cmp::Reverse(live.version));
        Self { live }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// Whether every secret can be a key of this form.
    pub fn fit(&self, form: KeyForm) -> bool {
        self.live.iter().all(|live| form.fits(&live.secret))
    }

    /// Which version's MAC over the parts, one after the other, is one of the candidates.
    ///
    /// Every candidate is compared in constant time. A secret that is no key of this form matches nothing.
    pub fn matching<C: AsRef<[u8]>>(
        &self,
        hash: Hash,
        form: KeyForm,
        message: &[&[u8]],
        candidates: &[C],
    ) -> Option<u32> {
        let matches = |live: &&Live| {
            let Some(tag) = mac(&live.secret, hash, form, message) else { return false };
            let equal = |candidate: &C| bool::from(tag.as_ref().ct_eq(candidate.as_ref()));
            candidates.iter().any(equal)
        };
        self.live.iter().find(matches).map(|live| live.version)
    }

    /// The answer to a challenge such as Zoom's: the token's HMAC-SHA256 under this version, in hex.
    ///
    /// INVARIANT: the token is `[A-Za-z0-9_-]{1,128}`, so that the answer is never the signature of an event;
    /// those begin with a version and a colon. Whoever asks has verified the challenge itself before.
    pub fn answer_challenge(&self, version: u32, token: &str) -> Option<String> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if token.is_empty() || token.len() > TOKEN_CHARACTERS || !token.bytes().all(plain) {
            return None;
        }
        let live = self.live.iter().find(|live| live.version == version)?;
        let tag = mac(&live.secret, Hash::Sha256, KeyForm::Text, &[token.as_bytes()])?;
        Some(form::hex(tag.as_ref()))
    }

    /// The `webhook-signature` of a delivery of ours by Standard Webhooks: one `v1,` for each live secret,
    /// newest first. Nothing where no secret is one of theirs.
    pub fn sign_standard(&self, id: &str, unix_seconds: i64, body: &[u8]) -> Option<String> {
        let sent = unix_seconds.to_string();
        let message = [id.as_bytes(), b".", sent.as_bytes(), b".", body];
        let sign = |live: &Live| {
            let tag = mac(&live.secret, Hash::Sha256, KeyForm::Whsec, &message)?;
            Some(format!("v1,{}", STANDARD.encode(tag.as_ref())))
        };
        let signatures: Vec<String> = self.live.iter().filter_map(sign).collect();
        (!signatures.is_empty()).then(|| signatures.join(" "))
    }
}

impl fmt::Debug for WebhookSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecrets")
    }
}

/// SHA-256 of the parts, one after the other.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    out
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    form::hex(bytes)
}

fn mac(secret: &Secret, hash: Hash, form: KeyForm, message: &[&[u8]]) -> Option<hmac::Tag> {
    let key = form.key(secret)?;
    let mut context = hmac::Context::with_key(&hmac::Key::new(hash.hmac(), &key));
    message.iter().for_each(|part| context.update(part));
    Some(context.sign())
}

#[cfg(test)]
mod tests;
