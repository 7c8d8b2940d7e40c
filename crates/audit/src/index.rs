//! Where a tenant's entries lie within a segment, in blocks of 64 KiB.
//!
//! The active segment's index is in memory, each older one in a file beside its segment, so memory does
//! not grow with the log. It is derived: a missing one is made again by reading its segment.

use std::collections::HashMap;
use std::io;

use lockgate_vocabulary::TenantId;
use serde::{Deserialize, Serialize};

use crate::disk::{Lines, LogDir, Piece};
use crate::entry::Entry;

/// How much of a segment one block spans.
pub(crate) const BLOCK_BYTES: u64 = 64 * 1024;

/// Where the entries of a segment lie.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SegmentIndex {
    /// Where the data ends.
    pub(crate) length: u64,
    /// The log index after the last entry.
    pub(crate) end: u64,
    /// Each block: the offset of its first line, and that entry's log index.
    pub(crate) blocks: Vec<(u64, u64)>,
    /// The blocks in which a tenant has entries.
    tenants: HashMap<TenantId, Vec<u32>>,
    /// The blocks in which the house has entries.
    house: Vec<u32>,
}

impl SegmentIndex {
    /// Notes a line of so many bytes, newline included, that begins at the offset.
    pub(crate) fn note(&mut self, offset: u64, bytes: u64, index: u64, tenant: Option<TenantId>) {
        if self.blocks.last().is_none_or(|(start, _)| offset - start >= BLOCK_BYTES) {
            self.blocks.push((offset, index));
        }
        self.length = offset + bytes;
        self.end = index + 1;
        let block = u32::try_from(self.blocks.len() - 1).unwrap_or(u32::MAX);
        let blocks = match tenant {
            Some(tenant) => self.tenants.entry(tenant).or_default(),
            None => &mut self.house,
        };
        if blocks.last() != Some(&block) {
            blocks.push(block);
        }
    }

    /// The blocks in which this trail has entries, oldest first.
    pub(crate) fn blocks_of(&self, tenant: Option<TenantId>) -> &[u32] {
        match tenant {
            Some(tenant) => self.tenants.get(&tenant).map_or(&[], Vec::as_slice),
            None => &self.house,
        }
    }

    /// Where a block begins and ends, and the index of its first entry.
    pub(crate) fn block(&self, number: u32) -> Option<(u64, u64, u64)> {
        let number = usize::try_from(number).ok()?;
        let (start, index) = *self.blocks.get(number)?;
        let end = self.blocks.get(number + 1).map_or(self.length, |(next, _)| *next);
        Some((start, end, index))
    }

    /// The block behind the one that begins at this offset.
    pub(crate) fn block_after(&self, offset: u64) -> Option<(u64, u64)> {
        self.blocks.get(self.blocks.partition_point(|(start, _)| *start <= offset)).copied()
    }

    /// The block in which the entry with this log index lies, if it is in this segment.
    pub(crate) fn block_with(&self, index: u64) -> Option<u32> {
        let after = self.blocks.partition_point(|(_, first)| *first <= index);
        let block = after.checked_sub(1).filter(|_| index < self.end)?;
        u32::try_from(block).ok()
    }

    /// Reads the segment and makes its index.
    pub(crate) fn build(dir: &LogDir, segment: u32) -> io::Result<Self> {
        let mut lines = Lines::open(&dir.segment(segment), 0, 0)?;
        let mut index = Self::default();
        while lines.advance()? == Piece::Line {
            let entry = Entry::parse(lines.line()).map_err(io::Error::other)?;
            index.note(lines.start(), lines.end() - lines.start(), entry.index, entry.tenant);
        }
        Ok(index)
    }

    /// The index of an older segment: from its file, or made again.
    pub(crate) fn load(dir: &LogDir, segment: u32) -> io::Result<Self> {
        let kept = std::fs::read(dir.index(segment)).ok();
        match kept.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok()) {
            Some(index) => Ok(index),
            None => Self::build(dir, segment),
        }
    }

    /// Keeps it beside its segment.
    pub(crate) fn keep(&self, dir: &LogDir, segment: u32) -> io::Result<()> {
        let bytes = serde_json::to_vec(self).map_err(io::Error::other)?;
        dir.replace(&dir.index(segment), &bytes)
    }
}

#[cfg(test)]
mod tests;
