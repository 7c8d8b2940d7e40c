//! Every form in which a program may have written a secret down.
//!
//! A text that was escaped by hand or by mixtures of escapes is found all the same where its secret begins and ends
//! in letters and digits, which nothing escapes: what is looked for beside the whole are its two ends ([`Part`]).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Bytes of each end. Shorter ones stand in innocent bytes too often.
const END: usize = 14;

/// Which part of the secret was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    Whole,
    Beginning,
    End,
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    pub name: &'static str,
    pub part: Part,
    pub bytes: Vec<u8>,
}

/// Every form of the secret and of its ends, each once.
pub fn of(secret: &[u8]) -> Vec<Form> {
    let mut parts = vec![(Part::Whole, secret)];
    if secret.len() >= 2 * END {
        parts.extend([(Part::Beginning, &secret[..END]), (Part::End, &secret[secret.len() - END..])]);
    }
    let mut found: Vec<Form> = Vec::new();
    for (part, bytes) in parts {
        for (name, bytes) in written(bytes) {
            if !found.iter().any(|known| known.bytes == bytes) {
                found.push(Form { name, part, bytes });
            }
        }
    }
    found
}

fn written(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let each = |write: &dyn Fn(u8) -> String| bytes.iter().map(|byte| write(*byte)).collect::<String>().into_bytes();
    let keeping = |kept: &[u8], write: &dyn Fn(u8) -> String| {
        let is_kept = |byte: u8| byte.is_ascii_alphanumeric() || kept.contains(&byte);
        each(&|byte| if is_kept(byte) { char::from(byte).to_string() } else { write(byte) })
    };
    let (lower, upper) = (|byte: u8| format!("%{byte:02x}"), |byte: u8| format!("%{byte:02X}"));
    let with_plus = |write: &dyn Fn(u8) -> String, byte| if byte == b' ' { "+".to_owned() } else { write(byte) };
    let list = |between: &str| bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(between).into_bytes();
    let mut all = vec![
        ("plain", bytes.to_vec()),
        ("hex", each(&|byte| format!("{byte:02x}"))),
        ("hex in capitals", each(&|byte| format!("{byte:02X}"))),
        ("percent-encoded", keeping(b"-._~", &lower)),
        ("percent-encoded in capitals", keeping(b"-._~", &upper)),
        ("form-encoded", keeping(b"-._*", &|byte| with_plus(&lower, byte))),
        ("form-encoded in capitals", keeping(b"-._*", &|byte| with_plus(&upper, byte))),
        ("a URL with what may stand in it", keeping(b"-._~/+=:@!$&'()*,;", &upper)),
        ("percent-encoded whole", each(&lower)),
        ("percent-encoded whole in capitals", each(&upper)),
        ("a list of numbers", list(", ")),
        ("a tight list of numbers", list(",")),
        ("escaped bytes", each(&|byte| byte.escape_ascii().to_string())),
    ];
    for (alignment, standard, url_safe) in [
        (0, "base64, first alignment", "base64 for URLs, first alignment"),
        (1, "base64, second alignment", "base64 for URLs, second alignment"),
        (2, "base64, third alignment", "base64 for URLs, third alignment"),
    ] {
        all.push((standard, inner(&STANDARD_NO_PAD.encode(shifted(bytes, alignment)), bytes.len(), alignment)));
        all.push((url_safe, inner(&URL_SAFE_NO_PAD.encode(shifted(bytes, alignment)), bytes.len(), alignment)));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        all.extend(texts(text));
    }
    all
}

/// The forms that texts have alone.
fn texts(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let json = serde_json::Value::from(text).to_string();
    let json = json.trim_start_matches('"').strip_suffix('"').expect("a text of JSON").to_owned();
    let units = |text: &str, write: &dyn Fn(u16) -> String| text.encode_utf16().map(write).collect::<String>();
    let in_ascii = |write: &dyn Fn(u16) -> String| {
        let each = json.chars().map(|letter| {
            let text = letter.to_string();
            if letter.is_ascii() { text } else { units(&text, write) }
        });
        each.collect::<String>()
    };
    let lower = |unit: u16| format!("\\u{unit:04x}");
    let upper = |unit: u16| format!("\\u{unit:04X}");
    vec![
        ("JSON", json.clone().into_bytes()),
        ("JSON with slashes escaped", json.replace('/', "\\/").into_bytes()),
        ("JSON in ASCII", in_ascii(&lower).into_bytes()),
        ("JSON in ASCII, in capitals", in_ascii(&upper).into_bytes()),
        ("JSON escaped whole", units(text, &lower).into_bytes()),
        ("JSON escaped whole, in capitals", units(text, &upper).into_bytes()),
        ("JSON in JSON", serde_json::Value::from(json).to_string().trim_matches('"').as_bytes().to_vec()),
        ("Rust's debugging form", text.escape_debug().to_string().into_bytes()),
        ("UTF-16, little end first", text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("UTF-16, big end first", text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
    ]
}

fn shifted(bytes: &[u8], by: usize) -> Vec<u8> {
    [&[0; 2][..by], bytes].concat()
}

/// The digits that the secret alone determines, whatever stands before and behind it.
fn inner(encoded: &str, length: usize, alignment: usize) -> Vec<u8> {
    encoded.as_bytes()[(alignment * 8).div_ceil(6)..(alignment + length) * 8 / 6].to_vec()
}
