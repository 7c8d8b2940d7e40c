//! What proves the gateway to a back end, as it lies in a file.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use lockgate_vocabulary::{Secret, read_owned_file};
use zeroize::Zeroizing;

use super::BackendFailure;

/// Bytes of such a file at the most.
const FILE_BYTES: usize = 16 * 1024;

/// A token that the cluster writes into the pod and renews there. Who may read the file is the cluster's to say.
pub(super) fn projected(path: &Path) -> Result<Secret, BackendFailure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_BYTES + 1));
    let file = File::open(path).map_err(|error| unread(path, &error))?;
    file.take(FILE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| unread(path, &error))?;
    if bytes.len() > FILE_BYTES {
        return Err(unread(path, &"it has more than 16 KiB"));
    }
    Ok(trimmed(&bytes))
}

/// A secret that lasts, which its owner alone may read.
pub(super) fn owned(path: &Path) -> Result<Secret, BackendFailure> {
    let bytes = read_owned_file(path, FILE_BYTES).map_err(|problem| unread(path, &problem))?;
    Ok(trimmed(&bytes))
}

fn trimmed(bytes: &[u8]) -> Secret {
    Secret::new(bytes.trim_ascii().to_vec())
}

fn unread(path: &Path, problem: &dyn std::fmt::Display) -> BackendFailure {
    tracing::error!(path = %path.display(), %problem, "what proves the gateway to a back end cannot be read");
    BackendFailure::Denied
}
