//! A credential is found in whatever spelling it comes back, whole and in pieces, and nothing else is.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use proptest::prelude::*;

use super::*;

const SECRET: &str = "sk_live/abc+def/..==";

fn spellings(secret: &str, pair: bool) -> Option<Spellings> {
    let room = Forms::room(secret.as_bytes());
    let mut buffer = Vec::with_capacity(room);
    let forms = Forms::write(&mut buffer, secret.as_bytes(), pair);
    assert!(buffer.len() <= room, "growing would leave a copy behind");
    Spellings::new(buffer.into(), forms)
}

fn of(secret: &str) -> Spellings {
    spellings(secret, false).expect("long enough")
}

fn each(text: &str, write: impl Fn(u8) -> String) -> String {
    text.bytes().map(write).collect()
}

/// Every spelling that is looked for.
fn spelled(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).expect("JSON");
    let json = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).expect("a string").to_owned();
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let percent = each(secret, |byte| if unreserved(byte) { char::from(byte).into() } else { format!("%{byte:02X}") });
    let html = |byte: u8| match byte {
        b'&' => "&amp;".to_owned(),
        b'/' => "&#x2F;".to_owned(),
        b'+' => "&#43;".to_owned(),
        _ => char::from(byte).into(),
    };
    vec![
        secret.to_owned(),
        percent.replace('%', "%25"),
        percent.replace("%20", "+"),
        each(secret, |byte| if unreserved(byte) { char::from(byte).into() } else { format!("%{byte:02x}") }),
        percent,
        each(secret, |byte| format!("%{byte:02x}")),
        each(secret, |byte| format!("\\u00{byte:02x}")),
        each(secret, |byte| format!("\\\\u00{byte:02X}")),
        json.replace('/', "\\/"),
        json.replace('\\', "\\\\").replace('/', "\\\\/"),
        json,
        each(secret, html),
        each(secret, |byte| format!("{byte:02x}")),
        each(secret, |byte| format!("{byte:02X}")),
    ]
}

#[test]
fn every_spelling_is_found_whole() {
    for secret in [SECRET, "a b&c%d\\e\"f/g", "100%25%41&x", "12345678"] {
        for text in spelled(secret) {
            let found = of(secret).find(format!("<{text}>").as_bytes(), 0, true);
            let Sighting::Whole(range) = found else { panic!("{secret}: {text}: {found:?}") };
            assert_eq!(range.start, 1, "{secret}: {text}");
            assert!(range.end > text.len() - 4, "{secret}: {text}: {range:?}");
        }
    }
}

#[test]
fn it_is_found_inside_of_a_longer_encoded_text() {
    for before in ["", "a", "ab", "abc", "Bearer "] {
        for after in ["", "x", "xyz"] {
            for text in [
                STANDARD.encode(format!("{before}{SECRET}{after}")),
                URL_SAFE.encode(format!("{before}{SECRET}{after}")),
            ] {
                for text in [text.replace('/', "\\/").replace('+', "%2B"), text] {
                    assert!(of(SECRET).is_in(text.as_bytes()), "{text}");
                }
            }
        }
    }
}

#[test]
fn of_a_pair_the_password_counts_alone_and_a_user_without_one() {
    let pair = spellings("user:p4ss/word", true).expect("long enough");
    for text in ["user:p4ss/word", "p4ss/word", "p4ss%2fword", "dXNlcjpwNHNzL3dvcmQ=", "cDRzcy93b3Jk"] {
        assert!(pair.is_in(text.as_bytes()), "{text}");
    }
    assert!(!pair.is_in(b"user: somebody"));
    for (secret, sent) in [("sk_live_1", "sk_live_1:"), ("sk_live_1:", "sk_live_1:")] {
        let user = spellings(secret, true).expect("long enough");
        assert!(user.is_in(b"sk_live_1") && user.is_in(STANDARD.encode("sk_live_1").as_bytes()));
        let encoded = STANDARD.encode(sent);
        let whole = 0..encoded.trim_end_matches('=').len();
        let Sighting::Whole(found) = user.find(encoded.as_bytes(), 0, false) else { panic!("{encoded}") };
        assert!(found.start == 0 && found.end + 1 >= whole.end, "{found:?} of {encoded}");
    }
}

#[test]
fn what_is_beyond_ascii_is_found_escaped() {
    let pair = spellings("user:pässwörd", true).expect("long enough");
    for text in ["p\\u00e4ssw\\u00f6rd", "p%C3%A4ssw%c3%b6rd", "p&#228;ssw&#xf6;rd", "pässwörd"] {
        assert!(pair.is_in(text.as_bytes()), "{text}");
    }
}

#[test]
fn other_text_and_what_is_too_short_are_nowhere() {
    for text in ["", "%", "\\", "&", "sk_live/abc+def/..=", "%zz \\ud83d é 😹 &#x110000;", "SK_LIVE/abc+def/..=="] {
        assert_eq!(of(SECRET).find(text.as_bytes(), 0, false), Sighting::Nowhere, "{text}");
    }
    assert!(spellings("1234567", true).is_none_or(|short| !short.is_in(b"1234567")));
    assert!(spellings("1234567", false).is_none());
    assert_eq!(format!("{:?}", of(SECRET)), "Spellings");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// INVARIANT: what is cut anywhere is told as a beginning, at or before where it begins.
    #[test]
    fn a_beginning_is_told_wherever_it_is_cut(secret in "[ -9;-~]{8,40}", place in 0usize..16, before in "[g-z ]{0,12}") {
        let secret = secret.trim().to_owned();
        prop_assume!(secret.len() >= 8);
        let all = spelled(&secret);
        let text = format!("{before}{}", STANDARD.encode(&secret));
        let text = all.get(place).map_or(text, |text| format!("{before}{text}"));
        let spellings = of(&secret);
        // Nothing comes after it: its end could be the beginning of an escape otherwise.
        let Sighting::Whole(range) = spellings.find(text.as_bytes(), 0, false) else {
            return Err(TestCaseError::fail(format!("{secret:?} is not found in {text:?}")));
        };
        for cut in range.start + 1..range.end {
            match spellings.find(&text.as_bytes()[..cut], 0, true) {
                Sighting::Begins(at) => prop_assert!(at <= range.start),
                // The last byte of a credential may stand for itself or begin an escape.
                Sighting::Whole(found) => prop_assert_eq!(found.start, range.start),
                other => prop_assert!(false, "{secret:?}: {text:?} cut at {cut}: {other:?}"),
            }
        }
    }
}
