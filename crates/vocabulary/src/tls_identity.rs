//! What a client names itself by in a TLS handshake: a certificate, those that vouch for it, and its private key.

use std::fmt;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::secret::Secret;

/// A certificate with its private key, as PEM. It cannot be printed; cloning it gives another handle on the same one.
#[derive(Clone)]
pub struct TlsIdentity(Arc<Secret>);

impl TlsIdentity {
    /// The identity that this PEM is.
    pub fn new(pem: Secret) -> Self {
        Self(Arc::new(pem))
    }

    /// The certificates, the client's own first, and the private key, for the handshake; nothing where it is no such.
    pub fn open(&self) -> Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        let chain = CertificateDer::pem_slice_iter(self.0.expose()).collect::<Result<Vec<_>, _>>().ok()?;
        let key = PrivateKeyDer::from_pem_slice(self.0.expose()).ok()?;
        (!chain.is_empty()).then_some((chain, key))
    }
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsIdentity")
    }
}

#[cfg(test)]
mod tests;
