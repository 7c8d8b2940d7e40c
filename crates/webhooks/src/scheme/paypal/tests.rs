//! PayPal's scheme with a certificate of our own: the vectors do not tell the webhook's identifier.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use lockgate_vocabulary::Timestamp;
use proptest::prelude::*;
use rcgen::SigningKey as _;

use super::*;
use crate::refusal::WebhookRefusal as R;
use crate::setting::SettingSpec;

const BODY: &[u8] = br#"{"id":"WH-9","event_type":"PAYMENT.SALE.COMPLETED","resource":{"amount":{"total":"21.00"}}}"#;
const CERTIFICATE: &str = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77";

struct World {
    pair: rcgen::KeyPair,
    setting: Setting,
}

impl World {
    fn new() -> Self {
        let pair = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).expect("a pair");
        let certificate = rcgen::CertificateParams::new(vec!["paypal.test".to_owned()]).expect("names");
        let certificate = certificate.self_signed(&pair).expect("signed").pem();
        let spec = SettingSpec {
            webhook_id: Some("1JE4291016473214C".to_owned()),
            public_keys: vec![certificate],
            ..SettingSpec::default()
        };
        Self { pair, setting: Setting::resolve(&PayPal, &spec).expect("sound") }
    }

    fn parcel(&self, body: &[u8]) -> Parcel {
        let signed = format!("tx-1|2026-09-21T14:13:18Z|1JE4291016473214C|{}", crc32(body));
        let signature = STANDARD.encode(self.pair.sign(signed.as_bytes()).expect("signed"));
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("paypal-transmission-id", "tx-1"),
            ("paypal-transmission-time", "2026-09-21T14:13:18Z"),
            ("paypal-transmission-sig", &signature),
            ("paypal-auth-algo", "SHA256withRSA"),
            ("paypal-cert-url", CERTIFICATE),
        ] {
            headers.insert(name, HeaderValue::from_str(value).expect("a value"));
        }
        Parcel { headers, body: Bytes::copy_from_slice(body) }
    }

    fn verify(&self, parcel: &Parcel) -> Result<Verified, R> {
        PayPal.verify(parcel, &self.setting, &WebhookSecrets::default())
    }
}

#[test]
fn a_genuine_transmission_verifies() {
    let world = World::new();
    let verified = world.verify(&world.parcel(BODY)).expect("genuine");
    assert_eq!(verified.delivery_id(), Some("tx-1"));
    assert_eq!(verified.event_type(), Some("PAYMENT.SALE.COMPLETED"));
    assert_eq!(verified.sent_at(), Some(Timestamp::from_secs(1_789_999_998)));
    assert_eq!(verified.key(), 1);
}

#[test]
fn what_is_changed_or_missing_is_refused_with_its_reason() {
    let world = World::new();
    let cases: [(&str, Option<&str>, R); 13] = [
        ("paypal-transmission-sig", None, R::SignatureMissing),
        ("paypal-transmission-sig", Some("AAA"), R::SignatureMalformed),
        ("paypal-transmission-sig", Some("AAAA"), R::SignatureMismatch),
        ("paypal-auth-algo", None, R::AlgorithmUnfit),
        ("paypal-auth-algo", Some("SHA1withRSA"), R::AlgorithmUnfit),
        ("paypal-cert-url", None, R::CertificateForeign),
        (
            "paypal-cert-url",
            Some("https://api.paypal.com.evil.test/v1/notifications/certs/CERT-1"),
            R::CertificateForeign,
        ),
        ("paypal-cert-url", Some("https://api.paypal.com/v1/notifications/certs/../../x"), R::CertificateForeign),
        ("paypal-cert-url", Some("http://api.paypal.com/v1/notifications/certs/CERT-1"), R::CertificateForeign),
        ("paypal-transmission-id", Some("tx|1"), R::IdMalformed),
        ("paypal-transmission-id", Some("tx-2"), R::SignatureMismatch),
        ("paypal-transmission-time", Some("2026-09-21T14:13:18+00:00"), R::TimestampMalformed),
        ("paypal-transmission-time", Some("2026-09-21T14:13:19Z"), R::SignatureMismatch),
    ];
    for (name, value, refusal) in cases {
        let mut parcel = world.parcel(BODY);
        match value {
            Some(value) => drop(parcel.headers.insert(name, HeaderValue::from_static(value))),
            None => drop(parcel.headers.remove(name)),
        }
        assert_eq!(world.verify(&parcel), Err(refusal), "{name}: {value:?}");
        if value.is_none() {
            let mut twice = world.parcel(BODY);
            let same = twice.headers[name].clone();
            twice.headers.append(name, same);
            assert_eq!(world.verify(&twice), Err(R::HeaderDuplicated), "{name}");
        }
    }
}

#[test]
fn another_body_with_the_same_crc_is_told_by_its_digest() {
    // CRC-32 is linear: four bytes at the end bring any body to any value.
    let world = World::new();
    let genuine = world.parcel(BODY);
    let mut forged = b"{\"total\":\"99999.00\"}".to_vec();
    let found = (0u32..).take(1 << 24).find(|tail| {
        let mut body = forged.clone();
        body.extend_from_slice(&tail.to_le_bytes());
        crc32(&body) & 0xffff == crc32(BODY) & 0xffff
    });
    assert!(found.is_some(), "a collision in half of the bits is found at once");
    forged.extend_from_slice(&adjusted(&forged, crc32(BODY)));
    assert_eq!(crc32(&forged), crc32(BODY));
    let parcel = Parcel { body: Bytes::from(forged), ..genuine.clone() };
    let (first, second) = (world.verify(&genuine).expect("genuine"), world.verify(&parcel).expect("forged"));
    assert_eq!((first.signed(), first.delivery_id()), (second.signed(), second.delivery_id()));
    assert_ne!(first.body(), second.body());
}

/// The four bytes behind the text that bring its CRC to the wanted one.
fn adjusted(text: &[u8], wanted: u32) -> [u8; 4] {
    let with = |tail: u32| crc32(&[text, &tail.to_le_bytes()].concat());
    // Each bit of the four bytes flips the same bits of the CRC whatever the others are: solve for them.
    let base = with(0);
    let mut rows: Vec<(u32, u32)> = (0..32).map(|bit| (with(1 << bit) ^ base, 1 << bit)).collect();
    let (mut missing, mut tail) = (base ^ wanted, 0);
    for bit in (0..32).rev() {
        let Some(at) = rows.iter().position(|(effect, _)| effect >> bit & 1 == 1) else { continue };
        let (effect, cause) = rows.remove(at);
        for row in rows.iter_mut().filter(|(other, _)| other >> bit & 1 == 1) {
            *row = (row.0 ^ effect, row.1 ^ cause);
        }
        if missing >> bit & 1 == 1 {
            (missing, tail) = (missing ^ effect, tail ^ cause);
        }
    }
    tail.to_le_bytes()
}

#[test]
fn crc_and_moments_are_those_of_everybody() {
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    assert_eq!(crc32(b""), 0);
    let read = |text| moment::read(text).map(Timestamp::as_secs);
    assert_eq!(read("1970-01-01T00:00:00Z"), Some(0));
    assert_eq!(read("2000-02-29T23:59:59Z"), Some(951_868_799));
    assert_eq!(read("2026-09-21T14:13:18Z"), Some(1_789_999_998));
    let wrong = [
        "",
        "2026-09-21",
        "2026-09-21T14:13:18",
        "2026-09-21t14:13:18Z",
        "2026-09-21 14:13:18Z",
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:60Z",
        "2026-09-21T14:13:18.0Z",
        "+026-09-21T14:13:18Z",
        "２026-09-21T14:13Z",
    ];
    for text in wrong {
        assert_eq!(read(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn moments_are_what_the_clock_writes(seconds in 0i64..253_402_300_800) {
        let text = Timestamp::from_secs(seconds).to_string();
        let short = format!("{}Z", text.split('.').next().expect("seconds"));
        prop_assert_eq!(moment::read(&short), Some(Timestamp::from_secs(seconds)));
    }
}
