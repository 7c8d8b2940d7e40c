//! The two engines, and the few things in which they differ, side by side.
//!
//! What an engine does is small: open and migrate, run one statement that reads, commit a batch of
//! changes, prepare a statement. Everything else in this room is the same on both.

mod postgres;
mod sqlite;

use lockgate_vocabulary::{Fault, TenantId, Timestamp};

use crate::change::{Applied, ApplyFailure, Change};
use crate::config::EngineConfig;
use crate::statement::{Reach, Statement};
use crate::value::{Row, Value};

pub(crate) use postgres::Postgres;
#[cfg(test)]
pub(crate) use postgres::tests as postgres_line;
pub(crate) use sqlite::Sqlite;

/// What came of each change of a batch, in the batch's order.
pub(crate) type Outcomes = Vec<Result<Applied, ApplyFailure>>;

/// What may be done to a database that is opened.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Opening {
    /// It is made where it is missing, and migrated forward; the migrations count as applied at this moment.
    Migrating(Timestamp),
    /// Nothing: it is read as it is, by whoever only wants to look.
    AsItIs,
}

/// One of the two engines. Clones are handles on the same one.
#[derive(Clone)]
pub(crate) enum Engine {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Engine {
    pub(crate) async fn open(config: &EngineConfig, opening: Opening) -> Result<Self, Fault> {
        match config {
            EngineConfig::Sqlite(config) => Sqlite::open(config, opening).await.map(Self::Sqlite),
            EngineConfig::Postgres(config) => Postgres::open(config, opening).await.map(Self::Postgres),
        }
    }

    pub(crate) async fn read(&self, query: Query) -> Result<Vec<Row>, Fault> {
        match self {
            Self::Sqlite(engine) => engine.read(query).await,
            Self::Postgres(engine) => engine.read(query).await,
        }
    }

    /// Commits a batch in one transaction, in which a change that fails fails alone. It is run plainly
    /// at first, and again with a savepoint for each change where one fails that has to be undone.
    /// Gives as many outcomes as there were changes.
    pub(crate) async fn commit(&self, batch: Vec<Change>) -> Outcomes {
        match self {
            Self::Sqlite(engine) => engine.commit(batch).await,
            Self::Postgres(engine) => engine.commit(batch).await,
        }
    }

    /// How many changes one commit may hold.
    pub(crate) fn most_changes(&self) -> usize {
        match self {
            Self::Sqlite(_) => sqlite::MOST_CHANGES,
            Self::Postgres(_) => postgres::MOST_CHANGES,
        }
    }

    pub(crate) async fn prepare(&self, statement: &'static Statement) -> Result<(), Fault> {
        match self {
            Self::Sqlite(engine) => engine.prepare(statement).await,
            Self::Postgres(engine) => engine.prepare(statement).await,
        }
    }

    pub(crate) async fn checkpoint(&self) -> Result<(), Fault> {
        match self {
            Self::Sqlite(engine) => engine.checkpoint().await,
            // The server looks after its own log.
            Self::Postgres(_) => Ok(()),
        }
    }

    pub(crate) async fn backup_to(&self, path: std::path::PathBuf) -> Result<(), Fault> {
        match self {
            Self::Sqlite(engine) => engine.backup_to(path).await,
            Self::Postgres(_) => Err(Fault::broken("copying the database", "PostgreSQL is backed up with pg_dump")),
        }
    }

    pub(crate) async fn close(&self) -> Result<(), Fault> {
        match self {
            Self::Sqlite(engine) => engine.close().await,
            Self::Postgres(engine) => {
                engine.close();
                Ok(())
            }
        }
    }
}

/// A statement that reads, and its arguments.
pub(crate) struct Query {
    pub(crate) statement: &'static Statement,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) values: Vec<Value>,
}

/// The arguments of one statement: `$1` is the tenant where the statement reaches one.
#[derive(Clone, Copy)]
pub(crate) struct Arguments<'a> {
    tenant: Option<&'a Value>,
    values: &'a [Value],
}

impl<'a> Arguments<'a> {
    /// The arguments for this statement, or why they are not its own.
    pub(crate) fn of(statement: &Statement, tenant: Option<&'a Value>, values: &'a [Value]) -> Result<Self, Fault> {
        if !values.iter().all(Value::is_storable) {
            return Err(Fault::violated("a text that is stored has no character NUL"));
        }
        match (statement.reach, tenant) {
            (Reach::Tenant, None) => Err(Fault::violated("a statement on a tenant's rows is given a tenant")),
            (Reach::Tenant, tenant) => Ok(Self { tenant, values }),
            (Reach::House, _) => Ok(Self { tenant: None, values }),
        }
    }

    /// The argument `$number`.
    pub(crate) fn numbered(&self, number: usize) -> Option<&'a Value> {
        match (self.tenant, number) {
            (Some(tenant), 1) => Some(tenant),
            (Some(_), _) => self.values.get(number.checked_sub(2)?),
            (None, _) => self.values.get(number.checked_sub(1)?),
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.values.len() + usize::from(self.tenant.is_some())
    }

    /// All of them, in order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &'a Value> + use<'a> {
        self.tenant.into_iter().chain(self.values)
    }
}

/// Why one statement failed, told alike by both engines.
pub(crate) enum Failure {
    /// It would have made a second row where there may be one.
    Conflict,
    /// Two transactions were in each other's way; the same change may be tried again.
    Entangled(Fault),
    /// Anything else.
    Fault(Fault),
}

impl Failure {
    pub(crate) fn into_fault(self, doing: &'static str) -> Fault {
        match self {
            Self::Conflict => Fault::broken(doing, "there is such a row already"),
            Self::Entangled(fault) | Self::Fault(fault) => fault,
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Why a change failed, before it is known whether it is tried again.
pub(crate) enum Undone {
    Failed(ApplyFailure),
    /// To be tried again alone.
    Again(Fault),
}

impl Undone {
    pub(crate) fn at(step: usize, failure: Failure) -> Self {
        match failure {
            Failure::Conflict => Self::Failed(ApplyFailure::Conflict { step }),
            Failure::Entangled(fault) => Self::Again(fault),
            Failure::Fault(fault) => Self::Failed(ApplyFailure::Fault(fault)),
        }
    }

    pub(crate) fn into_failure(self) -> ApplyFailure {
        match self {
            Self::Failed(failure) => failure,
            Self::Again(fault) => ApplyFailure::Fault(fault),
        }
    }
}

/// The same fault for one more change of a batch that failed as a whole.
pub(crate) fn told_again(fault: &Fault) -> Fault {
    if fault.is_unavailable() {
        Fault::unavailable(fault.doing(), fault.to_string())
    } else {
        Fault::broken(fault.doing(), fault.to_string())
    }
}

/// A statement's answer: its rows, and how many rows it touched.
pub(crate) struct Answer {
    pub(crate) rows: Vec<Row>,
    pub(crate) touched: u64,
}

/// Puts a change's answers together while its steps run.
pub(crate) struct Gathering {
    applied: Applied,
}

impl Gathering {
    pub(crate) fn new(steps: usize) -> Self {
        let applied = Applied { rows: Vec::with_capacity(steps), touched: Vec::with_capacity(steps), epoch: None };
        Self { applied }
    }

    /// Takes in the epoch that was raised.
    pub(crate) fn epoch(&mut self, answer: &Answer) -> Result<(), Fault> {
        let row = answer.rows.first().ok_or_else(|| Fault::violated("the house has an epoch"))?;
        self.applied.epoch = Some(epoch_of(row)?);
        Ok(())
    }

    /// How many steps were taken in, which is the number of the next one.
    pub(crate) fn steps(&self) -> usize {
        self.applied.rows.len()
    }

    /// Takes in a step's answer, unless it touched another number of rows than expected.
    pub(crate) fn step(&mut self, expecting: Option<u64>, answer: Answer) -> Result<(), ApplyFailure> {
        let step = self.steps();
        if expecting.is_some_and(|expected| expected != answer.touched) {
            return Err(ApplyFailure::Unmet { step });
        }
        self.applied.rows.push(answer.rows);
        self.applied.touched.push(answer.touched);
        Ok(())
    }

    pub(crate) fn finish(self) -> Applied {
        self.applied
    }
}

/// The epoch that a row of [`EPOCH`] or [`RAISE_EPOCH`] holds.
pub(crate) fn epoch_of(row: &Row) -> Result<u64, Fault> {
    u64::try_from(row.int(0)?).map_err(|error| Fault::broken("reading the epoch", error))
}

/// The epoch as it is.
pub(crate) static EPOCH: Statement = Statement::house("house.epoch", "SELECT value FROM house WHERE name = 'epoch'");

/// Raises the epoch. On PostgreSQL the row stays locked until the commit, so that epochs become
/// visible in their order.
pub(crate) static RAISE_EPOCH: Statement =
    Statement::house("house.raise_epoch", "UPDATE house SET value = value + 1 WHERE name = 'epoch' RETURNING value");

#[cfg(test)]
mod tests;
