//! Finds an entry by its place in the log.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;

use crate::disk::{Lines, LogDir, Piece};
use crate::entry::Entry;
use crate::index::SegmentIndex;

/// How many segments' indexes are kept at once.
const KEPT: usize = 8;

/// Reads lines of a log at rest by their index. It is for one thread and one task.
pub(crate) struct Locator<'a> {
    dir: &'a LogDir,
    segments: u32,
    indexes: RefCell<HashMap<u32, Rc<SegmentIndex>>>,
}

impl<'a> Locator<'a> {
    pub(crate) fn new(dir: &'a LogDir, segments: u32) -> Self {
        Self { dir, segments, indexes: RefCell::default() }
    }

    /// The line of the entry with this index.
    pub(crate) fn line(&self, index: u64) -> io::Result<Vec<u8>> {
        let missing = || io::Error::other(format!("entry {index} is not there"));
        let segment = self.segment_of(index)?.ok_or_else(missing)?;
        let blocks = self.index(segment)?;
        let block = blocks.block_with(index).and_then(|block| blocks.block(block));
        let (start, _, first) = block.ok_or_else(missing)?;
        let mut lines = Lines::open(&self.dir.segment(segment), start, 0)?;
        for at in first..=index {
            if lines.advance()? != Piece::Line {
                return Err(missing());
            }
            if at == index {
                return Ok(lines.line().to_vec());
            }
        }
        Err(missing())
    }

    /// The segment in which the entry with this index must be.
    pub(crate) fn segment_of(&self, index: u64) -> io::Result<Option<u32>> {
        let (mut low, mut high) = (0, self.segments);
        while low < high {
            let middle = low + (high - low) / 2;
            match first_index(self.dir, middle)? {
                Some(first) if first <= index => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(low.checked_sub(1))
    }

    fn index(&self, segment: u32) -> io::Result<Rc<SegmentIndex>> {
        let mut indexes = self.indexes.borrow_mut();
        if let Some(index) = indexes.get(&segment) {
            return Ok(Rc::clone(index));
        }
        if indexes.len() >= KEPT {
            indexes.clear();
        }
        let last = segment + 1 == self.segments;
        let made = if last { SegmentIndex::build(self.dir, segment) } else { SegmentIndex::load(self.dir, segment) };
        let index = Rc::new(made?);
        indexes.insert(segment, Rc::clone(&index));
        Ok(index)
    }
}

/// The index of a segment's first entry; nothing if it has none yet.
pub(crate) fn first_index(dir: &LogDir, segment: u32) -> io::Result<Option<u64>> {
    let mut lines = Lines::open(&dir.segment(segment), 0, 0)?;
    if lines.advance()? != Piece::Line {
        return Ok(None);
    }
    Entry::parse(lines.line()).map(|entry| Some(entry.index)).map_err(io::Error::other)
}
