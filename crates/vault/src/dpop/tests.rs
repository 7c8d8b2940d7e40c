//! Proofs of possession: what they say, and what vendors want to see in them.

use lockgate_access::keyset::KeySet;
use lockgate_testkit::SeededEntropy;
use serde_json::Value;

use super::*;

fn read(proof: &HeaderValue) -> (Value, Value) {
    let proof = proof.to_str().expect("ASCII");
    let (signed, signature) = proof.rsplit_once('.').expect("three parts");
    let (header, claims) = signed.split_once('.').expect("two parts");
    let json = |part: &str| -> Value {
        serde_json::from_slice(&base64url::decode(part.as_bytes()).expect("base64url")).expect("JSON")
    };
    let mut key = json(header)["jwk"].clone();
    (key["kid"], key["alg"], key["use"]) = ("k".into(), "ES256".into(), "sig".into());
    let set = KeySet::parse(json!({ "keys": [key] }).to_string().as_bytes()).expect("a set");
    let signature = base64url::decode(signature.as_bytes()).expect("base64url");
    assert!(set.find("k").expect("the key").verifies(signed.as_bytes(), &signature), "by the key that it shows");
    (json(header), json(claims))
}

#[test]
fn a_proof_is_for_one_request_with_one_token() {
    let entropy = SeededEntropy::new(1);
    let key = DpopKey::generate(&entropy).expect("a key");
    let nonce = HeaderValue::from_static("n-1");
    let shown = |token, nonce| ProofClaims {
        method: &Method::POST,
        target: "https://api.example/base/v1".to_owned(),
        token,
        nonce,
        now: Timestamp::from_secs(1_800_000_000),
    };
    let proof = key.proof(&shown(Some(b"at-1"), Some(&nonce)), &entropy).expect("a proof");
    assert!(proof.is_sensitive());
    let (header, mut claims) = read(&proof);
    assert_eq!((&header["typ"], &header["alg"]), (&json!("dpop+jwt"), &json!("ES256")));
    let members: Vec<_> = header["jwk"].as_object().expect("a key").keys().map(String::as_str).collect();
    assert_eq!(members, ["crv", "kty", "x", "y"], "nothing private");
    let jti = claims.as_object_mut().and_then(|claims| claims.remove("jti")).expect("an id");
    // SHA-256 of `at-1`.
    let ath = base64url::encode(digest::digest(&digest::SHA256, b"at-1").as_ref());
    let wanted = json!({
        "htm": "POST", "htu": "https://api.example/base/v1", "iat": 1_800_000_000, "ath": ath, "nonce": "n-1",
    });
    assert_eq!(claims, wanted);
    let (_, claims) = read(&key.proof(&shown(None, None), &entropy).expect("a proof"));
    assert!(claims["jti"] != jti && claims.get("ath").is_none() && claims.get("nonce").is_none());
    let again = DpopKey::restore(key.private().expose()).expect("the same key");
    assert_eq!(again.signer.kid(), key.signer.kid());
    assert!(DpopKey::restore(&[0; 32]).is_err());
    assert_eq!(format!("{key:?}"), "DpopKey");
}

#[test]
fn a_target_is_told_without_its_query() {
    for (uri, target) in [
        ("https://api.example/base/v1?a=b", "https://api.example/base/v1"),
        ("https://api.example:8443/", "https://api.example:8443/"),
        ("https://API.Example:443", "https://api.example/"),
        ("http://[2001:db8::1]:80/x", "http://[2001:db8::1]/x"),
        ("http://[2001:db8::1]:443/x", "http://[2001:db8::1]:443/x"),
    ] {
        assert_eq!(target_of(&uri.parse().expect("a URI")), target);
    }
}

#[test]
fn a_nonce_is_taken_as_it_is_or_not_at_all() {
    let headers = |nonce: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("dpop-nonce", HeaderValue::from_str(nonce).expect("a value"));
        headers
    };
    assert_eq!(
        dpop_nonce(&headers("eyJ7S_zG.eyJH0-Z.HX4w-7v")),
        Some(HeaderValue::from_static("eyJ7S_zG.eyJH0-Z.HX4w-7v"))
    );
    for nonce in ["", "a b", "a\"b", "a\\b", "ä", &"n".repeat(513)] {
        assert_eq!(dpop_nonce(&headers(nonce)), None, "{nonce:?}");
    }
    assert_eq!(dpop_nonce(&HeaderMap::new()), None);
    let mut headers = HeaderMap::new();
    assert!(!wants_nonce(&headers));
    headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("DPoP error=\"invalid_token\""));
    assert!(!wants_nonce(&headers));
    headers
        .append(WWW_AUTHENTICATE, HeaderValue::from_static("DPoP error=\"use_dpop_nonce\", error_description=\"x\""));
    assert!(wants_nonce(&headers));
}
