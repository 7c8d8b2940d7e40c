//! The leaves of a log at rest: from the side files where they hold enough, else from the segments.

use std::io;

use crate::chain::{Hash, inclusion_path, leaf_hash, verify_inclusion};
use crate::checkpoint::Checkpoint;
use crate::disk::{Lines, LogDir, Piece};
use crate::locate::Locator;
use crate::tiles::TileReader;

/// Paths from entries to a signed root. A path is checked before it is given out, so side files that are
/// damaged cost time and nothing else.
pub(crate) struct Paths<'a> {
    dir: &'a LogDir,
    segments: u32,
    head: &'a Checkpoint,
    leaves: TileReader,
    is_rebuilt: bool,
}

impl<'a> Paths<'a> {
    /// Paths under this head.
    pub(crate) fn new(dir: &'a LogDir, segments: u32, head: &'a Checkpoint) -> io::Result<Self> {
        let leaves = reader(dir, segments, head.size)?;
        Ok(Self { dir, segments, head, leaves, is_rebuilt: false })
    }

    /// The path of the entry with this index and leaf; nothing if it is not under the head.
    pub(crate) fn of(&mut self, index: u64, leaf: Hash) -> io::Result<Option<Vec<Hash>>> {
        if let Some(path) = self.try_of(index, leaf)? {
            return Ok(Some(path));
        }
        if !self.is_rebuilt {
            self.leaves = rebuilt(self.dir, self.segments, self.head.size)?;
            self.is_rebuilt = true;
        }
        self.try_of(index, leaf)
    }

    fn try_of(&self, index: u64, leaf: Hash) -> io::Result<Option<Vec<Hash>>> {
        let (size, root) = (self.head.size, self.head.root);
        let path = inclusion_path(index, size, &mut |height, place| self.leaves.node(height, place))?;
        Ok(verify_inclusion(leaf, index, size, &path, root).then_some(path))
    }
}

/// The hashes of the first `size` entries, the side files trusted as far as they go.
fn reader(dir: &LogDir, segments: u32, size: u64) -> io::Result<TileReader> {
    let mut reader = TileReader::open(dir)?;
    let known = reader.leaves();
    if known < size {
        let from = Locator::new(dir, segments).segment_of(known)?.unwrap_or(0);
        add(dir, from..segments, size, &mut reader)?;
    }
    Ok(reader)
}

/// The hashes of the first `size` entries, from the segments alone.
fn rebuilt(dir: &LogDir, segments: u32, size: u64) -> io::Result<TileReader> {
    let mut reader = TileReader::empty();
    add(dir, 0..segments, size, &mut reader)?;
    Ok(reader)
}

fn add(dir: &LogDir, segments: std::ops::Range<u32>, size: u64, reader: &mut TileReader) -> io::Result<()> {
    let mut index = match segments.start {
        0 => 0,
        start => crate::locate::first_index(dir, start)?.ok_or_else(|| io::Error::other("an empty segment"))?,
    };
    for segment in segments {
        let mut lines = Lines::open(&dir.segment(segment), 0, 0)?;
        while index < size && lines.advance()? == Piece::Line {
            if index == reader.leaves() {
                reader.push(leaf_hash(lines.line()));
            }
            index += 1;
        }
    }
    if reader.leaves() >= size { Ok(()) } else { Err(io::Error::other("the log has fewer entries")) }
}
