//! A key file is made once, read by its owner alone, and always makes the same signer.

use std::os::unix::fs::PermissionsExt;

use lockgate_testkit::SeededEntropy;

use super::*;

#[test]
fn a_key_that_was_made_is_read_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("checkpoint.key");
    generate_checkpoint_key(&path, &SeededEntropy::new(1)).expect("made");
    let one = checkpoint_signer(&path, "lockgate/node-1").expect("read");
    let two = checkpoint_signer(&path, "lockgate/node-1").expect("read");
    assert_eq!(one.verifier(), two.verifier());
    assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_key_that_is_there_is_never_touched() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("checkpoint.key");
    generate_checkpoint_key(&path, &SeededEntropy::new(1)).expect("made");
    let before = std::fs::read(&path).expect("there");
    assert!(generate_checkpoint_key(&path, &SeededEntropy::new(2)).is_err());
    assert_eq!(std::fs::read(&path).expect("there"), before);
}

#[test]
fn a_key_that_others_may_read_or_that_is_none_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("checkpoint.key");
    generate_checkpoint_key(&path, &SeededEntropy::new(1)).expect("made");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("changed");
    assert!(checkpoint_signer(&path, "lockgate/n").expect_err("refused").to_string().contains("chmod 600"));
    for text in ["", "AAAA", "not base 64!", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("changed");
        assert!(checkpoint_signer(&path, "lockgate/n").is_err(), "{text:?}");
    }
    assert!(checkpoint_signer(&dir.path().join("none"), "lockgate/n").is_err());
}
