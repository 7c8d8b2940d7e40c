//! Certificates that do not fit are named; those that fit are shown.

use std::fs;

use super::*;

fn pair() -> (String, String) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let parameters = rcgen::CertificateParams::new(vec!["gate.test".to_owned()]).expect("parameters");
    (parameters.self_signed(&key).expect("signed").pem(), key.serialize_pem())
}

fn try_with(certificate: &str, key: &str) -> Result<TlsAcceptor, ConfigProblem> {
    let dir = tempfile::tempdir().expect("a folder");
    let (one, two) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    fs::write(&one, certificate).expect("written");
    fs::write(&two, key).expect("written");
    acceptor("door", &one, &two)
}

#[test]
fn takes_a_certificate_with_its_key_and_speaks_http_1_1() {
    let (certificate, key) = pair();
    let acceptor = try_with(&certificate, &key).expect("they fit");
    assert_eq!(acceptor.config().alpn_protocols, [b"http/1.1".to_vec()]);
    assert!(!acceptor.config().ignore_client_order);
}

#[test]
fn names_the_key_that_is_wrong() {
    let (certificate, key) = pair();
    let (_, other) = pair();
    let key_of = |result: Result<TlsAcceptor, ConfigProblem>| result.err().expect("refused").key;
    assert_eq!(key_of(try_with("", &key)), "door.certificate_file");
    assert_eq!(key_of(try_with(&certificate, "")), "door.key_file");
    assert_eq!(key_of(try_with(&certificate, &other)), "door.certificate_file");
    assert_eq!(key_of(acceptor("admin", Path::new("/nowhere/c"), Path::new("/nowhere/k"))), "admin.certificate_file");
}

#[test]
fn authorities_are_read_whole_or_not_at_all() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("authority.pem");
    let read = |text: &str| {
        fs::write(&file, text).expect("written");
        authorities("egress.errand_ca_file", &file)
    };
    let (certificate, key) = pair();
    assert_eq!(read(&certificate), Ok(certificate.clone()));
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for wrong in ["", &key, &format!("{certificate}{broken}")] {
        assert_eq!(read(wrong).expect_err("refused").key, "egress.errand_ca_file", "{wrong:?}");
    }
    assert!(authorities("egress.errand_ca_file", Path::new("/nowhere")).is_err());
}
