//! The thread that writes: one connection, one commit for many changes.

use std::sync::mpsc;
use std::thread;

use lockgate_vocabulary::Fault;
use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use super::super::{Arguments, Gathering, Outcomes, RAISE_EPOCH, Undone, told_again};
use super::checkpoints::Copying;
use super::kept::Kept;
use super::run::classify;
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
    pub(super) fn start(connection: Connection, copying: Copying) -> Result<Self, Fault> {
        let (orders, taken) = mpsc::channel();
        thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || serve(connection, copying, &taken))
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
fn serve(mut connection: Connection, copying: Copying, orders: &mpsc::Receiver<Order>) {
    let closing = carry_out(&mut Kept::on(&connection), orders);
    copying.end(&mut connection);
    let closed = connection.close().map_err(|(_, error)| Fault::unavailable(WRITING, error));
    if let Some(answer) = closing {
        drop(answer.send(closed));
    }
}

/// Carries out orders up to the one that closes, and gives back whom to answer then.
fn carry_out(kept: &mut Kept<'_>, orders: &mpsc::Receiver<Order>) -> Option<oneshot::Sender<Result<(), Fault>>> {
    while let Ok(order) = orders.recv() {
        match order {
            Order::Commit(batch, answer) => drop(answer.send(commit(kept, &batch))),
            Order::Checkpoint(answer) => drop(answer.send(checkpoint(kept.connection()))),
            Order::Close(answer) => return Some(answer),
            #[cfg(test)]
            Order::Meddle(sql, answer) => {
                let done = kept.connection().execute_batch(sql).map_err(|error| Fault::broken(WRITING, error));
                drop(answer.send(done));
            }
        }
    }
    None
}

fn checkpoint(connection: &Connection) -> Result<(), Fault> {
    let busy: rusqlite::Result<i64> = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
    match busy {
        Ok(0) => Ok(()),
        Ok(_) => Err(Fault::unavailable("emptying the write-ahead log", "somebody still reads from it")),
        Err(error) => Err(Fault::unavailable("emptying the write-ahead log", error)),
    }
}

/// Commits a batch: plainly where that will do, with each change in a savepoint where it will not. Where
/// a full disk takes the whole transaction with it, each change is tried alone, so that a large one does
/// not take the small ones along.
fn commit(kept: &mut Kept<'_>, batch: &[Change]) -> Outcomes {
    let committed = match commit_together(kept, batch, Apart::Not) {
        Err(Whole::Entangled) => commit_together(kept, batch, Apart::Savepoints),
        plainly => plainly,
    };
    match committed {
        Ok(outcomes) => outcomes,
        Err(Whole::Undone(_)) if batch.len() > 1 => batch.chunks(1).flat_map(|change| commit(kept, change)).collect(),
        Err(whole) => {
            let fault = whole.into_fault();
            batch.iter().map(|_| Err(told_again(&fault).into())).collect()
        }
    }
}

/// How the changes of one transaction are kept apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Apart {
    /// Not at all, which costs nothing: a change that fails when it has changed rows undoes them all.
    Not,
    /// By a savepoint for each, to which one that fails goes back.
    Savepoints,
}

/// Why nothing of a batch holds.
enum Whole {
    /// A change that was not kept apart failed when it had changed rows; all was rolled back.
    Entangled,
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

    fn into_fault(self) -> Fault {
        match self {
            Self::Undone(fault) | Self::Failed(fault) => fault,
            Self::Entangled => Fault::violated("a change in a savepoint can be undone alone"),
        }
    }
}

fn commit_together(kept: &mut Kept<'_>, batch: &[Change], apart: Apart) -> Result<Outcomes, Whole> {
    let alone = batch.len() == 1;
    command(kept, "BEGIN IMMEDIATE")?;
    let mut outcomes = Vec::with_capacity(batch.len());
    for change in batch {
        let outcome = match apart {
            _ if alone => apply(kept, change),
            Apart::Not => apply_plainly(kept, change)?,
            Apart::Savepoints => apply_in_savepoint(kept, change)?,
        };
        outcomes.push(outcome);
        // INVARIANT: no change is answered with yes that SQLite has undone by a rollback of its own.
        if kept.connection().is_autocommit() {
            let undone = Fault::unavailable(WRITING, "the transaction was rolled back");
            return if alone { Ok(outcomes) } else { Err(Whole::Undone(undone)) };
        }
    }
    let holds = outcomes.iter().any(Result::is_ok);
    let ended = command(kept, if holds { "COMMIT" } else { "ROLLBACK" });
    if ended.is_err() && !kept.connection().is_autocommit() {
        command(kept, "ROLLBACK")?;
    }
    ended.map(|()| outcomes)
}

/// Applies a change that nothing keeps apart from those before it.
///
/// INVARIANT: a change that fails here has changed nothing. A step that meets a conflict is undone by
/// SQLite itself, and the connection counts every row that the steps before it changed. Whatever else
/// went wrong is not judged here: the batch is begun again.
fn apply_plainly(kept: &mut Kept<'_>, change: &Change) -> Result<Result<Applied, ApplyFailure>, Whole> {
    let before = kept.connection().total_changes();
    let outcome = apply(kept, change);
    let foreseen = !matches!(outcome, Err(ApplyFailure::Fault(_)));
    let untouched = foreseen && kept.connection().total_changes() == before;
    if outcome.is_ok() || untouched || kept.connection().is_autocommit() {
        return Ok(outcome);
    }
    command(kept, "ROLLBACK")?;
    Err(Whole::Entangled)
}

fn apply_in_savepoint(kept: &mut Kept<'_>, change: &Change) -> Result<Result<Applied, ApplyFailure>, Whole> {
    command(kept, "SAVEPOINT change")?;
    let outcome = apply(kept, change);
    if !kept.connection().is_autocommit() {
        if outcome.is_err() {
            command(kept, "ROLLBACK TO change")?;
        }
        command(kept, "RELEASE change")?;
    }
    Ok(outcome)
}

fn command(kept: &mut Kept<'_>, sql: &'static str) -> Result<(), Whole> {
    kept.command(sql).map_err(Whole::of)
}

/// Runs the steps of one change, up to the first that fails.
fn apply(kept: &mut Kept<'_>, change: &Change) -> Result<Applied, ApplyFailure> {
    let mut gathering = Gathering::new(change.steps.len());
    if change.raises_epoch {
        let given = Arguments::of(&RAISE_EPOCH, None, &[])?;
        let raised = kept.run(&RAISE_EPOCH, given).map_err(|failure| failure.into_fault(RAISE_EPOCH.name))?;
        gathering.epoch(&raised)?;
    }
    let tenant = change.tenant.map(Value::from);
    for (place, step) in change.steps.iter().enumerate() {
        let given = Arguments::of(step.statement, tenant.as_ref(), &step.values)?;
        let answer = kept.run(step.statement, given);
        let answer = answer.map_err(|failure| Undone::at(place, failure).into_failure())?;
        gathering.step(step.expecting, answer)?;
    }
    Ok(gathering.finish())
}
