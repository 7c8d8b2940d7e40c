//! The hashes of the tree, kept beside the log so that a proof need not read it all.
//!
//! `tiles-0` holds the leaf hashes, `tiles-1` the roots of complete subtrees of 256 leaves, `tiles-2`
//! those of 65,536, and so on. They are derived: written without syncing, cut back and written again at
//! start, and a proof made from them is checked against the signed root before anybody sees it.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use crate::chain::{Frontier, Hash};
use crate::disk::{LogDir, owner_only};

/// How many levels of the tree lie between two files.
const STRIDE: u32 = 8;

const HASH_BYTES: usize = 32;

/// Hashes that are gathered before a file is written to.
const GATHER_BYTES: usize = 256 * HASH_BYTES;

/// The files of a growing tree.
pub(crate) struct Tiles {
    dir: LogDir,
    levels: Vec<Level>,
}

struct Level {
    file: File,
    pending: Vec<u8>,
}

impl Tiles {
    /// Opens the files of a tree of this size; what they hold beyond it is cut off.
    pub(crate) fn open(dir: &LogDir, size: u64) -> io::Result<Self> {
        let mut tiles = Self { dir: dir.clone(), levels: Vec::new() };
        let mut level = 0;
        while level == 0 || dir.tiles(level).exists() {
            let count = size.checked_shr(STRIDE * level as u32).unwrap_or(0);
            tiles.level(level)?.file.set_len(count * HASH_BYTES as u64)?;
            level += 1;
        }
        Ok(tiles)
    }

    /// Whether the files hold what a tree of this size needs.
    pub(crate) fn hold(dir: &LogDir, size: u64) -> bool {
        let mut level = 0;
        loop {
            let wanted = size.checked_shr(STRIDE * level).unwrap_or(0) * HASH_BYTES as u64;
            if wanted == 0 {
                return true;
            }
            if !std::fs::metadata(dir.tiles(level as usize)).is_ok_and(|file| file.len() >= wanted) {
                return false;
            }
            level += 1;
        }
    }

    fn level(&mut self, level: usize) -> io::Result<&mut Level> {
        while self.levels.len() <= level {
            let path = self.dir.tiles(self.levels.len());
            let file = owner_only().append(true).create(true).open(path)?;
            self.levels.push(Level { file, pending: Vec::new() });
        }
        self.levels.get_mut(level).ok_or_else(|| io::Error::other("a level that was just made is missing"))
    }

    /// Notes the root of a complete subtree with so many levels above its leaves; a leaf has none.
    pub(crate) fn push(&mut self, height: u32, root: Hash) -> io::Result<()> {
        if !height.is_multiple_of(STRIDE) {
            return Ok(());
        }
        let level = self.level((height / STRIDE) as usize)?;
        level.pending.extend_from_slice(root.as_bytes());
        if level.pending.len() >= GATHER_BYTES { level.write() } else { Ok(()) }
    }

    /// Writes what was gathered.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        self.levels.iter_mut().try_for_each(Level::write)
    }

    /// Handles on the files, for whoever makes them durable.
    pub(crate) fn files(&self) -> io::Result<Vec<File>> {
        self.levels.iter().map(|level| level.file.try_clone()).collect()
    }
}

impl Level {
    fn write(&mut self) -> io::Result<()> {
        self.file.write_all(&self.pending)?;
        self.pending.clear();
        Ok(())
    }
}

/// Reads the hashes of a tree.
pub(crate) struct TileReader {
    files: Vec<(File, u64)>,
    /// Leaves beyond those in the first file, or all of them where the files are not to be trusted.
    extra: Vec<Hash>,
    /// The first leaf in `extra`.
    from: u64,
}

impl TileReader {
    /// The files as they are.
    pub(crate) fn open(dir: &LogDir) -> io::Result<Self> {
        let mut files = Vec::new();
        loop {
            let path = dir.tiles(files.len());
            if !path.exists() {
                break;
            }
            let file = File::open(path)?;
            let count = file.metadata()?.len() / HASH_BYTES as u64;
            files.push((file, count));
        }
        let from = files.first().map_or(0, |(_, count)| *count);
        Ok(Self { files, extra: Vec::new(), from })
    }

    /// No files; all leaves are added.
    pub(crate) const fn empty() -> Self {
        Self { files: Vec::new(), extra: Vec::new(), from: 0 }
    }

    /// How many leaves it knows.
    pub(crate) fn leaves(&self) -> u64 {
        self.from + self.extra.len() as u64
    }

    /// Adds the next leaf.
    pub(crate) fn push(&mut self, leaf: Hash) {
        self.extra.push(leaf);
    }

    /// The leaf at this index.
    pub(crate) fn leaf(&self, index: u64) -> io::Result<Hash> {
        self.node(0, index)
    }

    /// The root of the complete subtree at this height and place.
    pub(crate) fn node(&self, height: u32, place: u64) -> io::Result<Hash> {
        for (level, (file, count)) in self.files.iter().enumerate().rev() {
            let base = level as u32 * STRIDE;
            if base > height {
                continue;
            }
            let rise = height - base;
            if (place + 1) << rise <= *count {
                return root_of((0..1u64 << rise).map(|step| read_hash(file, (place << rise) + step)));
            }
        }
        root_of((0..1u64 << height).map(|step| self.single((place << height) + step)))
    }

    fn single(&self, index: u64) -> io::Result<Hash> {
        if let Some((file, count)) = self.files.first()
            && index < *count
        {
            return read_hash(file, index);
        }
        let place = usize::try_from(index.saturating_sub(self.from)).map_err(io::Error::other)?;
        self.extra.get(place).copied().ok_or_else(|| io::Error::other(format!("leaf {index} is not there")))
    }
}

fn read_hash(file: &File, place: u64) -> io::Result<Hash> {
    let mut bytes = [0u8; HASH_BYTES];
    file.read_exact_at(&mut bytes, place * HASH_BYTES as u64)?;
    Ok(Hash::from_bytes(bytes))
}

/// The root over hashes whose number is a power of two.
fn root_of(hashes: impl Iterator<Item = io::Result<Hash>>) -> io::Result<Hash> {
    let mut tree = Frontier::new();
    for hash in hashes {
        tree.push(hash?, |_, _| {});
    }
    Ok(tree.root())
}

#[cfg(test)]
mod tests;
