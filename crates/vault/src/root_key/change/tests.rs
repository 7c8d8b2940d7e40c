//! A root key file is written anew whole or not at all, and tells no key on the way.

use std::os::unix::fs::symlink;
use std::sync::Arc;

use lockgate_vocabulary::SystemEntropy;
use tempfile::TempDir;

use super::*;
use crate::root_key::{RootKey, generate_root_key_file};

struct Kept {
    folder: TempDir,
    config: Config,
}

impl Kept {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("root.key");
        generate_root_key_file(&path, &SystemEntropy).expect("made");
        Self { folder, config: Config::with_file(path) }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("root.key")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).expect("there")
    }

    fn file(&self) -> RootKeyFile {
        RootKeyFile::read(&self.config).expect("read")
    }

    fn names(&self) -> RootKeyNames {
        RootKeyNames::read(&self.config).expect("read")
    }

    fn others(&self) -> Vec<String> {
        let all = fs::read_dir(self.folder.path()).expect("there");
        let names = all.map(|entry| entry.expect("there").file_name().into_string().expect("text"));
        names.filter(|name| name != "root.key").collect()
    }
}

fn code(stop: &Stop) -> &'static str {
    match stop {
        Stop::Refused(refusal) => refusal.code(),
        Stop::Fault(fault) => panic!("{fault}"),
    }
}

#[test]
fn a_new_key_is_current_and_the_one_so_far_is_previous_byte_for_byte() {
    let kept = Kept::new();
    let before = kept.text();
    let was = kept.names().current;
    let replacement = kept.file().with_new_key(&SystemEntropy).expect("written");
    assert_eq!(kept.text(), before, "nothing is in its place yet");
    let names = replacement.names().clone();
    replacement.put_in_place().expect("in its place");
    assert_eq!(kept.names(), names);
    assert_eq!(names.previous.as_deref(), Some(was.as_str()));

    let (lines, old): (Vec<_>, Vec<_>) = (kept.text().lines().map(str::to_owned).collect(), before.lines().collect());
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[2].strip_prefix(PREVIOUS), old[1].strip_prefix(CURRENT));
    assert_ne!(lines[1].split(' ').nth(2), old[1].split(' ').nth(2), "the new key is another one");
    assert!(kept.others().is_empty(), "{:?}", kept.others());

    let current = lines[1].clone();
    kept.file().without_previous().expect("written").put_in_place().expect("in its place");
    assert_eq!(kept.text(), format!("{TITLE}\n{current}\n"));
    assert_eq!(kept.names(), RootKeyNames { current: names.current, previous: None });
}

#[tokio::test]
async fn what_the_key_so_far_wrapped_opens_while_the_change_is_under_way() {
    let kept = Kept::new();
    let read = || super::super::read(&kept.config.source().expect("a source"), Arc::new(SystemEntropy)).expect("read");
    let wrapped = read().wrap(b"label".to_vec(), Secret::new(vec![5; 32])).await.expect("wrapped");
    kept.file().with_new_key(&SystemEntropy).expect("written").put_in_place().expect("in its place");
    assert_ne!(read().current(), wrapped.root_key);
    assert_eq!(read().unwrap(b"label".to_vec(), wrapped.clone()).await.expect("opens").expose(), [5; 32]);
    kept.file().without_previous().expect("written").put_in_place().expect("in its place");
    assert!(read().unwrap(b"label".to_vec(), wrapped).await.is_err(), "the earlier key is gone");
}

#[test]
fn the_mode_and_the_owner_stay() {
    for mode in [0o600, 0o400] {
        let kept = Kept::new();
        fs::set_permissions(kept.path(), Permissions::from_mode(mode)).expect("set");
        let before = fs::metadata(kept.path()).expect("there");
        kept.file().with_new_key(&SystemEntropy).expect("written").put_in_place().expect("in its place");
        let after = fs::metadata(kept.path()).expect("there");
        assert_eq!(after.mode() & 0o7777, mode);
        assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
        assert_ne!(after.ino(), before.ino(), "the file so far was never written to");
    }
}

#[test]
fn a_second_change_is_refused_until_the_first_has_ended() {
    let kept = Kept::new();
    kept.file().with_new_key(&SystemEntropy).expect("written").put_in_place().expect("in its place");
    let text = kept.text();
    let again = kept.file().with_new_key(&SystemEntropy).err().expect("refused");
    assert_eq!(code(&again), "vault.root_key.changing");
    assert_eq!(kept.text(), text);
    assert!(kept.others().is_empty());
    kept.file().without_previous().expect("written").put_in_place().expect("in its place");
    assert!(kept.file().with_new_key(&SystemEntropy).is_ok());
}

#[test]
fn a_descriptor_is_no_file_that_could_be_changed() {
    let config = Config { root_key_fd: Some(3), ..Config::default() };
    assert_eq!(code(&RootKeyFile::read(&config).err().expect("refused")), "vault.root_key.handed_over");
}

#[test]
fn a_file_that_a_start_would_refuse_is_not_changed() {
    let problem = |config: &Config| match RootKeyFile::read(config).err() {
        Some(Stop::Fault(fault)) => fault.to_string(),
        _ => panic!("a mistake of the operator's"),
    };
    let kept = Kept::new();
    let link = kept.folder.path().join("link");
    symlink(kept.path(), &link).expect("linked");
    assert!(problem(&Config::with_file(&link)).contains("symbolic link"));
    assert!(link.is_symlink(), "the link stays what it is");
    assert!(problem(&Config::with_file(kept.folder.path())).contains("plain file"));
    assert!(problem(&Config::with_file(kept.folder.path().join("absent"))).contains("there is no root key file"));
    assert!(problem(&Config::default()).contains("root_key_file or root_key_fd"));
    fs::set_permissions(kept.path(), Permissions::from_mode(0o640)).expect("set");
    assert!(problem(&kept.config).contains("chmod 0600"));
    fs::set_permissions(kept.path(), Permissions::from_mode(0o600)).expect("set");
    fs::write(kept.path(), "nothing of ours\n").expect("written");
    assert!(problem(&kept.config).contains("not in its format"));
}

#[test]
fn what_a_crash_left_beside_the_file_does_not_hinder_the_next_change() {
    let kept = Kept::new();
    let before = kept.text();
    // A process that dies before the renaming drops nothing.
    std::mem::forget(kept.file().with_new_key(&SystemEntropy).expect("written"));
    assert_eq!(kept.others(), [".root.key.new"]);
    let left = kept.folder.path().join(".root.key.new");
    assert_eq!(fs::metadata(&left).expect("there").mode() & 0o7777, 0o600);
    assert_eq!(kept.text(), before);
    let abandoned = fs::read_to_string(&left).expect("there");

    // Half of one, readable by nobody, or a link that somebody put there, is no hindrance either.
    let elsewhere = kept.folder.path().join("elsewhere");
    for leave in 0..3 {
        _ = fs::remove_file(&left);
        match leave {
            0 => fs::write(&left, &abandoned).expect("written"),
            1 => {
                fs::write(&left, "lockgate-root").expect("written");
                fs::set_permissions(&left, Permissions::from_mode(0o000)).expect("set");
            }
            _ => symlink(&elsewhere, &left).expect("linked"),
        }
        drop(kept.file().with_new_key(&SystemEntropy).expect("written"));
        assert!(kept.others().is_empty(), "what is given up is removed: {:?}", kept.others());
        assert_eq!(kept.text(), before);
    }
    std::mem::forget(kept.file().with_new_key(&SystemEntropy).expect("written"));
    kept.file().with_new_key(&SystemEntropy).expect("written").put_in_place().expect("in its place");
    assert!(kept.others().is_empty() && !elsewhere.exists());
    assert!(kept.names().previous.is_some());
}

#[test]
fn a_folder_that_cannot_be_written_is_told_and_nothing_is_changed() {
    let kept = Kept::new();
    let before = kept.text();
    // Whoever is root may write every folder, so what stands in the way is a folder of the temporary name.
    fs::create_dir(kept.folder.path().join(".root.key.new")).expect("made");
    let told = kept.file().without_previous().err().expect("refused").to_string();
    assert!(told.contains("cannot be written anew") && told.contains("mounted"), "{told}");
    assert_eq!(kept.text(), before);
}

#[test]
fn names_alone_are_told() {
    let kept = Kept::new();
    let digits = kept.text().lines().nth(1).and_then(|line| line.split(' ').nth(2)).expect("a key").to_owned();
    let replacement = kept.file().with_new_key(&SystemEntropy).expect("written");
    let told = format!("{:?} {:?}", kept.names(), replacement.names());
    assert!(!told.contains(&digits), "{told}");
}
