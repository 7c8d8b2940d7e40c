//! A secret that cannot be printed, compared by accident, cloned into a log or serialised.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

/// Bytes that must not leave the process in the clear. Wiped when dropped.
///
/// It has no `Display`, `Clone`, `PartialEq` or `Serialize`, and its `Debug` tells not even a length.
/// [`Secret::expose`] is the only way in; `xtask tidy` holds the list of rooms that may call it.
pub struct Secret(Zeroizing<Box<[u8]>>);

impl Secret {
    /// Takes the bytes in. What the vector had beyond its length is wiped before it is given back.
    pub fn new(mut bytes: Vec<u8>) -> Self {
        let exact: Box<[u8]> = bytes.as_slice().into();
        bytes.zeroize();
        Self(Zeroizing::new(exact))
    }

    /// The bytes in the clear.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Input may carry a secret in; nothing may carry one out, so there is no `Serialize`.
impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}
