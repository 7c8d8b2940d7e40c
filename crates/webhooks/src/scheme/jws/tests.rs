//! Compact and detached signatures by a key set, with Ed25519.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use serde_json::json;

use super::*;
use crate::fresh::Fresh;
use crate::refusal::WebhookRefusal as R;
use crate::setting::SettingSpec;

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a pair")
}

fn setting(form: &str, danger: bool) -> Setting {
    let x = base64url::encode(pair().public_key().as_ref());
    let jwks = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": x }] });
    let spec = json!({ "jws": { "form": form, "jwks": jwks, "danger_no_moment": danger } });
    let spec: SettingSpec = serde_json::from_value(spec).expect("a setting");
    Setting::resolve(&Jws, &spec).expect("sound")
}

/// Header, payload and signature, each encoded.
fn token(header: &serde_json::Value, payload: &[u8]) -> [String; 3] {
    let (header, payload) = (base64url::encode(header.to_string().as_bytes()), base64url::encode(payload));
    let signature = pair().sign(format!("{header}.{payload}").as_bytes());
    [header, payload, base64url::encode(signature.as_ref())]
}

fn verify(setting: &Setting, header: Option<&str>, body: &[u8]) -> Result<Verified, R> {
    let mut headers = HeaderMap::new();
    if let Some(header) = header {
        headers.insert("x-jws-signature", HeaderValue::from_str(header).expect("a value"));
    }
    Jws.verify(&Parcel { headers, body: Bytes::copy_from_slice(body) }, setting, &WebhookSecrets::default())
}

#[test]
fn a_compact_token_is_the_body() {
    let setting = setting("compact", false);
    let payload = json!({ "jti": "d1", "iat": 1_790_000_000, "pad": "x".repeat(20_000) }).to_string();
    let token = token(&json!({ "alg": "EdDSA", "kid": "k1" }), payload.as_bytes());
    let verified = verify(&setting, None, token.join(".").as_bytes()).expect("genuine");
    assert_eq!((verified.key(), verified.delivery_id()), (0, Some("d1")));
    assert_eq!(verified.sent_at(), Some(Timestamp::from_secs(1_790_000_000)));
    assert_eq!(Jws.window(&setting), Some(Window::both(300)));
    let [header, _, signature] = &token;
    let other = format!("{header}.{}.{signature}", base64url::encode(b"{}"));
    assert_eq!(verify(&setting, None, other.as_bytes()), Err(R::SignatureMismatch));
    assert_eq!(verify(&setting, None, b"{}"), Err(R::SignatureMissing));
    assert_eq!(verify(&setting, None, b"a.!.c"), Err(R::SignatureMalformed));
    assert_eq!(verify(&setting, None, b"\xff.a.b"), Err(R::SignatureMalformed));
}

#[test]
fn a_detached_token_signs_the_raw_body() {
    let setting = setting("detached", true);
    let body = b"{\"a\": 1}\r\n";
    let [header, payload, signature] = token(&json!({ "alg": "EdDSA", "kid": "k1", "typ": "JOSE" }), body);
    let detached = format!("{header}..{signature}");
    assert!(verify(&setting, Some(&detached), body).is_ok());
    assert_eq!(verify(&setting, Some(&detached), b"{\"a\":1}"), Err(R::SignatureMismatch));
    assert_eq!(verify(&setting, Some(&format!("{header}.{payload}.{signature}")), body), Err(R::SignatureMalformed));
    assert_eq!(verify(&setting, None, body), Err(R::SignatureMissing));
    assert!(Jws.window(&setting).is_none());
}

#[test]
fn a_moment_is_demanded_unless_the_setting_does_without() {
    let body = b"{\"jti\":\"d1\"}";
    for (form, danger) in [("compact", false), ("compact", true), ("detached", false), ("detached", true)] {
        let setting = setting(form, danger);
        let send = |header: serde_json::Value, payload: &[u8], now: i64| {
            let [header, encoded, signature] = token(&header, payload);
            let verified = match form {
                "compact" => verify(&setting, None, format!("{header}.{encoded}.{signature}").as_bytes()),
                _ => verify(&setting, Some(&format!("{header}..{signature}")), payload),
            };
            Fresh::prove(verified?, &Jws, &setting, Timestamp::from_secs(now)).map(drop)
        };
        let bare = json!({ "alg": "EdDSA", "kid": "k1" });
        let without = send(bare.clone(), body, 1_790_000_000);
        assert_eq!(without, if danger { Ok(()) } else { Err(R::TimestampMalformed) }, "{form}");
        let (header, payload) = match form {
            "compact" => (bare, &b"{\"iat\":1790000000}"[..]),
            _ => (json!({ "alg": "EdDSA", "kid": "k1", "iat": 1_790_000_000 }), &body[..]),
        };
        assert_eq!(send(header.clone(), payload, 1_790_000_300), Ok(()), "{form}");
        let late = send(header, payload, 1_790_000_301);
        assert_eq!(late, if danger { Ok(()) } else { Err(R::TimestampStale) }, "{form}");
    }
}

#[test]
fn a_retry_that_is_signed_anew_is_the_same_delivery() {
    let (compact, detached, body) = (setting("compact", true), setting("detached", true), b"{\"jti\":\"d1\"}");
    let heard = |setting: &Setting, typ: &str| {
        let [header, payload, signature] = token(&json!({ "alg": "EdDSA", "kid": "k1", "typ": typ }), body);
        let verified = match setting.jws.as_ref().expect("a key set").form {
            JwsForm::Compact => verify(setting, None, format!("{header}.{payload}.{signature}").as_bytes()),
            JwsForm::Detached(_) => verify(setting, Some(&format!("{header}..{signature}")), body),
        };
        let verified = verified.expect("genuine");
        (*verified.signed(), *verified.body())
    };
    for setting in [&compact, &detached] {
        assert_eq!(heard(setting, "JWT"), heard(setting, "JWS"));
    }
    let [header, payload, signature] = token(&json!({ "alg": "EdDSA", "kid": "k1" }), b"{\"jti\":\"a b\"}");
    let unfit = verify(&compact, None, format!("{header}.{payload}.{signature}").as_bytes());
    assert_eq!(unfit, Err(R::IdMalformed), "an identifier that could not stand in a record");
}

#[test]
fn the_header_chooses_nothing() {
    let setting = setting("detached", false);
    let cases = [
        (json!({ "alg": "EdDSA", "kid": "k2" }), R::SignatureMismatch),
        (json!({ "alg": "ES256", "kid": "k1" }), R::SignatureMismatch),
        (json!({ "alg": "EdDSA" }), R::SignatureMalformed),
        (json!({ "alg": "none", "kid": "k1" }), R::SignatureMalformed),
        (json!({ "alg": "HS256", "kid": "k1" }), R::SignatureMalformed),
        (json!({ "alg": "EdDSA", "kid": "k1", "b64": false, "crit": ["b64"] }), R::SignatureMalformed),
        (json!({ "alg": "EdDSA", "kid": "k1", "jwk": {} }), R::SignatureMalformed),
        (json!({ "alg": "EdDSA", "kid": "k1", "typ": "at+jwt" }), R::SignatureMalformed),
    ];
    for (header, refusal) in cases {
        let [encoded, _, signature] = token(&header, b"{}");
        assert_eq!(verify(&setting, Some(&format!("{encoded}..{signature}")), b"{}"), Err(refusal), "{header}");
    }
}
