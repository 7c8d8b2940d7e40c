//! What an operator sets about the vault.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

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
    /// For how many days a revoked credential may be brought back, 7 to 90; 30 by default.
    pub recovery_days: Option<u32>,
}

/// Days of a recovery window, and how many there are where none are named.
const RECOVERY: RangeInclusive<u32> = 7..=90;
const RECOVERY_USUAL: u32 = 30;

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
        Self { root_key_file: Some(path.into()), ..Self::default() }
    }

    /// For how long a revoked credential may be brought back, where the configuration makes sense.
    pub fn recovery(&self) -> Result<Duration, &'static str> {
        let days = self.recovery_days.unwrap_or(RECOVERY_USUAL);
        let fits = RECOVERY.contains(&days);
        fits.then(|| Duration::from_secs(86_400) * days).ok_or("recovery takes 7 to 90 days")
    }

    pub(crate) fn source(&self) -> Result<RootKeySource, RootKeyProblem> {
        match (&self.root_key_file, self.root_key_fd) {
            (Some(path), None) => Ok(RootKeySource::File(path.clone())),
            (None, Some(number)) => Ok(RootKeySource::Descriptor(number)),
            _ => Err(RootKeyProblem::NotOneSource),
        }
    }
}

#[cfg(test)]
mod tests;
