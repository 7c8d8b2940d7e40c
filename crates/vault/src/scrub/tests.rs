//! A credential is found in whatever spelling a vendor sends it back.

use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use proptest::prelude::*;

use super::parts::{LONG, PART};
use super::*;

const SECRET: &str = "sk_live/51H8+aa=bb~cc";

fn scrubbed(text: &str) -> String {
    scrub(text, SECRET.as_bytes())
}

fn scrub(text: &str, secret: &[u8]) -> String {
    super::scrub(text, secret, &AuthPlacement::Bearer)
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

#[test]
fn mixtures_and_what_was_sent_are_found() {
    for spelled in [
        SECRET.replace('/', "%5C%2F"),
        SECRET.replace('/', "&amp;#47;"),
        SECRET.replace('+', "\\u0026#43;"),
        SECRET.bytes().map(|byte| format!("{byte:02x}:")).collect(),
        STANDARD.encode(SECRET).as_bytes().chunks(8).map(|line| String::from_utf8_lossy(line) + "\\r\\n").collect(),
    ] {
        let left = scrubbed(&format!("<{spelled}>"));
        assert!(left.starts_with(&format!("<{MARK}")) && left.len() <= MARK.len() + 9, "{spelled}: {left}");
    }
    let pair = STANDARD.encode("alice:hunter2/+0123456789");
    let left =
        super::scrub(&STANDARD.encode(format!("Basic {pair}")), b"alice:hunter2/+0123456789", &AuthPlacement::Basic);
    assert!(left.contains(MARK) && left.len() < MARK.len() + 16, "{left}");
    let query = AuthPlacement::Query { name: "key".to_owned() };
    let left = super::scrub(&STANDARD.encode("sk_live%2F51H8%2Baa%3Dbb~cc"), SECRET.as_bytes(), &query);
    assert!(left.contains(MARK) && left.len() < MARK.len() + 16, "{left}");
    assert_eq!(super::scrub("no tok12, nor tok12:", b"tok12", &AuthPlacement::Basic), format!("no {MARK}, nor {MARK}"));
}

#[test]
fn parts_are_put_in_order_once_for_each_length() {
    let secret: Vec<u8> =
        (0..2048u32).map(|index| b'!' + (index.wrapping_mul(2_654_435_761) >> 9) as u8 % 90).collect();
    let (buffer, forms) = spelled(&secret, &AuthPlacement::Bearer);
    for kind in Kind::ALL {
        let parts = Parts::of(&forms, &buffer, kind, Stream::Written);
        // So a part of a text is looked up in as many steps as the number of them has binary digits.
        let [set] = parts.each.as_slice() else { panic!("one length") };
        assert!(set.length == PART && set.parts.len() <= 3 * 2731 && set.parts.is_sorted());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// It hides what a comparison of every part with every other hides, and nothing else.
    #[test]
    fn it_hides_what_comparing_all_with_all_hides(
        secret in "[ab:/%]{1,20}",
        text in "([ab:/%]|%2f|YWJh|6162|61:62| ){0,40}",
    ) {
        let (buffer, forms) = spelled(secret.as_bytes(), &AuthPlacement::Bearer);
        let mut hidden = vec![false; text.len()];
        for (stream, units) in [Stream::Written, Stream::Undone].into_iter().zip(readings(&text, forms.layers())) {
            for form in forms.each().filter(|form| form.is_in(stream)) {
                let wanted = form.of(&buffer);
                let length = if wanted.len() >= LONG { PART } else { wanted.len() };
                let read: Vec<(u8, Unit)> = units.iter().map(|unit| (form.kind.reads(*unit), *unit)).filter(|(byte, _)| *byte != 0).collect();
                for window in read.windows(length) {
                    let bytes: Vec<u8> = window.iter().map(|(byte, _)| *byte).collect();
                    if wanted.windows(length).any(|part| part == bytes) {
                        hidden[window[0].1.from..window[length - 1].1.to].fill(true);
                    }
                }
            }
        }
        // No run of blanks is long enough in these texts to part what is around it.
        prop_assume!(!text.contains(&" ".repeat(17)));
        prop_assert_eq!(scrub(&text, secret.as_bytes()), masked(&text, &hidden));
    }

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
