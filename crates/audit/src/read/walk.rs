//! Goes through one trail entry by entry, in either order, a block at a time.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use lockgate_vocabulary::TenantId;

use super::{Order, Reader, Record, View};
use crate::entry::Entry;
use crate::index::SegmentIndex;
use crate::locate::first_index;

/// How many blocks one look-up reads at the most: 64 MiB.
const BLOCKS_MOST: u32 = 1_024;

/// A walk along a trail.
pub(super) struct Walk<'a> {
    reader: &'a Reader,
    view: View,
    tenant: Option<TenantId>,
    order: Order,
    /// Entries up to here, counted in the walk's direction, are behind us.
    from: Option<u64>,
    /// The segment at hand, and which of its blocks are still to come.
    segment: Option<(u32, Arc<SegmentIndex>, VecDeque<u32>)>,
    /// The next segment.
    ahead: Option<u32>,
    /// Entries of the block at hand that are still to come.
    block: VecDeque<Record>,
    blocks_left: u32,
    /// The index of the entry that was given out last.
    last: Option<u64>,
    /// Where the walk broke off because it had read enough.
    broke_off: Option<u64>,
    ended: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(reader: &'a Reader, tenant: Option<TenantId>, order: Order, from: Option<u64>) -> Self {
        let view = reader.view();
        let ahead = match order {
            Order::NewestFirst => Some(view.active),
            Order::OldestFirst => Some(0),
        };
        Self {
            reader,
            view,
            tenant,
            order,
            from,
            segment: None,
            ahead,
            block: VecDeque::new(),
            blocks_left: BLOCKS_MOST,
            last: None,
            broke_off: None,
            ended: false,
        }
    }

    /// The next entry; nothing at the end, or where enough was read.
    pub(super) fn next(&mut self) -> io::Result<Option<Record>> {
        loop {
            if let Some(record) = self.block.pop_front() {
                self.last = Some(record.entry.index);
                return Ok(Some(record));
            }
            if !self.next_block()? {
                return Ok(None);
            }
        }
    }

    /// Where a walk that goes on from here begins; nothing if there is nothing ahead.
    pub(super) fn rest(&mut self) -> Option<u64> {
        if self.ended {
            return None;
        }
        if self.broke_off.is_some() {
            return self.broke_off;
        }
        match self.order {
            Order::NewestFirst => self.last.and_then(|last| last.checked_sub(1)),
            Order::OldestFirst => self.last.map(|last| last + 1),
        }
    }

    /// Reads the next block that has entries of the trail; false if there is none.
    fn next_block(&mut self) -> io::Result<bool> {
        loop {
            let Some((number, index, blocks)) = &mut self.segment else {
                if self.next_segment()? {
                    continue;
                }
                self.ended = true;
                return Ok(false);
            };
            let block = match self.order {
                Order::NewestFirst => blocks.pop_back(),
                Order::OldestFirst => blocks.pop_front(),
            };
            let Some((start, end, first)) = block.and_then(|block| index.block(block)) else {
                self.segment = None;
                continue;
            };
            // The newest block may reach beyond what may be read yet.
            let end = if *number == self.view.active { end.min(self.view.visible) } else { end };
            let last = index.block_after(start).map_or(index.end, |(_, next)| next).saturating_sub(1);
            if start >= end || self.from.is_some_and(|from| self.order.is_behind(first, last, from)) {
                continue;
            }
            if self.blocks_left == 0 {
                self.broke_off = Some(match self.order {
                    Order::NewestFirst => last.min(self.from.unwrap_or(last)),
                    Order::OldestFirst => first.max(self.from.unwrap_or(first)),
                });
                return Ok(false);
            }
            self.blocks_left -= 1;
            let number = *number;
            self.read(number, start, end)?;
            return Ok(true);
        }
    }

    fn next_segment(&mut self) -> io::Result<bool> {
        while let Some(number) = self.ahead {
            self.ahead = match self.order {
                Order::NewestFirst => number.checked_sub(1),
                Order::OldestFirst => Some(number + 1).filter(|next| *next <= self.view.active),
            };
            if self.is_behind(number)? {
                continue;
            }
            let index = if number == self.view.active {
                Arc::clone(&self.view.active_index)
            } else {
                self.reader.index(number)?
            };
            let blocks = index.blocks_of(self.tenant).iter().copied().collect();
            self.segment = Some((number, index, blocks));
            return Ok(true);
        }
        Ok(false)
    }

    /// Whether a segment has nothing that lies ahead; only its first line, and the next one's, is read.
    fn is_behind(&self, number: u32) -> io::Result<bool> {
        let Some(from) = self.from else { return Ok(false) };
        if number == self.view.active {
            return Ok(false);
        }
        let dir = self.reader.dir();
        Ok(match self.order {
            Order::NewestFirst => first_index(dir, number)?.is_some_and(|first| first > from),
            // The active segment may be empty still.
            Order::OldestFirst => first_index(dir, number + 1)?.is_some_and(|next| next <= from),
        })
    }

    fn read(&mut self, segment: u32, start: u64, end: u64) -> io::Result<()> {
        let mut bytes = vec![0u8; usize::try_from(end - start).map_err(io::Error::other)?];
        File::open(self.reader.dir().segment(segment))?.read_exact_at(&mut bytes, start)?;
        let ours = match self.tenant {
            Some(tenant) => format!("\"tenant\":\"{tenant}\",\"seq\":"),
            None => "\"tenant\":null,\"seq\":".to_owned(),
        };
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let text = std::str::from_utf8(line).map_err(io::Error::other)?;
            // Most lines of a block are other tenants': they are told apart without parsing them. The
            // words cannot stand in a text of an entry, since its quotes are escaped.
            if !text.contains(&ours) {
                continue;
            }
            let entry = Entry::parse(line).map_err(io::Error::other)?;
            let ahead = self.from.is_none_or(|from| !self.order.is_behind(entry.index, entry.index, from));
            if entry.tenant == self.tenant && ahead {
                self.block.push_back(Record { line: text.into(), entry });
            }
        }
        if self.order == Order::NewestFirst {
            self.block.make_contiguous().reverse();
        }
        Ok(())
    }
}

impl Order {
    /// Whether the indices from `first` to `last` all lie behind a walk that goes on at `from`.
    const fn is_behind(self, first: u64, last: u64, from: u64) -> bool {
        match self {
            Self::NewestFirst => first > from,
            Self::OldestFirst => last < from,
        }
    }
}
