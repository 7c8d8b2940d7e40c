//! The thread that writes: one connection, one commit for many changes.

use std::sync::mpsc;
use std::thread;

use lockgate_vocabulary::Fault;
use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use super::super::{Arguments, Gathering, Outcomes, RAISE_EPOCH, Undone, told_again};
use super::run::{classify, run};
use crate::change::{Applied, ApplyFailure, Change};
use crate::value::Value;

const WRITING: &str = "writing the database";

/// A handle on the thread. It ends when the last handle is gone.
#[derive(Clone)]
pub(super) struct Writer {
    orders: mpsc::Sender<Order>,
}

enum Order {
    Commit(Vec<Change>, oneshot::Sender<Outcomes>),
    Checkpoint(oneshot::Sender<Result<(), Fault>>),
    Close(oneshot::Sender<Result<(), Fault>>),
    #[cfg(test)]
    Meddle(&'static str, oneshot::Sender<Result<(), Fault>>),
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Result<Self, Fault> {
        let (orders, taken) = mpsc::channel();
        thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || serve(connection, &taken))
            .map_err(|error| Fault::unavailable(WRITING, error))?;
        Ok(Self { orders })
    }

    pub(super) async fn commit(&self, batch: Vec<Change>) -> Outcomes {
        let changes = batch.len();
        let (answer, answered) = oneshot::channel();
        let sent = self.orders.send(Order::Commit(batch, answer)).is_ok();
        match answered.await {
            Ok(outcomes) if sent => outcomes,
            _ => (0..changes).map(|_| Err(closed().into())).collect(),
        }
    }

    pub(super) async fn checkpoint(&self) -> Result<(), Fault> {
        self.ask(Order::Checkpoint).await
    }

    pub(super) async fn close(&self) -> Result<(), Fault> {
        self.ask(Order::Close).await
    }

    #[cfg(test)]
    pub(super) async fn meddle(&self, sql: &'static str) -> Result<(), Fault> {
        self.ask(|answer| Order::Meddle(sql, answer)).await
    }

    async fn ask(&self, order: impl FnOnce(oneshot::Sender<Result<(), Fault>>) -> Order) -> Result<(), Fault> {
        let (answer, answered) = oneshot::channel();
        self.orders.send(order(answer)).map_err(|_| closed())?;
        answered.await.unwrap_or_else(|_| Err(closed()))
    }
}

fn closed() -> Fault {
    Fault::unavailable(WRITING, "the store is closed")
}

/// Carries out orders one after the other. That an asker is gone changes nothing.
fn serve(connection: Connection, orders: &mpsc::Receiver<Order>) {
    while let Ok(order) = orders.recv() {
        match order {
            Order::Commit(batch, answer) => drop(answer.send(commit(&connection, &batch))),
            Order::Checkpoint(answer) => drop(answer.send(checkpoint(&connection))),
            Order::Close(answer) => {
                let closed = connection.close().map_err(|(_, error)| Fault::unavailable(WRITING, error));
                return drop(answer.send(closed));
            }
            #[cfg(test)]
            Order::Meddle(sql, answer) => {
                let done = connection.execute_batch(sql).map_err(|error| Fault::broken(WRITING, error));
                drop(answer.send(done));
            }
        }
    }
}

fn checkpoint(connection: &Connection) -> Result<(), Fault> {
    let busy: rusqlite::Result<i64> = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
    match busy {
        Ok(0) => Ok(()),
        Ok(_) => Err(Fault::unavailable("emptying the write-ahead log", "somebody still reads from it")),
        Err(error) => Err(Fault::unavailable("emptying the write-ahead log", error)),
    }
}

/// Commits a batch. Where a full disk takes the whole transaction with it, each change is tried alone,
/// so that a large one does not take the small ones along.
fn commit(connection: &Connection, batch: &[Change]) -> Outcomes {
    match commit_together(connection, batch) {
        Ok(outcomes) => outcomes,
        Err(Whole::Undone(_)) if batch.len() > 1 => {
            batch.chunks(1).flat_map(|change| commit(connection, change)).collect()
        }
        Err(Whole::Undone(fault) | Whole::Failed(fault)) => {
            batch.iter().map(|_| Err(told_again(&fault).into())).collect()
        }
    }
}

/// Why nothing of a batch holds.
enum Whole {
    /// The transaction was rolled back for want of room; nothing of it is left anywhere.
    Undone(Fault),
    /// Anything else.
    Failed(Fault),
}

impl Whole {
    fn of(error: rusqlite::Error) -> Self {
        let full = error.sqlite_error_code() == Some(ErrorCode::DiskFull);
        let fault = classify(WRITING, error).into_fault(WRITING);
        if full { Self::Undone(fault) } else { Self::Failed(fault) }
    }
}

fn commit_together(connection: &Connection, batch: &[Change]) -> Result<Outcomes, Whole> {
    let alone = batch.len() == 1;
    command(connection, "BEGIN IMMEDIATE")?;
    let mut outcomes = Vec::with_capacity(batch.len());
    for change in batch {
        let outcome = if alone { apply(connection, change) } else { apply_in_savepoint(connection, change)? };
        outcomes.push(outcome);
        // INVARIANT: no change is answered with yes that SQLite has undone by a rollback of its own.
        if connection.is_autocommit() {
            let undone = Fault::unavailable(WRITING, "the transaction was rolled back");
            return if alone { Ok(outcomes) } else { Err(Whole::Undone(undone)) };
        }
    }
    let holds = outcomes.iter().any(Result::is_ok);
    let ended = command(connection, if holds { "COMMIT" } else { "ROLLBACK" });
    if ended.is_err() && !connection.is_autocommit() {
        command(connection, "ROLLBACK")?;
    }
    ended.map(|()| outcomes)
}

fn apply_in_savepoint(connection: &Connection, change: &Change) -> Result<Result<Applied, ApplyFailure>, Whole> {
    command(connection, "SAVEPOINT change")?;
    let outcome = apply(connection, change);
    if !connection.is_autocommit() {
        if outcome.is_err() {
            command(connection, "ROLLBACK TO change")?;
        }
        command(connection, "RELEASE change")?;
    }
    Ok(outcome)
}

fn command(connection: &Connection, sql: &'static str) -> Result<(), Whole> {
    connection.prepare_cached(sql).and_then(|mut prepared| prepared.raw_execute()).map(drop).map_err(Whole::of)
}

/// Runs the steps of one change, up to the first that fails.
fn apply(connection: &Connection, change: &Change) -> Result<Applied, ApplyFailure> {
    let mut gathering = Gathering::new(change.steps.len());
    if change.raises_epoch {
        let given = Arguments::of(&RAISE_EPOCH, None, &[])?;
        let raised = run(connection, &RAISE_EPOCH, given).map_err(|failure| failure.into_fault(RAISE_EPOCH.name))?;
        gathering.epoch(&raised)?;
    }
    let tenant = change.tenant.map(Value::from);
    for (place, step) in change.steps.iter().enumerate() {
        let given = Arguments::of(step.statement, tenant.as_ref(), &step.values)?;
        let answer = run(connection, step.statement, given);
        let answer = answer.map_err(|failure| Undone::at(place, failure).into_failure())?;
        gathering.step(step.expecting, answer)?;
    }
    Ok(gathering.finish())
}
