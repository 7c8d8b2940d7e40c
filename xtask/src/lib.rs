//! The law of the house, as functions that return what breaks it.
//!
//! Here: who may depend on whom ([`graph`]), the proportions of files and functions ([`syntax`]), and
//! what no text may contain ([`text`]). `tests/tidy.rs` runs them; there is nothing to run by hand.
//! Not here: what rustfmt, clippy and cargo-deny already hold.

pub mod graph;
pub mod refusals;
pub mod source;
pub mod syntax;
pub mod text;

use std::fmt;

/// One breach of the law.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// Where: a path below the workspace, and a line where there is one.
    pub place: String,
    /// What is wrong, and what the law says.
    pub what: String,
}

impl Breach {
    /// A breach at a line.
    pub fn at(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { place: format!("{path}:{line}"), what: what.into() }
    }

    /// A breach of a whole file or crate.
    pub fn of(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}
