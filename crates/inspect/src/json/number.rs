//! Numbers: as RFC 8259 writes them, and within what every reader can hold.

use super::Flaw;

/// Digits, signs and points of one number. No reader keeps more than seventeen digits anyway.
const MOST_BYTES: usize = 400;

/// The length of the number at the start of the text.
pub(super) fn read(text: &[u8]) -> Result<usize, Flaw> {
    let mut left = text;
    let negative = eat(&mut left, b"-");
    let leading_zero = left.first() == Some(&b'0');
    let whole = digits(&mut left);
    if whole == 0 || (leading_zero && whole > 1) {
        return Err(Flaw::Number);
    }
    let mut integer = true;
    if eat(&mut left, b".") {
        integer = false;
        if digits(&mut left) == 0 {
            return Err(Flaw::Number);
        }
    }
    if eat(&mut left, b"eE") {
        integer = false;
        eat(&mut left, b"+-");
        if digits(&mut left) == 0 {
            return Err(Flaw::Number);
        }
    }
    let length = text.len() - left.len();
    // Most numbers are short: they cannot be out of range.
    if integer && whole <= 18 {
        return Ok(length);
    }
    let written = text.get(..length).and_then(|written| std::str::from_utf8(written).ok()).ok_or(Flaw::Number)?;
    let fits = match (integer, negative) {
        (true, true) => written.parse::<i64>().is_ok(),
        (true, false) => written.parse::<u64>().is_ok(),
        (false, _) => length <= MOST_BYTES && written.parse::<f64>().is_ok_and(f64::is_finite),
    };
    if fits { Ok(length) } else { Err(Flaw::NumberRange) }
}

fn eat(left: &mut &[u8], any_of: &[u8]) -> bool {
    match left.split_first() {
        Some((first, rest)) if any_of.contains(first) => {
            *left = rest;
            true
        }
        _ => false,
    }
}

fn digits(left: &mut &[u8]) -> usize {
    let count = left.iter().take_while(|byte| byte.is_ascii_digit()).count();
    *left = left.get(count..).unwrap_or_default();
    count
}
