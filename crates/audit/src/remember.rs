//! What is remembered of a log outside its directory, and what becomes of a log that is not that any more.
//!
//! Whoever may write a log's directory can put back an earlier copy of it, or none: everything in it then
//! agrees with itself. So the relay tells the store each checkpoint, and a witness may be told too. When
//! the log is opened or verified it must be an extension of what they remember. A log that is not is
//! refused until its files are restored, or until an operator accepts the loss, which is recorded.
//!
//! Not here: who signs checkpoints (`append`), and how a file of them is read (`notes`).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lockgate_store::{Change, Row, Statement, Store};
use lockgate_vocabulary::{Fault, Timestamp};

use crate::chain::{consistency_path, verify_consistency};
use crate::checkpoint::{Checkpoint, VerifierKey};
use crate::config::{Config, ORIGIN};
use crate::disk::LogDir;
use crate::ledger::Ledger;
use crate::notes;
use crate::rows;
use crate::tiles::TileReader;
use crate::witness::Witness;

/// What is known of a log outside its directory.
#[derive(Default)]
pub struct Elsewhere {
    /// Who is told each checkpoint from now on.
    pub witness: Option<Arc<dyn Witness>>,
    /// Checkpoints that the log must extend, as signed notes.
    pub known: Vec<String>,
}

/// A log is not an extension of what is remembered of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolledBack {
    /// The log's identity.
    pub origin: String,
    /// In which way it is not.
    pub way: Way,
}

/// In which way a log is not what is remembered of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// What is remembered is no checkpoint that this log's key signed.
    Foreign(String),
    /// It has as many entries, but others.
    Other {
        /// How many are remembered.
        remembered: u64,
    },
    /// It has fewer.
    Short {
        /// How many there are.
        entries: u64,
        /// How many are remembered.
        remembered: u64,
    },
}

impl RolledBack {
    pub(crate) fn short(origin: &str, entries: u64, remembered: u64) -> Self {
        Self { origin: origin.to_owned(), way: Way::Short { entries, remembered } }
    }

    pub(crate) fn other(origin: &str, remembered: u64) -> Self {
        Self { origin: origin.to_owned(), way: Way::Other { remembered } }
    }
}

impl fmt::Display for RolledBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "audit.rolled-back: the log {} is not what is remembered of it: ", self.origin)?;
        match &self.way {
            Way::Foreign(what) => write!(f, "the checkpoint that is remembered is not one of its own: {what}"),
            Way::Other { remembered } => write!(f, "its first {remembered} entries are others than those"),
            Way::Short { entries, remembered } => {
                write!(f, "it has {entries} entries, and {remembered} were signed: its end is missing")
            }
        }
    }
}

impl std::error::Error for RolledBack {}

/// What the store, and the witness's file where there is one, remember of this log.
pub async fn remembered(config: &Config, store: &Store) -> Result<Vec<String>, Fault> {
    let rows = store.survey(&rows::REMEMBERED, vec![config.origin().into()]).await?;
    let mut known = Vec::new();
    for row in &rows {
        known.push(row.text(0)?.to_owned());
    }
    known.extend(witnessed(config)?);
    Ok(known)
}

/// How far the store may lag behind a log: an interval of checkpoints, the time to tell of one, and clocks that differ.
const LAG: Duration = Duration::from_secs(600);

/// The log of another node, which shares the store and has its trail in its own files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherLog {
    /// The node.
    pub node: String,
    /// When the store last heard that the log had grown.
    pub heard_at: Timestamp,
}

/// The other logs that may have entries since this moment.
pub(crate) async fn others(store: &Store, key: &VerifierKey, since: Timestamp) -> Result<Vec<OtherLog>, Fault> {
    let values = vec![key.name().into(), since.before(LAG).into()];
    let rows = store.survey(&rows::REMEMBERED_SINCE, values).await?;
    let read = |row: &Row| Ok(OtherLog { node: node_of(row.text(0)?).to_owned(), heard_at: row.moment(1)? });
    rows.iter().map(read).collect()
}

/// The node whose log has this identity.
pub(crate) fn node_of(origin: &str) -> &str {
    origin.strip_prefix(ORIGIN).unwrap_or(origin)
}

/// The last checkpoint in the witness's file, where there is one.
pub fn witnessed(config: &Config) -> Result<Option<String>, Fault> {
    let Some(file) = &config.witness_file else { return Ok(None) };
    notes::last_note(file).map_err(|error| Fault::broken("reading the file of the audit log's witness", error))
}

/// Has the store remember a checkpoint, unless it remembers a later one.
pub(crate) async fn remember(store: &Store, key: &VerifierKey, note: &str, now: Timestamp) -> Result<(), Fault> {
    keep(store, &rows::REMEMBER, key, note, now).await
}

/// Has the store remember this checkpoint whatever it remembered before: a loss was accepted, and the log
/// says so under this checkpoint.
pub async fn accept(store: &Store, key: &VerifierKey, note: &str, now: Timestamp) -> Result<(), Fault> {
    keep(store, &rows::REMEMBER_INSTEAD, key, note, now).await
}

async fn keep(
    store: &Store,
    statement: &'static Statement,
    key: &VerifierKey,
    note: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    const DOING: &str = "remembering a checkpoint of the audit log";
    let checkpoint = key.checkpoint(note).map_err(|flaw| Fault::broken(DOING, flaw))?;
    let size = i64::try_from(checkpoint.size).map_err(|error| Fault::broken(DOING, error))?;
    let change = Change::house().step(statement, vec![key.name().into(), size.into(), note.into(), now.into()]);
    store.apply(change).await.map(drop).map_err(|failure| failure.into_fault(DOING))
}

/// The checkpoints in these notes, smallest first.
pub(crate) fn opened(key: &VerifierKey, notes: &[String]) -> Result<Vec<Checkpoint>, RolledBack> {
    let foreign = |what: String| RolledBack { origin: key.name().to_owned(), way: Way::Foreign(what) };
    let checkpoints = notes.iter().map(|note| key.checkpoint(note).map_err(|flaw| foreign(flaw.to_string())));
    let mut checkpoints = checkpoints.collect::<Result<Vec<Checkpoint>, RolledBack>>()?;
    checkpoints.sort_by_key(|checkpoint| checkpoint.size);
    Ok(checkpoints)
}

/// Whether the log whose state this is extends a checkpoint, by the hashes beside it. They are derived and
/// prove it all the same: no others lead from the one root to the other. Where they do not, nothing is said
/// about the log: whoever asks reads its entries.
pub(crate) fn is_extended(dir: &LogDir, ledger: &Ledger, checkpoint: &Checkpoint) -> bool {
    let Ok(leaves) = TileReader::open(dir) else { return false };
    let (old, new) = (checkpoint.size, ledger.size());
    let path = consistency_path(old, new, &mut |height, place| leaves.node(height, place));
    path.is_ok_and(|path| verify_consistency((old, checkpoint.root), (new, ledger.root()), &path))
}

#[cfg(test)]
mod tests;
