//! One tenant's whole trail in a file, with the proof that it is whole.
//!
//! The file is JSON lines: a head, then each entry of the trail with its path to the root. Anybody can
//! check it with the public key alone; no other tenant's entries are in it or needed.
//!
//! **Why a checked export is complete.** Right before each checkpoint the log takes in a `heads` entry:
//! the root of a tree whose leaves are, for every trail, the tenant, the sequence number of its last
//! entry and that entry's hash. The checkpoint covers this entry as its last leaf. So:
//! 1. The checkpoint is signed; the `heads` entry is proven to be its last leaf, hence no entry of any
//!    trail lies between the heads it names and the checkpoint.
//! 2. The tenant's own head is proven to be a leaf under the root that the `heads` entry names. It says:
//!    the trail has exactly *n* entries, and the last one has this hash.
//! 3. The entries given have the sequence numbers 1 to *n*, each names the hash of the one before, and
//!    the last one has the hash of the head. By collision resistance there is no other such list.
//! 4. Each entry is proven to stand at its place in the signed log.
//!
//! (The heads are an entry and not an extension line of the checkpoint, which C2SP advises against: an
//! entry is in the tree, so whoever audits the log can check it.)
//!
//! Leaving out, adding, changing or reordering an entry, the last ones included, breaks one of these.
//! A file may be old (it is complete *up to its checkpoint*, which it names), and each node has a log of
//! its own, so an auditor asks for one file for each node. What is trusted is that the signing key was
//! used by the gateway alone: `verify` over the whole log checks that every `heads` entry told the truth
//! and that no trail has two heads.

use std::io::{BufRead, Read, Write};
use std::path::Path;

use lockgate_vocabulary::TenantId;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::chain::{Hash, leaf_hash, verify_inclusion};
use crate::checkpoint::{Checkpoint, VerifierKey};
use crate::disk::{Lines, LogDir, Piece};
use crate::entry::{Entry, Facts, HeadsTold, LINE_BYTES};
use crate::leaves::Paths;
use crate::ledger::Head;
use crate::prove::{Failure, NOT_SIGNED, last_checkpoint, raw};
use crate::verify::{Options, Scan};

/// What the file says it is.
const FORMAT: &str = "lockgate-audit-export/1";

/// One line of the file: an entry, sixty-four hashes twice, a note.
const EXPORT_LINE_BYTES: u64 = 4 * LINE_BYTES as u64;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Beginning<'a> {
    format: &'a str,
    tenant: Option<TenantId>,
    entries: u64,
    checkpoint: String,
    heads_path: Vec<Hash>,
    place: u64,
    place_path: Vec<Hash>,
    #[serde(borrow)]
    heads: &'a RawValue,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed<'a> {
    path: Vec<Hash>,
    #[serde(borrow)]
    entry: &'a RawValue,
}

/// What an export holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Whose trail; the house's own if `None`.
    pub tenant: Option<TenantId>,
    /// How many entries it has.
    pub entries: u64,
    /// The signed head up to which it is complete.
    pub checkpoint: Checkpoint,
}

/// Where the trail ends under the checkpoint, and how that is proven.
struct End {
    place: usize,
    head: Head,
    place_path: Vec<Hash>,
    heads: Vec<u8>,
}

/// Writes a tenant's trail (the house's own for `None`) up to the last checkpoint. The whole log is
/// verified on the way, and held to what is known of it elsewhere.
pub fn export(
    dir: &Path,
    key: &VerifierKey,
    tenant: Option<TenantId>,
    options: &Options,
    out: &mut dyn Write,
) -> Result<Exported, Failure> {
    let log = LogDir::at(dir);
    let (checkpoint, note) = last_checkpoint(&log, key)?;
    let mut scan = Scan::new(&log, key);
    let mut end = None;
    scan.run(options, &mut |ledger, entry, line| {
        if entry.index + 1 == checkpoint.size && matches!(entry.facts, Facts::Heads(_)) {
            end = ledger.head(tenant).map(|(place, head)| {
                let place_path = ledger.head_path(place);
                End { place, head, place_path, heads: line.to_vec() }
            });
        }
        Ok(())
    })
    .map_err(Failure::Bad)?;
    let end = end.ok_or(Failure::NotThere)?;
    let mut paths = Paths::new(&log, scan.segments, &checkpoint)?;
    let mut path = |index, line: &[u8]| {
        paths.of(index, leaf_hash(line)).map_err(Failure::from)?.ok_or(Failure::NotProven(NOT_SIGNED))
    };
    let beginning = Beginning {
        format: FORMAT,
        tenant,
        entries: end.head.sequence,
        heads_path: path(checkpoint.size - 1, &end.heads)?,
        place: end.place as u64,
        place_path: end.place_path,
        heads: &raw(&end.heads)?,
        checkpoint: note,
    };
    write_line(out, &beginning)?;
    for segment in 0..scan.segments {
        let mut lines = Lines::open(&log.segment(segment), 0, 0)?;
        while lines.advance()? == Piece::Line {
            let entry = Entry::parse(lines.line()).map_err(|bad| Failure::Unreadable(bad.to_string()))?;
            if entry.tenant == tenant && entry.index + 1 < checkpoint.size {
                let path = path(entry.index, lines.line())?;
                write_line(out, &Listed { path, entry: &raw(lines.line())? })?;
            }
        }
    }
    out.flush()?;
    Ok(Exported { tenant, entries: end.head.sequence, checkpoint })
}

fn write_line(out: &mut dyn Write, line: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(line).map_err(|error| Failure::Unreadable(error.to_string()))?;
    writeln!(out, "{text}").map_err(Failure::from)
}

/// Checks an export with the public key alone. `listed` is shown each entry, in order, as it is proven;
/// the whole is only proven complete when this returns.
pub fn check(mut export: impl BufRead, key: &VerifierKey, mut listed: impl FnMut(&Entry)) -> Result<Exported, Failure> {
    let mut line = String::new();
    read_line(&mut export, &mut line)?;
    let beginning: Beginning<'_> = parsed(&line)?;
    if beginning.format != FORMAT {
        return Err(Failure::Malformed("it is of another format".to_owned()));
    }
    let checkpoint = key.checkpoint(&beginning.checkpoint).map_err(|flaw| Failure::Malformed(flaw.to_string()))?;
    let told = heads(&beginning, &checkpoint)?;
    let tenant = beginning.tenant;
    let mut head = Head { tenant, sequence: 0, hash: Hash::ZERO };
    let (entries, place, place_path) = (beginning.entries, beginning.place, beginning.place_path.clone());
    while read_line(&mut export, &mut line)? {
        let next: Listed<'_> = parsed(&line)?;
        let entry = one(&next, &head, &checkpoint)?;
        head = Head { tenant, sequence: entry.sequence, hash: leaf_hash(next.entry.get().as_bytes()) };
        listed(&entry);
    }
    if head.sequence != entries {
        return Err(Failure::NotProven("the trail breaks off: its last entries are missing"));
    }
    if !verify_inclusion(head.leaf(), place, told.trails, &place_path, told.root) {
        return Err(Failure::NotProven("the trail does not end where the signed log says that it ends"));
    }
    Ok(Exported { tenant, entries, checkpoint })
}

/// What the signed log says about where trails end.
fn heads(beginning: &Beginning<'_>, checkpoint: &Checkpoint) -> Result<HeadsTold, Failure> {
    let line = beginning.heads.get().as_bytes();
    let entry = Entry::parse(line).map_err(|bad| Failure::Malformed(bad.to_string()))?;
    let Facts::Heads(told) = entry.facts else {
        return Err(Failure::NotProven("the entry that should name the heads of the trails does not"));
    };
    let is_last = entry.index.checked_add(1) == Some(checkpoint.size);
    let path = &beginning.heads_path;
    if !is_last || !verify_inclusion(leaf_hash(line), entry.index, checkpoint.size, path, checkpoint.root) {
        return Err(Failure::NotProven("the heads of the trails are not the last entry of the signed log"));
    }
    Ok(told)
}

/// An entry that follows a head and stands in the signed log.
fn one(next: &Listed<'_>, head: &Head, checkpoint: &Checkpoint) -> Result<Entry, Failure> {
    let line = next.entry.get().as_bytes();
    let entry = Entry::parse(line).map_err(|bad| Failure::Malformed(bad.to_string()))?;
    if entry.tenant != head.tenant {
        return Err(Failure::NotProven("an entry is of another trail"));
    }
    if entry.sequence != head.sequence + 1 || entry.previous != head.hash {
        return Err(Failure::NotProven("an entry does not follow the one before it: something is missing or changed"));
    }
    if !verify_inclusion(leaf_hash(line), entry.index, checkpoint.size, &next.path, checkpoint.root) {
        return Err(Failure::NotProven("an entry is not in the log that was signed"));
    }
    Ok(entry)
}

fn parsed<'a, T: Deserialize<'a>>(line: &'a str) -> Result<T, Failure> {
    serde_json::from_str(line).map_err(|error| Failure::Malformed(error.to_string()))
}

/// Reads the next line; false at the end.
fn read_line(export: &mut impl BufRead, line: &mut String) -> Result<bool, Failure> {
    line.clear();
    let read = export.by_ref().take(EXPORT_LINE_BYTES).read_line(line)?;
    if read > 0 && !line.ends_with('\n') {
        return Err(Failure::Malformed("a line breaks off or is too long".to_owned()));
    }
    Ok(read > 0)
}

#[cfg(test)]
mod tests;
