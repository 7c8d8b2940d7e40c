//! What is wrong with the configuration, by key, and what to do about it.

use std::fmt;

/// A key that makes no sense, and the cure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The key, dotted: `door.listen`.
    pub key: String,
    /// What is wrong with it.
    pub what: String,
    /// What to do.
    pub cure: String,
}

impl ConfigProblem {
    /// A problem with this key.
    pub fn new(key: impl Into<String>, what: impl fmt::Display, cure: impl Into<String>) -> Self {
        Self { key: key.into(), what: what.to_string(), cure: cure.into() }
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}. {}", self.key, self.what.trim_end_matches('.'), self.cure)
    }
}

impl std::error::Error for ConfigProblem {}
