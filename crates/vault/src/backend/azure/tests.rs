//! Where an answer of the vault's may lead.

use super::*;

#[test]
fn a_next_page_is_of_the_same_vault() {
    let base = "https://corp.vault.azure.net";
    assert_eq!(below(base, "https://corp.vault.azure.net/secrets/x?y"), Some("/secrets/x?y"));
    for link in [
        "https://corp.vault.azure.net.evil.example/secrets",
        "https://corp.vault.azure.net@evil.example/",
        "https://corp.vault.azure.net:444/secrets",
        "https://corp.vault.azure.net",
        "https://evil.example/secrets",
        "/secrets",
    ] {
        assert_eq!(below(base, link), None, "{link}");
    }
}
