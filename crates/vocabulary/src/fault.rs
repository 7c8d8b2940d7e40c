//! A fault: the house broke. It is logged once at the door, shown as a bare 500 or 503, and always denies.

use std::error::Error;
use std::fmt;

/// Something of ours failed. What it says is for operators; callers see only that it happened.
#[derive(Debug)]
pub struct Fault {
    doing: &'static str,
    unavailable: bool,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    /// Something is broken and a retry is not expected to help: a 500.
    pub fn broken(doing: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { doing, unavailable: false, source: Some(source.into()) }
    }

    /// Something that we need is not there for now: a 503 with `Retry-After`.
    pub fn unavailable(doing: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { doing, unavailable: true, source: Some(source.into()) }
    }

    /// What must always hold did not.
    pub fn violated(invariant: &'static str) -> Self {
        Self { doing: invariant, unavailable: false, source: None }
    }

    /// What the house was doing.
    pub fn doing(&self) -> &'static str {
        self.doing
    }

    /// Whether it may pass by itself.
    pub fn is_unavailable(&self) -> bool {
        self.unavailable
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.doing)?;
        let mut cause = self.source.as_deref().map(|source| source as &dyn Error);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
