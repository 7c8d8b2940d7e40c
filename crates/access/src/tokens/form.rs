//! The parameters of a token request: `application/x-www-form-urlencoded`, strictly.
//!
//! RFC 6749 section 3.2: parameters without a value count as absent, and none may stand twice.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::AccessRefusal;

/// Bytes of a form at the most.
pub const FORM_BYTES: usize = 32 * 1024;

/// Parameters of a form at the most.
const PARAMETERS_MOST: usize = 32;

/// A form that was read. Its values are wiped when it is dropped, since one may be a client's secret.
#[derive(Default)]
pub(crate) struct Form(BTreeMap<String, Zeroizing<String>>);

impl Form {
    /// Reads a form.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, AccessRefusal> {
        if body.len() > FORM_BYTES {
            return Err(AccessRefusal::GrantMalformed);
        }
        let mut parameters = BTreeMap::new();
        for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            if parameters.len() >= PARAMETERS_MOST {
                return Err(AccessRefusal::GrantMalformed);
            }
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = decode(halves.next().unwrap_or_default()).ok_or(AccessRefusal::GrantMalformed)?;
            let value = decode(halves.next().unwrap_or_default()).ok_or(AccessRefusal::GrantMalformed)?;
            if parameters.insert(name, Zeroizing::new(value)).is_some() {
                return Err(AccessRefusal::GrantMalformed);
            }
        }
        parameters.retain(|_, value| !value.is_empty());
        Ok(Self(parameters))
    }

    /// The value of this parameter.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.as_str())
    }
}

/// Undoes the encoding of one name or value: `+` and `%` with two digits. It must be UTF-8 without
/// control characters.
pub(crate) fn decode(text: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex(rest.next()?)? * 16 + hex(rest.next()?)?,
            0x21..=0x7e => byte,
            _ => return None,
        });
    }
    let text = String::from_utf8(bytes).ok()?;
    (!text.chars().any(char::is_control)).then_some(text)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests;
