//! The kinds of spellings, and which bytes mean the same in each. Pure.

use super::escape::Unit;

/// How a credential is written, before anything in it is escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Base64,
    Hex,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Plain, Self::Base64, Self::Hex];

    /// What a byte counts as, in a form as in a text; zero where it is passed over.
    ///
    /// A plus sign may be a blank that was form-encoded. Base64 may be broken into lines; its digit 62 is
    /// passed over, since it may be `+`, `-` or, where a form was decoded once too often, a blank. Between
    /// the bytes of a hexadecimal text there may be blanks, colons or dashes. Text of 16 or 32 bits has
    /// zeros between the characters.
    pub(crate) const fn fold(self, byte: u8) -> u8 {
        match (self, byte) {
            (_, 0) => 0,
            (Self::Plain, b'+') => b' ',
            (Self::Base64, b'_') => b'/',
            (Self::Base64, b'\t' | b'\n' | b'\r' | b' ' | b'+' | b'-') => 0,
            (Self::Hex, b'\t' | b'\n' | b'\r' | b' ' | b'-' | b':') => 0,
            (Self::Hex, b'A'..=b'F') => byte.to_ascii_lowercase(),
            _ => byte,
        }
    }

    /// What a unit of a text counts as. `\n` is the end of a line, or an `n` that need not have been escaped.
    pub(crate) const fn reads(self, unit: Unit) -> u8 {
        if unit.ends_line && !matches!(self, Self::Plain) { 0 } else { self.fold(unit.byte) }
    }

    /// The bytes that count as this one.
    pub(super) const fn variants(self, folded: u8) -> [u8; 2] {
        match (self, folded) {
            (Self::Plain, b' ') => [b' ', b'+'],
            (Self::Base64, b'/') => [b'/', b'_'],
            (Self::Hex, _) => [folded, folded.to_ascii_uppercase()],
            _ => [folded, folded],
        }
    }

    /// The bytes that are passed over.
    pub(super) const fn passes(self) -> &'static [u8] {
        match self {
            Self::Plain => b"\0",
            Self::Base64 => b"\0\t\n\r +-",
            Self::Hex => b"\0\t\n\r -:",
        }
    }

    /// From how many bytes on the beginning of a form counts where the text ends with it: twelve of the
    /// credential's.
    pub(super) const fn cut(self) -> usize {
        match self {
            Self::Plain => 12,
            Self::Base64 => 16,
            Self::Hex => 24,
        }
    }
}
