//! Appending: what callers share with the one thread that writes.
//!
//! A caller makes the facts of its entry into bytes and puts them into the queue. The writer takes all
//! that is there, gives each entry its place in the log and in its trail, writes once, syncs once, and
//! wakes everybody. A second thread does what must not hold the writer up: signing checkpoints, making
//! the next segment ready, keeping what is derived.
//!
//! INVARIANT: an acknowledged entry is on the disk. After any failed write or sync nothing more is
//! written to this log by this process: what a failed sync left in the cache is not known, and a second
//! sync of the same file may claim success. A segment that cannot be begun for want of a descriptor or of
//! room is another matter: nothing was written, so it is tried again, and what waits is refused meanwhile.

use std::fs::{self, File};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lockgate_vocabulary::{AuditId, Clock, Entropy, TenantId, Timestamp};
use tokio::sync::oneshot;

use crate::disk::{LogDir, owner_only};
use crate::entry::emit;
use crate::facts::Deed;
use crate::index::SegmentIndex;
use crate::ledger::{Ledger, Mark};
use crate::mac::RowKey;
use crate::ration::Ration;
use crate::refusal::AuditRefusal;

pub(crate) mod aside;
pub(crate) mod ids;
pub(crate) mod queue;
pub(crate) mod segment;
pub(crate) mod writer;

use ids::IdPool;
use queue::{Command, Queue, Urgency};
use segment::Segment;

/// An entry on its way to the writer.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) id: AuditId,
    pub(crate) time: Timestamp,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) mark: Mark,
    /// The facts: everything from `"kind"` to the closing brace.
    pub(crate) tail: Vec<u8>,
}

/// The log's state, and what readers may see of it.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) ledger: Ledger,
    /// The segment that is written to.
    pub(crate) active: u32,
    /// How much of it readers may read.
    pub(crate) visible: u64,
    /// Its index; it may run ahead of what is visible.
    pub(crate) index: SegmentIndex,
    /// Indexes of older segments that are not in their files yet.
    pub(crate) recent: Vec<(u32, Arc<SegmentIndex>)>,
}

/// What everybody who has the log open shares.
pub(crate) struct Shared {
    pub(crate) dir: LogDir,
    pub(crate) node: Box<str>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: IdPool,
    /// Authenticates the rows of the outbox.
    pub(crate) rows: RowKey,
    /// How many of them were set aside.
    pub(crate) rows_aside: AtomicU64,
    pub(crate) core: Mutex<Core>,
    pub(crate) queue: Queue,
    /// Which refusals get a record of their own.
    pub(crate) ration: Ration,
    /// The next segment, once it is ready.
    pub(crate) ready_segment: Mutex<Option<File>>,
    /// The last note that was signed.
    pub(crate) latest: Mutex<Option<Arc<str>>>,
    sound: AtomicBool,
    stalled: AtomicBool,
    /// Whether the next segment cannot be begun at the moment.
    short: AtomicBool,
    /// When the write that is under way began, on the clock's own count, in microseconds and never 0;
    /// 0 if none is.
    writing_since: AtomicU64,
    #[cfg(test)]
    pub(crate) trouble: Arc<segment::tests::Trouble>,
    /// Held as long as the log is open, so that no second process writes it.
    lock: Mutex<Option<File>>,
}

/// Locks, whatever became of who held it before: nothing here is left half-changed by a panic.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Resolves once an entry is durable; fails if it never will be.
pub(crate) type Durable = oneshot::Receiver<()>;

impl Shared {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            dir: parts.dir,
            node: parts.node,
            clock: parts.clock,
            ids: IdPool::new(parts.entropy),
            rows: parts.rows,
            rows_aside: AtomicU64::new(0),
            core: Mutex::new(parts.core),
            queue: parts.queue,
            ration: Ration::default(),
            ready_segment: Mutex::new(None),
            latest: Mutex::new(parts.latest),
            sound: AtomicBool::new(true),
            stalled: AtomicBool::new(false),
            short: AtomicBool::new(false),
            writing_since: AtomicU64::new(0),
            #[cfg(test)]
            trouble: Arc::default(),
            lock: Mutex::new(Some(parts.lock)),
        }
    }

    /// An entry that happens now.
    pub(crate) fn draft(&self, tenant: Option<TenantId>, mark: Mark, tail: Vec<u8>) -> Draft {
        let id = AuditId::generate(&*self.clock, &self.ids);
        Draft { id, time: self.clock.now(), tenant, mark, tail }
    }

    /// Hands an entry to the writer; it is durable when the answer resolves.
    pub(crate) fn durably(&self, draft: Draft) -> Result<Durable, AuditRefusal> {
        if !self.is_sound() {
            return Err(AuditRefusal::Unavailable);
        }
        let (done, durable) = oneshot::channel();
        self.queue.offer(Command::Append(draft, Some(done)))?;
        Ok(durable)
    }

    /// Hands an entry to the writer that nobody waits for. What was opened is always taken, so the
    /// queue's bound on opens bounds these too.
    pub(crate) fn lazily(&self, draft: Draft, urgency: Urgency) {
        self.queue.push(Command::Append(draft, None), urgency);
    }

    /// Appends the records over refusals that were counted. Nobody waits for them.
    pub(crate) fn sum_up(&self, counted: Vec<Deed>) {
        for deed in counted {
            let draft = self.draft(deed.tenant(), Mark::Plain, emit::deed(&deed, false));
            self.lazily(draft, Urgency::WithTheNext);
        }
    }

    /// Asks for a checkpoint over everything handed in so far.
    pub(crate) fn checkpoint(&self) -> Result<Durable, AuditRefusal> {
        let (done, durable) = oneshot::channel();
        self.queue.offer(Command::Checkpoint(Some(done)))?;
        Ok(durable)
    }

    /// Whether entries can be made durable as far as anybody knows.
    pub(crate) fn is_sound(&self) -> bool {
        let held_up = self.stalled.load(Ordering::Acquire) || self.short.load(Ordering::Acquire);
        self.sound.load(Ordering::Acquire) && !held_up
    }

    /// Ends the log's use by this process: everything that waits and everything that comes is refused.
    pub(crate) fn fail(&self, doing: &'static str, error: &io::Error) {
        if self.sound.swap(false, Ordering::AcqRel) {
            tracing::error!(doing, %error, "the audit log cannot be written any more; new calls are refused");
        }
        self.queue.abandon();
    }

    /// Notes that the next segment cannot be begun at the moment.
    pub(crate) fn lacks(&self, error: &io::Error) {
        if !self.short.swap(true, Ordering::AcqRel) {
            tracing::error!(%error, "the next audit segment cannot be begun; new calls are refused until it can");
        }
    }

    /// Notes that it was begun after all.
    pub(crate) fn lacks_nothing(&self) {
        if self.short.swap(false, Ordering::AcqRel) {
            tracing::info!("the next audit segment was begun; calls are served again");
        }
    }

    /// Whether the next segment is ready.
    pub(crate) fn is_next_ready(&self) -> bool {
        locked(&self.ready_segment).is_some()
    }

    pub(crate) fn has_failed(&self) -> bool {
        !self.sound.load(Ordering::Acquire)
    }

    /// Begins the segment behind this one.
    ///
    /// INVARIANT: the file that was made ready is taken and gets its name under one lock. Between the two
    /// [`Self::begin_next`] would find none ready and remove the very file that is being taken, and what
    /// is written to it afterwards would stand in no directory.
    pub(crate) fn following(&self, segment: &Segment, segment_bytes: u64) -> io::Result<Segment> {
        let mut ready = locked(&self.ready_segment);
        segment.following(&self.dir, &mut ready, segment_bytes)
    }

    /// A new file to be made ready as the next segment; none if one is ready already.
    pub(crate) fn begin_next(&self) -> io::Result<Option<File>> {
        let ready = locked(&self.ready_segment);
        if ready.is_some() {
            return Ok(None);
        }
        let path = self.dir.next();
        // One that was begun and never used is begun anew.
        _ = fs::remove_file(&path);
        owner_only().write(true).create_new(true).open(path).map(Some)
    }

    fn clock_micros(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_micros()).unwrap_or(u64::MAX).max(1)
    }

    /// Lets another process have the log, once nothing of this one writes it any more.
    pub(crate) fn release(&self) {
        drop(locked(&self.lock).take());
    }

    #[cfg(test)]
    pub(crate) fn is_writing(&self) -> bool {
        self.writing_since.load(Ordering::Acquire) != 0
    }

    pub(crate) fn writing(&self, under_way: bool) {
        self.writing_since.store(if under_way { self.clock_micros() } else { 0 }, Ordering::Release);
    }

    /// Notes whether the write under way has taken longer than it may.
    pub(crate) fn watch(&self, most: Duration) {
        let since = self.writing_since.load(Ordering::Acquire);
        let taken = Duration::from_micros(self.clock_micros().saturating_sub(since));
        let stalled = since != 0 && taken > most;
        if stalled && !self.stalled.swap(stalled, Ordering::AcqRel) {
            tracing::error!("a write of the audit log does not come back; new calls are refused until it does");
        } else if !stalled {
            self.stalled.store(false, Ordering::Release);
        }
    }
}

/// What a log is made of when it is opened.
pub(crate) struct Parts {
    pub(crate) dir: LogDir,
    pub(crate) node: Box<str>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) rows: RowKey,
    pub(crate) core: Core,
    pub(crate) queue: Queue,
    pub(crate) latest: Option<Arc<str>>,
    pub(crate) lock: File,
}

#[cfg(test)]
mod tests;
