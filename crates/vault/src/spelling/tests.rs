//! A credential is found in whatever spelling it comes back, whole and in pieces, and nothing else is.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use std::ops::Range;

use super::*;

const SECRET: &str = "sk_live/abc+def/..==";

fn spellings(secret: &str, pair: bool) -> Option<Spellings> {
    let sent = if pair {
        STANDARD.encode(if secret.contains(':') { secret.into() } else { format!("{secret}:") })
    } else {
        String::new()
    };
    lent(secret, &sent, if pair { Sent::Pair } else { |_| Sent::Itself })
}

/// Those of a secret that was sent as this.
fn lent(secret: &str, sent: &str, how: impl Fn(Range<usize>) -> Sent) -> Option<Spellings> {
    let room = sent.len() + Forms::room(secret.len(), sent.len());
    let mut buffer = Vec::with_capacity(room);
    buffer.extend_from_slice(sent.as_bytes());
    let forms = Forms::write(&mut buffer, secret.as_bytes(), &how(0..sent.len()), LEAST);
    assert!(buffer.len() <= room, "growing would leave a copy behind");
    Spellings::new(buffer.into(), forms)
}

/// Where it stands in a text that is whole.
fn found(spellings: &Spellings, text: &[u8]) -> Vec<Range<usize>> {
    let mut search = spellings.search();
    search.read_all(text);
    search.end();
    search.found()
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
    for secret in [SECRET, "a b&c%d\\e\"f/g", "1000%25%41&xy", "12345678"] {
        for text in spelled(secret) {
            let found = found(&of(secret), format!("<{text}>").as_bytes());
            let [range] = found.as_slice() else { panic!("{secret}: {text}: {found:?}") };
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
        let found = found(&user, encoded.as_bytes());
        let [range] = found.as_slice() else { panic!("{encoded}: {found:?}") };
        assert!(range.start == 0 && range.end + 1 >= whole.end, "{range:?} of {encoded}");
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
    for text in ["", "%", "\\", "&", "sk_live/abc", "%zz \\ud83d é 😹 &#x110000;", "SK_LIVE/abc+def/..=="] {
        assert!(!of(SECRET).is_in(text.as_bytes()), "{text}");
    }
    assert!(spellings("1234567", true).is_none_or(|short| !short.is_in(b"1234567")));
    assert!(spellings("1234567", false).is_none());
    for (secret, innocent) in [("%41%42%43", "ABC"), ("\\\\\\\\\\\\\\ab", "ab")] {
        assert!(of(secret).is_in(secret.as_bytes()) && !of(secret).is_in(innocent.as_bytes()), "{secret}");
    }
    assert_eq!(format!("{:?} {:?}", of(SECRET), of(SECRET).search()), "Spellings Search");
}

#[test]
fn escapes_are_undone_in_any_mixture() {
    let texts = [
        ("json, then percent", "sk_live%5C%2Fabc+def%5C%2F..=="),
        ("html twice", "sk_live&amp;#47;abc&amp;plus;def&amp;sol;..&amp;equals;="),
        ("html inside of Go's json", "sk_live\\u0026#47;abc+def\\u0026sol;..=="),
        ("html, then percent", "sk_live%26%2347%3Babc+def%26sol%3B..=="),
        ("percent, then html", "sk_live&#37;2Fabc+def&#37;2f..=="),
        ("json, then html", "sk_live&#92;/abc&#92;u002bdef/..=="),
        ("percent three times", "sk_live%25252Fabc%25252Bdef/..=="),
        ("every byte, twice", &each(&each(SECRET, |byte| format!("%{byte:02x}")), |byte| format!("%{byte:02x}"))),
        (
            "every byte as json, twice",
            &each(&each(SECRET, |byte| format!("\\u{byte:04x}")), |byte| format!("\\u{byte:04x}")),
        ),
    ];
    for (name, text) in texts {
        let found = found(&of(SECRET), format!("<{text}>").as_bytes());
        assert!(matches!(found.as_slice(), [all] if *all == (1..text.len() + 1)), "{name}: {text}: {found:?}");
    }
    let odd = of("a<b>\"c\"&d'e");
    for text in [
        "a&lt;b&gt;\\&quot;c\\&quot;&amp;d&#39;e",
        "a&amp;lt;b&amp;gt;&quot;c&quot;&amp;amp;d&apos;e",
        "a\\u0026lt;b\\u003e\\\"c\\\"\\u0026d'e",
    ] {
        assert!(odd.is_in(text.as_bytes()), "{text}");
    }
}

#[test]
fn what_looks_escaped_itself_is_found_as_it_is_and_escaped() {
    for secret in [
        "1000%25%41&xy",
        "abab%2525cd\\u0041xyz",
        "50%&amp;lt;\\\\nmore",
        "4e3f9a5b%",
        "anything\\",
        &"%41%42".repeat(4),
    ] {
        for text in spelled(secret) {
            assert!(of(secret).is_in(text.as_bytes()), "{secret}: {text}");
        }
        // What stands before and behind it takes nothing of it away.
        for text in [format!("%{secret}41"), format!("\\{secret}"), format!("&{secret};"), format!("\\x{secret}")] {
            assert!(of(secret).is_in(text.as_bytes()), "{secret}: {text}");
        }
    }
}

#[test]
fn halves_of_a_character_are_put_together() {
    let pair = spellings("user:p\u{1f511}ssword", true).expect("long enough");
    for text in ["p\\ud83d\\udd11ssword", "p\\\\uD83D\\\\uDD11ssword", "p&#128273;ssword", "p%f0%9f%94%91ssword"] {
        assert!(pair.is_in(text.as_bytes()), "{text}");
    }
    assert!(!pair.is_in(b"p\\ud83dssword"));
}

#[test]
fn base64_may_be_broken_into_lines_and_hexadecimal_into_bytes() {
    let secret = format!("{SECRET}{}", "0123456789abcdef".repeat(6));
    let spellings = of(&secret);
    let encoded = STANDARD.encode(format!("Bearer {secret}"));
    for width in [60, 76] {
        for end in ["\n", "\r\n", "\\n", "\\r\\n", "\\\\r\\\\n", "%0D%0A", "&#10;", "\r\n    ", "\\u000a"] {
            let lines: Vec<String> =
                encoded.as_bytes().chunks(width).map(|line| String::from_utf8_lossy(line).into()).collect();
            let text = lines.join(end);
            let found = found(&spellings, text.as_bytes());
            assert!(matches!(found.as_slice(), [range] if range.len() + 16 > text.len()), "{width} {end:?}: {found:?}");
        }
    }
    for text in [
        each(&secret, |byte| format!("{byte:02x} ")),
        each(&secret, |byte| format!("{byte:02X}:")),
        each(&secret, |byte| format!("{byte:02X}-")),
    ] {
        let found = found(&spellings, text.as_bytes());
        assert!(matches!(found.as_slice(), [all] if *all == (0..text.len() - 1)), "{text}: {found:?}");
    }
}

#[test]
fn what_was_sent_is_found_encoded_once_more() {
    let pair = spellings("user:p4ss/word", true).expect("long enough");
    let query = lent(SECRET, "sk_live%2Fabc%2Bdef%2F..%3D%3D", Sent::Encoded).expect("long enough");
    for before in ["", "a", "ab", "Basic "] {
        let basic = STANDARD.encode(format!("{before}{}", STANDARD.encode("user:p4ss/word")));
        assert!(pair.is_in(basic.as_bytes()), "{basic}");
        let encoded = URL_SAFE.encode(format!("{before}sk_live%2Fabc%2Bdef%2F..%3D%3D"));
        assert!(query.is_in(encoded.as_bytes()), "{encoded}");
        assert!(query.is_in(STANDARD.encode(format!("{before}{SECRET}")).as_bytes()));
    }
}

#[test]
fn wider_characters_are_found() {
    let percent = each(SECRET, |byte| format!("%{byte:02x}"));
    for text in [SECRET.to_owned(), percent, STANDARD.encode(SECRET)] {
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let widest: Vec<u8> = text.chars().flat_map(|character| u32::from(character).to_be_bytes()).collect();
        for wide in [little, big, widest, text.replace('s', "s\\u0000").into_bytes()] {
            assert!(of(SECRET).is_in(&wide), "{}", String::from_utf8_lossy(&wide));
        }
    }
}

#[test]
fn what_is_cut_off_at_the_end_counts_from_twelve_bytes_on() {
    let texts = [
        "Bearer sk_live/abc+",
        "sk_live%2Fabc%2B",
        "sk_live%2fabc%2bd%",
        "c2tfbGl2ZS9hYmMr",
        "736b5f6c6976652f6162632b",
    ];
    for text in texts {
        assert!(of(SECRET).is_in(text.as_bytes()), "{text}");
        assert!(!of(SECRET).is_in(format!("{text}!").as_bytes()), "{text}");
    }
    for text in ["Bearer sk_live/abc", "sk_live%2Fabc%2", "c2tfbGl2ZS9hYm"] {
        assert!(!of(SECRET).is_in(text.as_bytes()), "{text}");
    }
}
