//! A password in a file of its own, which nobody but its owner may read.

use std::path::Path;

use lockgate_vocabulary::{Fault, Secret, read_owned_file};

/// The longest password, in bytes.
const MOST_BYTES: usize = 4_096;

const READING: &str = "reading a password file";

/// Reads the file's only line.
pub(crate) fn read(path: &Path) -> Result<Secret, Fault> {
    let bytes = read_owned_file(path, MOST_BYTES).map_err(|problem| Fault::broken(READING, problem))?;
    let password = bytes.trim_ascii_end();
    if password.is_empty() {
        return Err(Fault::broken(READING, "the file is empty"));
    }
    Ok(Secret::new(password.to_vec()))
}

#[cfg(test)]
mod tests;
