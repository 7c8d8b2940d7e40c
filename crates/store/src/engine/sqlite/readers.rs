//! The connections that read. They are made when first needed and then kept.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use lockgate_vocabulary::Fault;
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::super::{Arguments, Query};
use super::run::run;
use super::{backup, blocking, open_to_read};
use crate::statement::Statement;
use crate::value::{Row, Value};

/// How many readers may wait for a connection; one more is refused.
const WAITING: usize = 4_096;

const READING: &str = "reading the database";

/// A few connections that read, each used by one thread at a time.
#[derive(Clone)]
pub(super) struct Readers {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    free: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, connections: usize) -> Self {
        let free = Arc::new(Semaphore::new(connections));
        let waiting = Arc::new(Semaphore::new(WAITING + connections));
        Self { shared: Arc::new(Shared { path, idle: Mutex::new(Vec::new()), free, waiting }) }
    }

    pub(super) async fn read(&self, query: Query) -> Result<Vec<Row>, Fault> {
        self.with(move |connection| {
            let tenant = query.tenant.map(Value::from);
            let given = Arguments::of(query.statement, tenant.as_ref(), &query.values)?;
            let answer = run(connection, query.statement, given);
            answer.map(|answer| answer.rows).map_err(|failure| failure.into_fault(query.statement.name))
        })
        .await
    }

    pub(super) async fn prepare(&self, statement: &'static Statement) -> Result<(), Fault> {
        self.with(move |connection| {
            connection.prepare_cached(statement.sql).map(drop).map_err(|error| Fault::broken(statement.name, error))
        })
        .await
    }

    pub(super) async fn backup_to(&self, path: PathBuf) -> Result<(), Fault> {
        self.with(move |connection| backup::backup(connection, &path)).await
    }

    /// Lets nobody read any more.
    pub(super) fn close(&self) {
        self.shared.free.close();
        self.shared.idle().clear();
    }

    /// Runs what reads on a connection of its own.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let shared = Arc::clone(&self.shared);
        let queued = Arc::clone(&shared.waiting).try_acquire_owned();
        let queued = queued.map_err(|_| Fault::unavailable(READING, "too many readers wait"))?;
        let free = Arc::clone(&shared.free).acquire_owned().await;
        let free = free.map_err(|_| Fault::unavailable(READING, "the store is closed"))?;
        blocking(READING, move || shared.run((queued, free), work)).await
    }
}

impl Shared {
    fn run<T>(
        &self,
        turn: (OwnedSemaphorePermit, OwnedSemaphorePermit),
        work: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open_to_read(&self.path)?,
        };
        let outcome = work(&connection);
        if !self.free.is_closed() {
            self.idle().push(connection);
        }
        drop(turn);
        outcome
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
