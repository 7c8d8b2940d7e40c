//! Public keys in every form, with signatures made by the library's own signers.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};

use super::*;
use crate::webhook::hex;

const PARTS: [&[u8]; 3] = [b"1790000000", b".", b"{\"a\":1}"];

fn parse(form: PublicKeyForm, text: &str) -> PublicKey {
    PublicKey::parse(form, text).expect("a key")
}

fn demand_only_this(key: &PublicKey, signature: &[u8]) {
    assert!(key.verifies(&PARTS, signature));
    assert!(key.verifies(&[&PARTS.concat()], signature), "how it is cut does not matter");
    assert!(!key.verifies(&[b"other"], signature));
    assert!(!key.verifies(&PARTS, &signature[1..]));
    assert!(!key.verifies(&PARTS, &[]));
    assert!(!key.verifies(&PARTS, &vec![0; signature.len()]));
}

#[test]
fn ed25519_is_read_in_both_spellings() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a pair");
    let signature = pair.sign(&PARTS.concat());
    let public = pair.public_key().as_ref();
    demand_only_this(&parse(PublicKeyForm::Ed25519Hex, &hex(public)), signature.as_ref());
    demand_only_this(&parse(PublicKeyForm::Whpk, &format!("whpk_{}", STANDARD.encode(public))), signature.as_ref());
}

#[test]
fn ed25519_of_small_order_is_refused_in_both_spellings() {
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut signed = neutral;
    signed[31] = 0x80;
    let order_eight = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";
    for point in [hex(&[0; 32]), hex(&neutral), hex(&signed), order_eight.to_owned()] {
        let refused = PublicKey::parse(PublicKeyForm::Ed25519Hex, &point).expect_err(&point);
        assert!(refused.contains("small order"), "{point}: {refused}");
        let text = format!("whpk_{}", STANDARD.encode(unhex(point.as_bytes()).expect("hex")));
        assert!(PublicKey::parse(PublicKeyForm::Whpk, &text).is_err(), "{point}");
    }
}

#[test]
fn p256_is_read_in_base64_and_pem() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a pair");
    let signature = pair.sign(&SystemRandom::new(), &PARTS.concat()).expect("signed");
    let info: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("encoded");
    let text = STANDARD.encode(info.as_ref());
    demand_only_this(&parse(PublicKeyForm::P256, &text), signature.as_ref());
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n");
    demand_only_this(&parse(PublicKeyForm::P256, &pem), signature.as_ref());
    // A bare point is no subject public key info.
    assert!(PublicKey::parse(PublicKeyForm::P256, &STANDARD.encode(pair.public_key().as_ref())).is_err());
    assert!(PublicKey::parse(PublicKeyForm::Rsa, &text).is_err());
}

#[test]
fn rsa_is_read_in_base64_and_pem() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a pair");
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &PARTS.concat(), &mut signature).expect("signed");
    let info: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("encoded");
    let text = STANDARD.encode(info.as_ref());
    demand_only_this(&parse(PublicKeyForm::Rsa, &text), &signature);
    assert!(PublicKey::parse(PublicKeyForm::P256, &text).is_err());
}

#[test]
fn a_certificate_gives_its_key() {
    let pair = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).expect("a pair");
    let certificate = rcgen::CertificateParams::new(vec!["paypal.test".to_owned()]).expect("params");
    let certificate = certificate.self_signed(&pair).expect("signed");
    let key = parse(PublicKeyForm::Rsa, &certificate.pem());
    let signature = rcgen::SigningKey::sign(&pair, &PARTS.concat()).expect("signed");
    demand_only_this(&key, &signature);
    let twice = certificate.pem().repeat(2);
    assert!(PublicKey::parse(PublicKeyForm::Rsa, &twice).is_err(), "one block");
}

#[test]
fn what_is_no_key_is_refused_with_a_reason() {
    let long = "a".repeat(TEXT_BYTES + 1);
    let cases = [
        (PublicKeyForm::Ed25519Hex, "00"),
        (PublicKeyForm::Ed25519Hex, long.as_str()),
        (PublicKeyForm::Whpk, "AAAA"),
        (PublicKeyForm::Whpk, "whpk_AAAA"),
        (PublicKeyForm::P256, "not base64"),
        (PublicKeyForm::P256, "AAAA"),
        (PublicKeyForm::Rsa, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"),
        (PublicKeyForm::Rsa, "-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----"),
    ];
    for (form, text) in cases {
        assert!(PublicKey::parse(form, text).is_err(), "{form:?}");
    }
}

#[test]
fn a_key_prints_its_form_alone() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a pair");
    let key = parse(PublicKeyForm::Ed25519Hex, &hex(pair.public_key().as_ref()));
    assert_eq!(format!("{key:?}"), "PublicKey(Ed25519Hex)");
}
