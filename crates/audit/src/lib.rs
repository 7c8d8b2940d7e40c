//! The tamper-evident record of what was asked, allowed, refused and done.
//!
//! Each node appends to a log of its own: files of JSON lines, written and synced in groups by one
//! thread. The entries are the leaves of a Merkle tree whose head is signed; each tenant's entries are
//! a chain of their own within it. In reading order: [`RunFacts`], [`RefusedFacts`] and [`Deed`] are
//! what callers tell; [`Entry`] is how it is written down; [`chain`] is the tree; [`checkpoint`] its
//! signed heads; [`Audit`] appends and reads; [`Relay`] appends what was recorded inside a change of the
//! store; [`verify`], [`export`] and [`prove`] need only the files and a public key.
//!
//! **What never gets in.** No secret, no body, no header, no query, no path as it was sent: a path comes
//! as the operator's declared template and as a digest under a key of the tenant's. Whatever text comes
//! from outside is bounded and escaped. What the facts have no field for cannot be recorded.
//!
//! Not here: who may read the trail (`admin`), what is done about unfinished runs (`egress`).

mod append;
mod audit;
pub mod chain;
pub mod checkpoint;
mod config;
mod disk;
pub mod entry;
pub mod export;
mod facts;
mod index;
mod leaves;
mod ledger;
mod locate;
mod mac;
mod notes;
mod opened;
mod outbox;
pub mod prove;
mod ration;
mod read;
mod recover;
mod refusal;
mod relay;
mod remember;
pub mod rows;
mod state;
mod tiles;
pub mod verify;
mod witness;

pub use audit::{Audit, Recovered, UnfinishedRun};
pub use checkpoint::{Checkpoint, Signer, VerifierKey};
pub use config::Config;
pub use entry::Entry;
pub use facts::{AttemptFacts, Closing, Deed, Detail, Outcome, RefusedFacts, RunFacts};
pub use notes::last_note;
pub use opened::Opened;
pub use ration::Noted;
pub use read::{Attempt, Cursor, CursorParse, Ended, Filter, Order, Page, Record, Run};
pub use refusal::AuditRefusal;
pub use relay::Relay;
pub use remember::{Elsewhere, OtherLog, RolledBack, Way, accept, remembered, witnessed};
pub use witness::{FileWitness, Witness};

#[cfg(test)]
mod tests;
