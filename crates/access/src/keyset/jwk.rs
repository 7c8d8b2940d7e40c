//! One JSON Web Key: whether it is public, sound, and for signatures (RFC 7517, RFC 7518, RFC 8037).

use crate::AccessRefusal;
use crate::jose::json::{Json, Object};
use crate::jose::{Algorithm, Algorithms, VerifyingKey, base64url};

/// Bits of an RSA modulus.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The smallest RSA exponent (FIPS 186-5 section A.1.1).
const LEAST_EXPONENT: u64 = 65_537;

/// Members that only a private key has.
const PRIVATE: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "oth"];

/// Refuses what no published set may contain.
pub fn demand_public(key: &Object) -> Result<(), AccessRefusal> {
    if key.text("kty") == Some("oct") || key.member("k").is_some() {
        return Err(AccessRefusal::KeysSymmetric);
    }
    if PRIVATE.iter().any(|member| key.member(member).is_some()) {
        return Err(AccessRefusal::KeysPrivate);
    }
    Ok(())
}

/// The key, or why it is left out.
pub fn read(key: &Object) -> Result<VerifyingKey, AccessRefusal> {
    demand_signature_use(key)?;
    let algorithm = match key.member("alg") {
        None => None,
        Some(Json::Text(name)) => Some(Algorithm::parse(name).ok_or(AccessRefusal::KeysAlgorithm)?),
        Some(_) => return Err(AccessRefusal::KeysMalformed),
    };
    match key.text("kty") {
        Some("RSA") => rsa(key, algorithm),
        Some("EC") => ec(key, algorithm),
        Some("OKP") => okp(key, algorithm),
        _ => Err(AccessRefusal::KeysUnsupported),
    }
}

fn demand_signature_use(key: &Object) -> Result<(), AccessRefusal> {
    match key.member("use") {
        None => {}
        Some(Json::Text(word)) if word == "sig" => {}
        Some(_) => return Err(AccessRefusal::KeysUse),
    }
    match key.member("key_ops") {
        None => Ok(()),
        Some(Json::List(operations)) if operations.iter().any(|operation| is_text(operation, "verify")) => Ok(()),
        Some(_) => Err(AccessRefusal::KeysUse),
    }
}

fn is_text(value: &Json, wanted: &str) -> bool {
    matches!(value, Json::Text(text) if text == wanted)
}

fn number(key: &Object, member: &str) -> Result<Vec<u8>, AccessRefusal> {
    let text = key.text(member).ok_or(AccessRefusal::KeysMalformed)?;
    base64url::decode(text.as_bytes()).ok_or(AccessRefusal::KeysMalformed)
}

fn rsa(key: &Object, algorithm: Option<Algorithm>) -> Result<VerifyingKey, AccessRefusal> {
    let (modulus, exponent) = (number(key, "n")?, number(key, "e")?);
    if modulus.first().is_none_or(|first| *first == 0) || exponent.first().is_none_or(|first| *first == 0) {
        return Err(AccessRefusal::KeysMalformed);
    }
    let leading = modulus.first().map_or(8, |first| first.leading_zeros() as usize);
    let bits = modulus.len() * 8 - leading;
    let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    let sound_exponent = exponent.len() <= 4 && odd(&exponent) && small(&exponent) >= LEAST_EXPONENT;
    if !RSA_BITS.contains(&bits) || !odd(&modulus) || !sound_exponent || has_roca(&modulus) {
        return Err(AccessRefusal::KeysWeak);
    }
    // A key that names no algorithm is for the one that everybody means by it, and for no other.
    let algorithm = algorithm.unwrap_or(Algorithm::Rs256);
    VerifyingKey::rsa(algorithm, &modulus, &exponent).map_err(|_| AccessRefusal::KeysAlgorithm)
}

fn small(number: &[u8]) -> u64 {
    number.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte))
}

fn ec(key: &Object, algorithm: Option<Algorithm>) -> Result<VerifyingKey, AccessRefusal> {
    let (own, length) = match key.text("crv") {
        Some("P-256") => (Algorithm::Es256, 32),
        Some("P-384") => (Algorithm::Es384, 48),
        Some("P-521") => (Algorithm::Es512, 66),
        _ => return Err(AccessRefusal::KeysUnsupported),
    };
    if algorithm.is_some_and(|named| named != own) {
        return Err(AccessRefusal::KeysAlgorithm);
    }
    let (x, y) = (number(key, "x")?, number(key, "y")?);
    if x.len() != length || y.len() != length {
        return Err(AccessRefusal::KeysPoint);
    }
    VerifyingKey::ec(own, &x, &y).map_err(|_| AccessRefusal::KeysPoint)
}

fn okp(key: &Object, algorithm: Option<Algorithm>) -> Result<VerifyingKey, AccessRefusal> {
    if key.text("crv") != Some("Ed25519") {
        return Err(AccessRefusal::KeysUnsupported);
    }
    let algorithms = match algorithm {
        None => Algorithms::of(&[Algorithm::EdDsa, Algorithm::Ed25519]),
        Some(named @ (Algorithm::EdDsa | Algorithm::Ed25519)) => Algorithms::of(&[named]),
        Some(_) => return Err(AccessRefusal::KeysAlgorithm),
    };
    let x = number(key, "x")?;
    if x.len() != 32 || is_small_order(&x) {
        return Err(AccessRefusal::KeysPoint);
    }
    VerifyingKey::ed25519(algorithms, &x).map_err(|_| AccessRefusal::KeysPoint)
}

/// The `y` coordinates, little-endian, of the points of small order of edwards25519, and their spellings
/// that are not reduced. Under such a key one signature fits every message.
const SMALL_ORDER: [[u8; 32]; 7] = {
    const P: [u8; 32] = edge(0xed);
    [
        whole(0),
        whole(1),
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
            0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
            0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ],
        edge(0xec),
        P,
        edge(0xee),
    ]
};

const fn whole(first: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    let [low, ..] = &mut bytes;
    *low = first;
    bytes
}

/// A number next to 2^255 - 19.
const fn edge(first: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    let [low, .., high] = &mut bytes;
    *low = first;
    *high = 0x7f;
    bytes
}

/// Whether an Ed25519 public key of 32 bytes is a point of small order. No key of another length is.
pub fn is_small_order(x: &[u8]) -> bool {
    let Ok(mut unsigned) = <[u8; 32]>::try_from(x) else { return false };
    // The top bit is the sign of the other coordinate; both signs are of small order.
    let [.., high] = &mut unsigned;
    *high &= 0x7f;
    SMALL_ORDER.contains(&unsigned)
}

/// Whether the modulus has the fingerprint of CVE-2017-15361 (ROCA): modulo each of these primes it is a
/// power of 65537. A sound modulus has it with a chance of about 2^-27.
fn has_roca(modulus: &[u8]) -> bool {
    const PRIMES: [u32; 17] = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];
    PRIMES.iter().all(|prime| {
        let remainder = modulus.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
        let powers = std::iter::successors(Some(1), |power| Some(power * 65_537 % prime));
        powers.take(*prime as usize).any(|power| power == remainder)
    })
}
