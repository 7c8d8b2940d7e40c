//! The key that checkpoints of the trail are signed with: a file of 32 random bytes, base 64, beside the
//! configuration. Not here: the root key, which is the vault's.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lockgate_audit::Signer;
use lockgate_vocabulary::{Entropy, Fault, Secret};

use crate::config::ConfigProblem;

const KEY: &str = "audit.checkpoint_key_file";
const CURE: &str = "Name the key that `lockgate init` made for this trail";
const WRITING: &str = "write the key of the trail's checkpoints";

/// Bytes of the file at the most; a right one has 45.
const FILE_BYTES: u64 = 256;

/// Makes a new key file that only its owner may read; one that is there is never touched.
pub fn generate_checkpoint_key(path: &Path, entropy: &dyn Entropy) -> Result<(), Fault> {
    let mut seed = [0u8; 32];
    entropy.fill(&mut seed);
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).and_then(|mut file| {
        writeln!(file, "{}", STANDARD.encode(seed))?;
        file.sync_all()
    });
    written.map_err(|error| Fault::broken(WRITING, error))
}

/// The signer with the key in this file, for the log with this identity.
pub fn checkpoint_signer(path: &Path, origin: &str) -> Result<Signer, ConfigProblem> {
    let broken = |what: String| ConfigProblem::new(KEY, format!("{}: {what}", path.display()), CURE);
    let file = OpenOptions::new().read(true).open(path).map_err(|error| broken(error.to_string()))?;
    let mode = file.metadata().map_err(|error| broken(error.to_string()))?.mode();
    if mode & 0o077 != 0 {
        return Err(broken(format!("others than its owner may read it (mode {:04o}); chmod 600 it", mode & 0o7777)));
    }
    let mut text = String::new();
    file.take(FILE_BYTES).read_to_string(&mut text).map_err(|error| broken(error.to_string()))?;
    let seed = STANDARD.decode(text.trim_end()).map_err(|_| broken("it is not base 64".into()))?;
    Signer::new(origin, &Secret::new(seed)).map_err(|fault| broken(fault.to_string()))
}

#[cfg(test)]
mod tests;
