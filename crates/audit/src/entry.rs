//! One entry of the log: a JSON object on a line of its own, its members in a fixed order.
//!
//! These bytes are what the tree hashes, so there is exactly one way to write an entry, and the parser
//! accepts nothing else: no spaces, no other order, no other spelling of a number, a string or an
//! identifier. The envelope (index, id, node, time, tenant, sequence number, previous hash) is put
//! before the facts by the writer; the facts are written by the caller's thread.
//!
//! Here: what an entry is. `emit` writes, `parse` reads. Not here: files and hashes.

use std::fmt;
use std::net::IpAddr;

use lockgate_vocabulary::{
    AuditId, ConnectionId, CredentialId, KeyId, PrincipalId, PrincipalKind, RunId, TenantId, Timestamp,
};
use serde::Serialize;

use crate::chain::Hash;
use crate::facts::{Detail, Outcome};

mod cursor;
pub(crate) mod emit;
mod parse;
pub(crate) mod scalar;

pub(crate) use parse::{Tail, outbox_head, run_context_of};

/// The longest line that is ever written; a longer one is not ours. Every text in an entry is bounded,
/// and these bounds add up to less even where each byte is escaped.
pub(crate) const LINE_BYTES: usize = 64 * 1024;

/// An entry as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the log, from 0; it is the number of its leaf in the tree.
    pub index: u64,
    /// Its identifier.
    pub id: AuditId,
    /// The node whose log it is.
    pub node: Box<str>,
    /// When it happened.
    pub time: Timestamp,
    /// Whose trail it belongs to; the house's own if `None`.
    pub tenant: Option<TenantId>,
    /// Its place in that trail within this log, from 1.
    pub sequence: u64,
    /// The leaf hash of the previous entry of that trail.
    pub previous: Hash,
    /// The trace, as 32 hexadecimal digits.
    pub trace: Option<Box<str>>,
    /// Who acted.
    pub actor: Option<Who>,
    /// What happened.
    pub facts: Facts,
}

/// Who acted, as an entry names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Who {
    /// The tenant that they act for, where it is another than the entry's.
    pub tenant: Option<TenantId>,
    /// The principal.
    pub principal: PrincipalId,
    /// Its kind.
    pub kind: PrincipalKind,
    /// Its name.
    pub name: Box<str>,
}

/// What happened, by kind of entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Facts {
    /// A run is about to be made.
    Opened(OpenedRun),
    /// One attempt of a run.
    Attempt(AttemptMade),
    /// A run is over.
    Closed(ClosedRun),
    /// A request was refused before a run was opened.
    Refused(RefusedRequest),
    /// An administrative act.
    Deed(DeedDone),
    /// The node started.
    Started(Started),
    /// The node stopped in good order.
    Stopped,
    /// The heads of all trails in this log up to here.
    Heads(HeadsTold),
}

impl Facts {
    /// The word for the kind of entry.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Opened(_) => "opened",
            Self::Attempt(_) => "attempt",
            Self::Closed(_) => "closed",
            Self::Refused(_) => "refused",
            Self::Deed(_) => "deed",
            Self::Started(_) => "started",
            Self::Stopped => "stopped",
            Self::Heads(_) => "heads",
        }
    }

    /// The run that it is about.
    pub const fn run(&self) -> Option<RunId> {
        match self {
            Self::Opened(facts) => Some(facts.run),
            Self::Attempt(facts) => Some(facts.run),
            Self::Closed(facts) => Some(facts.run),
            Self::Refused(facts) => facts.run,
            Self::Deed(_) | Self::Started(_) | Self::Stopped | Self::Heads(_) => None,
        }
    }

    /// The connection that it is about.
    pub const fn connection(&self) -> Option<ConnectionId> {
        match self {
            Self::Opened(facts) => Some(facts.connection),
            Self::Refused(facts) => facts.connection,
            _ => None,
        }
    }
}

/// The facts of a run when it was opened; see [`RunFacts`](crate::RunFacts).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of RunFacts")]
pub struct OpenedRun {
    pub run: RunId,
    pub key: Option<KeyId>,
    pub connection: ConnectionId,
    pub connection_name: Box<str>,
    pub provider: Box<str>,
    pub method: Box<str>,
    pub endpoint: Box<str>,
    pub target: Box<str>,
    pub operation: Box<str>,
    pub dry_run: bool,
    pub idempotency: bool,
    pub peer: IpAddr,
}

/// The facts of an attempt; see [`AttemptFacts`](crate::AttemptFacts).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are those of AttemptFacts")]
pub struct AttemptMade {
    pub run: RunId,
    pub number: u8,
    pub address: Option<IpAddr>,
    pub status: Option<u16>,
    pub outcome: Box<str>,
    pub took_micros: u64,
    pub sent: bool,
    /// Written only where there was one: earlier logs have no word for it.
    pub credential: Option<CredentialId>,
    pub version: Option<u32>,
}

/// The facts of a run's end; see [`Closing`](crate::Closing).
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of Closing")]
pub struct ClosedRun {
    pub run: RunId,
    pub outcome: Outcome,
    pub status: Option<u16>,
    pub code: Option<Box<str>>,
    /// What was measured; nothing where nobody saw the run end.
    pub measured: Option<Measured>,
    /// Written only where it is so: earlier logs have no word for it.
    pub fallback: bool,
}

/// What a run took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of Closing")]
pub struct Measured {
    pub request_bytes: u64,
    pub answer_bytes: u64,
    pub took_micros: u64,
}

/// The facts of a refusal; see [`RefusedFacts`](crate::RefusedFacts).
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of RefusedFacts")]
pub struct RefusedRequest {
    pub run: Option<RunId>,
    pub key: Option<KeyId>,
    pub door: Box<str>,
    pub code: Box<str>,
    pub status: u16,
    pub method: Option<Box<str>>,
    pub connection: Option<ConnectionId>,
    pub connection_name: Option<Box<str>>,
    pub endpoint: Option<Box<str>>,
    pub target: Option<Box<str>>,
    pub peer: IpAddr,
}

/// The facts of an act; see [`Deed`](crate::Deed).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeedDone {
    /// What was done.
    pub action: Box<str>,
    /// To what.
    pub object: Box<str>,
    /// Whether it came by the outbox, recorded with the change that it tells of.
    pub relayed: bool,
    /// More about it.
    pub details: Vec<(Box<str>, Detail)>,
}

/// How the log was found when the node started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Started {
    /// Entries beyond the last signed checkpoint that were taken over.
    pub unsigned: u64,
    /// Bytes of a half-written last group that were cut off.
    pub torn_bytes: u64,
    /// Runs without an end.
    pub unfinished: u64,
}

/// The heads of all trails, as one root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadsTold {
    /// How many trails there are.
    pub trails: u64,
    /// The root over their heads, in the order in which the trails began.
    pub root: Hash,
}

/// Why a line is not an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadEntry {
    /// What was expected.
    pub wanted: &'static str,
    /// Where in the line, counted in bytes.
    pub at: usize,
}

impl fmt::Display for BadEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} expected at byte {}", self.wanted, self.at)
    }
}

impl std::error::Error for BadEntry {}

#[cfg(test)]
mod tests;
