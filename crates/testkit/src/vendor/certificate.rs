//! A certificate authority and a certificate for some hosts, both new.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// The authority's certificate (PEM), and what a server needs that shows a certificate from it.
pub fn for_hosts(hosts: &[&str]) -> (String, Arc<rustls::ServerConfig>) {
    let authority_key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    authority.distinguished_name.push(DnType::CommonName, "test vendor authority");
    let authority_pem = authority.self_signed(&authority_key).expect("it signs itself").pem();
    let issuer = Issuer::new(authority, authority_key);

    let key = KeyPair::generate().expect("a key");
    let leaf =
        CertificateParams::new(hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>()).expect("parameters");
    let leaf = leaf.signed_by(&key, &issuer).expect("the authority signs it");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], key))
        .expect("a fresh certificate fits its key");
    (authority_pem, Arc::new(config))
}
