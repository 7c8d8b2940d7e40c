//! Reading the trail while it is written: entries of one tenant, and runs folded from them.
//!
//! A look-up goes through the index block by block, newest or oldest first, and holds one block and one
//! page at a time. A call looks at a bounded number of blocks; where a filter lets little through, the
//! page has fewer items than asked for and says where to go on.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use lockgate_vocabulary::{ConnectionId, Fault, PrincipalId, RunId, TenantId, Timestamp};

use crate::append::{Shared, locked};
use crate::disk::LogDir;
use crate::entry::Entry;
use crate::facts::Outcome;
use crate::index::SegmentIndex;

mod fold;
mod walk;

pub use fold::{Attempt, Ended, Run};
use walk::Walk;

/// Indexes of older segments that are kept in memory.
const KEPT_INDEXES: usize = 4;

/// The most items of one page.
const PAGE_MOST: usize = 1_000;

const DOING: &str = "reading the audit log";

/// Which entries are wanted. Everything that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// In which order.
    pub order: Order,
    /// Of this kind: `opened`, `attempt`, `closed`, `refused`, `deed` (entries only).
    pub kind: Option<Box<str>>,
    /// Of this run.
    pub run: Option<RunId>,
    /// Of this connection.
    pub connection: Option<ConnectionId>,
    /// By this principal.
    pub principal: Option<PrincipalId>,
    /// With this outcome (runs only).
    pub outcome: Option<Outcome>,
    /// At or after this moment.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}

impl Filter {
    /// Whether the entry is wanted, its kind and outcome aside.
    fn wants(&self, entry: &Entry) -> bool {
        let by = |wanted| entry.actor.as_ref().is_some_and(|actor| actor.principal == wanted);
        self.run.is_none_or(|run| entry.facts.run() == Some(run))
            && self.connection.is_none_or(|connection| entry.facts.connection() == Some(connection))
            && self.principal.is_none_or(by)
            && self.since.is_none_or(|since| entry.time >= since)
            && self.until.is_none_or(|until| entry.time < until)
    }
}

/// Which entries come first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// The newest.
    #[default]
    NewestFirst,
    /// The oldest.
    OldestFirst,
}

/// Where the next page begins. Its text is opaque to callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(
    /// The first log index that the page may hold, or the last one where the newest come first.
    u64,
);

/// The text was not a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CursorParse;

impl fmt::Display for CursorParse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a cursor that this list gave")
    }
}

impl std::error::Error for CursorParse {}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

impl FromStr for Cursor {
    type Err = CursorParse;

    fn from_str(text: &str) -> Result<Self, CursorParse> {
        let cursor = u64::from_str_radix(text, 16).map(Self).map_err(|_| CursorParse)?;
        if cursor.to_string() == text { Ok(cursor) } else { Err(CursorParse) }
    }
}

/// Some of a list, and where the rest begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items; there may be fewer than asked for though there are more.
    pub items: Vec<T>,
    /// Where the next page begins; nothing if this is the last.
    pub next: Option<Cursor>,
}

/// One entry as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its line: one JSON object, byte for byte what the tree hashes.
    pub line: Box<str>,
    /// What it says.
    pub entry: Entry,
}

/// Reads a log that is open for writing.
pub(crate) struct Reader {
    shared: Arc<Shared>,
    indexes: Mutex<VecDeque<(u32, Arc<SegmentIndex>)>>,
}

/// How far the log could be read when a look-up began.
pub(crate) struct View {
    pub(crate) active: u32,
    pub(crate) visible: u64,
    pub(crate) active_index: Arc<SegmentIndex>,
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, indexes: Mutex::default() }
    }

    pub(crate) fn dir(&self) -> &LogDir {
        &self.shared.dir
    }

    fn view(&self) -> View {
        let core = locked(&self.shared.core);
        View { active: core.active, visible: core.visible, active_index: Arc::new(core.index.clone()) }
    }

    /// Whether the run is open now.
    fn is_open(&self, run: RunId) -> bool {
        locked(&self.shared.core).ledger.open.contains_key(&run)
    }

    /// The index of a segment that is not the active one of any view that is asked for it.
    pub(crate) fn index(&self, segment: u32) -> io::Result<Arc<SegmentIndex>> {
        let recent = locked(&self.shared.core).recent.iter().find(|(kept, _)| *kept == segment).cloned();
        if let Some((_, index)) = recent {
            return Ok(index);
        }
        if let Some((_, index)) = locked(&self.indexes).iter().find(|(kept, _)| *kept == segment) {
            return Ok(Arc::clone(index));
        }
        let index = Arc::new(SegmentIndex::load(self.dir(), segment)?);
        let mut indexes = locked(&self.indexes);
        indexes.push_back((segment, Arc::clone(&index)));
        if indexes.len() > KEPT_INDEXES {
            indexes.pop_front();
        }
        Ok(index)
    }

    pub(crate) async fn entries(
        self: &Arc<Self>,
        tenant: Option<TenantId>,
        filter: Filter,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<Record>, Fault> {
        let reader = Arc::clone(self);
        off_the_runtime(move || {
            let mut walk = Walk::new(&reader, tenant, filter.order, cursor.map(|cursor| cursor.0));
            let mut items = Vec::new();
            while items.len() < limit.clamp(1, PAGE_MOST) {
                let Some(record) = walk.next()? else { break };
                let of_kind = filter.kind.as_deref().is_none_or(|kind| record.entry.facts.kind() == kind);
                if of_kind && filter.wants(&record.entry) {
                    items.push(record);
                }
            }
            Ok(Page { items, next: walk.rest().map(Cursor) })
        })
        .await
    }

    pub(crate) async fn runs(
        self: &Arc<Self>,
        tenant: TenantId,
        filter: Filter,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<Run>, Fault> {
        let reader = Arc::clone(self);
        off_the_runtime(move || fold::runs(&reader, tenant, &filter, cursor, limit.clamp(1, PAGE_MOST))).await
    }

    pub(crate) async fn run(self: &Arc<Self>, tenant: TenantId, run: RunId) -> Result<Option<Run>, Fault> {
        let reader = Arc::clone(self);
        off_the_runtime(move || fold::run(&reader, tenant, run)).await
    }
}

/// Files are read where blocking is allowed.
async fn off_the_runtime<T: Send + 'static>(read: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, Fault> {
    let read = tokio::task::spawn_blocking(read).await.map_err(|error| Fault::broken(DOING, error))?;
    read.map_err(|error| Fault::broken(DOING, error))
}

#[cfg(test)]
mod tests;
