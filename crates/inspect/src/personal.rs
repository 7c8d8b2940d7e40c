//! Masks what may be personal or secret in short texts, for logs and for what vendors say.
//!
//! It errs on the side of masking: a text that lost a harmless number is a nuisance, one that kept a
//! card number is a breach. It is no classifier of documents; payloads are not logged at all.

mod digits;
mod email;
mod token;

use std::borrow::Cow;
use std::ops::Range;

/// Bytes of a text that are looked at; the rest is cut off.
pub const TEXT_BYTES: usize = 16 * 1024;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A payment card's number.
    Card,
    /// An e-mail address.
    Email,
    /// An international bank account number.
    Iban,
    /// A telephone number, or digits grouped like one.
    Phone,
    /// A token, key or password.
    Token,
}

impl Kind {
    /// What stands in its place.
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Card => "[card]",
            Self::Email => "[email]",
            Self::Iban => "[iban]",
            Self::Phone => "[phone]",
            Self::Token => "[token]",
        }
    }
}

/// Where something was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// Its bytes in the text.
    pub range: Range<usize>,
}

/// Everything that is found in the text, in its order; what overlaps is one finding.
pub fn find(text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    token::assigned(text, &mut found);
    email::find(text, &mut found);
    digits::find(text, &mut found);
    token::find(text, &mut found);
    found.sort_by_key(|finding| (finding.range.start, std::cmp::Reverse(finding.range.end)));
    let mut merged: Vec<Finding> = Vec::with_capacity(found.len());
    for finding in found {
        match merged.last_mut() {
            Some(last) if finding.range.start < last.range.end => {
                last.range.end = last.range.end.max(finding.range.end);
            }
            _ => merged.push(finding),
        }
    }
    merged
}

/// The text with a mark in the place of each finding, at most [`TEXT_BYTES`] of it.
pub fn mask(text: &str) -> Cow<'_, str> {
    let text = text.get(..text.floor_char_boundary(TEXT_BYTES)).unwrap_or_default();
    let found = find(text);
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for finding in found {
        out.push_str(text.get(from..finding.range.start).unwrap_or_default());
        out.push_str(finding.kind.mark());
        from = finding.range.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    Cow::Owned(out)
}

/// Whether the whole text looks like a token rather than a word.
pub fn is_token(text: &str) -> bool {
    token::is_token(text)
}

#[cfg(test)]
mod tests;
