//! Signs whatever a test wants signed, sound or not.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use crate::jose::base64url;
use crate::keyset::KeySet;

/// An issuer's key of a test's own.
pub(crate) struct Mint {
    pair: Ed25519KeyPair,
    kid: &'static str,
}

impl Mint {
    pub(crate) fn new(kid: &'static str, seed: u8) -> Self {
        Self { pair: Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("a seed"), kid }
    }

    pub(crate) fn jwk(&self) -> Value {
        let x = base64url::encode(self.pair.public_key().as_ref());
        json!({"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "use": "sig", "alg": "EdDSA", "x": x})
    }

    pub(crate) fn jwks(&self) -> String {
        json!({ "keys": [self.jwk()] }).to_string()
    }

    pub(crate) fn keys(&self) -> KeySet {
        KeySet::parse(self.jwks().as_bytes()).expect("a sound set")
    }

    /// The usual header of an access token.
    pub(crate) fn header(&self) -> Value {
        json!({"alg": "EdDSA", "kid": self.kid, "typ": "at+jwt"})
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        self.sign(&self.header().to_string(), &claims.to_string())
    }

    /// Signs exactly these texts.
    pub(crate) fn sign(&self, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", base64url::encode(header.as_bytes()), base64url::encode(payload.as_bytes()));
        let signature = self.pair.sign(signed.as_bytes());
        format!("{signed}.{}", base64url::encode(signature.as_ref()))
    }
}
