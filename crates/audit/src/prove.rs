//! The proof of one record: a small file that anybody can check with the public key alone.
//!
//! It holds the entry, its path to the root, and the signed checkpoint that names the root. It shows
//! that the log's key signed a log in which exactly this entry stands at exactly this place.

use std::fmt;
use std::path::Path;

use lockgate_vocabulary::AuditId;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::chain::{Hash, leaf_hash, verify_inclusion};
use crate::checkpoint::{Checkpoint, VerifierKey};
use crate::disk::{Lines, LogDir, Piece};
use crate::entry::{Entry, LINE_BYTES};
use crate::leaves::Paths;
use crate::locate::Locator;
use crate::notes::{self, BadNotes};
use crate::verify::Bad;

/// What the file says it is.
const FORMAT: &str = "lockgate-audit-proof/1";

/// A proof is at most this long: an entry, sixty-four hashes and a note.
const PROOF_BYTES: usize = 2 * LINE_BYTES;

/// What is said where an entry does not lead to the signed root.
pub(crate) const NOT_SIGNED: &str = "the log is not the one that was signed; verify tells where it was changed";

/// Which record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The one with this identifier.
    Id(AuditId),
    /// The one at this place in the log.
    Index(u64),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Proof<'a> {
    format: &'a str,
    path: Vec<Hash>,
    checkpoint: String,
    #[serde(borrow)]
    entry: &'a RawValue,
}

/// A record that was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// What it says.
    pub entry: Entry,
    /// Its bytes.
    pub line: Box<str>,
    /// The signed head that it stands under.
    pub checkpoint: Checkpoint,
}

/// Why there is no proof, or why a proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The log does not verify.
    Bad(Bad),
    /// It is not a file of this kind.
    Malformed(String),
    /// What it holds does not lead to the signed root.
    NotProven(&'static str),
    /// There is no such record or trail in this log.
    NotThere,
    /// The log cannot be read.
    Unreadable(String),
    /// No checkpoint covers the record yet.
    Unsigned,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bad(bad) => bad.fmt(f),
            Self::Malformed(what) => write!(f, "not such a file: {what}"),
            Self::NotProven(what) => f.write_str(what),
            Self::NotThere => f.write_str("the log has no such entry"),
            Self::Unreadable(what) => f.write_str(what),
            Self::Unsigned => f.write_str("no checkpoint covers it yet; one is signed within a second"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// The proof of a record of the log in this directory, as JSON.
pub fn prove(dir: &Path, key: &VerifierKey, wanted: Wanted) -> Result<String, Failure> {
    let dir = LogDir::at(dir);
    let (checkpoint, note) = last_checkpoint(&dir, key)?;
    let segments = dir.segments()?;
    let (index, line) = match wanted {
        Wanted::Id(id) => find(&dir, segments, id)?,
        Wanted::Index(index) => {
            let line = Locator::new(&dir, segments).line(index).map_err(|_| Failure::NotThere)?;
            (index, line)
        }
    };
    if index >= checkpoint.size {
        return Err(Failure::Unsigned);
    }
    let path = Paths::new(&dir, segments, &checkpoint)?.of(index, leaf_hash(&line))?;
    let path = path.ok_or(Failure::NotProven(NOT_SIGNED))?;
    let entry = raw(&line)?;
    let proof = Proof { format: FORMAT, path, checkpoint: note, entry: &entry };
    serde_json::to_string(&proof).map_err(|error| Failure::Unreadable(error.to_string()))
}

/// Checks a proof with the public key alone.
pub fn check(proof: &str, key: &VerifierKey) -> Result<Proven, Failure> {
    if proof.len() > PROOF_BYTES {
        return Err(Failure::Malformed("it is too long".to_owned()));
    }
    let proof: Proof<'_> = serde_json::from_str(proof).map_err(|error| Failure::Malformed(error.to_string()))?;
    if proof.format != FORMAT {
        return Err(Failure::Malformed("it is of another format".to_owned()));
    }
    let checkpoint = key.checkpoint(&proof.checkpoint).map_err(|flaw| Failure::Malformed(flaw.to_string()))?;
    let line = proof.entry.get();
    let entry = Entry::parse(line.as_bytes()).map_err(|bad| Failure::Malformed(bad.to_string()))?;
    let leaf = leaf_hash(line.as_bytes());
    if !verify_inclusion(leaf, entry.index, checkpoint.size, &proof.path, checkpoint.root) {
        return Err(Failure::NotProven("the entry is not in the log that was signed"));
    }
    Ok(Proven { entry, line: line.into(), checkpoint })
}

/// The newest checkpoint of the log, verified.
pub(crate) fn last_checkpoint(dir: &LogDir, key: &VerifierKey) -> Result<(Checkpoint, String), Failure> {
    let last = notes::last(dir, key).map_err(|bad| match bad {
        BadNotes::Unreadable(error) => Failure::from(error),
        BadNotes::Note(_, what) => Failure::Unreadable(format!("checkpoints: {what}")),
    })?;
    last.map(|noted| (noted.checkpoint, noted.note)).ok_or(Failure::Unsigned)
}

/// A line as it stands, to be put into another JSON text.
pub(crate) fn raw(line: &[u8]) -> Result<Box<RawValue>, Failure> {
    RawValue::from_string(String::from_utf8_lossy(line).into_owned())
        .map_err(|error| Failure::Unreadable(error.to_string()))
}

/// Finds an entry by its identifier, newest segment first.
fn find(dir: &LogDir, segments: u32, id: AuditId) -> Result<(u64, Vec<u8>), Failure> {
    // The identifier is the second member, behind a number; nothing else can stand there.
    let wanted = format!(",\"id\":\"{id}\",");
    for segment in (0..segments).rev() {
        let mut lines = Lines::open(&dir.segment(segment), 0, 0)?;
        while lines.advance()? == Piece::Line {
            let digits = lines.line().iter().skip(9).take_while(|byte| byte.is_ascii_digit()).count();
            if lines.line().get(9 + digits..).is_some_and(|rest| rest.starts_with(wanted.as_bytes())) {
                let entry = Entry::parse(lines.line()).map_err(|bad| Failure::Unreadable(bad.to_string()))?;
                return Ok((entry.index, lines.line().to_vec()));
            }
        }
    }
    Err(Failure::NotThere)
}

#[cfg(test)]
mod tests;
