//! What can be wrong with a log, and where.

use std::fmt;

use serde::Serialize;

/// The first thing that is wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bad {
    /// The segment file.
    pub segment: Option<String>,
    /// The line in it, from 1.
    pub line: Option<u64>,
    /// The log index of the entry that stands there, or should.
    pub index: Option<u64>,
    /// What is wrong.
    pub flaw: Flaw,
}

impl Bad {
    pub(crate) const fn of(flaw: Flaw) -> Self {
        Self { segment: None, line: None, index: None, flaw }
    }

    pub(crate) fn within(self, segment: &str, line: u64) -> Self {
        Self { segment: Some(segment.to_owned()), line: Some(line), ..self }
    }
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(segment), Some(line)) = (&self.segment, self.line) {
            write!(f, "{segment}, line {line}")?;
            if let Some(index) = self.index {
                write!(f, ", entry {index}")?;
            }
            f.write_str(": ")?;
        }
        self.flaw.fmt(f)
    }
}

impl std::error::Error for Bad {}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "detail")]
pub enum Flaw {
    /// The entry's bytes are not those that were recorded.
    Changed,
    /// A checkpoint is damaged, forged, of another log, or out of order.
    Checkpoint {
        /// Which one, from 1.
        number: u64,
        /// What is wrong with it.
        what: String,
    },
    /// A `heads` entry does not name the true heads.
    Heads,
    /// Another entry stands here than should: something was removed, inserted, repeated or moved.
    Index {
        /// The index that should stand here.
        wanted: u64,
        /// The index that does.
        found: u64,
    },
    /// A checkpoint that was kept elsewhere is not one of this log.
    Known(String),
    /// A segment is missing.
    Missing(String),
    /// The line is not an entry.
    NotAnEntry(String),
    /// The entry is another node's.
    OtherNode,
    /// The entry names another hash than that of the entry before it in its trail: one of them was changed.
    Previous {
        /// The index of the entry before it.
        before: Option<u64>,
    },
    /// The entries up to here are not those that a checkpoint was signed over.
    Root {
        /// How many entries it covers.
        size: u64,
        /// Which one, from 1; nothing if it was kept elsewhere.
        number: Option<u64>,
    },
    /// The entry is not the next of its trail.
    Sequence {
        /// The number that should stand here.
        wanted: u64,
        /// The number that does.
        found: u64,
    },
    /// Behind the last entry there is something that is no entry.
    Torn {
        /// How much.
        bytes: u64,
    },
    /// The log ends before a checkpoint that was signed: its end was cut off.
    Truncated {
        /// How many entries there are.
        entries: u64,
        /// How many there were.
        signed: u64,
    },
    /// A file cannot be read.
    Unreadable(String),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed => f.write_str("this entry was changed after it was recorded"),
            Self::Checkpoint { number, what } => write!(f, "checkpoint {number}: {what}"),
            Self::Heads => f.write_str("the heads of the trails are not those that it names"),
            Self::Index { wanted, found } => write!(f, "entry {wanted} should stand here, but entry {found} does"),
            Self::Known(what) => write!(f, "a checkpoint kept elsewhere: {what}"),
            Self::Missing(what) | Self::Unreadable(what) => f.write_str(what),
            Self::NotAnEntry(what) => write!(f, "this is not an entry: {what}"),
            Self::OtherNode => f.write_str("it is another node's"),
            Self::Previous { before: Some(before) } => {
                write!(f, "it names another hash for entry {before}, the one before it in its trail: one was changed")
            }
            Self::Previous { before: None } => f.write_str("it names a previous entry, but is its trail's first"),
            Self::Root { size, number: Some(number) } => {
                write!(f, "checkpoint {number} was signed over other entries than these {size}")
            }
            Self::Root { size, number: None } => {
                write!(f, "a checkpoint kept elsewhere was signed over other entries than these {size}")
            }
            Self::Sequence { wanted, found } => {
                write!(f, "it should have sequence number {wanted} in its trail, but has {found}")
            }
            Self::Torn { bytes } => write!(f, "{bytes} bytes behind the last entry are no entry"),
            Self::Truncated { entries, signed } => {
                write!(
                    f,
                    "the log has {entries} entries, but a checkpoint over {signed} was signed: its end is missing"
                )
            }
        }
    }
}
