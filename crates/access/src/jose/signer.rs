//! One private key that signs, parsed once, and its public half as a JWK.
//!
//! Here: how a private key is written (PKCS#8, PKCS#1, SEC 1, JWK) and the call into aws-lc. Not here: what is signed.
//! Keys of RSA have 2,048 to 4,096 bits; of curves there are P-256, P-384, P-521 and Ed25519.

mod der;

use std::fmt;
use std::ops::RangeInclusive;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RsaEncoding, RsaKeyPair,
};
use aws_lc_rs::{agreement, rand};
use lockgate_vocabulary::{Entropy, Fault, Secret};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::base64url;
use super::key::KeyRejected;
use crate::keyset::thumbprint;

/// Bits of an RSA key: fewer are weak, and more take long to sign with.
const RSA_BITS: RangeInclusive<usize> = 2048..=4096;

/// A key that signs.
pub struct Signer {
    algorithm: Algorithm,
    /// What it was named where it was written, or else its thumbprint (RFC 7638).
    kid: String,
    public: Value,
    pair: Pair,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    Ec(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding),
}

/// How the bytes of a private key are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrivateForm {
    /// RFC 5208: any kind of key.
    Pkcs8,
    /// RFC 8017 appendix A.1.2: RSA alone.
    Pkcs1,
    /// RFC 5915: elliptic curves alone.
    Sec1,
}

/// The curves of ECDSA, with the name that each has in a JWK and the length of a coordinate.
const CURVES: [(Algorithm, &EcdsaSigningAlgorithm, &str, usize); 3] = [
    (Algorithm::Es256, &signature::ECDSA_P256_SHA256_FIXED_SIGNING, "P-256", 32),
    (Algorithm::Es384, &signature::ECDSA_P384_SHA384_FIXED_SIGNING, "P-384", 48),
    (Algorithm::Es512, &signature::ECDSA_P521_SHA512_FIXED_SIGNING, "P-521", 66),
];

/// A private key as a JWK (RFC 7517, RFC 7518 section 6, RFC 8037). Whatever else stands in it is not looked at.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    crv: Option<String>,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Secret,
    p: Option<Secret>,
    q: Option<Secret>,
    dp: Option<Secret>,
    dq: Option<Secret>,
    qi: Option<Secret>,
}

impl Signer {
    /// A new key for ES256 or EdDSA, and its private half.
    pub fn generate(algorithm: Algorithm, entropy: &dyn Entropy) -> Result<(Self, Secret), Fault> {
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

    /// The key for ES256 or EdDSA with this private half.
    pub fn restore(algorithm: Algorithm, private: &[u8]) -> Result<Self, KeyRejected> {
        match algorithm {
            Algorithm::Es256 => Self::p256(private),
            Algorithm::EdDsa => Self::ed25519(private),
            _ => Err(KeyRejected),
        }
    }

    /// The Ed25519 key with this seed.
    fn ed25519(seed: &[u8]) -> Result<Self, KeyRejected> {
        Self::of_ed25519(Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyRejected)?)
    }

    /// The key on P-256 with this scalar.
    fn p256(scalar: &[u8]) -> Result<Self, KeyRejected> {
        let private =
            agreement::PrivateKey::from_private_key(&agreement::ECDH_P256, scalar).map_err(|_| KeyRejected)?;
        let point = private.compute_public_key().map_err(|_| KeyRejected)?;
        Self::of_point(Algorithm::Es256, scalar, point.as_ref())
    }

    /// The key that is written so. Keys of RSA sign with `rsa`; what other keys sign with is theirs.
    pub fn of_der(form: PrivateForm, der: &[u8], rsa: Algorithm) -> Result<Self, KeyRejected> {
        let rsa = |read: fn(&[u8]) -> Result<RsaKeyPair, _>| Self::of_rsa(rsa, read(der));
        let curve = |read: &dyn Fn(&'static EcdsaSigningAlgorithm) -> Option<EcdsaKeyPair>| {
            let mut known = CURVES.iter().filter_map(|(algorithm, curve, ..)| Some((*algorithm, read(curve)?)));
            known.next().ok_or(KeyRejected).and_then(|(algorithm, pair)| Self::of_ec(algorithm, pair))
        };
        match form {
            PrivateForm::Pkcs1 => rsa(RsaKeyPair::from_der),
            PrivateForm::Sec1 => curve(&|curve| EcdsaKeyPair::from_private_key_der(curve, der).ok()),
            PrivateForm::Pkcs8 => curve(&|curve| EcdsaKeyPair::from_pkcs8(curve, der).ok())
                .or_else(|_| {
                    Self::of_ed25519(Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| KeyRejected)?)
                })
                .or_else(|_| rsa(RsaKeyPair::from_pkcs8)),
        }
    }

    /// The key that this JWK is. Its `alg`, where it has one, says how it signs, and its `kid` what it is called.
    pub fn of_jwk(jwk: &[u8]) -> Result<Self, KeyRejected> {
        let jwk: Jwk = serde_json::from_slice(jwk).map_err(|_| KeyRejected)?;
        let mut signer = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("OKP", Some("Ed25519")) => {
                let signer = Self::ed25519(&number(Some(&jwk.d))?)?;
                // It has two names, and a vendor may know but one (RFC 9864).
                let newer = jwk.alg.as_deref() == Some(Algorithm::Ed25519.as_str());
                Self { algorithm: if newer { Algorithm::Ed25519 } else { signer.algorithm }, ..signer }
            }
            ("EC", Some(curve)) => {
                let (algorithm, ..) = CURVES.iter().find(|(_, _, name, _)| *name == curve).ok_or(KeyRejected)?;
                let (x, y) = (public(jwk.x.as_deref())?, public(jwk.y.as_deref())?);
                Self::of_point(*algorithm, &number(Some(&jwk.d))?, &[&[4], x.as_slice(), &y].concat())?
            }
            ("RSA", None) => {
                let private = [&jwk.p, &jwk.q, &jwk.dp, &jwk.dq, &jwk.qi];
                let private: Vec<_> =
                    private.into_iter().map(|part| number(part.as_ref())).collect::<Result<_, _>>()?;
                let (n, e, d) = (public(jwk.n.as_deref())?, public(jwk.e.as_deref())?, number(Some(&jwk.d))?);
                let mut numbers = vec![n.as_slice(), &e, &d];
                numbers.extend(private.iter().map(|part| part.as_slice()));
                let algorithm = jwk.alg.as_deref().map_or(Some(Algorithm::Rs256), Algorithm::parse);
                Self::of_rsa(algorithm.ok_or(KeyRejected)?, RsaKeyPair::from_der(&der::rsa_private(&numbers)))?
            }
            _ => return Err(KeyRejected),
        };
        // The public half that stands beside a private one must be its own.
        let same =
            |name: &str, told: Option<&str>| told.is_none_or(|told| signer.public.get(name) == Some(&told.into()));
        let named = jwk.kid.as_deref().is_none_or(is_name);
        let meant = jwk.alg.as_deref().is_none_or(|alg| alg == signer.algorithm.as_str());
        let signs = jwk.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
        if !(named && meant && signs && same("x", jwk.x.as_deref()) && same("y", jwk.y.as_deref())) {
            return Err(KeyRejected);
        }
        if let Some(kid) = jwk.kid {
            signer.kid = kid;
        }
        Ok(signer)
    }

    fn of_ed25519(pair: Ed25519KeyPair) -> Result<Self, KeyRejected> {
        let x = base64url::encode(pair.public_key().as_ref());
        let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        let public = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
        Ok(Self::made(Algorithm::EdDsa, &canonical, public, Pair::Ed25519(pair)))
    }

    fn of_point(algorithm: Algorithm, scalar: &[u8], point: &[u8]) -> Result<Self, KeyRejected> {
        let (_, curve, ..) = CURVES.iter().find(|(known, ..)| *known == algorithm).ok_or(KeyRejected)?;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(curve, scalar, point);
        Self::of_ec(algorithm, pair.map_err(|_| KeyRejected)?)
    }

    fn of_ec(algorithm: Algorithm, pair: EcdsaKeyPair) -> Result<Self, KeyRejected> {
        let (_, _, name, length) = CURVES.iter().find(|(known, ..)| *known == algorithm).ok_or(KeyRejected)?;
        let (x, y) =
            pair.public_key().as_ref().get(1..).and_then(|at| at.split_at_checked(*length)).ok_or(KeyRejected)?;
        let (x, y) = (base64url::encode(x), base64url::encode(y));
        let canonical = format!(r#"{{"crv":"{name}","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let public = json!({"kty": "EC", "crv": name, "x": x, "y": y});
        Ok(Self::made(algorithm, &canonical, public, Pair::Ec(pair)))
    }

    fn of_rsa<E>(algorithm: Algorithm, pair: Result<RsaKeyPair, E>) -> Result<Self, KeyRejected> {
        let pair = pair.map_err(|_| KeyRejected)?;
        let padding: &'static dyn RsaEncoding = match algorithm {
            Algorithm::Rs256 => &signature::RSA_PKCS1_SHA256,
            Algorithm::Rs384 => &signature::RSA_PKCS1_SHA384,
            Algorithm::Rs512 => &signature::RSA_PKCS1_SHA512,
            Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
            Algorithm::Ps384 => &signature::RSA_PSS_SHA384,
            Algorithm::Ps512 => &signature::RSA_PSS_SHA512,
            _ => return Err(KeyRejected),
        };
        if !RSA_BITS.contains(&(pair.public_modulus_len() * 8)) {
            return Err(KeyRejected);
        }
        let (n, e) = der::rsa_public(pair.public_key().as_ref()).ok_or(KeyRejected)?;
        let (n, e) = (base64url::encode(n), base64url::encode(e));
        let canonical = format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#);
        let public = json!({"kty": "RSA", "n": n, "e": e});
        Ok(Self::made(algorithm, &canonical, public, Pair::Rsa(Box::new(pair), padding)))
    }

    fn made(algorithm: Algorithm, canonical: &str, public: Value, pair: Pair) -> Self {
        Self { algorithm, kid: thumbprint(canonical), public, pair }
    }

    /// How it signs.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// What it is called: by the name that it was given, or else by its thumbprint (RFC 7638), by SHA-256.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Its public half as a JWK, of nothing but what makes the key.
    pub const fn public(&self) -> &Value {
        &self.public
    }

    /// Whether this is its public half (`SubjectPublicKeyInfo`, RFC 5280 section 4.1.2.7).
    pub fn is_of(&self, spki: &[u8]) -> bool {
        let own: Result<PublicKeyX509Der<'_>, _> = match &self.pair {
            Pair::Ed25519(pair) => pair.public_key().as_der(),
            Pair::Ec(pair) => pair.public_key().as_der(),
            Pair::Rsa(pair, _) => pair.public_key().as_der(),
        };
        own.is_ok_and(|own| own.as_ref() == spki)
    }

    /// Signs these claims (RFC 7515 section 3.1). `header` has what is beside `alg`, which is the key's.
    pub fn sign(&self, mut header: Value, claims: &Value) -> Result<String, Fault> {
        if let Some(members) = header.as_object_mut() {
            members.insert("alg".into(), self.algorithm.as_str().into());
        }
        let (header, claims) = (header.to_string(), claims.to_string());
        let mut token = format!("{}.{}", base64url::encode(header.as_bytes()), base64url::encode(claims.as_bytes()));
        let (rng, signed) = (rand::SystemRandom::new(), token.as_bytes());
        let signature = match &self.pair {
            Pair::Ed25519(pair) => pair.try_sign(signed).map(|signature| base64url::encode(signature.as_ref())),
            Pair::Ec(pair) => pair.sign(&rng, signed).map(|signature| base64url::encode(signature.as_ref())),
            Pair::Rsa(pair, padding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*padding, &rng, signed, &mut signature).map(|()| base64url::encode(&signature))
            }
        };
        token.push('.');
        token.push_str(&signature.map_err(|_| Fault::violated("a signing key signs"))?);
        Ok(token)
    }
}

/// A number that nobody may see.
fn number(text: Option<&Secret>) -> Result<Zeroizing<Vec<u8>>, KeyRejected> {
    text.and_then(|text| base64url::decode(text.expose())).map(Zeroizing::new).ok_or(KeyRejected)
}

fn public(text: Option<&str>) -> Result<Vec<u8>, KeyRejected> {
    text.and_then(|text| base64url::decode(text.as_bytes())).ok_or(KeyRejected)
}

/// Whether a text can be a key's name in a header.
fn is_name(text: &str) -> bool {
    (1..=super::KID_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({} {})", self.algorithm.as_str(), self.kid())
    }
}

#[cfg(test)]
mod tests;
