//! The root key: what wraps every tenant's key, and the only thing that is not in the store.
//!
//! [`RootKey`] is the seam where a hardware module or a cloud's key service plugs in ([`kms`], `pkcs11`). By default the key is
//! kept in memory, read once from a file or a file descriptor ([`file`]); [`change`] writes that file anew, and
//! [`moved`] opens what it wrapped while the root key is moved elsewhere.
//! Losing the root key loses every secret; changing it re-wraps the tenants' keys and nothing else.

mod change;
mod file;
mod kms;
mod moved;
#[cfg(feature = "pkcs11")]
mod pkcs11;

use std::sync::Arc;

use lockgate_vocabulary::{BoxFuture, Entropy, Fault, Secret};

use crate::backend::Surroundings;
use crate::config::{Config, RootKeyConfig, RootKeySource};
use crate::seal::Cipher;

pub use change::{Replacement, RootKeyFile, RootKeyNames};
pub(crate) use file::read;
pub use file::{RootKeyProblem, generate_root_key_file};
pub use kms::KmsConfig;

/// A tenant's key as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// The name of the root key that wrapped it.
    pub root_key: String,
    /// The wrapped bytes.
    pub bytes: Vec<u8>,
}

/// Why a tenant's key was not unwrapped.
#[derive(Debug)]
pub enum UnwrapFailure {
    /// A root key of this name is not here.
    Absent,
    /// The root key of this name did not wrap these bytes for this place.
    Wrong,
    /// The key service failed.
    Fault(Fault),
}

/// Wraps and unwraps tenants' keys. It never gives its own key out.
pub trait RootKey: Send + Sync + 'static {
    /// The name of the key that wraps from now on.
    fn current(&self) -> &str;

    /// Wraps a tenant's key so that it unwraps only with the same label.
    fn wrap(&self, label: Vec<u8>, key: Secret) -> BoxFuture<Result<Wrapped, Fault>>;

    /// Unwraps a tenant's key.
    fn unwrap(&self, label: Vec<u8>, wrapped: Wrapped) -> BoxFuture<Result<Secret, UnwrapFailure>>;
}

/// Opens the root key that the configuration names, wherever it is held.
pub fn open(config: &Config, surroundings: &Surroundings) -> Result<Arc<dyn RootKey>, Fault> {
    let held = match config.source()? {
        RootKeySource::Elsewhere(held) => held,
        source => return Ok(Arc::new(read(&source, surroundings.entropy.clone())?)),
    };
    let now: Arc<dyn RootKey> = match &*held {
        RootKeyConfig::AwsKms(config) => Arc::new(kms::KmsRootKey::open(config, surroundings)?),
        #[cfg(feature = "pkcs11")]
        RootKeyConfig::Pkcs11(config) => Arc::new(pkcs11::ModuleRootKey::open(config, surroundings.entropy.clone())?),
        #[cfg(not(feature = "pkcs11"))]
        RootKeyConfig::Pkcs11(_) => return Err(RootKeyProblem::Unsupported.into()),
    };
    match held.previous_file() {
        None => Ok(now),
        Some(file) => {
            let file = read(&RootKeySource::File(file.to_owned()), surroundings.entropy.clone())?;
            Ok(Arc::new(moved::Moved { now, file: Arc::new(file) }))
        }
    }
}

/// A root key in memory, by name.
pub(crate) struct NamedKey {
    pub(crate) name: String,
    pub(crate) key: Secret,
}

const NONCE: usize = 12;

impl NamedKey {
    fn cipher(&self) -> Result<Cipher, Fault> {
        let key = self.key.expose().try_into().map_err(|_| Fault::violated("a root key has 32 bytes"))?;
        Cipher::wrapping(key)
    }

    /// The label with the root key's name in it, so that the name in the row cannot be changed either.
    fn label(&self, label: &[u8]) -> Vec<u8> {
        let mut whole = Vec::with_capacity(label.len() + self.name.len() + 32);
        whole.extend_from_slice(b"lockgate root key v1");
        whole.extend_from_slice(&(self.name.len() as u64).to_be_bytes());
        whole.extend_from_slice(self.name.as_bytes());
        whole.extend_from_slice(label);
        whole
    }

    fn wrap(&self, label: &[u8], key: &Secret, entropy: &dyn Entropy) -> Result<Wrapped, Fault> {
        let mut nonce = [0u8; NONCE];
        entropy.fill(&mut nonce);
        let mut bytes = Vec::new();
        self.cipher()?.seal_onto(&mut bytes, nonce, &self.label(label), key.expose())?;
        Ok(Wrapped { root_key: self.name.clone(), bytes })
    }

    fn unwrap(&self, label: &[u8], wrapped: &[u8]) -> Result<Secret, UnwrapFailure> {
        let (nonce, sealed) = wrapped.split_first_chunk::<NONCE>().ok_or(UnwrapFailure::Wrong)?;
        let cipher = self.cipher().map_err(UnwrapFailure::Fault)?;
        cipher.open(*nonce, &self.label(label), sealed).map_err(|_| UnwrapFailure::Wrong)
    }
}

#[cfg(test)]
mod tests;
