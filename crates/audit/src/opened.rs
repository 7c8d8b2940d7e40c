//! The proof that a run was opened, which is also what its other entries are written with.

use std::fmt;
use std::sync::Arc;

use lockgate_vocabulary::{RunId, TenantId};

use crate::append::queue::Urgency;
use crate::audit::Handle;
use crate::entry::emit;
use crate::facts::{AttemptFacts, Closing, Outcome};
use crate::ledger::Mark;

/// The code of a run's end that nobody told: it was dropped.
const DROPPED: &str = "audit.run.dropped";

/// The code of a run that was given up before its record was known to be durable, so nothing was done.
const ABANDONED: &str = "audit.run.abandoned";

/// A run's record is durable: the deed may be done. Dropping it closes the run as `unknown`.
#[must_use = "a run that is opened is closed"]
pub struct Opened {
    /// `None` once the run is closed.
    handle: Option<Arc<Handle>>,
    tenant: TenantId,
    run: RunId,
    /// What the run's entries repeat.
    repeated: Box<[u8]>,
    durable: bool,
}

impl Opened {
    /// A run whose record was handed in and is not durable yet.
    pub(crate) fn pending(handle: &Arc<Handle>, tenant: TenantId, run: RunId, repeated: Box<[u8]>) -> Self {
        Self { handle: Some(Arc::clone(handle)), tenant, run, repeated, durable: false }
    }

    /// The record is durable.
    pub(crate) fn confirmed(mut self) -> Self {
        self.durable = true;
        self
    }

    /// The record will never be durable: the log is unsound, so nothing more can be said in it.
    pub(crate) fn forgotten(mut self) {
        self.handle = None;
    }

    /// The run.
    pub const fn run(&self) -> RunId {
        self.run
    }

    /// Records an attempt.
    pub fn attempt(&self, facts: AttemptFacts) {
        if let Some(handle) = &self.handle {
            let tail = emit::attempt(&self.repeated, &facts);
            let draft = handle.shared.draft(Some(self.tenant), Mark::Plain, tail);
            handle.shared.lazily(draft, Urgency::WithTheNext);
        }
    }

    /// Records the end of the run.
    pub fn close(mut self, closing: Closing) {
        let tail = emit::closed(&self.repeated, &closing);
        self.end(tail);
    }

    fn end(&mut self, tail: Vec<u8>) {
        if let Some(handle) = self.handle.take() {
            let draft = handle.shared.draft(Some(self.tenant), Mark::Closed(self.run), tail);
            handle.shared.lazily(draft, Urgency::Soon);
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if self.handle.is_some() {
            let (outcome, code) = match self.durable {
                true => (Outcome::Unknown, DROPPED),
                false => (Outcome::Refused, ABANDONED),
            };
            self.end(emit::lost(&self.repeated, outcome, code));
        }
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opened({})", self.run)
    }
}
