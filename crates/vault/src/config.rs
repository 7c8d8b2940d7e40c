//! What an operator sets about the vault.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lockgate_vocabulary::Name;
use serde::Deserialize;

use crate::backend::{AwsConfig, AzureConfig, Kv2Config};
use crate::root_key::{KmsConfig, RootKeyNames, RootKeyProblem};

/// The section `[vault]`. Exactly one of the three sources of the root key is named.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The file that holds the root key: owned by the user that runs the gateway, mode 0600 or 0400.
    pub root_key_file: Option<PathBuf>,
    /// The number of an open file descriptor from which the root key is read once.
    pub root_key_fd: Option<u32>,
    /// For how many days a revoked credential may be brought back, 7 to 90; 30 by default.
    pub recovery_days: Option<u32>,
    /// Where the root key is held, if it is held elsewhere.
    pub root_key: Option<Box<RootKeyConfig>>,
    /// Other vaults in which values of credentials may be held, by the names that credentials know them by.
    pub backends: BTreeMap<Name, BackendConfig>,
    /// How values that another vault holds are held here.
    pub held: HeldConfig,
}

/// Another vault, told apart by `kind`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum BackendConfig {
    /// AWS Secrets Manager.
    AwsSecretsManager(AwsConfig),
    /// Secrets of Azure Key Vault.
    AzureKeyVault(AzureConfig),
    /// The KV engine, version 2, of HashiCorp Vault or OpenBao.
    Kv2(Kv2Config),
}

impl BackendConfig {
    /// What its section says that it is.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::AwsSecretsManager(_) => "aws-secrets-manager",
            Self::AzureKeyVault(_) => "azure-key-vault",
            Self::Kv2(_) => "kv2",
        }
    }
}

/// How values that another vault holds are held here: in memory alone, and sealed there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeldConfig {
    /// Seconds after which a value is fetched again; 300 by default.
    pub refresh_seconds: u32,
    /// Seconds after which a value that could not be fetched again is not lent any more; 3,600 by default.
    pub most_age_seconds: u32,
}

impl Default for HeldConfig {
    fn default() -> Self {
        Self { refresh_seconds: 300, most_age_seconds: 3_600 }
    }
}

impl HeldConfig {
    /// What is fetched again is fetched before it is too old to be lent.
    pub(crate) fn times(&self) -> (Duration, Duration) {
        let most_age = Duration::from_secs(self.most_age_seconds.clamp(1, 7 * 86_400).into());
        (Duration::from_secs(self.refresh_seconds.max(1).into()).min(most_age), most_age)
    }
}

/// Who holds the root key, told apart by `kind`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum RootKeyConfig {
    /// AWS KMS.
    AwsKms(KmsConfig),
    /// A hardware module that speaks PKCS#11; of builds with the feature `pkcs11`.
    Pkcs11(Pkcs11Config),
}

/// A root key in a hardware module: a generic secret of 256 bits that may compute HMAC-SHA256.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pkcs11Config {
    /// The module's library. It runs within the gateway's process.
    pub module_file: PathBuf,
    /// The label of the token that has the key.
    pub token: String,
    /// A file that holds the user's PIN, which its owner alone may read.
    pub pin_file: PathBuf,
    /// The key's label, which is what rows call the root key.
    pub key: String,
    /// The label of the key that wrapped before, while the root key is changed.
    #[serde(default)]
    pub previous: Option<String>,
    /// The root key file that wrapped before, while the root key is moved into the module.
    #[serde(default)]
    pub previous_file: Option<PathBuf>,
}

impl RootKeyConfig {
    /// What it and the one before it are called.
    pub(crate) fn names(&self) -> RootKeyNames {
        match self {
            Self::AwsKms(KmsConfig { key, previous, .. }) | Self::Pkcs11(Pkcs11Config { key, previous, .. }) => {
                RootKeyNames { current: key.clone(), previous: previous.clone() }
            }
        }
    }

    /// The file that wrapped before.
    pub(crate) fn previous_file(&self) -> Option<&Path> {
        match self {
            Self::AwsKms(config) => config.previous_file.as_deref(),
            Self::Pkcs11(config) => config.previous_file.as_deref(),
        }
    }
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
    /// It does not come: it is held by another, who is asked.
    Elsewhere(Box<RootKeyConfig>),
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
        match (&self.root_key_file, self.root_key_fd, &self.root_key) {
            (Some(path), None, None) => Ok(RootKeySource::File(path.clone())),
            (None, Some(number), None) => Ok(RootKeySource::Descriptor(number)),
            (None, None, Some(held)) => Ok(RootKeySource::Elsewhere(held.clone())),
            _ => Err(RootKeyProblem::NotOneSource),
        }
    }
}

#[cfg(test)]
mod tests;
