//! The files that the law looks at: what git tracks, and new files that it does not ignore.

use std::path::{Path, PathBuf};
use std::process::Command;

/// One file of the tree.
#[derive(Debug, Clone)]
pub struct File {
    /// Its path below the workspace, with forward slashes.
    pub path: String,
    /// Its text; empty for what is not UTF-8.
    pub text: String,
}

impl File {
    /// Whether it is Rust.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether it only exists for tests: `tests.rs`, a `tests/` folder, the test kit.
    pub fn is_test(&self) -> bool {
        let in_folder = |name: &str| self.path.split('/').any(|part| part == name);
        in_folder("tests") || in_folder("testkit") || in_folder("fuzz") || self.path.ends_with("/tests.rs")
    }

    /// The crate folder below `crates/`, if it is in one.
    pub fn room(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }
}

/// The workspace's root.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// All files of the tree, sorted.
pub fn files() -> std::io::Result<Vec<File>> {
    let root = root();
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(&root)
        .output()?;
    let mut paths: Vec<String> = String::from_utf8_lossy(&listed.stdout).lines().map(str::to_owned).collect();
    paths.sort();
    paths.dedup();
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let Ok(bytes) = std::fs::read(root.join(&path)) else { continue };
        let text = String::from_utf8(bytes).unwrap_or_default();
        files.push(File { path, text });
    }
    Ok(files)
}
