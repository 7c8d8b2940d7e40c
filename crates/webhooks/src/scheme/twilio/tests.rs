//! Twilio's forms, its JSON and its settings.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use lockgate_vocabulary::Secret;

use super::*;
use crate::refusal::WebhookRefusal as R;
use crate::setting::SettingSpec;

fn setting(url: &str) -> Setting {
    let spec = SettingSpec { public_url: Some(url.to_owned()), ..SettingSpec::default() };
    Setting::resolve(&Twilio, &spec).expect("sound")
}

fn secrets() -> WebhookSecrets {
    WebhookSecrets::new([(1, Secret::from("12345".to_owned()))])
}

fn verify(url: &str, pairs: &[(&'static str, &str)], body: &[u8]) -> Result<Verified, R> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_str(value).expect("a value"));
    }
    Twilio.verify(&Parcel { headers, body: Bytes::copy_from_slice(body) }, &setting(url), &secrets())
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=UTF-8");
const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn twilios_own_example_verifies() {
    // From the documentation of Twilio's request validation.
    let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
    let body = b"Digits=1234&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309&CallSid=CA1234567890ABCDE";
    let signature = ("x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
    assert!(verify(url, &[FORM, signature], body).is_ok());
    assert_eq!(verify(url, &[JSON, signature], body), Err(R::SignatureMismatch));
    assert_eq!(verify(url, &[signature], body), Err(R::MediaTypeUnfit));
    assert_eq!(verify(url, &[("content-type", "text/plain"), signature], body), Err(R::MediaTypeUnfit));
    assert_eq!(verify(url, &[FORM, signature], b"Digits=%zz"), Err(R::BodyMalformed));
    assert_eq!(verify(url, &[FORM, signature, ("i-twilio-idempotency-token", "a.b")], body), Err(R::IdMalformed));
}

#[test]
fn the_bodys_digest_is_worked_out_and_never_believed() {
    let digest = hex(&sha256(&[b"{}"]));
    assert_eq!(with_digest("https://a/b", b"{}"), Ok(format!("https://a/b?bodySHA256={digest}")));
    assert_eq!(with_digest("https://a/b?c=d", b"{}"), Ok(format!("https://a/b?c=d&bodySHA256={digest}")));
    let named = format!("https://a/b?bodySHA256={digest}");
    assert_eq!(with_digest(&named, b"{}"), Ok(named.clone()));
    assert_eq!(with_digest(&named, b"{ }"), Err(R::SignatureMismatch));
}

#[test]
fn parameters_are_sorted_decoded_and_distinct() {
    let cases: [(&[u8], Option<&str>); 9] = [
        (b"", Some("")),
        (b"b=2&a=1", Some("a1b2")),
        (b"a=2&a=1&a=2", Some("a1a2")),
        (b"a=&b", Some("ab")),
        (b"a=x+y%2Bz&&", Some("ax y+z")),
        (b"a=b=c", Some("ab=c")),
        (b"a=%c3%A9", Some("a\u{e9}")),
        (b"a=%ff", None),
        (b"a=%4", None),
    ];
    for (body, wanted) in cases {
        assert_eq!(form::joined(body).as_deref(), wanted, "{}", body.escape_ascii());
    }
}

#[test]
fn only_known_settings_choose_the_hash() {
    assert_eq!(hash(None), Ok(Hash::Sha1));
    assert_eq!(hash(Some("key=webhooks_sharedkey_01,algorithm=HMAC_SHA256")), Ok(Hash::Sha256));
    assert_eq!(hash(Some("algorithm=HMAC_SHA256,key=k")), Ok(Hash::Sha256));
    let wrong = [
        "",
        "key=k",
        "algorithm=HMAC_SHA256",
        "key=k,algorithm=HMAC_SHA1",
        "key=k,algorithm=hmac_sha256",
        "key=k, algorithm=HMAC_SHA256",
        "key=,algorithm=HMAC_SHA256",
        "key=k,key=l,algorithm=HMAC_SHA256",
        "key=k,algorithm=HMAC_SHA256,algorithm=HMAC_SHA256",
        "key=k,algorithm=HMAC_SHA256,x=y",
        "key=k,algorithm=HMAC_SHA256,",
    ];
    for text in wrong {
        assert_eq!(hash(Some(text)), Err(R::AlgorithmUnfit), "{text}");
    }
}
