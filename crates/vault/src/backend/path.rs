//! Where a value is in a back end, and which version of it. Both are of narrow alphabets, so that neither can lead
//! anywhere else when it stands in a URL.

use std::fmt;
use std::str::FromStr;

use lockgate_vocabulary::{CredentialId, TenantId};
use serde::{Deserialize, Deserializer, de};

/// Bytes of a prefix, a path and a version at the most.
const PREFIX: usize = 40;
const PATH: usize = 110;
const VERSION: usize = 64;

/// Below what everything of this gateway's lies: words of small letters, digits and hyphens, with slashes between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(Box<str>);

impl Prefix {
    /// The prefix as text.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Prefix {
    fn default() -> Self {
        Self("lockgate".into())
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const RULE: &str = "a prefix is words of a to z, 0 to 9 and '-' with '/' between, at most 40 bytes";
        let text = String::deserialize(deserializer)?;
        let sound = (1..=PREFIX).contains(&text.len()) && are_words(&text, false);
        if sound { Ok(Self(text.into())) } else { Err(de::Error::custom(RULE)) }
    }
}

/// Where a credential's versions are: the prefix, the tenant, the credential.
///
/// INVARIANT: a tenant names no path. The gateway makes it of identifiers of its own, so nobody has a value lent that
/// lies in another tenant's place, or anywhere else in the operator's vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretPath(Box<str>);

impl SecretPath {
    /// The path of a credential.
    pub fn of(prefix: &Prefix, tenant: TenantId, credential: CredentialId) -> Self {
        Self(format!("{}/{tenant}/{credential}", prefix.0).into())
    }

    /// Whether it is the path of this credential, below whatever prefix.
    pub(crate) fn is_of(&self, tenant: TenantId, credential: CredentialId) -> bool {
        let below = self.0.strip_suffix(&format!("/{tenant}/{credential}"));
        below.is_some_and(|prefix| !prefix.is_empty())
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretPath {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let sound = (1..=PATH).contains(&text.len()) && are_words(text, true);
        if sound { Ok(Self(text.into())) } else { Err(()) }
    }
}

fn are_words(text: &str, underscores: bool) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.split('/').all(|word| !word.is_empty() && word.bytes().all(|byte| plain(byte) || underscores && byte == b'_'))
}

/// What a back end calls a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(Box<str>);

impl Version {
    /// The version as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Version {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let sound = (1..=VERSION).contains(&text.len()) && text.bytes().all(plain);
        if sound { Ok(Self(text.into())) } else { Err(()) }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
