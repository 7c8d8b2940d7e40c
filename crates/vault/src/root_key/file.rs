//! A root key in a file of the operator's: who may read it is checked before it is believed.
//!
//! The file is text, exactly so, each line ended by one line feed:
//!
//! ```text
//! lockgate-root-key v1
//! current rk-3f9c0a71d2 <base64 of 32 bytes>
//! previous rk-90be12aa07 <base64 of 32 bytes>
//! ```
//!
//! The last line is there while the root key is changed, so that what the earlier one wrapped still
//! opens. The environment names a path at the most; it never holds a key.

use std::fmt;
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockgate_vocabulary::{BoxFuture, Entropy, Fault, Secret};
use zeroize::Zeroizing;

use super::{NamedKey, RootKey, UnwrapFailure, Wrapped};
use crate::config::RootKeySource;

pub(super) const TITLE: &str = "lockgate-root-key v1";
/// How the lines of the two keys begin.
pub(super) const CURRENT: &str = "current ";
pub(super) const PREVIOUS: &str = "previous ";
const KEY: usize = 32;
/// The digits of a key in base64.
const ENCODED: usize = 44;
/// The longest file that could be right has about 250 bytes.
const MOST_BYTES: u64 = 1024;

/// What is wrong with a root key, and the cure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootKeyProblem {
    /// It is held elsewhere, and can only be asked.
    Elsewhere,
    /// There is a file already where a new one should be made.
    Exists,
    /// Another user owns the file.
    Foreign,
    /// The bytes are not in the format.
    Malformed,
    /// No file is there.
    Missing,
    /// It is a symbolic link, a folder or a device.
    NotAFile,
    /// Neither a path nor a descriptor is configured, or both are.
    NotOneSource,
    /// Others than the owner may read or change it.
    TooOpen(u32),
    /// It cannot be read.
    Unreadable,
    /// This build cannot ask hardware modules.
    Unsupported,
    /// It cannot be written anew beside itself.
    Unwritable(ErrorKind),
    /// It is a root key, but not the one that wrapped what is in the store.
    Wrong,
}

impl fmt::Display for RootKeyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Elsewhere => "the root key is held elsewhere and cannot be read",
            Self::Exists => "a file is already there; move it away first if it is truly to be replaced: without it, what it sealed is lost",
            Self::Foreign => "the root key file belongs to another user; chown it to the user that runs lockgate",
            Self::Malformed => "the root key file is not in its format; restore it from its backup, or make one with `lockgate init`",
            Self::Missing => "there is no root key file; restore it from its backup, mount it, or make one with `lockgate init`",
            Self::NotAFile => "the root key must be a plain file, not a symbolic link, folder or device; name the file itself",
            Self::NotOneSource => "the root key has no source, or two; name one of root_key, root_key_file or root_key_fd in [vault]",
            Self::TooOpen(mode) => return write!(f, "the root key file has mode {mode:04o}; others than its owner may use it: chmod 0600 it"),
            Self::Unreadable => "the root key file cannot be read; check its folder's rights and the medium",
            Self::Unsupported => "this build cannot ask hardware modules; build it with the feature pkcs11",
            Self::Unwritable(kind) => return write!(f, "the root key file cannot be written anew in its folder ({kind}); let the user that runs lockgate write the folder, and where the file alone is mounted change it where it is mounted from"),
            Self::Wrong => "this root key did not seal this store; configure the one that did, as current or as previous",
        })
    }
}

impl std::error::Error for RootKeyProblem {}

impl From<RootKeyProblem> for Fault {
    fn from(problem: RootKeyProblem) -> Self {
        Fault::broken("the root key", problem)
    }
}

/// A root key held in memory for as long as the process runs.
pub(crate) struct FileRootKey {
    current: Arc<NamedKey>,
    previous: Option<Arc<NamedKey>>,
    entropy: Arc<dyn Entropy>,
}

impl RootKey for FileRootKey {
    fn current(&self) -> &str {
        &self.current.name
    }

    fn wrap(&self, label: Vec<u8>, key: Secret) -> BoxFuture<Result<Wrapped, Fault>> {
        let (current, entropy) = (self.current.clone(), self.entropy.clone());
        Box::pin(async move { current.wrap(&label, &key, entropy.as_ref()) })
    }

    fn unwrap(&self, label: Vec<u8>, wrapped: Wrapped) -> BoxFuture<Result<Secret, UnwrapFailure>> {
        let named = [Some(&self.current), self.previous.as_ref()];
        let key = named.into_iter().flatten().find(|key| key.name == wrapped.root_key).cloned();
        Box::pin(async move { key.ok_or(UnwrapFailure::Absent)?.unwrap(&label, &wrapped.bytes) })
    }
}

/// Reads the root key from where the configuration says.
pub(crate) fn read(source: &RootKeySource, entropy: Arc<dyn Entropy>) -> Result<FileRootKey, RootKeyProblem> {
    let (current, previous) = keys(source)?;
    Ok(FileRootKey { current: Arc::new(current), previous: previous.map(Arc::new), entropy })
}

/// The current key and, where there is one, the previous.
pub(super) fn keys(source: &RootKeySource) -> Result<(NamedKey, Option<NamedKey>), RootKeyProblem> {
    let text = match source {
        RootKeySource::File(path) => contents(open_checked(path)?)?,
        // A descriptor was handed over by whoever started the process, who answers for its rights.
        RootKeySource::Descriptor(number) => {
            let path = format!("/dev/fd/{number}");
            contents(File::open(path).map_err(|_| RootKeyProblem::Missing)?)?
        }
        RootKeySource::Elsewhere(_) => return Err(RootKeyProblem::Elsewhere),
    };
    parse(&text).ok_or(RootKeyProblem::Malformed)
}

/// Makes a new root key and writes it to a file that only its owner may read; the key's name comes back.
///
/// An existing file is never touched. The folder is made, for its owner alone, where it is missing.
pub fn generate_root_key_file(path: &Path, entropy: &dyn Entropy) -> Result<String, Fault> {
    let fresh = Fresh::make(entropy)?;
    let folder = folder_of(path);
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unwritten)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| {
        let exists = error.kind() == ErrorKind::AlreadyExists;
        if exists { RootKeyProblem::Exists.into() } else { unwritten(error) }
    })?;
    for part in [TITLE.as_bytes(), b"\n", CURRENT.as_bytes(), fresh.name.as_bytes(), b" ", fresh.encoded(), b"\n"] {
        file.write_all(part).map_err(unwritten)?;
    }
    file.sync_all().map_err(unwritten)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unwritten)?;
    Ok(fresh.name)
}

/// A root key that nobody has used yet, as it stands in a file.
pub(super) struct Fresh {
    pub(super) name: String,
    encoded: Zeroizing<[u8; ENCODED]>,
}

impl Fresh {
    pub(super) fn make(entropy: &dyn Entropy) -> Result<Self, Fault> {
        let mut key = Zeroizing::new([0u8; KEY]);
        let mut tag = [0u8; 5];
        entropy.fill(key.as_mut());
        entropy.fill(&mut tag);
        let name = tag.iter().fold("rk-".to_owned(), |name, byte| format!("{name}{byte:02x}"));
        let mut encoded = Zeroizing::new([0u8; ENCODED]);
        let length = STANDARD.encode_slice(key.as_ref(), encoded.as_mut()).map_err(unwritten)?;
        if length != ENCODED {
            return Err(Fault::violated("base64 of 32 bytes has 44"));
        }
        Ok(Self { name, encoded })
    }

    pub(super) fn encoded(&self) -> &[u8] {
        self.encoded.as_ref()
    }
}

/// The folder that a file is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn unwritten(error: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::broken("writing a new root key file", error)
}

/// Opens the file after looking at it, and looks again at what was opened, so that nobody can swap it in
/// between.
pub(super) fn open_checked(path: &Path) -> Result<File, RootKeyProblem> {
    let missing = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => RootKeyProblem::Missing,
        _ => RootKeyProblem::Unreadable,
    };
    let seen = std::fs::symlink_metadata(path).map_err(missing)?;
    if !seen.is_file() {
        return Err(RootKeyProblem::NotAFile);
    }
    let file = File::open(path).map_err(missing)?;
    let opened = file.metadata().map_err(|_| RootKeyProblem::Unreadable)?;
    if (opened.dev(), opened.ino()) != (seen.dev(), seen.ino()) {
        return Err(RootKeyProblem::NotAFile);
    }
    check_rights(&opened, own_user())?;
    Ok(file)
}

fn check_rights(file: &Metadata, own_user: Option<u32>) -> Result<(), RootKeyProblem> {
    let mode = file.mode() & 0o7777;
    if mode != 0o600 && mode != 0o400 {
        return Err(RootKeyProblem::TooOpen(mode));
    }
    match own_user {
        Some(own) if own != file.uid() => Err(RootKeyProblem::Foreign),
        _ => Ok(()),
    }
}

/// The effective user: the kernel gives our own process folder to it.
///
/// Where there is no such folder the check is left out. Only the superuser could then read a file of
/// these rights that another user owns.
fn own_user() -> Option<u32> {
    std::fs::metadata("/proc/self").ok().map(|folder| folder.uid())
}

pub(super) fn contents(file: File) -> Result<Secret, RootKeyProblem> {
    // The buffer has its full length from the start, so that reading never moves the key to another one.
    let mut buffer = Zeroizing::new(Vec::with_capacity(2 * MOST_BYTES as usize));
    file.take(MOST_BYTES + 1).read_to_end(&mut buffer).map_err(|_| RootKeyProblem::Unreadable)?;
    if buffer.len() as u64 > MOST_BYTES {
        return Err(RootKeyProblem::Malformed);
    }
    Ok(Secret::new(buffer.to_vec()))
}

/// The current key and, where there is one, the previous.
pub(super) fn parse(text: &Secret) -> Option<(NamedKey, Option<NamedKey>)> {
    let text = std::str::from_utf8(text.expose()).ok()?;
    let mut lines = text.strip_suffix('\n')?.split('\n');
    if lines.next()? != TITLE {
        return None;
    }
    let current = parse_line(lines.next()?, CURRENT)?;
    let previous = match lines.next() {
        Some(line) => Some(parse_line(line, PREVIOUS)?),
        None => None,
    };
    let distinct = previous.as_ref().is_none_or(|previous| {
        let same_key = subtle::ConstantTimeEq::ct_eq(previous.key.expose(), current.key.expose());
        previous.name != current.name && !bool::from(same_key)
    });
    (lines.next().is_none() && distinct).then_some((current, previous))
}

fn parse_line(line: &str, role: &str) -> Option<NamedKey> {
    let (name, encoded) = line.strip_prefix(role)?.split_once(' ')?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(1..=32).contains(&name.len()) || !name.bytes().all(plain) {
        return None;
    }
    let mut key = vec![0u8; KEY + 2];
    let length = STANDARD.decode_slice(encoded, &mut key).unwrap_or(0);
    key.truncate(length);
    let key = Secret::new(key);
    // A key of zeros is a template that nobody filled in.
    let real = length == KEY && key.expose().iter().any(|byte| *byte != 0);
    real.then(|| NamedKey { name: name.to_owned(), key })
}

#[cfg(test)]
mod tests;
