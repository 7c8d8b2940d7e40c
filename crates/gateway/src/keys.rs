//! The key that checkpoints of the trail are signed with: a file of 32 random bytes, base 64, beside the
//! configuration. Not here: the root key, which is the vault's.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lockgate_audit::Signer;
use lockgate_vocabulary::{Entropy, Fault, Secret};

use crate::config::ConfigProblem;
use crate::config::owned_file::OwnedFile;

/// A right one has 45 bytes.
const KEY: OwnedFile = OwnedFile {
    key: "audit.checkpoint_key_file",
    cure: "Name the key that `lockgate init` made for this trail",
    most_bytes: 256,
};
const WRITING: &str = "write the key of the trail's checkpoints";

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
    let text = KEY.read(path)?;
    let seed = STANDARD.decode(text.trim_end()).map_err(|_| KEY.problem(path, "it is not base 64"))?;
    Signer::new(origin, &Secret::new(seed)).map_err(|fault| KEY.problem(path, fault))
}

#[cfg(test)]
mod tests;
