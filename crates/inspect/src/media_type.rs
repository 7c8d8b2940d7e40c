//! `Content-Type` in its narrowest reading (RFC 9110 section 8.3.1).
//!
//! One type, tokens as they are defined, each parameter once and none empty. What some readers forgive
//! (blanks around `=`, a list of two types, a quoted text without its end) is refused: whoever forgives
//! reads another type than the one that was judged.

use std::fmt;

/// Bytes of a value. Real ones have less than a hundred.
const MOST_BYTES: usize = 1024;
/// Parameters of one value.
const MOST_PARAMETERS: usize = 16;

/// A media type with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType {
    essence: Box<str>,
    parameters: Vec<Parameter>,
}

/// What is wrong with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// It is not `type/subtype`, both of them tokens.
    Essence,
    /// A parameter is not `name=value`, or its quoted value does not end.
    Parameter,
    /// A parameter stands twice.
    Repeated,
    /// It is longer than any real one.
    TooLong,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Essence => "is not type/subtype",
            Self::Parameter => "has a parameter that is not name=value",
            Self::Repeated => "has a parameter twice",
            Self::TooLong => "is too long",
        })
    }
}

impl std::error::Error for Flaw {}

impl MediaType {
    /// Reads the value of a `Content-Type` field.
    pub fn parse(value: &[u8]) -> Result<Self, Flaw> {
        if value.len() > MOST_BYTES {
            return Err(Flaw::TooLong);
        }
        let (kind, rest) = token(value).ok_or(Flaw::Essence)?;
        let rest = rest.strip_prefix(b"/").ok_or(Flaw::Essence)?;
        let (subtype, mut rest) = token(rest).ok_or(Flaw::Essence)?;
        let essence = format!("{kind}/{subtype}").to_ascii_lowercase().into();
        let mut parameters: Vec<Parameter> = Vec::new();
        // Blanks at the very end belong to the field, not to the value.
        while !blank(rest).is_empty() {
            let ((name, value), after) = parameter(blank(rest))?;
            if parameters.iter().any(|(known, _)| *known == name) {
                return Err(Flaw::Repeated);
            }
            if parameters.len() == MOST_PARAMETERS {
                return Err(Flaw::TooLong);
            }
            parameters.push((name, value));
            rest = after;
        }
        Ok(Self { essence, parameters })
    }

    /// `type/subtype` in lower case.
    pub fn essence(&self) -> &str {
        &self.essence
    }

    /// The parameter's value, quoting undone.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| &**value)
    }

    /// Whether the bytes are JSON: `application/json`, or a type that ends in `+json`; in UTF-8.
    pub fn is_json(&self) -> bool {
        let json = *self.essence == *"application/json" || self.essence.ends_with("+json");
        json && !self.essence.contains('*') && self.is_utf8()
    }

    /// Whether it is exactly what a JSON endpoint of ours takes: `application/json`, with `charset=utf-8`
    /// as the only parameter, if any.
    pub fn is_plain_json(&self) -> bool {
        let only_charset = self.parameters.iter().all(|(name, _)| **name == *"charset");
        *self.essence == *"application/json" && only_charset && self.is_utf8()
    }

    /// Whether it falls under `pattern`: a type without parameters, where `*` may stand for the subtype
    /// (`text/*`), for all of it (`*/*`), or for what is before a suffix (`application/*+json`).
    pub fn matches(&self, pattern: &str) -> bool {
        if self.essence.contains('*') {
            return false;
        }
        let Some((before, after)) = pattern.split_once('*') else {
            return self.essence.eq_ignore_ascii_case(pattern);
        };
        if pattern == "*/*" {
            return true;
        }
        let essence = self.essence.as_bytes();
        let (before, after) = (before.as_bytes(), after.as_bytes());
        let long_enough = essence.len() > before.len() + after.len();
        let starts = essence.get(..before.len()).is_some_and(|start| start.eq_ignore_ascii_case(before));
        let rest = essence.get(essence.len().saturating_sub(after.len())..);
        let ends = rest.is_some_and(|end| end.eq_ignore_ascii_case(after));
        before.ends_with(b"/") && long_enough && starts && ends
    }

    fn is_utf8(&self) -> bool {
        self.parameter("charset").is_none_or(|charset| charset.eq_ignore_ascii_case("utf-8"))
    }
}

const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

/// The token at the start, and what follows it.
fn token(text: &[u8]) -> Option<(&str, &[u8])> {
    let length = text.iter().take_while(|byte| is_token_byte(**byte)).count();
    let (token, rest) = text.split_at_checked(length)?;
    let token = std::str::from_utf8(token).ok()?;
    (!token.is_empty()).then_some((token, rest))
}

fn blank(text: &[u8]) -> &[u8] {
    let length = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    text.get(length..).unwrap_or_default()
}

/// A parameter's name and value.
type Parameter = (Box<str>, Box<str>);

/// `; name=value`, and what follows it.
fn parameter(text: &[u8]) -> Result<(Parameter, &[u8]), Flaw> {
    let rest = text.strip_prefix(b";").ok_or(Flaw::Parameter)?;
    let (name, rest) = token(blank(rest)).ok_or(Flaw::Parameter)?;
    let rest = rest.strip_prefix(b"=").ok_or(Flaw::Parameter)?;
    let (value, rest) = match rest.strip_prefix(b"\"") {
        Some(quoted) => unquoted(quoted).ok_or(Flaw::Parameter)?,
        None => token(rest).map(|(value, rest)| (value.to_owned(), rest)).ok_or(Flaw::Parameter)?,
    };
    Ok(((name.to_ascii_lowercase().into(), value.into()), rest))
}

/// A quoted text (RFC 9110 section 5.6.4) of visible ASCII, blanks and tabs, after its first quote.
fn unquoted(text: &[u8]) -> Option<(String, &[u8])> {
    let mut value = String::new();
    let mut left = text;
    loop {
        let (byte, rest) = left.split_first()?;
        left = rest;
        let byte = match byte {
            b'"' => return Some((value, left)),
            b'\\' => {
                let (escaped, rest) = left.split_first()?;
                left = rest;
                *escaped
            }
            other => *other,
        };
        if !matches!(byte, b'\t' | b' '..=b'~') {
            return None;
        }
        value.push(char::from(byte));
    }
}

#[cfg(test)]
mod tests;
