//! What `explain token` answers, line by line.

use lockgate_vocabulary::Timestamp;
use serde_json::{Value, json};

use super::{ACCEPTED, ExplainPolicy, LINE_MALFORMED};
use crate::AccessRefusal;
use crate::authn::TokenPolicy;
use crate::jose::tests::mint::Mint;
use crate::keyset::KeySet;

const NOW: i64 = 1_795_320_000;

fn explain() -> ExplainPolicy {
    ExplainPolicy {
        keys: Ok(Mint::new("k", 1).keys()),
        policy: TokenPolicy::strict("https://issuer.test", "https://gateway.test"),
        now: Timestamp::from_secs(NOW),
    }
}

fn token(mint: &Mint) -> String {
    mint.token(&json!({
        "iss": "https://issuer.test", "aud": "https://gateway.test", "sub": "a", "client_id": "a", "tenantId": "t",
        "scope": "s", "jti": "1", "iat": NOW, "exp": NOW + 60,
    }))
}

fn answer(explain: &ExplainPolicy, line: &str) -> Value {
    serde_json::from_str(&explain.explain_line(line)).expect("a line of JSON")
}

#[test]
fn a_line_is_judged_and_keeps_its_id() {
    let good = json!({"id": {"any": [1]}, "token": token(&Mint::new("k", 1)), "why": "more members are left alone"});
    let expected = json!({"id": {"any": [1]}, "verdict": "accept", "code": ACCEPTED});
    assert_eq!(answer(&explain(), &good.to_string()), expected);
    let bad = json!({"id": "b", "token": ""});
    let expected = json!({"id": "b", "verdict": "reject", "code": "access.token.segments"});
    assert_eq!(answer(&explain(), &bad.to_string()), expected);
}

#[test]
fn a_lines_own_keys_go_before_the_others() {
    let other = Mint::new("k", 2);
    let line = |jwks: &str| format!(r#"{{"id":1,"token":"{}","jwks":{jwks}}}"#, token(&other));
    assert_eq!(answer(&explain(), &line(&other.jwks()))["verdict"], "accept");
    assert_eq!(answer(&explain(), &line("null"))["code"], "access.token.signature");
    assert_eq!(answer(&explain(), &line(r#"{"keys":[],"keys":[]}"#))["code"], "access.keys.malformed");
    assert_eq!(answer(&explain(), &line(r#"{"keys":[]}"#))["code"], "access.token.key.unknown");
}

#[test]
fn a_refused_key_set_refuses_every_token() {
    let mut explain = explain();
    explain.keys = KeySet::parse(br#"{"keys":[{"kty":"oct"}]}"#);
    let line = json!({"id": 1, "token": token(&Mint::new("k", 1))}).to_string();
    assert_eq!(answer(&explain, &line)["code"], AccessRefusal::KeysSymmetric.info().code);
}

#[test]
fn what_is_no_line_is_said_to_be_none() {
    for (line, id) in [
        ("", json!(null)),
        ("{}", json!(null)),
        ("[]", json!(null)),
        ("{\"token\":1}", json!(null)),
        ("{\"id\":1}", json!(1)),
        ("{\"id\":[2],\"token\":\"\\ud800\"}", json!([2])),
        ("nonsense", json!(null)),
    ] {
        let expected = json!({"id": id, "verdict": "reject", "code": LINE_MALFORMED});
        assert_eq!(answer(&explain(), line), expected, "{line}");
    }
}
