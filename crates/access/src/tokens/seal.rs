//! The seam through which signing keys are sealed: the vault is to the right of this room, so it hands
//! its two functions in.

use std::fmt;

use lockgate_vocabulary::{Fault, Secret};

type Seal = dyn Fn(&[u8], &[u8]) -> Result<Vec<u8>, Fault> + Send + Sync;
type Unseal = dyn Fn(&[u8], &[u8]) -> Result<Secret, Fault> + Send + Sync;

/// Seals and opens signing keys. Each function takes the context to which the key is bound, its `kid`,
/// then the bytes.
pub struct SealKeys {
    seal: Box<Seal>,
    unseal: Box<Unseal>,
}

impl SealKeys {
    /// The two functions of whoever keeps keys.
    pub fn new(
        seal: impl Fn(&[u8], &[u8]) -> Result<Vec<u8>, Fault> + Send + Sync + 'static,
        unseal: impl Fn(&[u8], &[u8]) -> Result<Secret, Fault> + Send + Sync + 'static,
    ) -> Self {
        Self { seal: Box::new(seal), unseal: Box::new(unseal) }
    }

    pub(crate) fn seal(&self, context: &[u8], plain: &Secret) -> Result<Vec<u8>, Fault> {
        (self.seal)(context, plain.expose())
    }

    pub(crate) fn unseal(&self, context: &[u8], sealed: &[u8]) -> Result<Secret, Fault> {
        (self.unseal)(context, sealed)
    }
}

impl fmt::Debug for SealKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKeys")
    }
}
