//! The generic HMAC by several descriptions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use lockgate_vocabulary::Secret;
use serde_json::json;

use super::*;
use crate::refusal::WebhookRefusal as R;
use crate::setting::SettingSpec;

fn setting(spec: serde_json::Value) -> Setting {
    let spec: SettingSpec = serde_json::from_value(spec).expect("a setting");
    Setting::resolve(&Hmac, &spec).expect("sound")
}

fn verify(setting: &Setting, pairs: &[(&'static str, &str)], body: &'static [u8]) -> Result<Verified, R> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_str(value).expect("a value"));
    }
    let secrets = WebhookSecrets::new([(4, Secret::from("Jefe".to_owned()))]);
    Hmac.verify(&Parcel { headers, body: Bytes::from_static(body) }, setting, &secrets)
}

const BODY: &[u8] = b"what do ya want for nothing?";
/// RFC 4231, test case 2.
const SHA256: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

#[test]
fn the_body_alone_in_hex() {
    let setting =
        setting(json!({ "hmac": { "signature_header": "X-Sig", "signature_prefix": "sha256=", "id_header": "X-Id" } }));
    let good = format!("sha256={SHA256}");
    let verified = verify(&setting, &[("x-sig", &good), ("x-id", "d1")], BODY).expect("genuine");
    assert_eq!((verified.key(), verified.delivery_id(), verified.sent_at()), (4, Some("d1"), None));
    assert!(verify(&setting, &[("x-sig", &good)], BODY).is_ok(), "an unsigned identifier may be absent");
    assert_eq!(verify(&setting, &[("x-sig", SHA256)], BODY), Err(R::SignatureMalformed));
    assert_eq!(verify(&setting, &[("x-sig", &good)], b"other"), Err(R::SignatureMismatch));
    assert_eq!(verify(&setting, &[("x-sig", &good), ("x-id", "a.b")], BODY), Err(R::IdMalformed));
    assert_eq!(verify(&setting, &[], BODY), Err(R::SignatureMissing));
    assert!(Hmac.window(&setting).is_none());
}

#[test]
fn a_template_with_everything_in_base64() {
    let setting = setting(json!({
        "public_url": "https://gw.example.test/in/x",
        "digest": { "hash": "sha512", "encoding": "base64" },
        "hmac": {
            "signature_header": "x-sig", "template": "{url}|{timestamp}.{id}.{body}",
            "timestamp_header": "x-time", "id_header": "x-id", "tolerance_seconds": 60, "key": "base64"
        }
    }));
    // "Jefe" is the base64 of these three bytes; a secret of their own is not needed to say the same.
    let signed = b"https://gw.example.test/in/x|1790000000.d1.what do ya want for nothing?";
    let signature = STANDARD.encode(own_hmac(&STANDARD.decode("Jefe").expect("base64"), signed));
    let all = [("x-sig", &*signature), ("x-time", "1790000000"), ("x-id", "d1")];
    let verified = verify(&setting, &all, BODY).expect("genuine");
    assert_eq!(verified.sent_at(), Some(Timestamp::from_secs(1_790_000_000)));
    assert_eq!(verified.delivery_id(), Some("d1"));
    assert_eq!(Hmac.window(&setting), Some(Window::both(60)));
    assert_eq!(verify(&setting, &all[..2], BODY), Err(R::IdMalformed));
    assert_eq!(verify(&setting, &[all[0], all[2]], BODY), Err(R::TimestampMalformed));
    assert_eq!(verify(&setting, &[all[0], ("x-time", "1790000001"), all[2]], BODY), Err(R::SignatureMismatch));
}

/// HMAC-SHA512 from its definition (RFC 2104), so that this test does not lean on what it tests.
fn own_hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    use aws_lc_rs::digest::{SHA512, digest};
    let pad = |with: u8| (0..128).map(|at| key.get(at).unwrap_or(&0) ^ with).collect::<Vec<u8>>();
    let inner = digest(&SHA512, &[pad(0x36), message.to_vec()].concat());
    digest(&SHA512, &[pad(0x5c), inner.as_ref().to_vec()].concat()).as_ref().to_vec()
}
