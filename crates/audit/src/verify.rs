//! Verification of a log at rest: from its directory and the public key alone.
//!
//! Every entry is read and must be exactly what belongs at its place: written in the one way there is,
//! with the next index, the next sequence number of its trail and the hash of the trail's previous
//! entry; every `heads` entry must name the true heads; every checkpoint must be signed and its root
//! must be that of the entries before it. So nothing that a checkpoint covers can be changed, inserted,
//! removed, repeated or moved unnoticed by anybody who does not hold the signing key.
//!
//! What the files alone cannot show: whether entries *behind* the last checkpoint were cut off or made up
//! (at most about a second of them; the report says how many are unsigned), and whether log and
//! checkpoints were both cut back to an earlier state. For the latter, checkpoints are remembered elsewhere
//! ([`crate::remembered`], [`crate::Witness`]) and given to [`Options::known`].

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;

use lockgate_store::Store;
use lockgate_vocabulary::{Fault, Timestamp};
use serde::Serialize;

use crate::chain::{Frontier, Hash, leaf_hash};
use crate::checkpoint::VerifierKey;
use crate::disk::{Lines, LogDir, Piece, Tail, segment_name};
use crate::entry::{BadEntry, Entry};
use crate::ledger::{Ledger, Mark, Misplaced};
use crate::notes::{self, BadNotes, Noted};
use crate::rows;
use crate::tiles::TileReader;

mod flaw;

pub use flaw::{Bad, Flaw};

/// A row of the outbox may wait so long for its place in the log.
pub const OUTBOX_MOST: std::time::Duration = std::time::Duration::from_secs(10);

/// What a log is held to beside itself.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Checkpoints of this log that were kept elsewhere, as signed notes.
    pub known: Vec<String>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The log's identity.
    pub origin: String,
    /// Entries that were read and found good.
    pub entries: u64,
    /// How many of them a signed checkpoint covers.
    pub signed: u64,
    /// Trails: one for each tenant, and the house's.
    pub trails: u64,
    /// Segment files.
    pub segments: u32,
    /// Checkpoints that were verified.
    pub checkpoints: u64,
    /// Runs that were opened and have no end.
    pub open_runs: u64,
    /// The root over all good entries.
    pub root: Hash,
    /// Whether a process has the log open, so that its last group may be half-written.
    pub live: bool,
    /// The first thing that is wrong; nothing if the log is sound.
    pub bad: Option<Bad>,
}

impl Report {
    /// Whether nothing is wrong.
    pub const fn is_sound(&self) -> bool {
        self.bad.is_none()
    }

    /// Entries that no checkpoint covers yet.
    pub const fn unsigned(&self) -> u64 {
        self.entries.saturating_sub(self.signed)
    }
}

/// Verifies the log in this directory.
pub fn verify(dir: &Path, key: &VerifierKey, options: &Options) -> Report {
    let mut scan = Scan::new(&LogDir::at(dir), key);
    let bad = scan.run(options, &mut |_, _, _| Ok(())).err();
    scan.report(bad)
}

/// A log as it is read from its first entry to its last.
pub(crate) struct Scan<'a> {
    pub(crate) dir: LogDir,
    pub(crate) segments: u32,
    key: &'a VerifierKey,
    node: Option<Box<str>>,
    ledger: Ledger,
    /// The index of the last entry of each trail, by the trail's place.
    lasts: Vec<u64>,
    checkpoints: u64,
    signed: u64,
    live: bool,
    /// The leaves as they were recorded, if the last checkpoint confirms them, and how many.
    recorded: Option<(TileReader, u64)>,
    /// Roots that were promised elsewhere, by size.
    known: BTreeMap<u64, Hash>,
}

/// Is shown each good entry before the ledger takes it in.
pub(crate) type Visit<'v> = dyn FnMut(&mut Ledger, &Entry, &[u8]) -> io::Result<()> + 'v;

impl<'a> Scan<'a> {
    pub(crate) fn new(dir: &LogDir, key: &'a VerifierKey) -> Self {
        Self {
            dir: dir.clone(),
            segments: 0,
            key,
            node: None,
            ledger: Ledger::default(),
            lasts: Vec::new(),
            checkpoints: 0,
            signed: 0,
            live: false,
            recorded: None,
            known: BTreeMap::new(),
        }
    }

    pub(crate) fn report(mut self, bad: Option<Bad>) -> Report {
        Report {
            origin: self.key.name().to_owned(),
            entries: self.ledger.size(),
            signed: self.signed,
            trails: self.ledger.heads_told().trails,
            segments: self.segments,
            checkpoints: self.checkpoints,
            open_runs: self.ledger.open.len() as u64,
            root: self.ledger.root(),
            live: self.live,
            bad,
        }
    }

    /// Reads everything; stops at the first thing that is wrong.
    pub(crate) fn run(&mut self, options: &Options, visit: &mut Visit<'_>) -> Result<(), Bad> {
        self.live = is_open_elsewhere(&self.dir);
        self.known = known(self.key, options)?;
        self.recorded = recorded_leaves(&self.dir, self.key);
        // The checkpoints are looked at first: a log that is being written has at least their entries.
        let notes = notes::all(&self.dir, self.key).map_err(unreadable)?;
        let notes: Box<dyn Iterator<Item = _>> = Box::new(notes);
        let mut notes = notes.peekable();
        self.segments = self.dir.segments().map_err(|error| Bad::of(Flaw::Missing(error.to_string())))?;
        self.heads_agree(&mut notes, None)?;
        for segment in 0..self.segments {
            self.segment(segment, &mut notes, visit)?;
        }
        let entries = self.ledger.size();
        let beyond = match notes.next() {
            None => None,
            Some(Err(bad)) => return Err(note_bad(bad)),
            Some(Ok(noted)) => Some(noted.checkpoint.size),
        };
        match beyond.or(self.known.keys().next().copied()) {
            None => Ok(()),
            Some(signed) => Err(Bad { index: Some(entries), ..Bad::of(Flaw::Truncated { entries, signed }) }),
        }
    }

    fn segment(&mut self, segment: u32, notes: &mut Notes<'_>, visit: &mut Visit<'_>) -> Result<(), Bad> {
        let name = segment_name(segment);
        let mut lines = Lines::open(&self.dir.segment(segment), 0, 0).map_err(unreadable)?;
        loop {
            match lines.advance().map_err(unreadable)? {
                Piece::Line => {
                    let at = |bad: Bad| bad.within(&name, lines.number());
                    self.line(lines.line(), visit).map_err(at)?;
                    self.heads_agree(notes, Some((&name, lines.number())))?;
                }
                Piece::End(Tail::Clean) => return Ok(()),
                Piece::End(Tail::Torn(_)) if self.live && segment + 1 == self.segments => return Ok(()),
                Piece::End(Tail::Torn(bytes)) => {
                    let bad = Bad { index: Some(self.ledger.size()), ..Bad::of(Flaw::Torn { bytes }) };
                    return Err(bad.within(&name, lines.number() + 1));
                }
            }
        }
    }

    fn line(&mut self, line: &[u8], visit: &mut Visit<'_>) -> Result<(), Bad> {
        let index = self.ledger.size();
        let bad = |flaw: Flaw| Bad { index: Some(index), ..Bad::of(flaw) };
        let entry = Entry::parse(line).map_err(|error: BadEntry| bad(Flaw::NotAnEntry(error.to_string())))?;
        let leaf = leaf_hash(line);
        let node = self.node.get_or_insert_with(|| entry.node.clone());
        let judged = self.ledger.judge(node, &entry);
        // Where the recorded hashes are confirmed by a signature, they tell which entry was changed; the
        // chain alone would notice it one entry of the trail later.
        if entry.index == index && self.was_recorded_otherwise(index, leaf) {
            return Err(bad(Flaw::Changed));
        }
        let next = judged.map_err(|misplaced| self.misplaced(misplaced, &entry, index))?;
        visit(&mut self.ledger, &entry, line).map_err(unreadable)?;
        self.ledger.take(&next, leaf, Mark::of(&entry), |_, _| {});
        if self.lasts.len() <= next.place {
            self.lasts.resize(next.place + 1, 0);
        }
        if let Some(last) = self.lasts.get_mut(next.place) {
            *last = index;
        }
        Ok(())
    }

    fn was_recorded_otherwise(&self, index: u64, leaf: Hash) -> bool {
        let Some((leaves, count)) = &self.recorded else { return false };
        index < *count && leaves.leaf(index).is_ok_and(|recorded| recorded != leaf)
    }

    fn misplaced(&self, misplaced: Misplaced, entry: &Entry, index: u64) -> Bad {
        let flaw = match misplaced {
            Misplaced::Node => Flaw::OtherNode,
            Misplaced::Index { wanted, found } => Flaw::Index { wanted, found },
            Misplaced::Sequence { wanted, found } => Flaw::Sequence { wanted, found },
            Misplaced::Heads => Flaw::Heads,
            Misplaced::Previous => {
                let place = self.ledger.head(entry.tenant).map(|(place, _)| place);
                Flaw::Previous { before: place.and_then(|place| self.lasts.get(place)).copied() }
            }
        };
        Bad { index: Some(index), ..Bad::of(flaw) }
    }

    /// Holds the tree to every checkpoint of its present size.
    fn heads_agree(&mut self, notes: &mut Notes<'_>, at: Option<(&str, u64)>) -> Result<(), Bad> {
        let size = self.ledger.size();
        let here = |bad: Bad| match at {
            Some((segment, line)) => Bad { index: size.checked_sub(1), ..bad }.within(segment, line),
            None => bad,
        };
        let root = self.ledger.root();
        loop {
            match notes.next_if(|noted| noted.as_ref().map_or(true, |noted| noted.checkpoint.size <= size)) {
                None => break,
                Some(Err(bad)) => return Err(note_bad(bad)),
                Some(Ok(noted)) if noted.checkpoint.size < size => {
                    return Err(Bad::of(Flaw::Checkpoint { number: noted.number, what: "it goes back".to_owned() }));
                }
                Some(Ok(noted)) if noted.checkpoint.root != root => {
                    return Err(here(Bad::of(Flaw::Root { size, number: Some(noted.number) })));
                }
                Some(Ok(_)) => {
                    self.checkpoints += 1;
                    self.signed = size;
                }
            }
        }
        match self.known.remove(&size) {
            Some(known) if known != root => Err(here(Bad::of(Flaw::Root { size, number: None }))),
            _ => Ok(()),
        }
    }
}

type Notes<'n> = std::iter::Peekable<Box<dyn Iterator<Item = Result<Noted, BadNotes>> + 'n>>;

pub(crate) fn unreadable(error: io::Error) -> Bad {
    Bad::of(Flaw::Unreadable(error.to_string()))
}

fn note_bad(bad: BadNotes) -> Bad {
    match bad {
        BadNotes::Unreadable(error) => unreadable(error),
        BadNotes::Note(number, what) => Bad::of(Flaw::Checkpoint { number, what }),
    }
}

/// Whether a process holds the log's lock.
fn is_open_elsewhere(dir: &LogDir) -> bool {
    let lock = std::fs::File::open(dir.lock());
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)))
}

fn known(key: &VerifierKey, options: &Options) -> Result<BTreeMap<u64, Hash>, Bad> {
    let mut known = BTreeMap::new();
    for note in &options.known {
        let checkpoint = key.checkpoint(note).map_err(|flaw| Bad::of(Flaw::Known(flaw.to_string())))?;
        if known.insert(checkpoint.size, checkpoint.root).is_some_and(|other| other != checkpoint.root) {
            return Err(Bad::of(Flaw::Known("two of the same size contradict each other".to_owned())));
        }
    }
    Ok(known)
}

/// The leaves of the side file, if they are what the last checkpoint was signed over.
fn recorded_leaves(dir: &LogDir, key: &VerifierKey) -> Option<(TileReader, u64)> {
    let last = notes::last(dir, key).ok()??.checkpoint;
    let leaves = TileReader::open(dir).ok().filter(|leaves| leaves.leaves() >= last.size)?;
    let mut tree = Frontier::new();
    for index in 0..last.size {
        tree.push(leaves.leaf(index).ok()?, |_, _| {});
    }
    (tree.root() == last.root).then_some((leaves, last.size))
}

/// Acts that were recorded with a change of the store and are in no log though they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct OutboxReport {
    /// How many have waited longer than [`OUTBOX_MOST`].
    pub overdue: u64,
    /// When the oldest of them was made.
    pub oldest: Option<Timestamp>,
    /// How many rows were set aside, because they were not ours. They are in no log.
    pub aside: u64,
}

impl OutboxReport {
    /// Whether none is overdue.
    pub const fn is_sound(&self) -> bool {
        self.overdue == 0
    }
}

/// Looks for acts that are overdue, on any node.
pub async fn verify_outbox(store: &Store, now: Timestamp) -> Result<OutboxReport, Fault> {
    let found = store.survey(&rows::OVERDUE, vec![now.before(OUTBOX_MOST).into()]).await?;
    let row = found.first().ok_or_else(|| Fault::violated("a count has one row"))?;
    let aside = store.survey(&rows::ASIDE, Vec::new()).await?;
    let aside = aside.first().ok_or_else(|| Fault::violated("a count has one row"))?.int(0)?;
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok(OutboxReport { overdue: count(row.int(0)?), oldest: row.opt_moment(1)?, aside: count(aside) })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, entries, signed, trails, segments, checkpoints, .. } = self;
        write!(
            f,
            "{origin}: {entries} entries of {trails} trails in {segments} segments, {signed} of them under \
             {checkpoints} checkpoints"
        )?;
        match &self.bad {
            None => f.write_str("; sound"),
            Some(bad) => write!(f, "; {bad}"),
        }
    }
}

#[cfg(test)]
mod tests;
