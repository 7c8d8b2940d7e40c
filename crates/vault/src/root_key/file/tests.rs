//! Only a well-formed file that its owner alone may use is a root key.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use lockgate_vocabulary::SystemEntropy;
use tempfile::TempDir;

use super::*;

const ONE: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
/// The first forty digits of `ONE`: thirty bytes.
const SHORT: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB";
const TWO: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

fn written(text: &str, mode: u32) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("root.key");
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("rights set");
    (folder, path)
}

fn problem(path: &Path) -> Option<RootKeyProblem> {
    read(&RootKeySource::File(path.into()), Arc::new(SystemEntropy)).err()
}

#[test]
fn a_made_file_is_read_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new/root.key");
    let name = generate_root_key_file(&path, &SystemEntropy).expect("made");
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o7777, 0o600);
    assert_eq!(fs::metadata(folder.path().join("new")).expect("there").permissions().mode() & 0o777, 0o700);
    let root = read(&RootKeySource::File(path.clone()), Arc::new(SystemEntropy)).expect("read");
    assert_eq!(root.current(), name);

    let before = fs::read(&path).expect("there");
    let again = generate_root_key_file(&path, &SystemEntropy).expect_err("never overwrites");
    assert!(again.to_string().contains("already there"), "{again}");
    assert_eq!(fs::read(&path).expect("there"), before);
}

#[test]
fn two_made_files_hold_two_keys() {
    let folder = tempfile::tempdir().expect("a folder");
    let texts: Vec<String> = ["a", "b"]
        .iter()
        .map(|name| {
            let path = folder.path().join(name);
            generate_root_key_file(&path, &SystemEntropy).expect("made");
            fs::read_to_string(path).expect("there")
        })
        .collect();
    assert_ne!(texts[0], texts[1]);
}

#[test]
fn a_previous_key_is_read_too() {
    let (_folder, path) = written(&format!("{TITLE}\ncurrent rk-b {TWO}\nprevious rk-a {ONE}\n"), 0o400);
    let root = read(&RootKeySource::File(path), Arc::new(SystemEntropy)).expect("read");
    assert_eq!(root.current(), "rk-b");
    assert_eq!(root.previous.as_ref().map(|key| key.name.as_str()), Some("rk-a"));
}

#[test]
fn rights_for_others_are_refused_with_the_cure() {
    for mode in [0o644, 0o640, 0o604, 0o660, 0o700, 0o500, 0o1600] {
        let (_folder, path) = written(&format!("{TITLE}\ncurrent rk-a {ONE}\n"), mode);
        assert_eq!(problem(&path), Some(RootKeyProblem::TooOpen(mode)));
    }
    let said = Fault::from(RootKeyProblem::TooOpen(0o644)).to_string();
    assert!(said.contains("0644") && said.contains("chmod 0600"), "{said}");
}

#[test]
fn another_owners_file_is_refused() {
    let (_folder, path) = written("", 0o600);
    let file = fs::metadata(&path).expect("there");
    assert_eq!(check_rights(&file, Some(file.uid())), Ok(()));
    assert_eq!(check_rights(&file, Some(file.uid() + 1)), Err(RootKeyProblem::Foreign));
    assert_eq!(own_user(), Some(file.uid()), "what this process makes is its own");
}

#[test]
fn a_missing_file_a_link_and_a_folder_are_refused() {
    let (folder, path) = written(&format!("{TITLE}\ncurrent rk-a {ONE}\n"), 0o600);
    assert_eq!(problem(&path), None);
    let link = folder.path().join("link");
    symlink(&path, &link).expect("linked");
    assert_eq!(problem(&link), Some(RootKeyProblem::NotAFile));
    assert_eq!(problem(folder.path()), Some(RootKeyProblem::NotAFile));
    assert_eq!(problem(&folder.path().join("absent")), Some(RootKeyProblem::Missing));
}

#[test]
fn a_descriptor_is_read_once_configured() {
    use std::os::fd::AsRawFd;
    let (_folder, path) = written(&format!("{TITLE}\ncurrent rk-a {ONE}\n"), 0o600);
    let file = File::open(path).expect("opens");
    let number = u32::try_from(file.as_raw_fd()).expect("descriptors are not negative");
    let root = read(&RootKeySource::Descriptor(number), Arc::new(SystemEntropy)).expect("read");
    assert_eq!(root.current(), "rk-a");
    let closed = read(&RootKeySource::Descriptor(9999), Arc::new(SystemEntropy)).err();
    assert_eq!(closed, Some(RootKeyProblem::Missing));
}

#[test]
fn every_other_text_is_malformed() {
    let texts = [
        String::new(),
        "\n".into(),
        TITLE.into(),
        format!("{TITLE}\n"),
        format!("{TITLE}\ncurrent rk-a {ONE}"),
        format!("{TITLE}\r\ncurrent rk-a {ONE}\r\n"),
        format!("{TITLE}\ncurrent rk-a {ONE}\n\n"),
        format!("{TITLE}\n\ncurrent rk-a {ONE}\n"),
        format!("lockgate-root-key v2\ncurrent rk-a {ONE}\n"),
        format!("{TITLE}\nprevious rk-a {ONE}\n"),
        format!("{TITLE}\ncurrent  rk-a {ONE}\n"),
        format!("{TITLE}\ncurrent rk-a  {ONE}\n"),
        format!("{TITLE}\ncurrent rk-a {ONE} \n"),
        format!("{TITLE}\ncurrent {ONE}\n"),
        format!("{TITLE}\ncurrent RK-A {ONE}\n"),
        format!("{TITLE}\ncurrent {} {ONE}\n", "r".repeat(33)),
        format!("{TITLE}\ncurrent rk-a {}\n", ONE.trim_end_matches('=')),
        format!("{TITLE}\ncurrent rk-a {}\n", SHORT),
        format!("{TITLE}\ncurrent rk-a {}AAAA\n", SHORT),
        format!("{TITLE}\ncurrent rk-a {}=\n", "A".repeat(43)),
        format!("{TITLE}\ncurrent rk-a {}\n", "AQEB".repeat(30)),
        format!("{TITLE}\ncurrent rk-a {ONE}\nprevious rk-a {TWO}\n"),
        format!("{TITLE}\ncurrent rk-a {ONE}\nprevious rk-b {ONE}\n"),
        format!("{TITLE}\ncurrent rk-a {ONE}\nprevious rk-b {TWO}\nprevious rk-c {TWO}\n"),
        format!("{TITLE}\ncurrent rk-a {ONE}\n{}", "x".repeat(2000)),
    ];
    for text in texts {
        let (_folder, path) = written(&text, 0o600);
        assert_eq!(problem(&path), Some(RootKeyProblem::Malformed), "{text:?}");
    }
}

#[test]
fn every_problem_names_a_cure_and_no_path() {
    use RootKeyProblem::{
        Exists, Foreign, Malformed, Missing, NotAFile, NotOneSource, TooOpen, Unreadable, Unwritable, Wrong,
    };
    let unwritable = Unwritable(ErrorKind::ReadOnlyFilesystem);
    let plain = [Exists, Foreign, Malformed, Missing, NotAFile, NotOneSource, Unreadable, Wrong];
    for problem in plain.into_iter().chain([TooOpen(0o666), unwritable]) {
        let said = problem.to_string();
        assert!(said.contains(';') && !said.contains("/tmp"), "{said}");
    }
}
