//! One key that signs our own tokens: made, sealed, brought back, published.

use std::fmt;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use aws_lc_rs::{agreement, rand};
use lockgate_vocabulary::{Entropy, Fault, Secret};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::jose::{Algorithm, base64url};
use crate::keyset::thumbprint;

/// What our own tokens are signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SigningAlgorithm {
    /// Ed25519, under the name that most libraries know (RFC 8037).
    #[default]
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// ECDSA on P-256, for readers that know no other curve.
    #[serde(rename = "ES256")]
    Es256,
}

impl SigningAlgorithm {
    /// Its name in headers and rows.
    pub const fn as_str(self) -> &'static str {
        self.algorithm().as_str()
    }

    pub(crate) const fn algorithm(self) -> Algorithm {
        match self {
            Self::EdDsa => Algorithm::EdDsa,
            Self::Es256 => Algorithm::Es256,
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::EdDsa, Self::Es256].into_iter().find(|known| known.as_str() == name)
    }
}

/// A key that signs.
pub(crate) struct SigningKey {
    kid: String,
    algorithm: SigningAlgorithm,
    public: Value,
    pair: Pair,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

impl SigningKey {
    /// A new key, and its private half to be sealed.
    pub(crate) fn generate(algorithm: SigningAlgorithm, entropy: &dyn Entropy) -> Result<(Self, Secret), Fault> {
        // A P-256 scalar must lie below the curve's order; 32 random bytes do not with a chance of 2^-32.
        for _ in 0..4 {
            let mut private = Zeroizing::new([0; 32]);
            entropy.fill(&mut *private);
            if let Ok(key) = Self::restore(algorithm, &*private) {
                return Ok((key, Secret::new(private.to_vec())));
            }
        }
        Err(Fault::violated("random bytes make a signing key"))
    }

    /// The key with this private half.
    pub(crate) fn restore(algorithm: SigningAlgorithm, private: &[u8]) -> Result<Self, Fault> {
        let broken = || Fault::violated("a signing key's private half is sound");
        let (pair, mut public, canonical) = match algorithm {
            SigningAlgorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_seed_unchecked(private).map_err(|_| broken())?;
                let x = base64url::encode(pair.public_key().as_ref());
                let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
                (Pair::Ed25519(pair), json!({"kty": "OKP", "crv": "Ed25519", "x": x}), canonical)
            }
            SigningAlgorithm::Es256 => {
                let (pair, x, y) = p256(private).ok_or_else(broken)?;
                let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
                (Pair::P256(pair), json!({"kty": "EC", "crv": "P-256", "x": x, "y": y}), canonical)
            }
        };
        let kid = thumbprint(&canonical);
        if let Some(members) = public.as_object_mut() {
            members.insert("kid".into(), kid.as_str().into());
            members.insert("use".into(), "sig".into());
            members.insert("alg".into(), algorithm.as_str().into());
        }
        Ok(Self { kid, algorithm, public, pair })
    }

    /// The key's name: its thumbprint (RFC 7638).
    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    pub(crate) const fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// Its public half as a JWK.
    pub(crate) const fn public(&self) -> &Value {
        &self.public
    }

    /// Signs these claims as an access token (RFC 9068).
    pub(crate) fn sign(&self, claims: &Value) -> Result<String, Fault> {
        let header = json!({"alg": self.algorithm.as_str(), "kid": self.kid, "typ": "at+jwt"}).to_string();
        let claims = claims.to_string();
        let mut token = format!("{}.{}", base64url::encode(header.as_bytes()), base64url::encode(claims.as_bytes()));
        let signature = match &self.pair {
            Pair::Ed25519(pair) => pair.try_sign(token.as_bytes()),
            Pair::P256(pair) => pair.sign(&rand::SystemRandom::new(), token.as_bytes()),
        };
        let signature = signature.map_err(|_| Fault::violated("a signing key signs"))?;
        token.push('.');
        token.push_str(&base64url::encode(signature.as_ref()));
        Ok(token)
    }
}

fn p256(private: &[u8]) -> Option<(EcdsaKeyPair, String, String)> {
    let scalar = agreement::PrivateKey::from_private_key(&agreement::ECDH_P256, private).ok()?;
    let point = scalar.compute_public_key().ok()?;
    let pair = EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, private, point.as_ref());
    let (x, y) = (point.as_ref().get(1..33)?, point.as_ref().get(33..65)?);
    Some((pair.ok()?, base64url::encode(x), base64url::encode(y)))
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {})", self.algorithm.as_str(), self.kid)
    }
}

#[cfg(test)]
mod tests;
