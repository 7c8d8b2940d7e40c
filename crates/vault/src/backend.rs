//! Other vaults in which values of credentials may be held: the seam, and what all of them have in common.
//!
//! A back end keeps versions of a value under a path. A version never changes: what is read is exactly the version
//! that was asked for, or there is a failure with a name. [`SecretBackend`] is the seam; [`kv2`] speaks to HashiCorp
//! Vault and OpenBao, [`aws`] to AWS Secrets Manager, [`azure`] to Azure Key Vault. When a value is fetched, how long
//! it is held and when it is lent is not here but in `custody`.
//!
//! Everything leaves through the `Errand` seam: to hosts of the configuration alone, under the rules for addresses
//! that hold for every call.

pub(crate) mod aws;
mod azure;
mod far;
mod kv2;
mod path;
mod proof;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lockgate_vocabulary::{BoxFuture, Clock, Entropy, Errand, Fault, Name, Secret};

use crate::config::BackendConfig;
use crate::refusal::VaultRefusal;

pub use aws::{AwsConfig, AwsLogin};
pub use azure::{AzureConfig, AzureLogin};
pub use kv2::{Kv2Config, Kv2Login};
pub use path::{Prefix, SecretPath, Version};

/// Why a back end did not do what was asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackendFailure {
    /// It does not have this version, or not any more: it was deleted or destroyed there.
    Absent,
    /// Somebody else wrote in between.
    Conflict,
    /// It does not let the gateway in, or not there.
    Denied,
    /// It answered with something that its protocol does not know.
    Malformed(&'static str),
    /// It is sealed and gives nothing out.
    Sealed,
    /// It is asked too often; after so long it may be asked again.
    Throttled(Duration),
    /// It could not be reached, or did not answer in time.
    Unreachable,
}

impl BackendFailure {
    /// What a caller is told.
    pub fn refusal(self) -> VaultRefusal {
        match self {
            Self::Absent => VaultRefusal::BackendVersionAbsent,
            Self::Conflict => VaultRefusal::BackendConflict,
            Self::Denied => VaultRefusal::BackendDenied,
            Self::Malformed(_) => VaultRefusal::BackendMalformed,
            Self::Sealed => VaultRefusal::BackendSealed,
            Self::Throttled(_) => VaultRefusal::BackendThrottled,
            Self::Unreachable => VaultRefusal::BackendUnreachable,
        }
    }

    /// Whether it says something of the back end as a whole, so that nothing else needs to be asked of it for now.
    pub(crate) fn is_of_the_whole(self) -> bool {
        matches!(self, Self::Denied | Self::Sealed | Self::Throttled(_) | Self::Unreachable)
    }
}

/// Whether a version may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionState {
    /// It may.
    Live,
    /// It was deleted and can be recovered.
    Deleted,
    /// Its value is gone for good.
    Destroyed,
}

/// What a back end tells of a version without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionInfo {
    /// Which one.
    pub version: Version,
    /// Whether it may be read.
    pub state: VersionState,
    /// Whether the next one is put behind it.
    pub newest: bool,
}

/// Another vault. Deleting, recovering and purging are of a whole path, because that is what all of them can do.
pub trait SecretBackend: Send + Sync + 'static {
    /// Puts a new version behind this one, or the first where there is none. It is a conflict if another one is the
    /// newest by then.
    fn put(
        &self,
        path: SecretPath,
        after: Option<Version>,
        value: Secret,
    ) -> BoxFuture<Result<Version, BackendFailure>>;

    /// The value of exactly this version.
    fn get(&self, path: SecretPath, version: Version) -> BoxFuture<Result<Secret, BackendFailure>>;

    /// Every version that is known of the path, oldest first; none where the path is not there.
    fn versions(&self, path: SecretPath) -> BoxFuture<Result<Vec<VersionInfo>, BackendFailure>>;

    /// Deletes what is at the path, so that it can be recovered.
    fn delete(&self, path: SecretPath) -> BoxFuture<Result<(), BackendFailure>>;

    /// Recovers what was deleted.
    fn recover(&self, path: SecretPath) -> BoxFuture<Result<(), BackendFailure>>;

    /// Destroys what is at the path for good. It is a right of its own in every back end.
    fn purge(&self, path: SecretPath) -> BoxFuture<Result<(), BackendFailure>>;

    /// Whether it would answer now.
    fn health(&self) -> BoxFuture<Result<(), BackendFailure>>;
}

/// What a back end needs of the house.
#[derive(Clone)]
pub struct Surroundings {
    /// The way out.
    pub errand: Arc<dyn Errand>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
}

/// A section of the configuration that describes no back end.
#[derive(Debug)]
pub struct BackendProblem {
    /// The back end's name.
    pub name: Name,
    what: String,
}

impl BackendProblem {
    pub(crate) fn of(name: &Name, fault: &Fault) -> Fault {
        Fault::broken("opening a back end", Self { name: name.clone(), what: fault.to_string() })
    }
}

impl fmt::Display for BackendProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for BackendProblem {}

impl BackendConfig {
    /// The back end that it describes. Nothing is asked of it yet.
    pub fn open(&self, surroundings: &Surroundings) -> Result<Arc<dyn SecretBackend>, Fault> {
        match self {
            Self::AwsSecretsManager(config) => Ok(Arc::new(aws::SecretsManager::open(config, surroundings)?)),
            Self::AzureKeyVault(config) => Ok(Arc::new(azure::KeyVault::open(config, surroundings)?)),
            Self::Kv2(config) => Ok(Arc::new(kv2::Kv2::open(config, surroundings)?)),
        }
    }

    /// Below what it keeps everything.
    pub(crate) fn prefix(&self) -> &Prefix {
        match self {
            Self::AwsSecretsManager(config) => &config.prefix,
            Self::AzureKeyVault(config) => &config.prefix,
            Self::Kv2(config) => &config.prefix,
        }
    }
}

/// The certificates that a back end's certificate must come from, where the configuration names a file of them.
fn authorities(file: Option<&Path>) -> Result<Option<String>, Fault> {
    const DOING: &str = "reading the authorities of a back end's certificate";
    file.map(|file| std::fs::read_to_string(file).map_err(|error| Fault::broken(DOING, error))).transpose()
}

#[cfg(test)]
mod tests;
