//! A credential's value out of a JSON body, by way of no buffer but its own.
//!
//! A reader that undoes escapes for us would do so in a buffer that it gives back unwiped, so the string is
//! taken as it stands in the text and undone here. Not here: what JSON is; the whole body was judged before.

use std::str::Chars;

use lockgate_vocabulary::Secret;
use serde::de::{Deserialize, Deserializer, Error, Unexpected};
use serde_json::value::RawValue;

/// Reads a JSON string of a body that is in memory.
pub(crate) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    let text = <&'de RawValue>::deserialize(deserializer)?.get();
    let bytes = undone(text).ok_or_else(|| D::Error::invalid_type(Unexpected::Other("another type"), &"a string"))?;
    Ok(Secret::new(bytes))
}

/// A secret among others: an element of an array.
#[derive(Debug)]
pub(crate) struct OneSecret(Secret);

impl OneSecret {
    /// The secret.
    pub(crate) fn into_inner(self) -> Secret {
        self.0
    }
}

impl<'de> Deserialize<'de> for OneSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        secret(deserializer).map(Self)
    }
}

/// The string without its quotes and escapes; nothing where it is no string.
fn undone(text: &str) -> Option<Vec<u8>> {
    let text = text.strip_prefix('"')?.strip_suffix('"')?;
    // INVARIANT: it never grows, which would leave a part behind: no escape is shorter than what it means.
    let mut bytes = Vec::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let meant = if character == '\\' { escape(&mut characters)? } else { character };
        bytes.extend_from_slice(meant.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Some(bytes)
}

/// What stands behind a backslash (RFC 8259 section 7).
fn escape(characters: &mut Chars<'_>) -> Option<char> {
    Some(match characters.next()? {
        same @ ('"' | '\\' | '/') => same,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => unicode(characters)?,
        _ => return None,
    })
}

/// A character by its number, or by the two halves of a surrogate pair.
fn unicode(characters: &mut Chars<'_>) -> Option<char> {
    let first = four_digits(characters)?;
    if !(0xd800..0xdc00).contains(&first) {
        return char::from_u32(first);
    }
    let marked = characters.next() == Some('\\') && characters.next() == Some('u');
    let second = four_digits(characters).filter(|half| marked && (0xdc00..0xe000).contains(half))?;
    char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))
}

fn four_digits(characters: &mut Chars<'_>) -> Option<u32> {
    (0..4).try_fold(0, |number, _| Some(number << 4 | characters.next()?.to_digit(16)?))
}

#[cfg(test)]
mod tests;
