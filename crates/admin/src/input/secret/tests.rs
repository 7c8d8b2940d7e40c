//! A value is read as serde would read it, whatever it is written like.

use lockgate_vocabulary::Secret;
use serde::Deserialize;

use super::{secret, undone};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Holder {
    #[serde(deserialize_with = "secret")]
    secret: Secret,
}

fn read(body: &str) -> Result<Vec<u8>, String> {
    let holder: Result<Holder, _> = serde_json::from_slice(body.as_bytes());
    holder.map(|holder| holder.secret.expose().to_vec()).map_err(|error| error.to_string())
}

#[test]
fn a_value_is_what_its_string_means() {
    let spelled = [
        r#""""#,
        r#""sk_live_1""#,
        r#""a\"b\\c\/d\b\f\n\r\t""#,
        r#""\u0041\u00e9\u20AC\ud83d\ude00 é😀""#,
        r#""-----BEGIN KEY-----\nMIIB\n""#,
    ];
    for text in spelled {
        let wanted: String = serde_json::from_str(text).expect("a string");
        assert_eq!(read(&format!("{{\"secret\": {text} }}")), Ok(wanted.into_bytes()), "{text}");
    }
}

#[test]
fn what_is_no_string_is_refused_without_being_repeated() {
    for text in ["17", "true", "null", "[\"a\"]", "{\"a\":\"b\"}"] {
        let refused = read(&format!("{{\"secret\":{text}}}")).expect_err(text);
        assert!(refused.contains("expected a string") && !refused.contains("17"), "{refused}");
    }
    assert!(read("{}").is_err() && read(r#"{"secret":"a","secret":"b"}"#).is_err());
    for text in [r#""\x""#, r#""\u12""#, r#""\ud83d""#, r#""\ud83dxx\ude00""#, r#""\ude00""#, r#""\"#, r#"""#] {
        assert_eq!(undone(text), None, "{text}");
    }
}
