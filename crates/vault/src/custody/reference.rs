//! What the store keeps, sealed, in the place of a value that another vault holds.

use lockgate_vocabulary::{CredentialId, TenantId};
use serde::{Deserialize, Serialize};

use crate::backend::{SecretPath, Version};

/// What stands before a sealed reference in a record; a sealed value begins with other bytes.
pub(crate) const REFERENCE: &[u8] = b"@";

/// Where a value is, and by what it is known again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reference {
    /// The name of the back end's section in the configuration.
    pub(crate) backend: String,
    path: String,
    version: String,
    /// The fingerprint of the value. A back end that was put back, or a path that was made anew, may have another
    /// value under the same number.
    pub(crate) fingerprint: String,
}

impl Reference {
    pub(super) fn new(backend: &str, path: &SecretPath, version: &Version, fingerprint: String) -> Self {
        let (path, version) = (path.as_str().to_owned(), version.as_str().to_owned());
        Self { backend: backend.to_owned(), path, version, fingerprint }
    }

    /// Path and version, where they are such.
    pub(super) fn place(&self) -> Option<(SecretPath, Version)> {
        Some((self.path.parse().ok()?, self.version.parse().ok()?))
    }

    /// The path, where it is one that the gateway made for this credential: nothing else is the gateway's to destroy.
    pub(super) fn own_path(&self, tenant: TenantId, credential: CredentialId) -> Option<SecretPath> {
        let path: SecretPath = self.path.parse().ok()?;
        path.is_of(tenant, credential).then_some(path)
    }

    /// As it is sealed.
    pub(crate) fn to_bytes(&self) -> Option<Vec<u8>> {
        serde_json::to_vec(self).ok()
    }

    /// As it was sealed.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

#[cfg(test)]
mod tests;
