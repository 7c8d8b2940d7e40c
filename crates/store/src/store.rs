//! The store as the rooms see it: reads, changes, the epoch.

use std::path::Path;
use std::sync::Arc;

use lockgate_vocabulary::{Clock, Fault, TenantId};

use crate::change::{Applied, ApplyFailure, Change};
use crate::config::Config;
use crate::counters::Counters;
use crate::epoch::Epoch;
use crate::signals::Signals;
use crate::statement::Statement;
use crate::value::{Row, Value};

/// What outlives a request. Cloning it gives another handle on the same store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    epoch: crate::epoch::EpochKeeper,
    counters: Arc<dyn Counters>,
    signals: Arc<dyn Signals>,
}

impl Store {
    /// Opens the database, migrates it forward, and starts the writer and the polling of the epoch.
    pub async fn open(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        let _ = config;
        let counters = Arc::new(crate::LocalCounters::new(clock.clone()));
        let signals = Arc::new(crate::LocalSignals::new());
        let inner = Inner { epoch: crate::epoch::EpochKeeper::new(clock), counters, signals };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Runs a statement on one tenant's rows; `$1` is the tenant, `values` start at `$2`.
    pub async fn read(
        &self,
        tenant: TenantId,
        statement: &'static Statement,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, Fault> {
        let _ = (tenant, statement, values);
        Err(Fault::violated("the store reads"))
    }

    /// Runs a statement of the closed list that reaches beyond one tenant; `values` start at `$1`.
    pub async fn survey(&self, statement: &'static Statement, values: Vec<Value>) -> Result<Vec<Row>, Fault> {
        let _ = (statement, values);
        Err(Fault::violated("the store reads"))
    }

    /// Applies a change, and answers once it is durable.
    ///
    /// A caller who stops waiting does not call the change back: it may hold all the same.
    pub async fn apply(&self, change: Change) -> Result<Applied, ApplyFailure> {
        let _ = change;
        Err(ApplyFailure::Fault(Fault::violated("the store writes")))
    }

    /// What this node knows of the epoch.
    pub fn epoch(&self) -> Epoch {
        self.inner.epoch.handle()
    }

    /// Asks the store for the epoch now instead of at the next poll.
    pub async fn confirm_epoch(&self) -> Result<u64, Fault> {
        Err(Fault::violated("the store reads"))
    }

    /// The counters that nodes share, or those of this process.
    pub fn counters(&self) -> Arc<dyn Counters> {
        Arc::clone(&self.inner.counters)
    }

    /// The signals between nodes, or those of this process.
    pub fn signals(&self) -> Arc<dyn Signals> {
        Arc::clone(&self.inner.signals)
    }

    /// Prepares every statement on this engine and checks its text, without running any.
    pub async fn prepare_all(&self, statements: &[&'static Statement]) -> Result<(), Fault> {
        let _ = statements;
        Err(Fault::violated("the store reads"))
    }

    /// Copies the embedded database into a new file while the gateway runs.
    pub async fn backup_to(&self, path: impl AsRef<Path>) -> Result<(), Fault> {
        let _ = path;
        Err(Fault::violated("the store reads"))
    }

    /// Empties the write-ahead log, so that no copy of a destroyed row stays in it.
    pub async fn checkpoint(&self) -> Result<(), Fault> {
        Err(Fault::violated("the store writes"))
    }

    /// Waits until every change that was taken in is durable, and closes the database.
    pub async fn close(self) -> Result<(), Fault> {
        Ok(())
    }
}
