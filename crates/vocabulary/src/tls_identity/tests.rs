//! An identity is opened whole or not at all, and shows nothing.

use super::*;

/// A section of PEM with three bytes in it; nobody parses them here.
fn section(label: &str) -> String {
    format!("-----BEGIN {label}-----\nAAEC\n-----END {label}-----\n")
}

#[test]
fn it_has_a_certificate_and_a_key() {
    let open = |text: String| TlsIdentity::new(Secret::from(text)).open();
    let (certificate, key) = (section("CERTIFICATE"), section("PRIVATE KEY"));
    let (chain, _) = open(format!("{certificate}{certificate}{key}")).expect("both");
    assert_eq!(chain.len(), 2);
    assert!(open(format!("{key}{certificate}")).is_some(), "in any order");
    for (text, why) in [
        (certificate.clone(), "no key"),
        (key.clone(), "no certificate"),
        ("a secret".to_owned(), "no PEM"),
        (certificate.replace("END", "ENDE") + &key, "a torn certificate"),
    ] {
        assert!(open(text).is_none(), "{why}");
    }
    assert_eq!(format!("{:?}", TlsIdentity::new(Secret::from(key))), "TlsIdentity");
}
