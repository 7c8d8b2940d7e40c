//! TLS on the listeners: TLS 1.2 and 1.3 alone, forward secrecy alone, one cryptographic provider. And
//! the files of authorities that an operator names.
//!
//! Not here: TLS towards vendors, which is `egress`'s.

use std::path::Path;
use std::sync::Arc;

use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::ConfigProblem;

const CURE: &str = "Name a PEM file with the certificate, leaf first, and one with its private key";

/// What accepts TLS with the certificate and key of these files. `section` says whose they are.
pub fn acceptor(section: &str, certificate: &Path, key: &Path) -> Result<TlsAcceptor, ConfigProblem> {
    let certificate_key = format!("{section}.certificate_file");
    let unreadable = |error: rustls_pki_types::pem::Error| ConfigProblem::new(&certificate_key, error, CURE);
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(|rows| rows.collect::<Result<Vec<_>, _>>())
        .map_err(unreadable)?;
    if chain.is_empty() {
        return Err(ConfigProblem::new(certificate_key, "there is no certificate in the file", CURE));
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| ConfigProblem::new(format!("{section}.key_file"), error, CURE))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map_err(|error| ConfigProblem::new(certificate_key, error, CURE))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The text of a file with certificates of authorities, each of which can be read: one that is skipped
/// would be missed at the worst moment. `key` names the file in the configuration.
pub fn authorities(key: &str, file: &Path) -> Result<String, ConfigProblem> {
    const CURE: &str = "Name a PEM file with the certificates of the authorities that are to be trusted";
    let text = std::fs::read_to_string(file).map_err(|error| ConfigProblem::new(key, error, CURE))?;
    let read = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>();
    let mut roots = RootCertStore::empty();
    for certificate in read.map_err(|error| ConfigProblem::new(key, error, CURE))? {
        roots.add(certificate).map_err(|error| ConfigProblem::new(key, error, CURE))?;
    }
    if roots.is_empty() {
        return Err(ConfigProblem::new(key, "there is no certificate in the file", CURE));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
