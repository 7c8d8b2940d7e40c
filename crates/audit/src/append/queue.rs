//! The queue between callers and the writer.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Draft, locked};
use crate::refusal::AuditRefusal;

/// What the writer is asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    /// Append an entry, and say so once it is durable.
    Append(Draft, Option<oneshot::Sender<()>>),
    /// Sign a checkpoint over everything so far, and say so once it is durable.
    Checkpoint(Option<oneshot::Sender<()>>),
}

/// How soon the writer should look at what nobody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Now.
    Soon,
    /// With whatever comes next, within a second at the latest: the next tick wakes the writer.
    WithTheNext,
}

/// Commands in the order in which they came.
#[derive(Debug)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    ready: Condvar,
    most: usize,
    linger: Duration,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: Vec<Command>,
    /// How many of them somebody waits for.
    waiters: usize,
    /// What would wake the writer.
    sleep: Sleep,
    closed: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Sleep {
    /// It is at work.
    #[default]
    Awake,
    /// Anything that should be looked at soon.
    Idle,
    /// So many waiters.
    Gathering(usize),
}

impl Queue {
    /// A queue for so many commands; `linger` is how long a group waits for company.
    pub(crate) fn new(most: usize, linger: Duration) -> Self {
        Self { inner: Mutex::default(), ready: Condvar::new(), most, linger }
    }

    /// Takes a command in if there is room. Somebody waits for it.
    pub(crate) fn offer(&self, command: Command) -> Result<(), AuditRefusal> {
        let mut inner = locked(&self.inner);
        if inner.closed {
            return Err(AuditRefusal::Unavailable);
        }
        if inner.waiting.len() >= self.most {
            return Err(AuditRefusal::QueueFull);
        }
        inner.waiting.push(command);
        inner.waiters += 1;
        let wake = match inner.sleep {
            Sleep::Awake => false,
            Sleep::Idle => true,
            Sleep::Gathering(wanted) => inner.waiters >= wanted,
        };
        drop(inner);
        if wake {
            self.ready.notify_one();
        }
        Ok(())
    }

    /// Takes a command in that nobody waits for; after the end it is dropped.
    pub(crate) fn push(&self, command: Command, urgency: Urgency) {
        let mut inner = locked(&self.inner);
        if inner.closed {
            return;
        }
        inner.waiting.push(command);
        let wake = urgency == Urgency::Soon && inner.sleep == Sleep::Idle;
        drop(inner);
        if wake {
            self.ready.notify_one();
        }
    }

    /// Asks for a checkpoint that nobody waits for, and gets the writer to look at what was left for later.
    pub(crate) fn tick(&self) {
        self.push(Command::Checkpoint(None), Urgency::Soon);
    }

    /// Waits for commands and takes all that are there; false once there will be no more.
    ///
    /// `company` is how many waited in the last group. Where there were several, fewer of them now
    /// means that others are on their way, and it pays to wait a moment for one write less.
    pub(crate) fn take(&self, into: &mut Vec<Command>, company: usize) -> bool {
        let mut inner = locked(&self.inner);
        if inner.waiting.is_empty() && !inner.closed {
            inner.sleep = Sleep::Idle;
            let idle = |inner: &mut Inner| inner.waiting.is_empty() && !inner.closed;
            inner = self.ready.wait_while(inner, idle).unwrap_or_else(PoisonError::into_inner);
        }
        if company > 1 && inner.waiters < company && !inner.closed && !self.linger.is_zero() {
            inner.sleep = Sleep::Gathering(company);
            let alone = |inner: &mut Inner| inner.waiters < company && !inner.closed;
            let waited = self.ready.wait_timeout_while(inner, self.linger, alone);
            (inner, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        inner.sleep = Sleep::Awake;
        inner.waiters = 0;
        std::mem::swap(&mut inner.waiting, into);
        !(into.is_empty() && inner.closed)
    }

    /// How many commands wait for the writer.
    pub(crate) fn len(&self) -> usize {
        locked(&self.inner).waiting.len()
    }

    /// Takes nothing more; what is there will still be written.
    pub(crate) fn close(&self) {
        locked(&self.inner).closed = true;
        self.ready.notify_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        locked(&self.inner).closed
    }

    /// Takes nothing more and drops what is there, which tells those who wait.
    pub(crate) fn abandon(&self) {
        let mut inner = locked(&self.inner);
        inner.closed = true;
        let dropped = std::mem::take(&mut inner.waiting);
        drop(inner);
        drop(dropped);
        self.ready.notify_all();
    }
}
