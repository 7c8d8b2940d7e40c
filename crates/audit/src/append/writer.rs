//! The writer: the one thread that gives entries their place and puts them on the disk.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use tokio::sync::oneshot;

use super::aside::Job;
use super::queue::Command;
use super::segment::Segment;
use super::{Draft, Shared, locked};
use crate::chain::sha256;
use crate::checkpoint::Checkpoint;
use crate::entry::emit::{self, Envelope};
use crate::ledger::Mark;
use crate::state::{Kept, Place};
use crate::tiles::Tiles;

/// A group is written when it has become so large, whatever else is waiting.
const GROUP_BYTES: usize = 1024 * 1024;

/// What nobody waits for is synced with the next group, or at the next checkpoint, or when it has
/// become so much.
const UNSYNCED_BYTES: u64 = 1024 * 1024;

/// Roughly what one trail takes in a kept state.
const STATE_BYTES_PER_TRAIL: u64 = 100;

pub(crate) struct Writer {
    shared: Arc<Shared>,
    origin: String,
    segment_bytes: u64,
    segment: Segment,
    /// Given up after a failure: they are derived.
    tiles: Option<Tiles>,
    jobs: Sender<Job>,
    /// The entry at hand, behind the byte that marks a leaf.
    line: Vec<u8>,
    /// Lines that are not written yet, and how many.
    buffer: Vec<u8>,
    buffered: u64,
    /// Who waits for what is in the buffer.
    waiting: Vec<oneshot::Sender<()>>,
    /// Bytes written since the last sync.
    unsynced: u64,
    /// The size that the last checkpoint covers.
    signed: u64,
    /// Whether the next segment was asked for.
    asked: bool,
    /// Whether a segment was begun since the last checkpoint.
    turned: bool,
    /// Bytes written since a state was kept.
    since_state: u64,
}

/// What the writer begins with.
pub(crate) struct Begin {
    pub(crate) shared: Arc<Shared>,
    pub(crate) origin: String,
    pub(crate) segment_bytes: u64,
    pub(crate) segment: Segment,
    pub(crate) tiles: Tiles,
    pub(crate) jobs: Sender<Job>,
    pub(crate) signed: u64,
}

impl Writer {
    pub(crate) fn new(begin: Begin) -> Self {
        Self {
            shared: begin.shared,
            origin: begin.origin,
            segment_bytes: begin.segment_bytes,
            segment: begin.segment,
            tiles: Some(begin.tiles),
            jobs: begin.jobs,
            line: Vec::with_capacity(1024),
            buffer: Vec::with_capacity(64 * 1024),
            buffered: 0,
            waiting: Vec::new(),
            unsynced: 0,
            signed: begin.signed,
            asked: false,
            turned: false,
            since_state: 0,
        }
    }

    /// Works until the log is closed or a write fails.
    pub(crate) fn run(mut self) {
        let (mut batch, mut company) = (Vec::new(), 0);
        while self.shared.queue.take(&mut batch, company) {
            match self.group(&mut batch) {
                Ok(waited) => company = waited,
                Err(error) => return self.shared.fail("writing the audit log", &error),
            }
        }
        if let Err(error) = self.finish() {
            self.shared.fail("closing the audit log", &error);
        }
    }

    /// Writes all that was asked for at once. Gives how many waited for it.
    fn group(&mut self, batch: &mut Vec<Command>) -> io::Result<usize> {
        let mut waited = 0;
        for command in batch.drain(..) {
            match command {
                Command::Append(draft, done) => {
                    self.append(draft)?;
                    waited += usize::from(done.is_some());
                    self.waiting.extend(done);
                }
                Command::Checkpoint(done) => self.checkpoint(done)?,
            }
            if self.buffer.len() >= GROUP_BYTES {
                self.commit(false)?;
            }
        }
        self.commit(false)?;
        if self.turned {
            self.checkpoint(None)?;
        }
        Ok(waited)
    }

    /// Gives an entry its place and puts it into the buffer.
    fn append(&mut self, draft: Draft) -> io::Result<()> {
        let next = locked(&self.shared.core).ledger.next(draft.tenant);
        self.line.clear();
        self.line.push(0);
        let envelope = Envelope {
            index: next.index,
            id: draft.id,
            node: &self.shared.node,
            time: draft.time,
            tenant: draft.tenant,
            sequence: next.sequence,
            previous: &next.previous,
        };
        emit::envelope(&mut self.line, &envelope);
        self.line.extend_from_slice(&draft.tail);
        let leaf = sha256(&self.line);
        // The newline takes the place of the byte that marks a leaf.
        let bytes = self.line.len() as u64;
        if !self.segment.fits(self.buffer.len() as u64 + bytes) {
            self.turn()?;
        }
        let offset = self.segment.offset() + self.buffer.len() as u64;
        let mut core = locked(&self.shared.core);
        keep_hash(&mut self.tiles, 0, leaf);
        let tiles = &mut self.tiles;
        core.ledger.take(&next, leaf, draft.mark, |height, root| keep_hash(tiles, height, root));
        core.index.note(offset, bytes, next.index, draft.tenant);
        drop(core);
        self.buffer.extend_from_slice(self.line.get(1..).unwrap_or_default());
        self.buffer.push(b'\n');
        self.buffered += 1;
        Ok(())
    }

    /// Writes the buffer, syncs where somebody waits (or `must`), and tells them.
    fn commit(&mut self, must: bool) -> io::Result<()> {
        self.shared.writing(true);
        if !self.buffer.is_empty() {
            self.segment.write(&self.buffer, self.buffered)?;
            self.unsynced += self.buffer.len() as u64;
            self.since_state += self.buffer.len() as u64;
            self.buffer.clear();
            self.buffered = 0;
        }
        let wanted = must || !self.waiting.is_empty() || self.unsynced >= UNSYNCED_BYTES;
        if self.unsynced > 0 && wanted {
            self.segment.sync()?;
            self.unsynced = 0;
        }
        self.shared.writing(false);
        locked(&self.shared.core).visible = self.segment.offset();
        for done in self.waiting.drain(..) {
            // Whoever waited may have gone; the entry stays.
            _ = done.send(());
        }
        if !self.asked && self.segment.is_half_full() {
            self.asked = self.jobs.send(Job::Prepare).is_ok();
        }
        Ok(())
    }

    /// Begins the next segment. What is in the buffer still goes into this one.
    fn turn(&mut self) -> io::Result<()> {
        self.commit(true)?;
        self.asked = false;
        let next = self.shared.following(&self.segment, self.segment_bytes)?;
        let full = std::mem::replace(&mut self.segment, next);
        let mut core = locked(&self.shared.core);
        let index = Arc::new(std::mem::take(&mut core.index));
        core.active = self.segment.number();
        core.visible = 0;
        core.recent.push((full.number(), Arc::clone(&index)));
        drop(core);
        self.turned = true;
        self.ask(Job::Sealed(full.number(), index))
    }

    fn ask(&self, job: Job) -> io::Result<()> {
        self.jobs.send(job).map_err(|_| io::Error::other("the second thread of the audit log has ended"))
    }

    /// Fixes the heads of all trails in an entry, makes everything durable, and has it signed.
    fn checkpoint(&mut self, done: Option<oneshot::Sender<()>>) -> io::Result<()> {
        if locked(&self.shared.core).ledger.size() == self.signed {
            return done.map_or(Ok(()), |done| self.ask(Job::Settled(done)));
        }
        let told = locked(&self.shared.core).ledger.heads_told();
        self.append(self.shared.draft(None, Mark::Plain, emit::heads(&told)))?;
        self.commit(true)?;
        let (size, root) = {
            let core = locked(&self.shared.core);
            (core.ledger.size(), core.ledger.root())
        };
        self.signed = size;
        self.ask(Job::Checkpoint(Checkpoint { origin: self.origin.clone(), size, root }, done))?;
        if std::mem::take(&mut self.turned) {
            self.keep_state(false)?;
        }
        Ok(())
    }

    /// Keeps the state as it is at the last checkpoint, where that saves the next start enough.
    fn keep_state(&mut self, must: bool) -> io::Result<()> {
        let core = locked(&self.shared.core);
        let worth = core.ledger.heads().len() as u64 * STATE_BYTES_PER_TRAIL * 4;
        let place =
            Place { segment: self.segment.number(), offset: self.segment.offset(), lines: self.segment.lines() };
        if !must && self.since_state < worth {
            return Ok(());
        }
        let state = Box::new(Kept::of(&self.origin, place, &core.ledger));
        drop(core);
        self.since_state = 0;
        if let Some(tiles) = &mut self.tiles {
            let files: io::Result<Vec<File>> = tiles.write().and_then(|()| tiles.files());
            match files {
                Ok(files) => self.ask(Job::State(state, files))?,
                Err(error) => give_up(&mut self.tiles, &error),
            }
        }
        Ok(())
    }

    /// Ends the log in good order.
    fn finish(&mut self) -> io::Result<()> {
        self.append(self.shared.draft(None, Mark::Plain, emit::stopped()))?;
        self.checkpoint(None)?;
        self.keep_state(true)
    }
}

/// Keeps a hash beside the log.
fn keep_hash(tiles: &mut Option<Tiles>, height: u32, hash: crate::chain::Hash) {
    if let Some(open) = tiles
        && let Err(error) = open.push(height, hash)
    {
        give_up(tiles, &error);
    }
}

/// The files of hashes are derived: without them proofs take longer, and the next start makes them again.
fn give_up(tiles: &mut Option<Tiles>, error: &io::Error) {
    tracing::warn!(%error, "the audit log's hashes are not kept any more until the next start");
    *tiles = None;
}
