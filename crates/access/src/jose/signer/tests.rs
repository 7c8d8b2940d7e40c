//! Keys that sign: as they are written in the field, and what is no key.

use aws_lc_rs::encoding::{AsBigEndian as _, AsDer as _, EcPrivateKeyBin, EcPrivateKeyRfc5915Der, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair as _,
};
use serde_json::{Value, json};

use super::{PrivateForm, Signer};
use crate::jose::{Algorithm, base64url};
use crate::keyset::KeySet;

fn written(bytes: &[u8]) -> Value {
    base64url::encode(bytes).into()
}

/// A key of each kind as a JWK: that of RFC 8037 appendix A.1, and new ones.
fn examples() -> Value {
    let rsa = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let whole: Pkcs8V1Der<'_> = rsa.as_der().expect("DER");
    // `RSAPrivateKey` is the last of what PKCS#8 has, and its numbers stand behind its version.
    let at = whole.as_ref().windows(4).rposition(|at| at[..2] == [0x30, 0x82] && at[2] >= 4).expect("a sequence");
    let (numbers, _) = super::der::element(0x30, &whole.as_ref()[at..]).expect("numbers");
    let (_, mut rest) = super::der::element(0x02, numbers).expect("a version");
    let mut key = json!({"kty": "RSA", "kid": "its own name", "use": "sig"});
    for member in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        let (number, more) = super::der::element(0x02, rest).expect(member);
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        key[member] = written(&number[zeros..]);
        rest = more;
    }
    let p521 = EcdsaKeyPair::generate(&ECDSA_P521_SHA512_FIXED_SIGNING).expect("a key");
    let scalar: EcPrivateKeyBin<'_> = p521.private_key().as_be_bytes().expect("a scalar");
    let point = p521.public_key().as_ref();
    json!({
        "rsa": key,
        "p521": {
            "kty": "EC", "crv": "P-521", "kid": "bilbo", "d": written(scalar.as_ref()), "x": written(&point[1..67]),
            "y": written(&point[67..]),
        },
        "ed25519": {
            "kty": "OKP", "crv": "Ed25519", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        },
    })
}

/// What the key signs is verified by its public half as others read it.
fn is_verified(signer: &Signer) {
    let mut public = signer.public().clone();
    public["kid"] = signer.kid().into();
    public["alg"] = signer.algorithm().as_str().into();
    public["use"] = "sig".into();
    let set = KeySet::parse(json!({ "keys": [public] }).to_string().as_bytes()).expect("a set");
    let token = signer.sign(json!({"kid": signer.kid()}), &json!({"a": 1})).expect("signs");
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let signature = base64url::decode(signature.as_bytes()).expect("base64url");
    assert!(set.find(signer.kid()).expect("the key").verifies(signed.as_bytes(), &signature), "{signer:?}");
    assert!(!set.find(signer.kid()).expect("the key").verifies(b"another text", &signature));
}

#[test]
fn keys_of_the_standards_sign() {
    let all = examples();
    for (name, algorithm) in [("rsa", "RS256"), ("p521", "ES512"), ("ed25519", "EdDSA")] {
        let signer = Signer::of_jwk(all[name].to_string().as_bytes()).expect(name);
        assert_eq!(signer.algorithm().as_str(), algorithm);
        is_verified(&signer);
        assert_eq!(signer.kid(), all[name]["kid"].as_str().unwrap_or(signer.kid()), "its own name, or none");
        for private in ["d", "p", "q"] {
            let shown = format!("{signer:?}{}", signer.public());
            assert!(all[name][private].as_str().is_none_or(|value| !shown.contains(value)));
        }
    }
    // RFC 8037 appendix A.3.
    let signer = Signer::of_jwk(all["ed25519"].to_string().as_bytes()).expect("a key");
    assert_eq!(signer.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn a_jwk_says_how_it_signs() {
    let mut key = examples()["rsa"].clone();
    for algorithm in ["RS384", "RS512", "PS256", "PS384", "PS512"] {
        key["alg"] = algorithm.into();
        let signer = Signer::of_jwk(key.to_string().as_bytes()).expect(algorithm);
        assert_eq!(signer.algorithm().as_str(), algorithm);
        is_verified(&signer);
    }
    let mut key = examples()["ed25519"].clone();
    key["alg"] = "Ed25519".into();
    let signer = Signer::of_jwk(key.to_string().as_bytes()).expect("a key");
    assert_eq!(signer.algorithm().as_str(), "Ed25519");
    is_verified(&signer);
}

#[test]
fn keys_are_read_as_openssl_writes_them() {
    let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect("a key");
    let ed25519 = Ed25519KeyPair::generate().expect("a key");
    let rsa = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let rsa: Pkcs8V1Der<'_> = rsa.as_der().expect("DER");
    let each = [
        (p256.to_pkcs8v1().expect("DER").as_ref().to_vec(), "ES256"),
        (p384.to_pkcs8v1().expect("DER").as_ref().to_vec(), "ES384"),
        (ed25519.to_pkcs8().expect("DER").as_ref().to_vec(), "EdDSA"),
        (ed25519.to_pkcs8v1().expect("DER").as_ref().to_vec(), "EdDSA"),
        (rsa.as_ref().to_vec(), "PS256"),
    ];
    let read = |form, der: &[u8]| Signer::of_der(form, der, Algorithm::Ps256);
    for (der, algorithm) in each {
        let signer = read(PrivateForm::Pkcs8, &der).expect(algorithm);
        assert_eq!(signer.algorithm().as_str(), algorithm);
        assert_eq!(signer.kid().len(), 43, "its thumbprint");
        is_verified(&signer);
        assert!(read(PrivateForm::Pkcs8, &der[1..]).is_err());
        assert!(read(PrivateForm::Pkcs8, &[]).is_err());
        assert!(read(PrivateForm::Sec1, b"no key").is_err());
    }
}

#[test]
fn older_forms_are_read_as_well() {
    let rsa = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let whole: Pkcs8V1Der<'_> = rsa.as_der().expect("DER");
    let at = whole.as_ref().windows(4).rposition(|at| at[..2] == [0x30, 0x82] && at[2] >= 4).expect("a sequence");
    let signer = Signer::of_der(PrivateForm::Pkcs1, &whole.as_ref()[at..], Algorithm::Rs256).expect("PKCS#1");
    assert_eq!(signer.algorithm().as_str(), "RS256");
    is_verified(&signer);
    let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let sec1: EcPrivateKeyRfc5915Der<'_> = p256.private_key().as_der().expect("DER");
    let signer = Signer::of_der(PrivateForm::Sec1, sec1.as_ref(), Algorithm::Rs256).expect("SEC 1");
    assert_eq!(signer.algorithm().as_str(), "ES256");
    is_verified(&signer);
    assert!(Signer::of_der(PrivateForm::Pkcs1, sec1.as_ref(), Algorithm::Rs256).is_err());
    assert!(Signer::of_der(PrivateForm::Sec1, &whole.as_ref()[at..], Algorithm::Rs256).is_err());
}

#[test]
fn what_is_no_sound_key_is_refused() {
    let all = examples();
    let refused = |key: &Value| Signer::of_jwk(key.to_string().as_bytes()).is_err();
    let with = |name: &str, member: &str, value: Value| {
        let mut key = all[name].clone();
        key[member] = value;
        key
    };
    assert!(Signer::of_jwk(b"").is_err() && Signer::of_jwk(b"{}").is_err());
    let twice = br#"{"kty":"OKP","crv":"Ed25519","d":"AA","d":"AA"}"#;
    assert!(Signer::of_jwk(twice).is_err(), "a member twice");
    assert!(refused(&with("ed25519", "crv", "X25519".into())));
    assert!(refused(&with("ed25519", "kty", "oct".into())));
    assert!(refused(&with("ed25519", "d", "AA".into())), "too short");
    assert!(refused(&with("ed25519", "x", "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k".into())), "another's half");
    assert!(refused(&with("ed25519", "alg", "ES256".into())), "for another algorithm");
    assert!(refused(&with("ed25519", "use", "enc".into())), "for another use");
    assert!(refused(&with("ed25519", "kid", "a\nb".into())));
    assert!(refused(&with("ed25519", "kid", "".into())));
    assert!(refused(&with("p521", "alg", "ES256".into())));
    assert!(refused(&with("p521", "y", all["p521"]["x"].clone())), "off the curve");
    assert!(refused(&with("rsa", "alg", "HS256".into())), "no algorithm of a private key");
    assert!(refused(&with("rsa", "alg", "none".into())));
    assert!(refused(&with("rsa", "p", all["rsa"]["q"].clone())), "no such primes");
    assert!(refused(&with("rsa", "n", all["rsa"]["p"].clone())), "too short");
    let mut short = all["rsa"].clone();
    short.as_object_mut().expect("an object").remove("dp");
    assert!(refused(&short), "without what makes it fast it is not read");
}
