//! A form's parameters as Twilio signs them: names sorted, each with its sorted and distinct values.

use std::collections::{BTreeMap, BTreeSet};

/// Every name with each of its values behind it; nothing for a body that is no form in UTF-8.
pub fn joined(body: &[u8]) -> Option<String> {
    let mut parameters: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let (name, value) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
        parameters.entry(decoded(name)?).or_default().insert(decoded(value)?);
    }
    let each = parameters.iter().flat_map(|(name, values)| values.iter().flat_map(move |value| [&**name, &**value]));
    Some(each.collect())
}

/// A plus is a blank, and every per cent has two hex digits behind it.
fn decoded(text: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return String::from_utf8(out).ok(),
            [b'%', high, low, rest @ ..] => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                out.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
                rest
            }
            [b'%', ..] => return None,
            [b'+', rest @ ..] => {
                out.push(b' ');
                rest
            }
            [byte, rest @ ..] => {
                out.push(*byte);
                rest
            }
        };
    }
}
