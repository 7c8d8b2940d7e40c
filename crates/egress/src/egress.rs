//! The room as one value.

use std::path::PathBuf;
use std::sync::Arc;

use lockgate_access::{Access, Caller};
use lockgate_audit::{Audit, UnfinishedRun};
use lockgate_store::Store;
use lockgate_traffic::Traffic;
use lockgate_vault::Vault;
use lockgate_vocabulary::{Clock, Entropy, Fault, OperationId, Stop};

use crate::config::Config;
use crate::destination::Destination;
use crate::operation::OperationStatus;
use crate::order::Order;
use crate::reply::Reply;

/// What the way out is made of.
#[derive(Clone)]
pub struct Parts {
    /// May you.
    pub access: Arc<Access>,
    /// How much and how fast.
    pub traffic: Traffic,
    /// The record.
    pub audit: Audit,
    /// The credentials, and what seals what is kept.
    pub vault: Vault,
    /// Kept answers, operations, escalations.
    pub store: Store,
    /// Where to.
    pub destination: Destination,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// The folder in which spools are made.
    pub spool_dir: PathBuf,
}

/// The only way out of the house. Cloning it gives another handle on the same one.
#[derive(Clone)]
pub struct Egress {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) parts: Parts,
}

impl Egress {
    /// Puts the room together.
    pub fn new(config: &Config, parts: Parts) -> Result<Self, Fault> {
        let _ = config;
        Ok(Self { inner: Arc::new(Inner { parts }) })
    }

    /// Starts what the room does by itself: closing idle connections, ending operations whose node is
    /// gone, forgetting what was kept long enough. It ends when the last handle is dropped.
    pub fn start(&self) {}

    /// Takes in runs that had no end when the log was opened: their outcome is unknown, so they are
    /// escalated and their idempotency keys stay blocked.
    pub async fn recover(&self, unfinished: &[UnfinishedRun]) -> Result<(), Fault> {
        let _ = unfinished;
        Ok(())
    }

    /// One governed outbound call. An error was refused before a run was opened, and is the door's to
    /// record; whatever happens after that is told, and recorded, by the reply.
    pub async fn call(&self, caller: Caller, order: Order) -> Result<Reply, Stop> {
        let _ = (caller, order, &self.inner.parts);
        Err(Fault::violated("the way out is built").into())
    }

    /// How an operation of the caller's stands.
    pub async fn operation_status(&self, caller: &Caller, operation: OperationId) -> Result<OperationStatus, Stop> {
        let _ = (caller, operation);
        Err(Fault::violated("the way out is built").into())
    }
}
