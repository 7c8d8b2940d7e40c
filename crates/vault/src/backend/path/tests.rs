//! Nothing that leads elsewhere in a URL is a path, a prefix or a version.

use serde_json::json;

use super::*;

#[test]
fn a_path_is_made_of_identifiers_alone() {
    let path = SecretPath::of(&Prefix::default(), TenantId::from_u128(7), CredentialId::from_u128(8));
    assert!(path.as_str().starts_with("lockgate/ten_"), "{path:?}");
    assert_eq!(path.as_str().parse(), Ok(path.clone()), "and is read again as it was");
    for wrong in ["", "/", "a//b", "a/../b", "a/b?c", "a/B", "a/%2e", "a b", &"a".repeat(111)] {
        assert_eq!(wrong.parse::<SecretPath>(), Err(()), "{wrong}");
    }
}

#[test]
fn prefixes_and_versions_are_narrow() {
    assert!(serde_json::from_value::<Prefix>(json!("team-a/lockgate")).is_ok());
    for wrong in ["", "a/", "../a", "a_b", "A", &"a".repeat(41)] {
        assert!(serde_json::from_value::<Prefix>(json!(wrong)).is_err(), "{wrong}");
    }
    assert_eq!("12".parse::<Version>().map(|version| version.to_string()), Ok("12".to_owned()));
    for wrong in ["", "1&destroy=1", "1/2", "a.b", &"1".repeat(65)] {
        assert_eq!(wrong.parse::<Version>(), Err(()), "{wrong}");
    }
}
