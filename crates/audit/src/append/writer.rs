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
use crate::disk::is_for_now;
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
    /// What nobody waits for and has no place while the next segment cannot be begun: the ends of runs
    /// that are open, so there are no more than those.
    held: Vec<Draft>,
    /// Whether the next segment could not be begun.
    short: bool,
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
            held: Vec::new(),
            short: false,
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
        self.resume()?;
        for command in batch.drain(..) {
            match command {
                Command::Append(draft, done) => match (self.append(draft)?, done) {
                    (None, done) => {
                        waited += usize::from(done.is_some());
                        self.waiting.extend(done);
                    }
                    (Some(draft), None) => self.held.push(draft),
                    // Dropping `done` refuses it.
                    (Some(_), Some(_)) => {}
                },
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

    /// Tries again to begin the segment that could not be begun, and appends what was held for it.
    fn resume(&mut self) -> io::Result<()> {
        if !self.short || !self.turn()? {
            return Ok(());
        }
        for draft in std::mem::take(&mut self.held) {
            let back = self.append(draft)?;
            self.held.extend(back);
        }
        Ok(())
    }

    /// Gives an entry its place and puts it into the buffer; gives it back where there is no place now.
    fn append(&mut self, draft: Draft) -> io::Result<Option<Draft>> {
        if self.short {
            return Ok(Some(draft));
        }
        if let Mark::Closed(run) = draft.mark
            && !locked(&self.shared.core).ledger.open.contains_key(&run)
        {
            // What opened the run was refused its place, so the run never was.
            return Ok(None);
        }
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
        if !self.segment.fits(self.buffer.len() as u64 + bytes) && !self.turn()? {
            return Ok(Some(draft));
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
        Ok(None)
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
        if !self.asked {
            self.ask_for_next();
        }
        Ok(())
    }

    /// Has the next segment made ready once it is time. Asking again does no harm: where it failed, it is
    /// tried again with each checkpoint.
    fn ask_for_next(&mut self) {
        if self.segment.is_half_full() && !self.shared.is_next_ready() {
            self.asked = self.jobs.send(Job::Prepare).is_ok();
        }
    }

    /// Begins the next segment. What is in the buffer still goes into this one. False where the machine
    /// lacks what it takes: nothing was written to it, so it may be tried again.
    fn turn(&mut self) -> io::Result<bool> {
        self.commit(true)?;
        let next = match self.shared.following(&self.segment, self.segment_bytes) {
            Ok(next) => next,
            Err(error) if is_for_now(&error) => {
                self.shared.lacks(&error);
                self.short = true;
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        self.short = false;
        self.shared.lacks_nothing();
        self.asked = false;
        let full = std::mem::replace(&mut self.segment, next);
        let mut core = locked(&self.shared.core);
        let index = Arc::new(std::mem::take(&mut core.index));
        core.active = self.segment.number();
        core.visible = 0;
        core.recent.push((full.number(), Arc::clone(&index)));
        drop(core);
        self.turned = true;
        self.ask(Job::Sealed(full.number(), index)).map(|()| true)
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
        if self.append(self.shared.draft(None, Mark::Plain, emit::heads(&told)))?.is_some() {
            return Ok(());
        }
        self.commit(true)?;
        self.ask_for_next();
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
                // The hashes are written; only the handles to make them durable with are wanting.
                Err(error) if is_for_now(&error) && tiles.write().is_ok() => {
                    tracing::warn!(%error, "the audit log's state was not kept; the next start takes longer");
                }
                Err(error) => give_up(&mut self.tiles, &error),
            }
        }
        Ok(())
    }

    /// Ends the log in good order.
    fn finish(&mut self) -> io::Result<()> {
        self.resume()?;
        if self.append(self.shared.draft(None, Mark::Plain, emit::stopped()))?.is_some() {
            return Err(io::Error::other("the next segment cannot be begun"));
        }
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
