//! A short secret in a file of its own, which nobody but its owner may read.

use std::path::Path;

use lockgate_vocabulary::read_owned_file;
use zeroize::Zeroizing;

use super::ConfigProblem;

/// What a configuration says about such a file: under which key it is named, what to do where it does not
/// serve, and how many bytes of it are read at the most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnedFile {
    pub(crate) key: &'static str,
    pub(crate) cure: &'static str,
    pub(crate) most_bytes: usize,
}

impl OwnedFile {
    /// The file's text. It is refused where others than its owner may read it.
    pub(crate) fn read(&self, path: &Path) -> Result<Zeroizing<String>, ConfigProblem> {
        let bytes = read_owned_file(path, self.most_bytes).map_err(|problem| self.problem(path, problem))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| self.problem(path, "it is no text"))?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    /// What is wrong with the file at this path.
    pub(crate) fn problem(&self, path: &Path, what: impl std::fmt::Display) -> ConfigProblem {
        ConfigProblem::new(self.key, format!("{}: {what}", path.display()), self.cure)
    }
}
