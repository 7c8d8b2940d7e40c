//! Takes a credential out of text that a vendor sent back: vendors echo what they were sent.
//!
//! It is found plain, percent-encoded or escaped as in JSON (in any mixture), in hexadecimal, and in
//! base64 at each of its three alignments, so inside of a longer encoded text too. Of a credential of 16
//! bytes or more any 12 in a row count, so a cut-off echo is found as well.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

/// What stands where the credential stood.
pub(crate) const MARK: &str = "[credential]";

/// What is given where nothing can be said safely.
pub(crate) const WITHHELD: &str = "[withheld]";

/// Bytes of the text that are looked at; the rest is cut off.
pub(crate) const TEXT_BYTES: usize = 8 * 1024;

/// From this length on, parts of a credential count as it.
const LONG: usize = 16;
/// How many bytes in a row of a long credential count.
const PART: usize = 12;

/// The text without the credential, at most [`TEXT_BYTES`] and the marks long.
pub(crate) fn scrub(text: &str, secret: &[u8]) -> String {
    let text = clipped(text);
    let forms = Forms::of(secret);
    let mut hidden = vec![false; text.len()];
    for units in [raw(text), decoded(text)] {
        hide(&units, &forms.plain, |byte| byte, &mut hidden);
        hide(&units, &forms.base64, standard_alphabet, &mut hidden);
        hide(&units, &forms.hex, |byte| byte.to_ascii_lowercase(), &mut hidden);
    }
    masked(text, &hidden)
}

/// As much of the text as is looked at.
pub(crate) fn clipped(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_BYTES)).unwrap_or_default()
}

/// The spellings that are searched for.
struct Forms {
    plain: Vec<Zeroizing<Vec<u8>>>,
    base64: Vec<Zeroizing<Vec<u8>>>,
    hex: Vec<Zeroizing<Vec<u8>>>,
}

impl Forms {
    fn of(secret: &[u8]) -> Self {
        let mut plain = vec![Zeroizing::new(secret.to_vec())];
        // Of `user:password` the password alone is the secret.
        let password = secret.splitn(2, |byte| *byte == b':').nth(1).filter(|password| !password.is_empty());
        plain.extend(password.map(|password| Zeroizing::new(password.to_vec())));
        let base64 = plain.iter().flat_map(|value| (0..3).map(|shift| aligned(value, shift))).collect();
        let hex = plain.iter().map(|value| hexadecimal(value)).collect();
        Self { plain, base64, hex }
    }
}

/// The base64 digits that the value alone determines where it stands `shift` bytes into a longer text.
fn aligned(value: &[u8], shift: usize) -> Zeroizing<Vec<u8>> {
    let mut shifted = Zeroizing::new(vec![0; shift]);
    shifted.reserve_exact(value.len());
    shifted.extend_from_slice(value);
    let encoded = Zeroizing::new(STANDARD_NO_PAD.encode(shifted.as_slice()));
    let (from, to) = ((shift * 8).div_ceil(6), shifted.len() * 8 / 6);
    Zeroizing::new(encoded.as_bytes().get(from..to).unwrap_or_default().to_vec())
}

fn hexadecimal(value: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(value.len() * 2));
    for byte in value {
        out.extend(
            [byte >> 4, byte & 15].map(|nibble| b"0123456789abcdef".get(usize::from(nibble)).copied().unwrap_or(0)),
        );
    }
    out
}

fn standard_alphabet(byte: u8) -> u8 {
    match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    }
}

/// A byte that is meant, and where it stands in the text.
struct Unit {
    byte: u8,
    from: usize,
    to: usize,
}

fn raw(text: &str) -> Vec<Unit> {
    text.bytes().enumerate().map(|(at, byte)| Unit { byte, from: at, to: at + 1 }).collect()
}

/// The text with percent-encodings and JSON's escapes undone.
fn decoded(text: &str) -> Vec<Unit> {
    let mut units = Vec::with_capacity(text.len());
    let mut left = text.as_bytes();
    while let Some(first) = left.first() {
        let from = text.len() - left.len();
        let (byte, taken) = escaped(left).unwrap_or((*first, 1));
        left = left.get(taken..).unwrap_or_default();
        units.push(Unit { byte, from, to: from + taken });
    }
    units
}

/// The byte behind an escape and how long the escape is.
fn escaped(text: &[u8]) -> Option<(u8, usize)> {
    match text {
        [b'%', high, low, ..] => Some((hex_pair(*high, *low)?, 3)),
        [b'\\', b'u', b'0', b'0', high, low, ..] => Some((hex_pair(*high, *low)?, 6)),
        [b'\\', plain @ (b'/' | b'"' | b'\\'), ..] => Some((*plain, 2)),
        _ => None,
    }
}

fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

/// Marks where one of the forms stands.
fn hide(units: &[Unit], forms: &[Zeroizing<Vec<u8>>], fold: fn(u8) -> u8, hidden: &mut [bool]) {
    let bytes = Zeroizing::new(units.iter().map(|unit| fold(unit.byte)).collect::<Vec<u8>>());
    for form in forms.iter().filter(|form| !form.is_empty()) {
        let length = if form.len() >= LONG { PART } else { form.len() };
        for (at, window) in bytes.windows(length).enumerate() {
            if !form.windows(length).any(|part| part == window) {
                continue;
            }
            let (Some(first), Some(last)) = (units.get(at), units.get(at + length - 1)) else { continue };
            if let Some(range) = hidden.get_mut(first.from..last.to) {
                range.fill(true);
            }
        }
    }
}

/// The text with one mark for each run of hidden bytes.
fn masked(text: &str, hidden: &[bool]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for (at, character) in text.char_indices() {
        let width = character.len_utf8();
        let covered = hidden.get(at..at + width).is_some_and(|bytes| bytes.contains(&true));
        match (covered, inside) {
            (true, false) => out.push_str(MARK),
            (true, true) => {}
            (false, _) => out.push(character),
        }
        inside = covered;
    }
    out
}

#[cfg(test)]
mod tests;
