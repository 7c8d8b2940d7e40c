//! The search: every byte of every file below a folder, and the files' names, for every form of every canary.
//!
//! It reads in pieces that overlap by the longest form, and says file, offset, canary and form. It never says the
//! canary itself: a leak is told without being repeated in the test's output.

use std::collections::HashMap;
use std::fmt;
use std::io::Read;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::forms::{self, Part};

/// Bytes that are read at once.
const PIECE: usize = 256 * 1024;

/// Bytes at its beginning by which a form is looked up.
const KEY: usize = 4;

/// Places in the filter before the look-up, as a power of two.
const PLACES: u32 = 22;

/// Where a canary was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    pub file: PathBuf,
    pub offset: u64,
    pub canary: String,
    pub part: Part,
    pub form: &'static str,
}

impl fmt::Display for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, offset, canary, part, form } = self;
        write!(f, "{} at {offset}: {canary} ({part:?}, {form})", file.display())
    }
}

struct Needle {
    canary: usize,
    form: forms::Form,
}

/// Everything that is looked for.
pub struct Scan {
    canaries: Vec<String>,
    needles: Vec<Needle>,
    by_key: HashMap<[u8; KEY], Vec<usize>>,
    filter: Vec<u64>,
    longest: usize,
    files: usize,
    bytes: u64,
}

impl Scan {
    /// A search for these canaries, each with its name.
    pub fn of<'a>(canaries: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut scan = Self {
            canaries: Vec::new(),
            needles: Vec::new(),
            by_key: HashMap::new(),
            filter: vec![0; 1 << (PLACES - 6)],
            longest: KEY,
            files: 0,
            bytes: 0,
        };
        for (name, secret) in canaries {
            let canary = scan.canaries.len();
            scan.canaries.push(name.to_owned());
            for form in forms::of(secret) {
                scan.longest = scan.longest.max(form.bytes.len());
                let key: [u8; KEY] = form.bytes[..KEY].try_into().expect("a form is longer than its key");
                let place = place(u32::from_be_bytes(key));
                scan.filter[place / 64] |= 1 << (place % 64);
                scan.by_key.entry(key).or_default().push(scan.needles.len());
                scan.needles.push(Needle { canary, form });
            }
        }
        scan
    }

    /// How many files and bytes were looked at.
    pub fn looked_at(&self) -> (usize, u64) {
        (self.files, self.bytes)
    }

    /// Every place below the folder, names of files included. A link is a name and is not followed.
    pub fn folder(&mut self, folder: &Path) -> Vec<Hit> {
        let mut found = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
            for entry in entries {
                let entry = entry.expect("a folder is read");
                let path = entry.path();
                self.read(entry.file_name().as_bytes(), &path, &mut found);
                let kind = entry.file_type().expect("a file has a type");
                if kind.is_dir() {
                    folders.push(path);
                } else if kind.is_file() {
                    let file = std::fs::File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                    self.files += 1;
                    self.read(file, &path, &mut found);
                }
            }
        }
        found
    }

    /// Every place in what is read.
    pub fn read(&mut self, mut from: impl Read, file: &Path, found: &mut Vec<Hit>) {
        let (mut buffer, mut offset, mut known) = (Vec::with_capacity(PIECE + self.longest), 0_u64, 0);
        loop {
            let count = from.by_ref().take(PIECE as u64).read_to_end(&mut buffer).expect("it is read");
            if count == 0 {
                return;
            }
            self.bytes += count as u64;
            self.search(&buffer, known, |at, needle| {
                let Needle { canary, form } = needle;
                found.push(Hit {
                    file: file.to_owned(),
                    offset: offset + at as u64,
                    canary: self.canaries[*canary].clone(),
                    part: form.part,
                    form: form.name,
                });
            });
            known = buffer.len().min(self.longest - 1);
            offset += (buffer.len() - known) as u64;
            buffer.drain(..buffer.len() - known);
        }
    }

    /// Every form in the bytes, but for those that end within the first ones, which were told before.
    fn search(&self, bytes: &[u8], known: usize, mut found: impl FnMut(usize, &Needle)) {
        let mut key = 0_u32;
        for (end, byte) in bytes.iter().enumerate() {
            key = (key << 8) | u32::from(*byte);
            let place = place(key);
            if self.filter[place / 64] & (1 << (place % 64)) == 0 || end + 1 < KEY {
                continue;
            }
            let at = end + 1 - KEY;
            for needle in self.by_key.get(&key.to_be_bytes()).into_iter().flatten() {
                let needle = &self.needles[*needle];
                if bytes[at..].starts_with(&needle.form.bytes) && at + needle.form.bytes.len() > known {
                    found(at, needle);
                }
            }
        }
    }
}

/// The place of a key in the filter (Knuth's multiplicative hash).
fn place(key: u32) -> usize {
    (key.wrapping_mul(2_654_435_769) >> (32 - PLACES)) as usize
}

#[cfg(test)]
mod tests;
