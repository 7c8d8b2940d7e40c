//! A credential is found in whatever spelling a vendor sends it back.

use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use proptest::prelude::*;

use super::*;

const SECRET: &str = "sk_live/51H8+aa=bb~cc";

fn scrubbed(text: &str) -> String {
    scrub(text, SECRET.as_bytes())
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[test]
fn every_spelling_is_found() {
    let hex: String = SECRET.bytes().map(|byte| format!("{byte:02X}")).collect();
    for spelled in [
        SECRET.to_owned(),
        percent(SECRET),
        SECRET.replace('/', "%2F").replace('+', "%2b"),
        SECRET.replace('/', "\\/"),
        SECRET.replace('+', "\\u002b"),
        STANDARD.encode(SECRET),
        URL_SAFE.encode(SECRET),
        hex,
    ] {
        assert_eq!(scrubbed(&format!("<{spelled}>")).trim_end_matches(['=', '>']), format!("<{MARK}"), "{spelled}");
    }
}

#[test]
fn it_is_found_inside_of_a_longer_encoded_text() {
    for before in ["", "a", "ab", "abc", "Bearer "] {
        for after in ["", "x", "xyz"] {
            let text = STANDARD.encode(format!("{before}{SECRET}{after}"));
            let left = scrubbed(&text);
            assert!(left.contains(MARK) && left.len() < MARK.len() + 16 + 2 * before.len() + 2 * after.len(), "{left}");
        }
    }
}

#[test]
fn a_part_of_a_long_one_is_found() {
    assert_eq!(scrubbed("key sk_live/51H8+a... is wrong"), format!("key {MARK}... is wrong"));
    assert_eq!(scrubbed("key ...51H8+aa=bb~cc is wrong"), format!("key ...{MARK} is wrong"));
    assert_eq!(scrubbed("key sk_live is wrong"), "key sk_live is wrong");
}

#[test]
fn a_password_is_found_without_its_user() {
    let text = scrub("no hunter2 for alice, nor alice:hunter2", b"alice:hunter2");
    assert_eq!(text, format!("no {MARK} for alice, nor {MARK}"));
    assert_eq!(scrub("a short: ab.", b"ab"), format!("a short: {MARK}."));
    assert_eq!(scrub("user alone:", b"user:"), "user alone:");
}

#[test]
fn other_text_stays_as_it_is() {
    for text in ["", "plain", "100 % sure", "%zz \\ud83d é 😹", "c2tfb3RoZXI="] {
        assert_eq!(scrubbed(text), text);
    }
}

#[test]
fn long_texts_are_cut_off() {
    let text = format!("{}{SECRET}", "é".repeat(TEXT_BYTES));
    let left = scrubbed(&text);
    assert!(left.len() <= TEXT_BYTES && !left.contains("sk_live"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_never_stays(
        secret in "[!-9;-~]{16,60}",
        before in "\\PC{0,20}",
        after in "\\PC{0,20}",
        spelling in 0usize..4,
    ) {
        let spelled = match spelling {
            0 => secret.clone(),
            1 => percent(&secret),
            2 => STANDARD.encode(&secret),
            _ => secret.bytes().map(|byte| format!("{byte:02x}")).collect(),
        };
        let left = scrub(&format!("{before}{spelled}{after}"), secret.as_bytes());
        prop_assert!(left.contains(MARK), "{left}");
        prop_assert!(!left.contains(&secret) && !left.contains(&percent(&secret)), "{left}");
    }
}
