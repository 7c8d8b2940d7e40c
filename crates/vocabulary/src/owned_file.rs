//! A short file that its owner alone may read: a password, a key, a token.
//!
//! What is judged is the file that was opened, never its path, so nobody can put another one in between. A
//! link leads to the file that is judged, since orchestrators mount secrets as links. Not here: the root
//! key's file, which the vault judges more strictly.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use zeroize::Zeroizing;

/// Why such a file does not serve.
#[derive(Debug)]
pub enum OwnedFileProblem {
    /// It has more bytes than anything that belongs there.
    TooLong(usize),
    /// Others than its owner may use it; its mode.
    TooOpen(u32),
    /// It is not there, or cannot be read.
    Unreadable(io::Error),
}

impl fmt::Display for OwnedFileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(most) => write!(f, "it has more than {most} bytes"),
            Self::TooOpen(mode) => write!(f, "others than its owner may use it (mode {mode:04o}); chmod 600 it"),
            Self::Unreadable(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for OwnedFileProblem {}

impl From<io::Error> for OwnedFileProblem {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

/// The bytes of the file at this path, of which there are so many at the most. They are wiped when dropped.
pub fn read_owned_file(path: &Path, most_bytes: usize) -> Result<Zeroizing<Vec<u8>>, OwnedFileProblem> {
    let file = File::open(path)?;
    let mode = file.metadata()?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(OwnedFileProblem::TooOpen(mode));
    }
    // All of the room at once: a vector that grows leaves what it held behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(most_bytes.saturating_add(1)));
    let limit = u64::try_from(most_bytes).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes)?;
    if bytes.len() > most_bytes {
        return Err(OwnedFileProblem::TooLong(most_bytes));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
