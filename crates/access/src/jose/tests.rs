//! Signatures against other people's vectors: Wycheproof and the cookbooks of RFC 7520 and RFC 8037.
//!
//! The vectors are read from the corpora folder where there is one; their licences keep them out of the
//! tree. Where a vector is known to be wrong, it is listed here with the reason.

pub(crate) mod mint;

use serde_json::Value;

use super::{Algorithm, Algorithms, Compact, HeaderRules, VerifyingKey, base64url, verify};
use crate::AccessRefusal;
use crate::keyset::KeySet;

/// A file of the corpora, or a visible line that says that it was skipped.
fn corpus(path: &str) -> Option<Value> {
    let text = lockgate_testkit::corpus(path)?;
    Some(serde_json::from_str(&text).expect("a JSON file"))
}

fn any_algorithm() -> HeaderRules {
    HeaderRules {
        algorithms: Algorithms::of(Algorithm::ALL),
        types: Box::default(),
        type_may_be_absent: true,
        more_members: Box::default(),
    }
}

fn list<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value[member].as_array().map_or(&[], Vec::as_slice)
}

/// The key of a group: a public set, or a shared secret under its `kid`.
fn judge(token: &str, public: &Value, private: &Value) -> Result<(), AccessRefusal> {
    let compact = Compact::parse(token, &any_algorithm())?;
    if public.is_object() {
        let set = if public["keys"].is_array() { public.clone() } else { serde_json::json!({ "keys": [public] }) };
        return verify(&compact, KeySet::parse(set.to_string().as_bytes())?.find(&compact.kid)?);
    }
    let keys = if private["keys"].is_array() { list(private, "keys") } else { std::slice::from_ref(private) };
    let mut named = keys.iter().filter(|key| key["kid"] == compact.kid.as_str());
    let (Some(key), None) = (named.next(), named.next()) else { return Err(AccessRefusal::TokenKeyUnknown) };
    let algorithm = key["alg"].as_str().and_then(Algorithm::parse).ok_or(AccessRefusal::KeysAlgorithm)?;
    let secret = base64url::decode(key["k"].as_str().unwrap_or_default().as_bytes()).unwrap_or_default();
    let mixed = keys.iter().any(|key| key["kty"] != "oct");
    let key = VerifyingKey::shared(algorithm, &secret).map_err(|_| AccessRefusal::KeysWeak)?;
    if mixed { Err(AccessRefusal::KeysSymmetric) } else { verify(&compact, &key) }
}

/// What the label says, and what is expected instead, and why.
const DEVIATIONS: &[(u64, bool, &str)] = &[
    (346, false, "the key is published for PS256 and the token says PS384: a key is for one algorithm"),
    (347, false, "the key's `alg` is ES521, which is no algorithm"),
    (350, false, "the key is published for PS256 and the token says PS384: a key is for one algorithm"),
    (351, false, "the key's `alg` is ES521, which is no algorithm"),
    (367, true, "byte for byte the same as 357, which is labelled valid"),
    (370, true, "byte for byte the same as 357, which is labelled valid"),
    (372, false, "has `?` in a segment, which RFC 7515 section 2 forbids"),
    (373, false, "has `?` in a segment, which RFC 7515 section 2 forbids"),
];

#[test]
fn wycheproof_signatures() {
    let Some(file) = corpus("jwt/wycheproof_json_web_signature_test.json") else { return };
    let (mut run, mut wrong) = (0, Vec::new());
    for group in list(&file, "testGroups") {
        for case in list(group, "tests") {
            let number = case["tcId"].as_u64().unwrap_or_default();
            let labelled = case["result"] == "valid";
            let expected = DEVIATIONS.iter().find(|(known, ..)| *known == number).map_or(labelled, |known| known.1);
            let token = case["jws"].as_str().map_or_else(|| case["jws"].to_string(), str::to_owned);
            let verdict = judge(&token, &group["public"], &group["private"]);
            run += 1;
            if verdict.is_ok() != expected {
                wrong.push(format!("{number} {} {verdict:?}", case["comment"]));
            }
        }
    }
    println!("wycheproof signatures: {run} cases, {} deviations listed", DEVIATIONS.len());
    assert_eq!(run, 401);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn wycheproof_keys() {
    let Some(file) = corpus("jwt/wycheproof_json_web_key_test.json") else { return };
    let (mut run, mut wrong) = (0, Vec::new());
    for group in list(&file, "testGroups") {
        for case in list(group, "tests") {
            let verdict = judge(case["jws"].as_str().unwrap_or_default(), &group["public"], &group["private"]);
            run += 1;
            if verdict.is_ok() != (case["result"] == "valid") {
                wrong.push(format!("{} {} {verdict:?}", case["tcId"], case["comment"]));
            }
        }
    }
    println!("wycheproof keys: {run} cases");
    assert_eq!(run, 26);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn cookbook_vectors_verify() {
    for name in ["jws_4_1.rsa_v15", "jws_4_2.rsa-pss", "jws_4_3.ecdsa", "jws_4_4.hmac-sha2_integrity_protection"] {
        let suffix = if name.starts_with("jws_4_4") { "" } else { "_signature" };
        let Some(file) = corpus(&format!("jwt/rfc7520/{name}{suffix}.json")) else { return };
        let token = file["output"]["compact"].as_str().expect("a compact form");
        let mut key = file["input"]["key"].clone();
        // These keys name no algorithm, and an RSA key without one is for RS256 alone.
        key["alg"] = file["input"]["alg"].clone();
        let nothing = Value::Null;
        let verdict =
            if key["kty"] == "oct" { judge(token, &nothing, &key) } else { judge(token, &public(&key), &nothing) };
        assert_eq!(verdict, Ok(()), "{name}");
        let private = judge(token, &key, &nothing);
        assert!(matches!(private, Err(AccessRefusal::KeysPrivate | AccessRefusal::KeysSymmetric)), "{name}");
    }
}

fn public(key: &Value) -> Value {
    let mut public = key.clone();
    for member in ["d", "p", "q", "dp", "dq", "qi"] {
        public.as_object_mut().expect("an object").remove(member);
    }
    public
}

#[test]
fn ed25519_of_rfc_8037_verifies_but_names_no_key() {
    let Some(file) = corpus("jwt/rfc7520/curve25519_jws.json") else { return };
    let token = file["output"]["compact"].as_str().expect("a compact form");
    let mut key = public(&file["input"]["key"]);
    assert_eq!(judge(token, &key, &Value::Null), Err(AccessRefusal::TokenKeyMissing));
    key["kid"] = "k".into();
    let set = KeySet::parse(serde_json::json!({ "keys": [key] }).to_string().as_bytes()).expect("a set");
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let signature = base64url::decode(signature.as_bytes()).expect("base64url");
    let key = set.find("k").expect("the key");
    assert!(key.verifies(signed.as_bytes(), &signature));
    assert!(!key.verifies(b"something else", &signature));
    assert!(key.algorithms().has(Algorithm::EdDsa) && key.algorithms().has(Algorithm::Ed25519));
}

#[test]
fn unencoded_and_detached_payloads_are_not_understood() {
    let Some(file) = corpus("jwt/rfc7520/rfc7797_4.2.hmac-sha2_b64_false.json") else { return };
    let text = file.to_string();
    assert!(text.contains("b64"));
    let token = "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19..AAAA";
    assert_eq!(Compact::parse(token, &any_algorithm()).err(), Some(AccessRefusal::TokenHeaderMember));
}

#[test]
fn a_shared_secret_is_as_long_as_its_digest() {
    for (algorithm, least) in [(Algorithm::Hs256, 32), (Algorithm::Hs384, 48), (Algorithm::Hs512, 64)] {
        assert!(VerifyingKey::shared(algorithm, &vec![7; least]).is_ok());
        assert!(VerifyingKey::shared(algorithm, &vec![7; least - 1]).is_err());
    }
    assert!(VerifyingKey::shared(Algorithm::Rs256, &[7; 64]).is_err());
    assert!(VerifyingKey::rsa(Algorithm::Es256, &[7; 256], &[1, 0, 1]).is_err());
    assert!(VerifyingKey::ec(Algorithm::Rs256, &[7; 32], &[7; 32]).is_err());
}

#[test]
fn a_key_is_used_for_its_own_algorithm_only() {
    let mint = mint::Mint::new("k", 1);
    let token = mint.sign(r#"{"alg":"Ed25519","kid":"k"}"#, "{}");
    let keys = mint.keys();
    let compact = Compact::parse(&token, &any_algorithm()).expect("three parts");
    let refused = verify(&compact, keys.find("k").expect("the key"));
    assert_eq!(refused, Err(AccessRefusal::TokenAlgorithmMismatch));
}

#[test]
fn names_of_algorithms_are_exact() {
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::parse(algorithm.as_str()), Some(*algorithm));
        assert_eq!(Algorithm::parse(&format!("{} ", algorithm.as_str())), None);
    }
    for name in ["none", "None", "", "rs256", "ES256K", "RSA-OAEP", "Ed448", "EDDSA"] {
        assert_eq!(Algorithm::parse(name), None, "{name}");
    }
    assert!(Algorithms::ACCESS.each().all(|algorithm| !algorithm.is_symmetric()));
    assert!(Algorithms::default().is_empty());
}
