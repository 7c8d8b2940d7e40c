//! Which files are taken, and what is said of the others.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use super::*;

fn file(folder: &tempfile::TempDir, content: &str, mode: u32) -> PathBuf {
    let path = folder.path().join(format!("{mode:o}"));
    fs::write(&path, content).expect("written");
    fs::set_permissions(&path, Permissions::from_mode(mode)).expect("set");
    path
}

#[test]
fn a_file_of_its_owner_alone_is_read_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    for mode in [0o600, 0o400, 0o700] {
        assert_eq!(**read_owned_file(&file(&folder, "s3cret\n", mode), 7).expect("read"), *b"s3cret\n");
    }
}

#[test]
fn what_anybody_else_may_use_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for mode in [0o640, 0o604, 0o660, 0o610, 0o644] {
        let problem = read_owned_file(&file(&folder, "s3cret", mode), 64).expect_err("too open");
        assert!(matches!(problem, OwnedFileProblem::TooOpen(found) if found == mode), "{problem}");
        assert!(problem.to_string().contains("chmod 600") && !problem.to_string().contains("s3cret"), "{problem}");
    }
}

#[test]
fn a_link_is_judged_by_the_file_that_it_leads_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let (closed, open) = (folder.path().join("closed"), folder.path().join("open"));
    symlink(file(&folder, "s3cret", 0o600), &closed).expect("linked");
    symlink(file(&folder, "s3cret", 0o644), &open).expect("linked");
    assert!(read_owned_file(&closed, 64).is_ok());
    assert!(matches!(read_owned_file(&open, 64), Err(OwnedFileProblem::TooOpen(0o644))));
}

#[test]
fn what_is_too_long_missing_or_no_file_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let problem = read_owned_file(&file(&folder, "s3cret", 0o600), 5).expect_err("too long");
    assert!(matches!(problem, OwnedFileProblem::TooLong(5)), "{problem}");
    let missing = read_owned_file(&folder.path().join("none"), 64).expect_err("missing");
    assert!(matches!(missing, OwnedFileProblem::Unreadable(_)), "{missing}");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).expect("set");
    assert!(matches!(read_owned_file(folder.path(), 64), Err(OwnedFileProblem::Unreadable(_))));
}
