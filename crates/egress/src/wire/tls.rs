//! Whom to trust: TLS 1.2 and 1.3 with forward secrecy, the system's authorities or a connection's own,
//! and pinned keys where a connection has them.
//!
//! The cryptography is one provider's, passed explicitly. Sessions are resumed within one connection of
//! one tenant and never across, so that no vendor can tell by a ticket that two tenants share a gateway.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_lc_rs::digest;
use lockgate_access::directory::Settings;
use lockgate_vocabulary::{Clock, TlsIdentity};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use x509_parser::prelude::FromDer as _;

use super::failure::WireFailure;

/// Sessions that are kept for resuming, for each connection.
const SESSIONS: usize = 4;

/// Makes TLS configurations.
pub(crate) struct Trust {
    provider: Arc<CryptoProvider>,
    time: Arc<ClockTime>,
    /// Reading the system's authorities takes milliseconds, so it is done when first needed.
    system: OnceLock<Option<Arc<WebPkiServerVerifier>>>,
}

impl Trust {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        Self { provider, time: Arc::new(ClockTime(clock)), system: OnceLock::new() }
    }

    /// The configuration for a connection with these settings.
    pub(crate) fn of(
        &self,
        settings: &Settings,
        identity: Option<&TlsIdentity>,
    ) -> Result<Arc<ClientConfig>, WireFailure> {
        self.with(settings.trust_pem.as_deref(), &settings.pins, &[b"h2", b"http/1.1"], identity)
    }

    /// The configuration that trusts these authorities, or the system's, and of them only these keys. It names itself
    /// by this certificate where the far side asks who it is (RFC 8446 section 4.4.2).
    pub(crate) fn with(
        &self,
        authorities: Option<&str>,
        pins: &[[u8; 32]],
        protocols: &[&[u8]],
        identity: Option<&TlsIdentity>,
    ) -> Result<Arc<ClientConfig>, WireFailure> {
        let system = || self.system.get_or_init(|| self.verifier(system_authorities()).ok()).clone();
        let roots = match authorities {
            Some(pem) => self.verifier(own_authorities(pem)?)?,
            None => system().ok_or(WireFailure::Authorities)?,
        };
        let verifier: Arc<dyn ServerCertVerifier> = match (roots, pins) {
            (roots, []) => roots,
            (roots, pins) => Arc::new(Pinned { roots, pins: pins.into() }),
        };
        let versions = &[&rustls::version::TLS13, &rustls::version::TLS12];
        let builder = ClientConfig::builder_with_details(Arc::clone(&self.provider), Arc::clone(&self.time) as _)
            .with_protocol_versions(versions)
            .map_err(|_| WireFailure::Tls)?;
        // What is set here is either the standard verifier or the same with more demands.
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let (chain, key) = identity.open().ok_or(WireFailure::Identity)?;
                builder.with_client_auth_cert(chain, key).map_err(|_| WireFailure::Identity)?
            }
        };
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Ok(Arc::new(config))
    }

    fn verifier(&self, roots: RootCertStore) -> Result<Arc<WebPkiServerVerifier>, WireFailure> {
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
            .build()
            .map_err(|_| WireFailure::Authorities)
    }
}

/// A certificate's dates are judged by the house's clock.
struct ClockTime(Arc<dyn Clock>);

impl fmt::Debug for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClockTime")
    }
}

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().as_secs()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// Whether a text is certificates that can be trusted, each of them readable.
pub(crate) fn are_authorities(pem: &str) -> bool {
    own_authorities(pem).is_ok()
}

/// Every certificate must be readable: one that is skipped would be missed at the worst moment.
fn own_authorities(pem: &str) -> Result<RootCertStore, WireFailure> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|_| WireFailure::Authorities)?;
        roots.add(certificate).map_err(|_| WireFailure::Authorities)?;
    }
    if roots.is_empty() { Err(WireFailure::Authorities) } else { Ok(roots) }
}

/// The system's store often holds an old certificate that cannot be read; the others count.
fn system_authorities() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// The standard verifier, and beyond it the demand that the vendor's own certificate has a pinned key.
struct Pinned {
    roots: Arc<WebPkiServerVerifier>,
    pins: Box<[[u8; 32]]>,
}

impl Pinned {
    fn holds(&self, certificate: &CertificateDer<'_>) -> bool {
        let Ok((_, parsed)) = x509_parser::certificate::X509Certificate::from_der(certificate) else { return false };
        let key = digest::digest(&digest::SHA256, parsed.public_key().raw);
        self.pins.iter().any(|pin| pin == key.as_ref())
    }
}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pinned({} keys)", self.pins.len())
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.roots.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        if self.holds(end_entity) {
            Ok(verified)
        } else {
            Err(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.roots.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.roots.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.roots.supported_verify_schemes()
    }
}

/// Why a handshake failed.
pub(super) fn failure_of(error: &std::io::Error) -> WireFailure {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)) => WireFailure::Pin,
        Some(rustls::Error::InvalidCertificate(_)) => WireFailure::Certificate,
        _ => WireFailure::Tls,
    }
}

/// Whether the far side did not take what we named ourselves by (RFC 8446 section 6.2). In TLS 1.3 it says so once the
/// handshake is over for us, and then it has looked at nothing that was sent behind it.
pub(super) fn is_identity_refused(cause: &(dyn std::error::Error + 'static)) -> bool {
    let inner = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    let alert = match inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::AlertReceived(alert)) => *alert,
        _ => return false,
    };
    matches!(
        alert,
        AlertDescription::AccessDenied
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRequired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::DecryptError
            | AlertDescription::UnknownCA
            | AlertDescription::UnsupportedCertificate
    )
}

#[cfg(test)]
mod tests;
