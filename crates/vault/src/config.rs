//! What an operator sets about the vault.

use std::path::PathBuf;

use serde::Deserialize;

use crate::root_key::RootKeyProblem;

/// The section `[vault]`. Exactly one of the two sources is named.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The file that holds the root key: owned by the user that runs the gateway, mode 0600 or 0400.
    pub root_key_file: Option<PathBuf>,
    /// The number of an open file descriptor from which the root key is read once.
    pub root_key_fd: Option<u32>,
}

/// Where the root key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RootKeySource {
    /// A file.
    File(PathBuf),
    /// An open descriptor.
    Descriptor(u32),
}

impl Config {
    /// The configuration that reads the root key from this file.
    pub fn with_file(path: impl Into<PathBuf>) -> Self {
        Self { root_key_file: Some(path.into()), root_key_fd: None }
    }

    pub(crate) fn source(&self) -> Result<RootKeySource, RootKeyProblem> {
        match (&self.root_key_file, self.root_key_fd) {
            (Some(path), None) => Ok(RootKeySource::File(path.clone())),
            (None, Some(number)) => Ok(RootKeySource::Descriptor(number)),
            _ => Err(RootKeyProblem::NotOneSource),
        }
    }
}
