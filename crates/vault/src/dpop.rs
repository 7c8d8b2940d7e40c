//! Proof of possession (DPoP, RFC 9449): a key of the gateway's, to which a vendor binds an access token, so that
//! whoever else comes by the token can do nothing with it. Each request shows that it is sent by whoever has the key.

use std::fmt;
use std::sync::{PoisonError, RwLock};

use aws_lc_rs::digest;
use http::header::{HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, Uri};
use lockgate_access::jose::{Algorithm, Signer, base64url};
use lockgate_vocabulary::{Entropy, Fault, Secret, Timestamp};
use serde_json::json;

use crate::client::chance;

/// The field that a proof stands in (RFC 9449 section 4.1).
pub const DPOP: HeaderName = HeaderName::from_static("dpop");

/// The field in which a server says what the next proof has to contain (RFC 9449 section 8).
const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// Bytes of a nonce; vendors send some dozens.
const NONCE_BYTES: usize = 512;

/// What a server wants to see in the next proof, as it said last.
#[derive(Default)]
pub(crate) struct Nonce(RwLock<Option<HeaderValue>>);

impl Nonce {
    pub(crate) fn wanted(&self) -> Option<HeaderValue> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn hear(&self, nonce: HeaderValue) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(nonce);
    }
}

/// A proof of possession, and the nonce that it shows.
pub(crate) struct DpopProof {
    pub(crate) value: HeaderValue,
    pub(crate) nonce: Option<HeaderValue>,
}

/// What an answer says of the proof that its request had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofVerdict {
    /// Nothing.
    Unquestioned,
    /// It lacked a nonce, which is known now, so that the request is worth sending again: it did nothing.
    NonceMissing,
    /// It wants a nonce and says none that it was not shown, or none that can be sent.
    NonceRefused,
}

/// A key to which tokens are bound: of P-256, which every vendor that knows DPoP takes.
pub(crate) struct DpopKey {
    signer: Signer,
    private: Secret,
}

/// What a proof claims: what it is for, and of what time.
pub(crate) struct ProofClaims<'a> {
    pub(crate) method: &'a Method,
    pub(crate) target: String,
    /// The access token that it goes with; none at a token endpoint.
    pub(crate) token: Option<&'a [u8]>,
    /// What the server wants to see in it.
    pub(crate) nonce: Option<&'a HeaderValue>,
    pub(crate) now: Timestamp,
}

impl DpopKey {
    pub(crate) fn generate(entropy: &dyn Entropy) -> Result<Self, Fault> {
        let (signer, private) = Signer::generate(Algorithm::Es256, entropy)?;
        Ok(Self { signer, private })
    }

    /// The key with this private half.
    pub(crate) fn restore(private: &[u8]) -> Result<Self, Fault> {
        let signer = Signer::restore(Algorithm::Es256, private).map_err(|_| Fault::violated("a kept key is sound"))?;
        Ok(Self { signer, private: Secret::new(private.to_vec()) })
    }

    /// Its private half, to be sealed.
    pub(crate) const fn private(&self) -> &Secret {
        &self.private
    }

    /// The proof for one request (RFC 9449 section 4.2).
    pub(crate) fn proof(&self, claimed: &ProofClaims<'_>, entropy: &dyn Entropy) -> Result<HeaderValue, Fault> {
        let header = json!({ "typ": "dpop+jwt", "jwk": self.signer.public() });
        let mut claims = json!({
            "jti": chance(entropy), "htm": claimed.method.as_str(), "htu": claimed.target, "iat": claimed.now.as_secs(),
        });
        if let Some(members) = claims.as_object_mut() {
            if let Some(token) = claimed.token {
                let hashed = digest::digest(&digest::SHA256, token);
                members.insert("ath".into(), base64url::encode(hashed.as_ref()).into());
            }
            if let Some(nonce) = claimed.nonce.and_then(|nonce| nonce.to_str().ok()) {
                members.insert("nonce".into(), nonce.into());
            }
        }
        let proof = self.signer.sign(header, &claims)?;
        let mut value = HeaderValue::from_str(&proof).map_err(|_| Fault::violated("a JWT is visible ASCII"))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for DpopKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DpopKey")
    }
}

/// What a proof says that it is for: the target without query and fragment, in its usual spelling (RFC 9449 section
/// 4.3, RFC 3986 section 6.2.3), since some servers compare it as it is.
pub(crate) fn target_of(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or("https").to_ascii_lowercase();
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    let usual = if scheme == "http" { 80 } else { 443 };
    let path = if uri.path().is_empty() { "/" } else { uri.path() };
    match uri.port_u16().filter(|port| *port != usual) {
        Some(port) => format!("{scheme}://{host}:{port}{path}"),
        None => format!("{scheme}://{host}{path}"),
    }
}

/// What the next proof for a server has to contain, as its answer says.
pub fn dpop_nonce(headers: &HeaderMap) -> Option<HeaderValue> {
    // RFC 9449 section 8.1: visible ASCII without `"` and `\`.
    let sound = |byte: &u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    let nonce = headers.get(NONCE)?;
    let fits = (1..=NONCE_BYTES).contains(&nonce.len()) && nonce.as_bytes().iter().all(sound);
    fits.then(|| nonce.clone())
}

/// Whether a 401 says that the request lacked a nonce, and nothing else (RFC 9449 section 9).
pub(crate) fn wants_nonce(headers: &HeaderMap) -> bool {
    let said =
        |value: &HeaderValue| value.as_bytes().windows(b"use_dpop_nonce".len()).any(|at| at == b"use_dpop_nonce");
    headers.get_all(WWW_AUTHENTICATE).iter().any(said)
}

#[cfg(test)]
mod tests;
