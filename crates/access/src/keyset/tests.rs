//! Key sets that are refused whole, keys that are left out, and keys that are found.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{DOCUMENT_BYTES, KEYS_MOST, KeySet, thumbprint};
use crate::AccessRefusal;
use crate::jose::base64url;
use crate::jose::tests::mint::Mint;

fn parse(keys: &Value) -> Result<KeySet, AccessRefusal> {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
}

/// Why the only key of the set is left out.
fn left_out(key: &Value) -> Option<AccessRefusal> {
    parse(&json!([key])).expect("the set is read").find("k").err()
}

fn refused(key: &Value) -> Option<AccessRefusal> {
    parse(&json!([key])).err()
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Value {
    json!({"kty": "RSA", "kid": "k", "n": base64url::encode(modulus), "e": base64url::encode(exponent)})
}

/// A number of so many bytes that is odd and has its top bit set.
fn modulus(bytes: usize) -> Vec<u8> {
    let mut number = vec![0xa5; bytes];
    number[0] = 0x80;
    number
}

const P256: (&str, &str) =
    ("6glYXftiO6m-3ZAuXFU4j7wsGSKm0zjI4nyZtaawgTM", "Ni3MXa6HVIo5iDKeKWsFzVaqyb_bl_YVvnLg4vbBJbg");

fn ec() -> Value {
    json!({"kty": "EC", "crv": "P-256", "kid": "k", "x": P256.0, "y": P256.1, "alg": "ES256", "use": "sig"})
}

fn with(mut key: Value, member: &str, value: Value) -> Value {
    key[member] = value;
    key
}

#[test]
fn a_key_is_found_by_its_exact_kid() {
    let set = parse(&json!([ec(), Mint::new("other", 1).jwk()])).expect("a set");
    assert!(set.find("k").is_ok() && set.find("other").is_ok());
    assert_eq!(set.usable(), 2);
    for kid in ["K", "k ", "", "k\0", "othe"] {
        assert_eq!(set.find(kid).err(), Some(AccessRefusal::TokenKeyUnknown), "{kid:?}");
    }
}

#[test]
fn a_dangerous_set_is_refused_whole() {
    let good = Mint::new("good", 1).jwk();
    let cases = [
        (with(ec(), "d", "AAAA".into()), AccessRefusal::KeysPrivate),
        (with(rsa(&modulus(256), &[1, 0, 1]), "p", "AAAA".into()), AccessRefusal::KeysPrivate),
        (json!({"kty": "oct", "kid": "k", "k": "AAAA"}), AccessRefusal::KeysSymmetric),
        (json!({"kty": "oct", "kid": "k"}), AccessRefusal::KeysSymmetric),
        (with(ec(), "k", "AAAA".into()), AccessRefusal::KeysSymmetric),
        (with(ec(), "kid", "good".into()), AccessRefusal::KeysDuplicate),
        (with(ec(), "kid", 1.into()), AccessRefusal::KeysMalformed),
        (json!("text"), AccessRefusal::KeysMalformed),
        // A private key without a `kid` is lost all the same.
        (json!({"kty": "EC", "d": "AAAA"}), AccessRefusal::KeysPrivate),
    ];
    for (bad, expected) in cases {
        assert_eq!(parse(&json!([good, bad])).err(), Some(expected), "{bad}");
    }
}

#[test]
fn a_document_is_strict_and_bounded() {
    for document in
        ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#, r#"{"keys":[{"kty":"EC","kty":"RSA"}]}"#]
    {
        assert_eq!(KeySet::parse(document.as_bytes()).err(), Some(AccessRefusal::KeysMalformed), "{document}");
    }
    assert_eq!(KeySet::parse(&vec![b' '; DOCUMENT_BYTES + 1]).err(), Some(AccessRefusal::KeysTooMany));
    let many: Vec<_> = (0..=KEYS_MOST).map(|index| with(ec(), "kid", index.to_string().into())).collect();
    assert_eq!(parse(&many.clone().into()).err(), Some(AccessRefusal::KeysTooMany));
    assert_eq!(parse(&many[..KEYS_MOST].into()).map(|set| set.usable()), Ok(KEYS_MOST));
    assert_eq!(KeySet::parse(br#"{"keys":[]}"#).map(|set| set.usable()), Ok(0));
}

#[test]
fn a_key_of_no_use_is_left_out_with_its_reason() {
    let ed = Mint::new("k", 1).jwk();
    let cases = [
        (with(ec(), "use", "enc".into()), AccessRefusal::KeysUse),
        (with(ec(), "use", json!(["sig"])), AccessRefusal::KeysUse),
        (with(ec(), "key_ops", json!(["encrypt"])), AccessRefusal::KeysUse),
        (with(ec(), "key_ops", "verify".into()), AccessRefusal::KeysUse),
        (with(ec(), "alg", "ES384".into()), AccessRefusal::KeysAlgorithm),
        (with(ec(), "alg", "RSA-OAEP".into()), AccessRefusal::KeysAlgorithm),
        (with(ec(), "alg", 1.into()), AccessRefusal::KeysMalformed),
        (with(ec(), "crv", "secp256k1".into()), AccessRefusal::KeysUnsupported),
        (with(ec(), "kty", "AKP".into()), AccessRefusal::KeysUnsupported),
        (with(ec(), "y", P256.0.into()), AccessRefusal::KeysPoint),
        (with(ec(), "x", "AAAA".into()), AccessRefusal::KeysPoint),
        (with(ec(), "x", "AA==".into()), AccessRefusal::KeysMalformed),
        (with(ec(), "crv", "P-384".into()), AccessRefusal::KeysAlgorithm),
        (with(ed.clone(), "crv", "Ed448".into()), AccessRefusal::KeysUnsupported),
        (with(ed.clone(), "alg", "ES256".into()), AccessRefusal::KeysAlgorithm),
        (with(ed, "x", "AAAA".into()), AccessRefusal::KeysPoint),
        (with(rsa(&modulus(256), &[1, 0, 1]), "alg", "ES256".into()), AccessRefusal::KeysAlgorithm),
        (with(rsa(&modulus(256), &[1, 0, 1]), "alg", "HS256".into()), AccessRefusal::KeysAlgorithm),
    ];
    for (key, expected) in cases {
        assert_eq!(left_out(&key), Some(expected), "{key}");
    }
    let unnamed = parse(&json!([with(ec(), "kid", Value::Null)]));
    assert_eq!(unnamed.err(), Some(AccessRefusal::KeysMalformed));
    let mut unnamed = ec();
    unnamed.as_object_mut().expect("an object").remove("kid");
    assert_eq!(parse(&json!([unnamed])).map(|set| set.usable()), Ok(0));
    assert_eq!(refused(&ec()), None);
}

#[test]
fn reasons_are_listed() {
    let set = parse(&json!([ec(), with(with(ec(), "use", "enc".into()), "kid", "e".into())])).expect("a set");
    assert_eq!(set.left_out().collect::<Vec<_>>(), [("e", AccessRefusal::KeysUse)]);
    assert!(format!("{set:?}").contains("KeysUse"));
}

#[test]
fn rsa_is_neither_small_nor_large_nor_odd_in_its_exponent() {
    assert_eq!(left_out(&rsa(&modulus(256), &[1, 0, 1])), None);
    assert_eq!(left_out(&rsa(&modulus(1024), &[1, 0, 1])), None);
    for bytes in [64, 128, 255, 1025, 2048] {
        assert_eq!(left_out(&rsa(&modulus(bytes), &[1, 0, 1])), Some(AccessRefusal::KeysWeak), "{bytes}");
    }
    let mut short = modulus(256);
    short[0] = 0x7f;
    assert_eq!(left_out(&rsa(&short, &[1, 0, 1])), Some(AccessRefusal::KeysWeak), "2047 bits");
    let mut even = modulus(256);
    even[255] = 2;
    assert_eq!(left_out(&rsa(&even, &[1, 0, 1])), Some(AccessRefusal::KeysWeak));
    for exponent in [&[1][..], &[3], &[2], &[1, 0, 0], &[1, 0, 0, 0, 1]] {
        assert_eq!(left_out(&rsa(&modulus(256), exponent)), Some(AccessRefusal::KeysWeak), "{exponent:?}");
    }
    assert_eq!(left_out(&rsa(&[&[0][..], &modulus(256)].concat(), &[1, 0, 1])), Some(AccessRefusal::KeysMalformed));
}

#[test]
fn points_of_small_order_are_no_keys() {
    let order_eight = "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU";
    let mut negative = base64url::decode(order_eight.as_bytes()).expect("base64url");
    negative[31] |= 0x80;
    let mut one = [0; 32];
    one[0] = 1;
    for x in [base64url::encode(&[0; 32]), base64url::encode(&one), order_eight.into(), base64url::encode(&negative)] {
        let key = json!({"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": x});
        assert_eq!(left_out(&key), Some(AccessRefusal::KeysPoint), "{x}");
    }
}

#[test]
fn the_same_document_is_the_same_set() {
    let (one, two) = (Mint::new("a", 1), Mint::new("a", 2));
    assert!(one.keys().is_same(&one.keys()));
    assert!(!one.keys().is_same(&two.keys()));
}

#[test]
fn the_thumbprint_is_that_of_rfc_7638() {
    // RFC 8037 appendix A.3.
    let canonical = r#"{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    assert_eq!(thumbprint(canonical), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

proptest! {
    #[test]
    fn no_document_breaks_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = KeySet::parse(&bytes);
    }

    #[test]
    fn no_numbers_break_it(n in prop::collection::vec(any::<u8>(), 0..300), e in prop::collection::vec(any::<u8>(), 0..9)) {
        let set = parse(&json!([rsa(&n, &e)])).expect("the set is read");
        let large = n.len() > 256 && n[0] != 0 || n.len() == 256 && n[0] & 0x80 != 0;
        let sound = large && n[n.len() - 1] & 1 == 1;
        prop_assert!(sound || set.find("k").is_err());
    }
}
