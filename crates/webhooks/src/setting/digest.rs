//! The hash of an HMAC and how it is written, where that is the sender's choice.

use lockgate_vault::webhook::Hash;
use serde::{Deserialize, Serialize};

use crate::refusal::WebhookRefusal;
use crate::scheme::read_signature;

/// Hash and encoding from outside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DigestSpec {
    /// The hash.
    pub hash: HashName,
    /// The encoding.
    pub encoding: Encoding,
}

/// A hash that a sender may choose. SHA-1 is not one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HashName {
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How the bytes of a signature are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Lower-case hex.
    #[default]
    Hex,
    /// Standard base64 with padding.
    Base64,
}

/// Hash and encoding as a scheme uses them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Digest {
    pub(crate) hash: Hash,
    pub(crate) encoding: Encoding,
}

impl Digest {
    /// The bytes of a signature that is written in this way.
    pub(crate) fn read(self, text: &str) -> Result<Vec<u8>, WebhookRefusal> {
        read_signature(text, self.encoding, self.hash)
    }
}

impl From<DigestSpec> for Digest {
    fn from(spec: DigestSpec) -> Self {
        let hash = match spec.hash {
            HashName::Sha256 => Hash::Sha256,
            HashName::Sha512 => Hash::Sha512,
        };
        Self { hash, encoding: spec.encoding }
    }
}
