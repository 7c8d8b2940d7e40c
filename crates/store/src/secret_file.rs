//! A password in a file of its own, which nobody but its owner may read.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use lockgate_vocabulary::{Fault, Secret};

/// The longest password, in bytes.
const MOST_BYTES: u64 = 4_096;

const READING: &str = "reading a password file";

/// Reads the file's only line.
pub(crate) fn read(path: &Path) -> Result<Secret, Fault> {
    let found = fs::metadata(path).map_err(|error| Fault::broken(READING, error))?;
    if found.permissions().mode() & 0o077 != 0 {
        return Err(Fault::broken(READING, "the file can be read by others than its owner; `chmod 600` it"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| Fault::broken(READING, error))?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| Fault::broken(READING, error))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Fault::broken(READING, "the file is longer than a password"));
    }
    while bytes.last().is_some_and(u8::is_ascii_whitespace) {
        bytes.pop();
    }
    if bytes.is_empty() {
        return Err(Fault::broken(READING, "the file is empty"));
    }
    Ok(Secret::new(bytes))
}

#[cfg(test)]
mod tests;
