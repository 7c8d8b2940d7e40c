//! Heads that leave the house: whoever keeps them elsewhere notices when the log is cut or rewritten.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use lockgate_vocabulary::Fault;

use crate::append::locked;
use crate::notes;

/// Is told each signed checkpoint, in order, once it is durable here.
///
/// What a log's owner keeps beside the log can be cut together with it; a checkpoint that somebody else
/// keeps cannot. `verify` takes such a checkpoint and holds the log to it.
pub trait Witness: Send + Sync + 'static {
    /// Takes note. It must not block for long, and it has no way to stop the log.
    fn tell(&self, note: &str);
}

/// Appends checkpoints to a file, best on another machine's disk.
#[derive(Debug)]
pub struct FileWitness {
    file: Mutex<File>,
}

impl FileWitness {
    /// Appends to this file, which is made if it is not there. Half a checkpoint at its end is cut off.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let file = notes::appendable(path);
        let file = file.map_err(|error| Fault::broken("opening the file of the audit log's witness", error))?;
        Ok(Self { file: Mutex::new(file) })
    }
}

impl Witness for FileWitness {
    fn tell(&self, note: &str) {
        let mut file = locked(&self.file);
        let told = file.write_all(format!("{note}\n").as_bytes()).and_then(|()| file.sync_data());
        if let Err(error) = told {
            tracing::warn!(%error, "the audit log's witness cannot be told");
        }
    }
}

#[cfg(test)]
mod tests;
