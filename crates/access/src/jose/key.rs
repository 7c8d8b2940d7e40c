//! One key that verifies signatures, parsed once.
//!
//! Here: which algorithm a key is for, and the call into aws-lc. Not here: which keys are sound enough
//! to become one (`keyset::jwk`), and which key a token may choose.

use std::fmt;

use aws_lc_rs::signature::{
    self, EcdsaVerificationAlgorithm, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};
use aws_lc_rs::{error, hmac};

use super::algorithm::{Algorithm, Algorithms};

/// A key that verifies.
pub struct VerifyingKey {
    algorithms: Algorithms,
    material: Material,
}

enum Material {
    Public(ParsedPublicKey),
    Shared(Box<hmac::Key>),
}

/// The key's bytes are no key of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRejected;

impl VerifyingKey {
    /// An RSA key for one algorithm; numbers are big-endian without leading zeros.
    pub fn rsa(algorithm: Algorithm, modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyRejected> {
        let parameters = rsa_parameters(algorithm).ok_or(KeyRejected)?;
        let components = RsaPublicKeyComponents { n: modulus, e: exponent };
        let key = components.to_parsed_public_key(parameters).map_err(|_| KeyRejected)?;
        Ok(Self { algorithms: Algorithms::of(&[algorithm]), material: Material::Public(key) })
    }

    /// An elliptic-curve key: both coordinates in full length. A point off the curve is refused.
    pub fn ec(algorithm: Algorithm, x: &[u8], y: &[u8]) -> Result<Self, KeyRejected> {
        let parameters = ec_parameters(algorithm).ok_or(KeyRejected)?;
        let point = [&[4], x, y].concat();
        let key = ParsedPublicKey::new(parameters, point).map_err(|_| KeyRejected)?;
        Ok(Self { algorithms: Algorithms::of(&[algorithm]), material: Material::Public(key) })
    }

    /// An Ed25519 key, under one of its names or under both.
    pub fn ed25519(algorithms: Algorithms, x: &[u8]) -> Result<Self, KeyRejected> {
        let parameters: &'static dyn VerificationAlgorithm = &signature::ED25519;
        let key = ParsedPublicKey::new(parameters, x).map_err(|_| KeyRejected)?;
        Ok(Self { algorithms, material: Material::Public(key) })
    }

    /// A shared secret, at least as long as the digest (RFC 7518 section 3.2).
    pub fn shared(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyRejected> {
        let (parameters, least) = match algorithm {
            Algorithm::Hs256 => (hmac::HMAC_SHA256, 32),
            Algorithm::Hs384 => (hmac::HMAC_SHA384, 48),
            Algorithm::Hs512 => (hmac::HMAC_SHA512, 64),
            _ => return Err(KeyRejected),
        };
        if secret.len() < least {
            return Err(KeyRejected);
        }
        let key = hmac::Key::new(parameters, secret);
        Ok(Self { algorithms: Algorithms::of(&[algorithm]), material: Material::Shared(Box::new(key)) })
    }

    /// The algorithms that it is for.
    pub const fn algorithms(&self) -> Algorithms {
        self.algorithms
    }

    /// Whether the signature is by this key over these bytes.
    pub fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        let verified: Result<(), error::Unspecified> = match &self.material {
            Material::Public(key) => key.verify_sig(signed, signature),
            Material::Shared(key) => hmac::verify(key, signed, signature),
        };
        verified.is_ok()
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({:?})", self.algorithms)
    }
}

fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
        Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        _ => return None,
    })
}

fn ec_parameters(algorithm: Algorithm) -> Option<&'static EcdsaVerificationAlgorithm> {
    Some(match algorithm {
        Algorithm::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
        Algorithm::Es384 => &signature::ECDSA_P384_SHA384_FIXED,
        Algorithm::Es512 => &signature::ECDSA_P521_SHA512_FIXED,
        _ => return None,
    })
}
