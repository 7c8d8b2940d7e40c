//! Which files are taken for a password.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::*;

fn file(folder: &tempfile::TempDir, content: &[u8], mode: u32) -> PathBuf {
    let path = folder.path().join("password");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn a_line_of_ones_own_is_a_password() {
    let folder = tempfile::tempdir().unwrap();
    for content in ["s3cret", "s3cret\n", "s3cret \r\n"] {
        assert_eq!(read(&file(&folder, content.as_bytes(), 0o600)).unwrap().expose(), b"s3cret");
    }
    assert_eq!(read(&file(&folder, b" in between \n", 0o400)).unwrap().expose(), b" in between");
}

#[test]
fn what_others_can_read_or_is_no_password_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (content, mode) in
        [(&b"s3cret"[..], 0o640), (b"s3cret", 0o604), (b"", 0o600), (b"\n\n", 0o600), (&[b'x'; 5_000], 0o600)]
    {
        let fault = read(&file(&folder, content, mode)).unwrap_err();
        assert!(!fault.to_string().contains("s3cret"), "{fault}");
    }
    assert!(read(Path::new("/nonexistent")).is_err());
    assert!(read(folder.path()).is_err());
}
