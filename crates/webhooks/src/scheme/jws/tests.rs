//! Compact and detached signatures by a key set, with Ed25519.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use serde_json::json;

use super::*;
use crate::refusal::WebhookRefusal as R;
use crate::setting::SettingSpec;

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a pair")
}

fn setting(form: &str, demand: bool) -> Setting {
    let x = base64url::encode(pair().public_key().as_ref());
    let jwks = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": x }] });
    let spec = json!({ "jws": { "form": form, "jwks": jwks, "demand_issued_at": demand } });
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
    let setting = setting("compact", true);
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
    let setting = setting("detached", false);
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
