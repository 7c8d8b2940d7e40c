//! JSON in its narrowest reading: RFC 8259 without anything that two readers could take in two ways.
//!
//! Refused beside what is no JSON: a member name that stands twice in an object (after undoing its
//! escapes), numbers that a double cannot hold or whole numbers beyond 64 bits (readers would round them
//! each in their way), escapes of half a character, a byte order mark, and whatever is deeper, longer or
//! wider than the limits. One pass, no recursion, no tree.

mod number;
mod pointer;
mod reader;

use std::fmt;

use lockgate_vocabulary::Violation;

pub(crate) use pointer::{clip, is_hidden, push_name};

/// How much of everything there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole text.
    pub bytes: usize,
    /// Objects and arrays inside each other.
    pub depth: usize,
    /// Members of one object, and elements of one array.
    pub width: usize,
    /// Characters of one string, member names included.
    pub characters: usize,
    /// Values in all, objects and arrays included: a tree of them takes many times the bytes of its text.
    pub values: usize,
}

impl Default for Limits {
    /// What a body may have: 10 MB, 64 levels, 100,000 members or elements, strings as long as the body,
    /// 500,000 values.
    fn default() -> Self {
        let bytes = usize::try_from(lockgate_vocabulary::limit::BODY_BYTES).unwrap_or(usize::MAX);
        Self { bytes, depth: 64, width: 100_000, characters: bytes, values: 500_000 }
    }
}

/// What is wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// A byte order mark stands before it.
    ByteOrderMark,
    /// A control character stands in a string as it is.
    ControlCharacter,
    /// Objects and arrays are nested too deep.
    Depth,
    /// A member name stands twice in an object.
    DuplicateName,
    /// An escape is not one of JSON's, or is half of a surrogate pair.
    Escape,
    /// A number is not written as JSON writes one.
    Number,
    /// A number cannot be held without loss by everybody.
    NumberRange,
    /// The text is longer than allowed.
    Size,
    /// A string is longer than allowed.
    StringLength,
    /// Something else stands here than JSON wants.
    Syntax,
    /// Something follows the value.
    TrailingData,
    /// The text ends before the value does.
    Truncated,
    /// The bytes are not UTF-8.
    Utf8,
    /// There are more values than allowed.
    Values,
    /// An object or array has more members or elements than allowed.
    Width,
}

impl Flaw {
    /// What is wrong, for who sent it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ByteOrderMark => "starts with a byte order mark",
            Self::ControlCharacter => "has a control character in a string",
            Self::Depth => "is nested too deep",
            Self::DuplicateName => "has the same member twice",
            Self::Escape => "has an escape that is not one",
            Self::Number => "has a number that is not written as one",
            Self::NumberRange => "has a number out of range",
            Self::Size => "is too long",
            Self::StringLength => "has a string that is too long",
            Self::Syntax => "is not JSON",
            Self::TrailingData => "has something behind its end",
            Self::Truncated => "ends too early",
            Self::Utf8 => "is not UTF-8",
            Self::Values => "has too many values",
            Self::Width => "has too many members or elements",
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A flaw and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub flaw: Flaw,
    /// At which byte it was noticed.
    pub at: usize,
    /// In which value: a JSON Pointer (RFC 6901), shortened and without control characters.
    pub pointer: String,
}

impl From<Finding> for Violation {
    fn from(finding: Finding) -> Self {
        Self { pointer: finding.pointer, reason: finding.flaw.as_str().to_owned() }
    }
}

/// Reads the text from end to end.
pub fn check(text: &[u8], limits: &Limits) -> Result<(), Finding> {
    let whole = |flaw, at| Finding { flaw, at, pointer: String::new() };
    if text.len() > limits.bytes {
        return Err(whole(Flaw::Size, limits.bytes));
    }
    if text.starts_with(b"\xef\xbb\xbf") {
        return Err(whole(Flaw::ByteOrderMark, 0));
    }
    std::str::from_utf8(text).map_err(|error| whole(Flaw::Utf8, error.valid_up_to()))?;
    reader::Reader::new(text, limits).read()
}

#[cfg(test)]
mod tests;
