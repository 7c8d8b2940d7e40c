//! Fingerprints tell equal values of one tenant apart from others, and tell nothing else.

use lockgate_vocabulary::{Secret, TenantId};

use super::*;

fn digests(fill: u8) -> Digests {
    Digests::new(&TenantKey::new(1, &Secret::new(vec![fill; 32])).expect("a key")).expect("derives")
}

fn fingerprint(root: u8, tenant: u128, value: &str) -> String {
    let value = Secret::from(value.to_owned());
    digests(root).fingerprint(TenantId::from_u128(tenant), &value).expect("made")
}

#[test]
fn the_same_value_of_a_tenant_has_one_fingerprint() {
    let one = fingerprint(1, 1, "sk_live");
    assert_eq!(one, fingerprint(1, 1, "sk_live"));
    assert_eq!(one.len(), "v1:".len() + 22);
    assert!(one.starts_with("v1:"));
    for other in [fingerprint(1, 2, "sk_live"), fingerprint(2, 1, "sk_live"), fingerprint(1, 1, "sk_livf")] {
        assert_ne!(one, other);
    }
}

#[test]
fn the_length_does_not_show() {
    assert_eq!(fingerprint(1, 1, "").len(), fingerprint(1, 1, &"x".repeat(5000)).len());
}

#[test]
fn digests_differ_by_tenant_purpose_and_data() {
    let (a, b) = (TenantId::from_u128(1), TenantId::from_u128(2));
    let digests = digests(1);
    let one = digests.digest(a, "target", b"/v1/customers/7");
    assert_eq!(one, digests.digest(a, "target", b"/v1/customers/7"));
    assert_ne!(one, digests.digest(b, "target", b"/v1/customers/7"));
    assert_ne!(one, digests.digest(a, "targe", b"t/v1/customers/7"), "a length stands before the purpose");
    assert_ne!(one, digests.digest(a, "idempotency", b"/v1/customers/7"));
    assert_ne!(one, digests.digest(a, "target", b"/v1/customers/8"));
}
