//! Whose path a reference names.

use lockgate_vocabulary::{CredentialId, TenantId};

use super::*;

#[test]
fn only_the_path_that_was_made_for_a_credential_is_the_gateways_own() {
    let (tenant, credential) = (TenantId::from_u128(1), CredentialId::from_u128(2));
    let at = |path: &str| Reference {
        backend: "corp".to_owned(),
        path: path.to_owned(),
        version: "1".to_owned(),
        fingerprint: "v1:x".to_owned(),
    };
    for prefix in ["lockgate", "lock/gate", "a"] {
        let made = format!("{prefix}/{tenant}/{credential}");
        let own = at(&made).own_path(tenant, credential).expect("its own, whatever the prefix was");
        assert_eq!(own.as_str(), made);
    }
    let other = CredentialId::from_u128(3);
    for foreign in [
        "shared/payments".to_owned(),
        format!("{tenant}/{credential}"),
        format!("lockgate/{tenant}/{other}"),
        format!("lockgate/{}/{credential}", TenantId::from_u128(4)),
        format!("lockgate/{tenant}/{credential}/below"),
        format!("lockgate/{tenant}/x{credential}"),
        format!("lockgate//{tenant}/{credential}"),
        String::new(),
    ] {
        assert!(at(&foreign).own_path(tenant, credential).is_none(), "{foreign}");
    }
}
