//! The table of schemes, challenges, and what the vectors leave out.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use lockgate_vault::webhook::{KeyForm, hex};
use lockgate_vocabulary::{Secret, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::refusal::WebhookRefusal as R;
use crate::setting::SettingSpec;

const SENT: &str = "1790000000";

fn parcel(pairs: &[(&'static str, &str)], body: &[u8]) -> Parcel {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_str(value).expect("a value"));
    }
    Parcel { headers, body: Bytes::copy_from_slice(body) }
}

fn secrets(text: &str) -> WebhookSecrets {
    WebhookSecrets::new([(1, Secret::from(text.to_owned()))])
}

/// HMAC-SHA256 from its definition (RFC 2104), so that these tests do not lean on what they test.
fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let pad = |with: u8| (0..64).map(|at| key.get(at).unwrap_or(&0) ^ with).collect::<Vec<u8>>();
    let digest = |bytes: &[u8]| aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref().to_vec();
    digest(&[pad(0x5c), digest(&[pad(0x36), message.to_vec()].concat())].concat())
}

fn verify(name: &str, spec: Value, parcel: &Parcel, secrets: &WebhookSecrets) -> Result<Verified, R> {
    let scheme = named(name).expect("a scheme");
    let spec: SettingSpec = serde_json::from_value(spec).expect("a setting");
    scheme.verify(parcel, &Setting::resolve(scheme, &spec).expect("sound"), secrets)
}

#[test]
fn the_table_is_sorted_and_sound() {
    let mut names: Vec<&str> = ALL.iter().map(|scheme| scheme.profile().name).collect();
    assert_eq!(names.len(), 20);
    assert!(names.iter().all(|name| named(name).is_some_and(|scheme| scheme.profile().name == *name)));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 20, "no two have one name");
    assert!(named("").is_none() && named("Stripe").is_none());
    for scheme in ALL {
        let profile = scheme.profile();
        let keyed = [profile.secret, profile.public_key, profile.jws].iter().any(|need| *need != Need::Never);
        assert!(keyed, "{} is checked with something", profile.name);
        for source in profile.sources {
            source.parse::<ipnet::IpNet>().expect("a network");
        }
    }
}

#[test]
fn a_claim_outlives_whatever_can_come_again() {
    let kept = |name: &str| named(name).expect("a scheme").claim_time(&Setting::default());
    let day = Duration::from_secs(24 * 60 * 60);
    assert_eq!((kept("github"), kept("stripe"), kept("adyen_standard")), (day * 30, day * 7, day * 30));
    for scheme in ALL {
        let kept = scheme.claim_time(&Setting::default());
        assert!(scheme.profile().window.is_none_or(|window| kept >= (window.past + window.future) * 2));
    }
}

/// A delivery of Slack's manner, which is Zoom's too.
fn slack(prefix: &'static str, body: &str) -> Parcel {
    let signature = format!("v0={}", hex(&mac(b"key", format!("v0:{SENT}:{body}").as_bytes())));
    let names = match prefix {
        "zoom" => ["x-zm-signature", "x-zm-request-timestamp"],
        _ => ["x-slack-signature", "x-slack-request-timestamp"],
    };
    parcel(&[(names[0], &signature), (names[1], SENT)], body.as_bytes())
}

#[test]
fn slack_is_answered_with_its_own_token() {
    let ask = |token: &str| {
        let body = json!({ "type": "url_verification", "challenge": token }).to_string();
        verify("slack", json!({}), &slack("slack", &body), &secrets("key"))
    };
    let verified = ask("3eZbrw1aBm2rZgRNFdxV").expect("genuine");
    let challenge = verified.challenge().expect("a challenge");
    assert_eq!(
        (challenge.media_type, &*challenge.body),
        ("application/json", r#"{"challenge":"3eZbrw1aBm2rZgRNFdxV"}"#)
    );
    assert_eq!(ask("<script>"), Err(R::ChallengeMalformed));
    assert_eq!(ask(""), Err(R::ChallengeMalformed));
}

#[test]
fn zoom_is_answered_only_where_the_answer_signs_nothing() {
    let ask = |token: &Value, key: &str| {
        let body = json!({ "event": "endpoint.url_validation", "payload": { "plainToken": token } }).to_string();
        verify("zoom", json!({}), &slack("zoom", &body), &secrets(key))
    };
    let verified = ask(&json!("qgg8vlvZRS6UYooatFL8Aw"), "key").expect("genuine");
    let answer: Value = serde_json::from_str(&verified.challenge().expect("a challenge").body).expect("JSON");
    let wanted = hex(&mac(b"key", b"qgg8vlvZRS6UYooatFL8Aw"));
    assert_eq!(answer, json!({ "plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": wanted }));
    for token in [json!("v0:1790000000:{}"), json!(""), json!(1), Value::Null, json!("a".repeat(129))] {
        assert_eq!(ask(&token, "key"), Err(R::ChallengeMalformed), "{token}");
    }
    assert_eq!(ask(&json!("qgg8vlvZRS6UYooatFL8Aw"), "other"), Err(R::SignatureMismatch), "verified first");
}

#[test]
fn zooms_retry_that_is_signed_anew_is_the_same_delivery() {
    let ask = |sent: &str, body: &str| {
        let signature = format!("v0={}", hex(&mac(b"key", format!("v0:{sent}:{body}").as_bytes())));
        let parcel = parcel(&[("x-zm-signature", &signature), ("x-zm-request-timestamp", sent)], body.as_bytes());
        *verify("zoom", json!({}), &parcel, &secrets("key")).expect("genuine").signed()
    };
    assert_eq!(ask(SENT, "{\"event_ts\":1}"), ask("1790000060", "{\"event_ts\":1}"));
    assert_ne!(ask(SENT, "{\"event_ts\":1}"), ask(SENT, "{\"event_ts\":2}"));
}

#[test]
fn discord_is_answered_where_it_pings() {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a pair");
    let other = Ed25519KeyPair::from_seed_unchecked(&[8; 32]).expect("a pair");
    let spec = json!({ "public_keys": [hex(other.public_key().as_ref()), hex(pair.public_key().as_ref())] });
    let ask = |body: &str| {
        let signature = hex(pair.sign(format!("{SENT}{body}").as_bytes()).as_ref());
        let parcel = parcel(&[("x-signature-ed25519", &signature), ("x-signature-timestamp", SENT)], body.as_bytes());
        verify("discord", spec.clone(), &parcel, &WebhookSecrets::default()).expect("genuine")
    };
    let ping = ask(r#"{"id":"1","type":1}"#);
    assert_eq!(ping.challenge().map(|challenge| &*challenge.body), Some("{\"type\":1}"));
    assert_eq!((ping.key(), ping.sent_at()), (2, Some(Timestamp::from_secs(1_790_000_000))));
    assert!(ask(r#"{"id":"1","type":2}"#).challenge().is_none());
    let event = ask(r#"{"version":1,"type":1,"event":{"type":"APPLICATION_AUTHORIZED"}}"#);
    assert_eq!((event.challenge(), event.event_type()), (None, Some("APPLICATION_AUTHORIZED")));
}

#[test]
fn convoys_advanced_manner_takes_any_of_its_versions() {
    let body = b"{\"a\":1}";
    let good = hex(&mac(b"key", &[SENT.as_bytes(), b",", body].concat()));
    let bad = "0".repeat(64);
    let ask = |value: &str| {
        let parcel = parcel(&[("x-convoy-signature", value), ("x-convoy-idempotency-key", "k-1")], body);
        verify("convoy_advanced", json!({}), &parcel, &secrets("key"))
    };
    for value in [format!("t={SENT},v1={good}"), format!("t={SENT},v1={bad},v2={good}")] {
        let verified = ask(&value).expect("genuine");
        assert_eq!(
            (verified.delivery_id(), verified.sent_at()),
            (Some("k-1"), Some(Timestamp::from_secs(1_790_000_000)))
        );
    }
    assert_eq!(ask(&format!("t={SENT},v1={bad}")), Err(R::SignatureMismatch));
    assert_eq!(ask(&format!("t={SENT},v0={good}")), Err(R::SignatureMissing));
    assert_eq!(ask(&good), Err(R::SignatureMalformed));
}

#[test]
fn standard_webhooks_takes_ed25519_of_a_published_key() {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let pair = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).expect("a pair");
    let spec = json!({ "public_keys": [format!("whpk_{}", STANDARD.encode(pair.public_key().as_ref()))] });
    let signature = STANDARD.encode(pair.sign(format!("msg_1.{SENT}.{{}}").as_bytes()).as_ref());
    let ask = |spec: &Value, value: &str| {
        let pairs = [("webhook-id", "msg_1"), ("webhook-timestamp", SENT), ("webhook-signature", value)];
        verify("standardwebhooks", spec.clone(), &parcel(&pairs, b"{}"), &WebhookSecrets::default())
    };
    assert_eq!(ask(&spec, &format!("v1a,{signature}")).expect("genuine").key(), 1);
    assert_eq!(ask(&json!({}), &format!("v1a,{signature}")), Err(R::SignatureMissing));
    assert_eq!(ask(&spec, "v1a,AAAA"), Err(R::SignatureMalformed));
    assert_eq!(ask(&spec, &format!("v1,{}", STANDARD.encode([0; 32]))), Err(R::SignatureMismatch));
    for value in ["", " ", "v1", ",AAAA", "v1,", "v1,A B"] {
        assert!(ask(&spec, value).is_err(), "{value:?}");
    }
    // Svix takes its own headers or the unbranded ones, and never some of each.
    let mixed = [("svix-id", "msg_1"), ("webhook-timestamp", SENT), ("webhook-signature", "v1,AAAA")];
    let mixed = verify("svix", spec.clone(), &parcel(&mixed, b"{}"), &WebhookSecrets::default());
    assert_eq!(mixed, Err(R::SignatureMissing));
}

fn adyen(items: &[Value]) -> Parcel {
    let items: Vec<Value> = items.iter().map(|item| json!({ "NotificationRequestItem": item })).collect();
    parcel(&[], json!({ "live": "false", "notificationItems": items }).to_string().as_bytes())
}

fn item(reference: &str, own: &str) -> Value {
    use base64::Engine as _;
    let signed = format!("{reference}::Acme:{own}:1130:EUR:AUTHORISATION:true");
    let signature = base64::engine::general_purpose::STANDARD.encode(mac(&[0xab], signed.as_bytes()));
    json!({
        "pspReference": reference, "merchantAccountCode": "Acme", "merchantReference": own,
        "amount": { "value": 1130, "currency": "EUR" }, "eventCode": "AUTHORISATION", "success": "true",
        "additionalData": { "hmacSignature": signature }
    })
}

#[test]
fn every_item_of_adyens_is_checked_and_their_order_is_nothing() {
    let ask = |items: &[Value]| verify("adyen_standard", json!({}), &adyen(items), &secrets("AB"));
    let one = ask(&[item("P1", "a:b:c")]).expect("genuine");
    assert_eq!((one.delivery_id(), one.event_type()), (Some("P1:AUTHORISATION:true"), Some("AUTHORISATION")));
    let there = ask(&[item("P1", "r"), item("P2", "r")]).expect("genuine");
    let back = ask(&[item("P2", "r"), item("P1", "r")]).expect("genuine");
    assert_eq!((there.signed(), there.delivery_id()), (back.signed(), back.delivery_id()));

    let changed = |name: &str, value: Value| {
        let mut item = item("P1", "r");
        item[name] = value;
        ask(&[item])
    };
    assert_eq!(changed("pspReference", json!("P2")), Err(R::SignatureMismatch));
    assert_eq!(changed("merchantAccountCode", json!("Acme:r")), Err(R::BodyMalformed));
    assert_eq!(changed("success", json!("yes")), Err(R::BodyMalformed));
    assert!(changed("success", json!(true)).is_ok());
    assert_eq!(changed("amount", json!({ "value": 1130.5, "currency": "EUR" })), Err(R::BodyMalformed));
    assert_eq!(changed("additionalData", json!({})), Err(R::SignatureMissing));
    assert_eq!(changed("additionalData", json!({ "hmacSignature": "" })), Err(R::SignatureMalformed));
    assert_eq!(ask(&[]), Err(R::SignatureMissing));
    assert_eq!(ask(&vec![item("P1", "r"); 17]), Err(R::CandidatesExceeded));
    assert_eq!(ask(&[item("P1", "r"), item("P2", "r"), item("P1", "r")]), Err(R::BodyMalformed), "twice the same");
    assert_eq!((one.items(), there.items().len(), there.items()), (&[*one.signed()][..], 2, back.items()));
    let many: Vec<Value> = (10..26).map(|number| item(&format!("P{number}"), "r")).collect();
    let many = ask(&many).expect("genuine");
    assert_eq!((many.items().len(), many.delivery_id()), (16, None), "too long for a name");
    let mut long = item(&"P".repeat(128), "r");
    long["originalReference"] = Value::Null;
    assert_eq!(ask(&[long]), Err(R::IdMalformed));
    for body in ["", "[]", "{}", r#"{"notificationItems":[],"notificationItems":[]}"#, r#"{"notificationItems":[{}]}"#]
    {
        assert_eq!(
            verify("adyen_standard", json!({}), &parcel(&[], body.as_bytes()), &secrets("AB")),
            Err(R::BodyMalformed)
        );
    }
}

#[test]
fn adyens_platform_names_its_only_algorithm() {
    use base64::Engine as _;
    let signature = base64::engine::general_purpose::STANDARD.encode(mac(&[0xab], b"{}"));
    let ask =
        |pairs: &[(&'static str, &str)]| verify("adyen_platform", json!({}), &parcel(pairs, b"{}"), &secrets("ab"));
    assert!(ask(&[("hmacsignature", &signature)]).is_ok());
    assert!(ask(&[("hmacsignature", &signature), ("protocol", "HmacSHA256")]).is_ok());
    assert_eq!(ask(&[("hmacsignature", &signature), ("protocol", "HmacSHA1")]), Err(R::AlgorithmUnfit));
}

#[test]
fn a_body_with_two_identifiers_has_none() {
    let ask = |body: &str| {
        let signature = hex(&mac(b"key", format!("{SENT}.{body}").as_bytes()));
        let header = format!("t={SENT},v1={signature}");
        let verified =
            verify("stripe", json!({}), &parcel(&[("stripe-signature", &header)], body.as_bytes()), &secrets("key"));
        verified.map(|verified| verified.delivery_id().map(str::to_owned))
    };
    assert_eq!(ask(r#"{"id":"evt_1"}"#), Ok(Some("evt_1".to_owned())));
    assert_eq!(ask(r#"{"\u0069d":"urn:a.b-1"}"#), Ok(Some("urn:a.b-1".to_owned())));
    for body in [r#"{"id":"evt_1","id":"evt_2"}"#, r#"{"id":null}"#, "{}", "[]", "", "id=evt_1"] {
        assert_eq!(ask(body), Ok(None), "{body}");
    }
    let long = format!("{{\"id\":\"{}\"}}", "a".repeat(129));
    for body in [r#"{"id":1}"#, r#"{"id":"a b"}"#, r#"{"id":""}"#, r#"{"id":"a/b"}"#, &long] {
        assert_eq!(ask(body), Err(R::IdMalformed), "{body}");
    }
}

#[test]
fn what_carries_no_signature_is_refused_before_a_secret_is_opened() {
    let hmac = json!({ "hmac": { "signature_header": "x-sig" } });
    let looks = |name: &str, spec: &Value, pairs: &[(&'static str, &str)]| {
        let scheme = named(name).expect("a scheme");
        let spec: SettingSpec = serde_json::from_value(spec.clone()).expect("a setting");
        scheme.looks_signed(&parcel(pairs, b"{}"), &Setting::resolve(scheme, &spec).expect("sound"))
    };
    let nothing = json!({});
    for (name, spec, header) in [
        ("stripe", &nothing, "stripe-signature"),
        ("convoy_simple", &nothing, "x-convoy-signature"),
        ("shopify", &nothing, "x-shopify-hmac-sha256"),
        ("shopify_events", &nothing, "shopify-hmac-sha256"),
        ("standardwebhooks", &nothing, "webhook-signature"),
        ("svix", &nothing, "svix-signature"),
        ("svix", &nothing, "webhook-signature"),
        ("hmac", &hmac, "x-sig"),
    ] {
        assert_eq!(looks(name, spec, &[]), Err(R::SignatureMissing), "{name}");
        assert_eq!(looks(name, spec, &[(header, "a"), (header, "a")]), Err(R::HeaderDuplicated), "{name}");
        assert_eq!(looks(name, spec, &[(header, "a")]), Ok(()), "{name}");
    }
    // Adyen's standard scheme signs inside the body, and is the only one whose signature no header has.
    assert_eq!(looks("adyen_standard", &nothing, &[]), Ok(()));
    for scheme in ALL {
        let name = scheme.profile().name;
        let told = scheme.profile().signature_header.is_some();
        assert!(told || matches!(name, "adyen_standard" | "hmac" | "jws" | "standardwebhooks" | "svix"), "{name}");
    }
}

#[test]
fn without_a_live_secret_nothing_verifies() {
    let empty = WebhookSecrets::default();
    let zero = "0".repeat(64);
    let stripe = parcel(&[("stripe-signature", &format!("t={SENT},v1={zero}"))], b"{}");
    assert_eq!(verify("stripe", json!({}), &stripe, &empty), Err(R::SignatureMismatch));
    assert!(empty.fit(KeyForm::Text));
}

proptest! {
    #[test]
    fn no_headers_and_no_body_bring_a_scheme_down(
        which in 0..ALL.len(),
        values in proptest::collection::vec("[ -~]{0,40}", 3),
        body in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        const NAMES: &[&str] = &[
            "stripe-signature", "webhook-signature", "webhook-id", "webhook-timestamp", "svix-signature", "x-slack-signature",
            "x-hub-signature-256", "x-twilio-signature", "x-twilio-webhooks-signature-settings", "content-type",
            "x-convoy-signature", "paddle-signature", "x-jws-signature", "paypal-transmission-sig", "hmacsignature",
        ];
        let mut headers = HeaderMap::new();
        for (at, name) in NAMES.iter().enumerate() {
            headers.append(*name, HeaderValue::from_str(&values[at % values.len()]).expect("a value"));
        }
        let parcel = Parcel { headers, body: Bytes::from(body) };
        prop_assert!(ALL[which].verify(&parcel, &Setting::default(), &secrets("key")).is_err());
    }
}
