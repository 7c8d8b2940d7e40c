//! The Merkle tree of RFC 6962: hashes, the frontier of a growing tree, inclusion and consistency proofs.
//!
//! Pure: bytes in, hashes out. Where interior hashes come from (memory or the side files) is the
//! caller's affair; proofs ask for complete subtrees by level and place. Not here: what an entry is.

use std::fmt;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

mod path;

pub use path::{consistency_path, inclusion_path, subtree_root, verify_consistency, verify_inclusion};

/// How long a hash is in base 64.
pub(crate) const HASH_TEXT: usize = 44;

/// A SHA-256 hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Hash([u8; 32]);

impl Hash {
    /// What the first entry of a chain names as its previous one.
    pub const ZERO: Self = Self([0; 32]);

    /// The hash with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash with this base 64 text (RFC 4648 section 4, padded); there is one text for each.
    pub fn from_base64(text: &[u8]) -> Option<Self> {
        if text.len() != HASH_TEXT {
            return None;
        }
        let mut bytes = [0u8; 33];
        let written = STANDARD.decode_slice(text, &mut bytes).ok()?;
        let exact: [u8; 32] = bytes.get(..written)?.try_into().ok()?;
        Some(Self(exact))
    }
}

/// SHA-256 of the bytes.
pub(crate) fn sha256(bytes: &[u8]) -> Hash {
    let mut out = Hash::ZERO;
    out.0.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_base64(text.as_bytes()).ok_or_else(|| serde::de::Error::custom("not a SHA-256 hash in base 64"))
    }
}

/// The hash of a leaf: SHA-256 of 0x00 and the entry.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    let mut prefixed = Vec::with_capacity(entry.len() + 1);
    prefixed.push(0);
    prefixed.extend_from_slice(entry);
    sha256(&prefixed)
}

/// The hash of an interior node: SHA-256 of 0x01, the left and the right child.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut prefixed = [1u8; 65];
    let (_, children) = prefixed.split_at_mut(1);
    let (first, second) = children.split_at_mut(32);
    first.copy_from_slice(&left.0);
    second.copy_from_slice(&right.0);
    sha256(&prefixed)
}

/// What must be kept of a growing tree to add leaves and to know its root: the roots of the complete
/// subtrees that its size is made of, the largest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// The tree of this size with these peaks; there must be one for each bit that is set in the size.
    pub fn from_peaks(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        let fits = u32::try_from(peaks.len()).is_ok_and(|count| count == size.count_ones());
        fits.then_some(Self { size, peaks })
    }

    /// How many leaves there are.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The roots of its complete subtrees, the largest first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Adds a leaf. `completed` is told of each subtree that it completes: how many levels it has above
    /// the leaves, and its root.
    pub fn push(&mut self, leaf: Hash, mut completed: impl FnMut(u32, Hash)) {
        let mut node = leaf;
        for level in 1..=self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                node = node_hash(&left, &node);
                completed(level, node);
            }
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// The root of the tree; of an empty one it is the hash of nothing.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return sha256(&[]) };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }
}

#[cfg(test)]
mod tests;
