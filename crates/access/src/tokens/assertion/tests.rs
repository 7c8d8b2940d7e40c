//! Client assertions against the vectors, and each claim broken on its own.

use std::collections::HashSet;
use std::time::Duration;

use lockgate_vocabulary::Timestamp;
use serde_json::{Value, json};

use super::{Assertion, Parties, judge_assertion, named_client};
use crate::AccessRefusal;
use crate::jose::tests::mint::Mint;
use crate::keyset::KeySet;

const NOW: i64 = 1_795_320_000;
const PARTIES: Parties<'static> =
    Parties { client: "svc", issuer: "https://gateway.test", skew: Duration::from_secs(60) };

#[test]
fn vectors_get_the_verdict_they_deserve() {
    let file: Value =
        serde_json::from_str(include_str!("../../../testdata/gateway-client-assertions.json")).expect("JSON");
    let now = Timestamp::from_secs(file["now"].as_i64().expect("a number"));
    let issuer = file["as_issuer"].as_str().expect("a text");
    let keys = KeySet::parse(file["client_jwks"]["svc-a"].to_string().as_bytes()).expect("a set");
    let parties = Parties { client: "svc-a", issuer, skew: Duration::from_secs(60) };
    let mut used = HashSet::new();
    let vectors = file["vectors"].as_array().expect("a list");
    for vector in vectors {
        let assertion = vector["client_assertion"].as_str().expect("a text");
        let verdict = judge_assertion(assertion, &keys, parties, now).map(|sound| used.insert(sound.id));
        assert_eq!(verdict == Ok(true), vector["expect"] == "accept", "{} {verdict:?}", vector["id"]);
    }
    println!("client assertions: {} right", vectors.len());
    assert_eq!(vectors.len(), 11);
}

fn claims() -> Value {
    json!({"iss": "svc", "sub": "svc", "aud": "https://gateway.test", "jti": "1", "iat": NOW, "exp": NOW + 60})
}

fn judge(header: &str, claims: &Value) -> Result<Assertion, AccessRefusal> {
    let mint = Mint::new("k", 1);
    judge_assertion(&mint.sign(header, &claims.to_string()), &mint.keys(), PARTIES, Timestamp::from_secs(NOW))
}

fn broken(member: &str, value: Value) -> Option<AccessRefusal> {
    let mut claims = claims();
    claims[member] = value;
    judge(r#"{"alg":"EdDSA","kid":"k"}"#, &claims).err()
}

#[test]
fn the_type_may_be_absent_but_not_another() {
    let sound = Assertion { id: "1".into(), until: Timestamp::from_secs(NOW + 120) };
    for typ in ["", r#","typ":"JWT""#, r#","typ":"client-authentication+jwt""#] {
        let header = format!(r#"{{"alg":"EdDSA","kid":"k"{typ}}}"#);
        assert_eq!(judge(&header, &claims()), Ok(sound.clone()));
    }
    let header = r#"{"alg":"EdDSA","kid":"k","typ":"at+jwt"}"#;
    assert_eq!(judge(header, &claims()), Err(AccessRefusal::TokenType));
}

#[test]
fn every_claim_is_demanded() {
    use AccessRefusal as R;
    let cases = [
        ("iss", json!("other"), R::AssertionMalformed),
        ("sub", json!("other"), R::AssertionMalformed),
        ("sub", json!(null), R::AssertionMalformed),
        ("aud", json!("https://gateway.test/oauth/token"), R::AssertionAudience),
        ("aud", json!(["https://gateway.test"]), R::AssertionAudience),
        ("jti", json!(null), R::AssertionMalformed),
        ("jti", json!(""), R::AssertionMalformed),
        ("exp", json!(null), R::AssertionMalformed),
        ("exp", json!("soon"), R::AssertionMalformed),
        ("exp", json!(NOW - 60), R::TokenExpired),
        ("exp", json!(NOW + 301), R::AssertionLifetime),
        ("iat", json!("now"), R::AssertionMalformed),
        ("iat", json!(NOW + 61), R::TokenEarly),
        ("iat", json!(NOW - 300), R::AssertionLifetime),
        ("nbf", json!(NOW + 61), R::TokenEarly),
    ];
    for (member, value, expected) in cases {
        assert_eq!(broken(member, value.clone()), Some(expected), "{member} {value}");
    }
    assert_eq!(broken("exp", json!(NOW + 300)), None);
    let mut without = claims();
    without.as_object_mut().expect("an object").remove("iat");
    assert!(judge(r#"{"alg":"EdDSA","kid":"k"}"#, &without).is_ok());
    without["exp"] = json!(NOW + 361);
    assert_eq!(judge(r#"{"alg":"EdDSA","kid":"k"}"#, &without), Err(R::AssertionLifetime));
}

#[test]
fn the_client_is_named_by_its_subject() {
    let token = Mint::new("k", 1).sign(r#"{"alg":"EdDSA","kid":"k"}"#, &claims().to_string());
    assert_eq!(named_client(&token).as_deref(), Ok("svc"));
    assert_eq!(named_client("a.b"), Err(AccessRefusal::TokenSegments));
    let token = Mint::new("k", 1).sign(r#"{"alg":"EdDSA","kid":"k"}"#, "{}");
    assert_eq!(named_client(&token), Err(AccessRefusal::AssertionMalformed));
}
