//! Changing the root key, the file's side of it: a new key above the one so far, or the earlier one taken out.
//!
//! The file is written anew beside itself and renamed over itself, so that at every moment, and after a crash
//! at any of them, either the file so far is there or the new one, whole. What a crash leaves beside it is
//! removed the next time.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use lockgate_vocabulary::{Entropy, Fault, Secret, Stop};
use zeroize::Zeroizing;

use super::file::{self, CURRENT, Fresh, PREVIOUS, RootKeyProblem, TITLE, folder_of};
use crate::config::{Config, RootKeySource};
use crate::refusal::VaultRefusal;

/// What the root keys are called. A name is no secret: each wrapped key bears one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootKeyNames {
    /// The one that wraps from now on.
    pub current: String,
    /// The one that wrapped before, while the root key is changed.
    pub previous: Option<String>,
}

impl RootKeyNames {
    /// Reads them from where the configuration says, under the checks of every start.
    pub fn read(config: &Config) -> Result<Self, RootKeyProblem> {
        let source = config.source()?;
        if let RootKeySource::Elsewhere(held) = &source {
            return Ok(held.names());
        }
        let (current, previous) = file::keys(&source)?;
        Ok(Self { current: current.name, previous: previous.map(|key| key.name) })
    }
}

/// A root key file that passed the checks of every start.
pub struct RootKeyFile {
    path: PathBuf,
    mode: u32,
    owner: (u32, u32),
    text: Secret,
    names: RootKeyNames,
}

impl RootKeyFile {
    /// Reads the file that the configuration names. A root key from a descriptor is refused: there is no
    /// file that could be changed.
    pub fn read(config: &Config) -> Result<Self, Stop> {
        let path = match config.source().map_err(Fault::from)? {
            RootKeySource::File(path) => path,
            RootKeySource::Descriptor(_) | RootKeySource::Elsewhere(_) => {
                return Err(VaultRefusal::RootKeyHandedOver.into());
            }
        };
        let open = file::open_checked(&path).map_err(Fault::from)?;
        let seen = open.metadata().map_err(|_| Fault::from(RootKeyProblem::Unreadable))?;
        let text = file::contents(open).map_err(Fault::from)?;
        let (current, previous) = file::parse(&text).ok_or(Fault::from(RootKeyProblem::Malformed))?;
        let names = RootKeyNames { current: current.name, previous: previous.map(|key| key.name) };
        Ok(Self { path, mode: seen.mode() & 0o7777, owner: (seen.uid(), seen.gid()), text, names })
    }

    /// What its keys are called.
    pub fn names(&self) -> &RootKeyNames {
        &self.names
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Demands that it holds one key alone, as it does before a change and after it.
    pub fn demand_settled(&self) -> Result<(), VaultRefusal> {
        if self.names.previous.is_some() { Err(VaultRefusal::RootKeyChanging) } else { Ok(()) }
    }

    /// The same file with a new key as the current one, and the one so far as the previous one.
    pub fn with_new_key(&self, entropy: &dyn Entropy) -> Result<Replacement, Stop> {
        self.demand_settled()?;
        let fresh = Fresh::make(entropy)?;
        let (current, previous) = (CURRENT.as_bytes(), PREVIOUS.as_bytes());
        let (name, encoded) = (fresh.name.as_bytes(), fresh.encoded());
        Ok(self.rewritten(&[current, name, b" ", encoded, b"\n", previous, self.current_line()?, b"\n"])?)
    }

    /// The same file without its previous key.
    pub fn without_previous(&self) -> Result<Replacement, Fault> {
        self.rewritten(&[CURRENT.as_bytes(), self.current_line()?, b"\n"])
    }

    /// The name and the digits of the current key, byte for byte as they stand in the file.
    fn current_line(&self) -> Result<&[u8], Fault> {
        let line = self.text.expose().split(|byte| *byte == b'\n').nth(1);
        let line = line.and_then(|line| line.strip_prefix(CURRENT.as_bytes()));
        line.ok_or(Fault::violated("a root key file that was read has a current key"))
    }

    fn rewritten(&self, lines: &[&[u8]]) -> Result<Replacement, Fault> {
        // The buffer has its full length from the start, so that writing never moves the keys to another one.
        let length = TITLE.len() + 1 + lines.iter().map(|part| part.len()).sum::<usize>();
        let mut text = Zeroizing::new(Vec::with_capacity(length));
        text.extend_from_slice(TITLE.as_bytes());
        text.push(b'\n');
        lines.iter().for_each(|part| text.extend_from_slice(part));
        // INVARIANT: what is put in place can be read back.
        let (current, previous) = file::parse(&Secret::new(text.to_vec()))
            .ok_or(Fault::violated("a root key file that was written anew is in its format"))?;
        let names = RootKeyNames { current: current.name, previous: previous.map(|key| key.name) };
        self.written(&text, names).map_err(|error| RootKeyProblem::Unwritable(error.kind()).into())
    }

    /// Writes the text, durably, into a file beside this one with the same rights.
    fn written(&self, text: &[u8], names: RootKeyNames) -> io::Result<Replacement> {
        let temporary = temporary(&self.path);
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        let replacement = Replacement { path: self.path.clone(), temporary: Some(temporary), names };
        let made = file.metadata()?;
        if (made.uid(), made.gid()) != self.owner {
            let given = fchown(&file, Some(self.owner.0), Some(self.owner.1));
            // The group has no rights in the file, so only another user is a reason to stop.
            given.or_else(|error| if made.uid() == self.owner.0 { Ok(()) } else { Err(error) })?;
        }
        file.write_all(text)?;
        file.set_permissions(Permissions::from_mode(self.mode))?;
        file.sync_all()?;
        Ok(replacement)
    }
}

/// The name under which the file is written anew, always the same, so that what a crash left is found.
fn temporary(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    folder_of(path).join(name)
}

/// A root key file that is written anew and durable, and not yet in its place. Dropping it removes it again.
pub struct Replacement {
    path: PathBuf,
    /// Where it is until it is in its place.
    temporary: Option<PathBuf>,
    names: RootKeyNames,
}

impl Replacement {
    /// What its keys are called.
    pub fn names(&self) -> &RootKeyNames {
        &self.names
    }

    /// Puts it into its place, durably.
    pub fn put_in_place(mut self) -> Result<(), Fault> {
        let unwritable = |error: io::Error| Fault::from(RootKeyProblem::Unwritable(error.kind()));
        if let Some(temporary) = &self.temporary {
            fs::rename(temporary, &self.path).map_err(unwritable)?;
        }
        self.temporary = None;
        File::open(folder_of(&self.path)).and_then(|folder| folder.sync_all()).map_err(unwritable)
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // Where it cannot be removed, the next change removes it.
            drop(fs::remove_file(temporary));
        }
    }
}

#[cfg(test)]
mod tests;
