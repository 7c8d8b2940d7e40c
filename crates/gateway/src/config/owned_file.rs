//! A short secret in a file of its own, which nobody but its owner may read.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::ConfigProblem;

/// What a configuration says about such a file: under which key it is named, what to do where it does not
/// serve, and how many bytes of it are read at the most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnedFile {
    pub(crate) key: &'static str,
    pub(crate) cure: &'static str,
    pub(crate) most_bytes: u64,
}

impl OwnedFile {
    /// The file's text. It is refused where others than its owner may read it.
    pub(crate) fn read(&self, path: &Path) -> Result<String, ConfigProblem> {
        let broken = |error: std::io::Error| self.problem(path, error);
        let file = OpenOptions::new().read(true).open(path).map_err(broken)?;
        let mode = file.metadata().map_err(broken)?.mode();
        if mode & 0o077 != 0 {
            let what = format!("others than its owner may read it (mode {:04o}); chmod 600 it", mode & 0o7777);
            return Err(self.problem(path, what));
        }
        let mut text = String::new();
        file.take(self.most_bytes).read_to_string(&mut text).map_err(broken)?;
        Ok(text)
    }

    /// What is wrong with the file at this path.
    pub(crate) fn problem(&self, path: &Path, what: impl std::fmt::Display) -> ConfigProblem {
        ConfigProblem::new(self.key, format!("{}: {what}", path.display()), self.cure)
    }
}
