//! Opening a log: what is on the disk is read, checked, and made fit to be written to again.
//!
//! Recovery begins at the last kept state, so a start takes about as long as one segment takes to read,
//! however long the log is. What lies before it was checked when it was written, and is checked again
//! by `verify`.
//!
//! Only one thing is ever cut off: a last group that was still being written when the machine stopped.
//! Such a group is behind everything that was acknowledged, and it shows: it breaks off within a line,
//! or has holes of zeros where pages had not reached the disk. It is kept in a file of its own. Anything
//! else that does not verify keeps the node from starting.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;

use lockgate_vocabulary::Fault;

use crate::append::segment::Segment;
use crate::audit::UnfinishedRun;
use crate::chain::leaf_hash;
use crate::checkpoint::{Checkpoint, VerifierKey};
use crate::disk::{Lines, LogDir, Piece, Tail, owner_only, segment_name};
use crate::entry::{Entry, Facts, run_context_of};
use crate::index::SegmentIndex;
use crate::ledger::{Ledger, Mark, Misplaced};
use crate::locate::Locator;
use crate::notes::{self, BadNotes, Noted, Notes};
use crate::remember::{RolledBack, is_extended};
use crate::state::{self, Place};
use crate::tiles::Tiles;

const DOING: &str = "opening the audit log";

/// The longest last group: what is written between two syncs, with room to spare.
const TORN_MOST: u64 = 8 * 1024 * 1024;

/// A log as it was found, ready to be written to.
pub(crate) struct Found {
    pub(crate) ledger: Ledger,
    pub(crate) index: SegmentIndex,
    pub(crate) segment: Segment,
    pub(crate) tiles: Tiles,
    pub(crate) notes: Notes,
    pub(crate) last_note: Option<Noted>,
    pub(crate) torn_bytes: u64,
    pub(crate) unfinished: Vec<Unfinished>,
}

/// A run without an end, and what its entries repeat.
pub(crate) struct Unfinished {
    pub(crate) run: UnfinishedRun,
    pub(crate) repeated: Box<[u8]>,
}

/// What the log must be.
pub(crate) struct Wanted<'a> {
    pub(crate) key: &'a VerifierKey,
    pub(crate) node: &'a str,
    /// Checkpoints that are remembered elsewhere, smallest first: the log must extend each.
    pub(crate) held: &'a [Checkpoint],
}

impl Wanted<'_> {
    /// Demands that so many entries are all that is remembered.
    fn demand_length(&self, entries: u64) -> Result<(), Fault> {
        let last = self.held.last().filter(|held| held.size > entries);
        let short = last.map(|held| RolledBack::short(self.key.name(), entries, held.size));
        short.map_or(Ok(()), |short| Err(Fault::broken(DOING, short)))
    }
}

/// Takes the log for this process alone.
pub(crate) fn lock(dir: &LogDir) -> Result<File, Fault> {
    let file = owner_only().write(true).create(true).truncate(false).open(dir.lock());
    let file = file.map_err(|error| Fault::broken(DOING, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Fault::broken(DOING, "another process has this log open")),
        Err(TryLockError::Error(error)) => Err(Fault::broken(DOING, error)),
    }
}

/// Reads the log and makes it ready.
pub(crate) fn recover(dir: &LogDir, wanted: &Wanted<'_>, segment_bytes: u64) -> Result<Found, Fault> {
    let key = wanted.key;
    let fault = |error: io::Error| Fault::broken(DOING, error);
    // Half a note at the end is cut off before the notes are read.
    let file = Notes::open(dir).map_err(fault)?;
    let segments = dir.segments().map_err(fault)?;
    let (place, ledger) = begin(dir, wanted, segments);
    let notes = notes::recent(dir, key, ledger.size()).map_err(|bad| Fault::broken(DOING, told(bad)))?;
    let Some(last) = segments.checked_sub(1) else {
        wanted.demand_length(0)?;
        return empty(dir, file, notes.last(), segment_bytes);
    };
    let tiles = Tiles::open(dir, ledger.size()).map_err(fault)?;
    let mut scan = Scan { dir, wanted, ledger, tiles, notes: &notes, index: SegmentIndex::default() };
    scan.heads_agree(&segment_name(place.segment), place.lines)?;
    let mut end = place;
    let mut torn_bytes = 0;
    for segment in place.segment..segments {
        let from = if segment == place.segment { place } else { Place { segment, offset: 0, lines: 0 } };
        let (reached, tail) = scan.segment(from)?;
        end = reached;
        if segment == last {
            torn_bytes = scan.cut(end, tail)?;
        } else {
            scan.seal(segment, tail)?;
        }
    }
    let Scan { ledger, tiles, index, .. } = scan;
    wanted.demand_length(ledger.size())?;
    let last_note = notes.last().cloned();
    if let Some(noted) = last_note.as_ref().filter(|noted| noted.checkpoint.size > ledger.size()) {
        let (signed, there) = (noted.checkpoint.size, ledger.size());
        let said =
            format!("the log has {there} entries, but a checkpoint over {signed} was signed: its end is missing");
        return Err(Fault::broken(DOING, said));
    }
    let unfinished = unfinished(dir, segments, &ledger)?;
    let segment = Segment::reopen(dir, last, end.offset, end.lines, segment_bytes).map_err(fault)?;
    Ok(Found { ledger, index, segment, tiles, notes: file, last_note, torn_bytes, unfinished })
}

fn told(bad: BadNotes) -> String {
    match bad {
        BadNotes::Unreadable(error) => error.to_string(),
        BadNotes::Note(number, flaw) => format!("checkpoint {number} of the last ones: {flaw}"),
    }
}

fn empty(dir: &LogDir, notes: Notes, last: Option<&Noted>, segment_bytes: u64) -> Result<Found, Fault> {
    if let Some(noted) = last {
        let said = format!("a checkpoint over {} entries was signed, but there is no segment", noted.checkpoint.size);
        return Err(Fault::broken(DOING, said));
    }
    let fault = |error: io::Error| Fault::broken(DOING, error);
    Ok(Found {
        ledger: Ledger::default(),
        index: SegmentIndex::default(),
        tiles: Tiles::open(dir, 0).map_err(fault)?,
        segment: Segment::first(dir, segment_bytes).map_err(fault)?,
        notes,
        last_note: None,
        torn_bytes: 0,
        unfinished: Vec::new(),
    })
}

/// Where to begin: at the kept state if it fits what is there and what is remembered elsewhere, else at the
/// first entry.
fn begin(dir: &LogDir, wanted: &Wanted<'_>, segments: u32) -> (Place, Ledger) {
    let fits = |(place, ledger): &(Place, Ledger)| {
        let length = fs::metadata(dir.segment(place.segment)).map_or(0, |file| file.len());
        let mut before = wanted.held.iter().filter(|held| held.size < ledger.size());
        place.segment < segments
            && place.offset <= length
            && Tiles::hold(dir, ledger.size())
            && before.all(|held| is_extended(dir, ledger, held))
    };
    let first = Place { segment: 0, offset: 0, lines: 0 };
    state::load(dir, wanted.key).filter(fits).unwrap_or((first, Ledger::default()))
}

struct Scan<'a> {
    dir: &'a LogDir,
    wanted: &'a Wanted<'a>,
    ledger: Ledger,
    tiles: Tiles,
    notes: &'a [Noted],
    /// The index of the segment at hand.
    index: SegmentIndex,
}

impl Scan<'_> {
    fn bad(&self, segment: &str, line: u64, what: impl std::fmt::Display) -> Fault {
        let index = self.ledger.size();
        Fault::broken(DOING, format!("{segment}, line {line}, entry {index}: {what}"))
    }

    /// Reads a segment from a place to its end.
    fn segment(&mut self, from: Place) -> Result<(Place, Tail), Fault> {
        let name = segment_name(from.segment);
        let path = self.dir.segment(from.segment);
        let fault = |error: io::Error| Fault::broken(DOING, format!("{name}: {error}"));
        self.index = index_before(self.dir, from).map_err(fault)?;
        let mut lines = Lines::open(&path, from.offset, from.lines).map_err(fault)?;
        loop {
            match lines.advance().map_err(fault)? {
                Piece::Line => self.line(&name, &lines)?,
                Piece::End(tail) => {
                    let place = Place { segment: from.segment, offset: lines.end(), lines: lines.number() };
                    return Ok((place, tail));
                }
            }
        }
    }

    fn line(&mut self, segment: &str, lines: &Lines) -> Result<(), Fault> {
        let number = lines.number();
        let entry = Entry::parse(lines.line()).map_err(|bad| self.bad(segment, number, bad))?;
        let next = match self.ledger.judge(self.wanted.node, &entry) {
            Ok(next) => next,
            Err(misplaced) => return Err(self.bad(segment, number, misplaced)),
        };
        let leaf = leaf_hash(lines.line());
        let fault = |error: io::Error| Fault::broken(DOING, error);
        self.tiles.push(0, leaf).map_err(fault)?;
        let (tiles, mut kept) = (&mut self.tiles, Ok(()));
        self.ledger.take(&next, leaf, Mark::of(&entry), |height, root| {
            if kept.is_ok() {
                kept = tiles.push(height, root);
            }
        });
        kept.map_err(fault)?;
        self.index.note(lines.start(), lines.end() - lines.start(), entry.index, entry.tenant);
        self.heads_agree(segment, number)
    }

    /// Holds the tree to the checkpoints that were signed at its size.
    fn heads_agree(&self, segment: &str, line: u64) -> Result<(), Fault> {
        let size = self.ledger.size();
        let first = self.notes.partition_point(|noted| noted.checkpoint.size < size);
        let here = self.notes.iter().skip(first).take_while(|noted| noted.checkpoint.size == size);
        let root = self.ledger.root();
        for noted in here {
            if noted.checkpoint.root != root {
                let said = format!("the checkpoint over the first {size} entries was signed over other entries");
                return Err(self.bad(segment, line, said));
            }
        }
        let other = self.wanted.held.iter().find(|held| held.size == size && held.root != root);
        let other = other.map(|held| RolledBack::other(self.wanted.key.name(), held.size));
        other.map_or(Ok(()), |other| Err(Fault::broken(DOING, other)))
    }

    /// A segment that another one follows has nothing behind its last line; what was filled is cut off.
    fn seal(&self, segment: u32, tail: Tail) -> Result<(), Fault> {
        let name = segment_name(segment);
        if let Tail::Torn(bytes) = tail {
            return Err(Fault::broken(DOING, format!("{name}: {bytes} bytes behind its last entry are no entry")));
        }
        let fault = |error: io::Error| Fault::broken(DOING, format!("{name}: {error}"));
        let file = owner_only().write(true).open(self.dir.segment(segment)).map_err(fault)?;
        if file.metadata().map_err(fault)?.len() > self.index.length {
            file.set_len(self.index.length).map_err(fault)?;
            file.sync_all().map_err(fault)?;
        }
        if self.dir.index(segment).exists() { Ok(()) } else { self.index.keep(self.dir, segment).map_err(fault) }
    }

    /// Cuts a half-written last group off. Gives how many bytes it had.
    fn cut(&self, end: Place, tail: Tail) -> Result<u64, Fault> {
        let Tail::Torn(bytes) = tail else { return Ok(0) };
        let name = segment_name(end.segment);
        if bytes > TORN_MOST {
            let said = format!("{bytes} bytes behind its last entry are no entry; no group is so large");
            return Err(Fault::broken(DOING, format!("{name}: {said}")));
        }
        let fault = |error: io::Error| Fault::broken(DOING, format!("{name}: {error}"));
        let file = owner_only().read(true).write(true).open(self.dir.segment(end.segment)).map_err(fault)?;
        let mut torn = vec![0u8; usize::try_from(bytes).unwrap_or(0)];
        file.read_exact_at(&mut torn, end.offset).map_err(fault)?;
        self.dir.replace(&self.dir.torn(self.ledger.size()), &torn).map_err(fault)?;
        file.set_len(end.offset).map_err(fault)?;
        file.sync_all().map_err(fault)?;
        tracing::warn!(bytes, segment = name, "a half-written group at the end of the audit log was cut off");
        Ok(bytes)
    }
}

/// The index of what lies before a place in its segment.
fn index_before(dir: &LogDir, place: Place) -> io::Result<SegmentIndex> {
    let mut index = SegmentIndex::default();
    if place.offset == 0 {
        return Ok(index);
    }
    let mut lines = Lines::open(&dir.segment(place.segment), 0, 0)?;
    while lines.end() < place.offset && lines.advance()? == Piece::Line {
        let entry =
            Entry::parse(lines.line()).map_err(|bad| io::Error::other(format!("line {}: {bad}", lines.number())))?;
        index.note(lines.start(), lines.end() - lines.start(), entry.index, entry.tenant);
    }
    if lines.end() == place.offset { Ok(index) } else { Err(io::Error::other("its lines are not where they were")) }
}

/// The runs that have no end.
fn unfinished(dir: &LogDir, segments: u32, ledger: &Ledger) -> Result<Vec<Unfinished>, Fault> {
    let mut indices: Vec<u64> = ledger.open.values().copied().collect();
    indices.sort_unstable();
    let locator = Locator::new(dir, segments);
    indices.into_iter().map(|index| one_unfinished(&locator, index)).collect()
}

fn one_unfinished(locator: &Locator<'_>, index: u64) -> Result<Unfinished, Fault> {
    let line = locator.line(index).map_err(|error| Fault::broken(DOING, error))?;
    let bad = || Fault::broken(DOING, format!("entry {index} does not open a run, though the state says so"));
    let entry = Entry::parse(&line).map_err(|_| bad())?;
    let (Facts::Opened(facts), Some(tenant)) = (entry.facts, entry.tenant) else { return Err(bad()) };
    let repeated = run_context_of(&line).ok_or_else(bad)?.into();
    let run = UnfinishedRun {
        tenant,
        run: facts.run,
        connection: facts.connection,
        connection_name: facts.connection_name,
        method: facts.method,
        endpoint: facts.endpoint,
        operation: facts.operation,
        opened_at: entry.time,
    };
    Ok(Unfinished { run, repeated })
}

impl std::fmt::Display for Misplaced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Node => f.write_str("it is another node's"),
            Self::Index { wanted, found } => write!(f, "entry {wanted} should stand here, but entry {found} does"),
            Self::Sequence { wanted, found } => {
                write!(f, "it should have sequence number {wanted} in its trail, but has {found}")
            }
            Self::Previous => f.write_str("the entry before it in its trail is not the one whose hash it names"),
            Self::Heads => f.write_str("the heads of the trails are not those that it names"),
        }
    }
}

#[cfg(test)]
mod tests;
