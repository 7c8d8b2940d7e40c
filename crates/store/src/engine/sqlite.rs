//! The embedded engine: one file, one thread that writes, one that copies what it wrote, a few connections that read.
//!
//! INVARIANT: `synchronous=FULL` with a write-ahead log, so a commit that was answered survives the
//! loss of power; `secure_delete` and temporary tables in memory, so nothing that was deleted or
//! sorted is left on the disk; connections that read cannot write.

mod backup;
mod checkpoints;
mod kept;
mod readers;
mod run;
mod writer;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lockgate_vocabulary::{Fault, Timestamp};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::{Opening, Outcomes, Query};
use crate::change::Change;
use crate::config::SqliteConfig;
use crate::migrate::{HAD, HISTORY, MIGRATIONS, Migration, REMEMBER, missing};
use crate::statement::Statement;
use crate::value::Row;

use readers::Readers;
use writer::Writer;

/// How many changes one commit may hold. More would make single callers wait without saving much:
/// the cost of a commit is spread well enough.
pub(crate) const MOST_CHANGES: usize = 256;

/// How long a statement waits for another process that holds the file.
const BUSY: Duration = Duration::from_secs(5);

/// Statements that each connection keeps prepared.
const PREPARED: usize = 256;

/// SQLite's own word for a database of ours (`PRAGMA application_id`): "LKGT".
const APPLICATION: i32 = 0x4c4b_4754;

const OPENING: &str = "opening the database file";

/// The embedded engine.
#[derive(Clone)]
pub(crate) struct Sqlite {
    writer: Writer,
    readers: Readers,
}

impl Sqlite {
    pub(crate) async fn open(config: &SqliteConfig, opening: Opening) -> Result<Self, Fault> {
        if !(1..=32).contains(&config.readers) {
            return Err(Fault::broken(OPENING, "`readers` must be 1 to 32"));
        }
        let (path, most_megabytes) = (config.path.clone(), config.most_megabytes);
        let (connection, copying) = blocking(OPENING, move || {
            if matches!(opening, Opening::AsItIs) && !path.exists() {
                return Err(Fault::broken(OPENING, "there is no database yet"));
            }
            let mut connection = open_to_write(&path)?;
            match opening {
                Opening::Migrating(now) => migrate(&mut connection, MIGRATIONS, now)?,
                Opening::AsItIs => demand_migrated(&connection)?,
            }
            if let Some(megabytes) = most_megabytes {
                limit_size(&connection, megabytes)?;
            }
            let copying = checkpoints::follow(&mut connection, &path)?;
            Ok((connection, copying))
        })
        .await?;
        let writer = Writer::start(connection, copying)?;
        Ok(Self { writer, readers: Readers::new(config.path.clone(), config.readers) })
    }

    pub(crate) async fn read(&self, query: Query) -> Result<Vec<Row>, Fault> {
        self.readers.read(query).await
    }

    pub(crate) async fn commit(&self, batch: Vec<Change>) -> Outcomes {
        self.writer.commit(batch).await
    }

    pub(crate) async fn prepare(&self, statement: &'static Statement) -> Result<(), Fault> {
        self.readers.prepare(statement).await
    }

    pub(crate) async fn checkpoint(&self) -> Result<(), Fault> {
        self.writer.checkpoint().await
    }

    pub(crate) async fn backup_to(&self, path: PathBuf) -> Result<(), Fault> {
        self.readers.backup_to(path).await
    }

    /// Closes the connections that read and, once it is idle, the one that writes.
    pub(crate) async fn close(&self) -> Result<(), Fault> {
        self.readers.close();
        self.writer.close().await
    }

    /// Runs SQL on the connection that writes, so that tests can make its disk full or read-only.
    #[cfg(test)]
    pub(crate) async fn meddle(&self, sql: &'static str) -> Result<(), Fault> {
        self.writer.meddle(sql).await
    }
}

/// Runs what blocks on a thread that may.
async fn blocking<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Fault::broken(doing, error)))
}

/// Opens the connection that writes; makes the file where there is none.
fn open_to_write(path: &Path) -> Result<Connection, Fault> {
    // The file is made before SQLite opens it, so that nobody else could ever open it in between; the
    // log and its index take their rights from it.
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .and_then(|file| file.metadata())
        .and_then(|found| match found.permissions().mode() & 0o777 {
            0o600 => Ok(()),
            _ => fs::set_permissions(path, fs::Permissions::from_mode(0o600)),
        })
        .map_err(|error| Fault::unavailable(OPENING, error))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(run::opening)?;
    prepare_connection(&connection).map_err(run::opening)?;
    if connection.is_readonly("main").map_err(run::opening)? {
        return Err(Fault::unavailable(OPENING, "the file can only be read"));
    }
    let mode: String = connection.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0)).map_err(run::opening)?;
    if mode != "wal" {
        return Err(Fault::unavailable(OPENING, "the file system cannot hold a write-ahead log"));
    }
    connection
        .execute_batch(
            "PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA cache_size=-8000;
             PRAGMA journal_size_limit=67108864;",
        )
        .map_err(run::opening)?;
    Ok(connection)
}

/// Opens a connection that can only read.
fn open_to_read(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(run::opening)?;
    prepare_connection(&connection)
        .and_then(|()| connection.execute_batch("PRAGMA query_only=ON; PRAGMA cache_size=-2000;"))
        .map_err(run::opening)?;
    Ok(connection)
}

/// What holds for every connection.
fn prepare_connection(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // A word in double quotes is a name and never, as SQLite would have it, a text.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    connection.execute_batch("PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON;")
}

/// Migrates forward, in one transaction that no other process can write beside.
fn migrate(connection: &mut Connection, known: &[Migration], now: Timestamp) -> Result<(), Fault> {
    const DOING: &str = "migrating the database";
    let failed = |error| run::classify(DOING, error).into_fault(DOING);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let tables = "SELECT COUNT(*), COUNT(*) FILTER (WHERE name = 'migrations') FROM sqlite_schema";
    let found = transaction.query_row(tables, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)));
    if matches!(found.map_err(failed)?, (1.., 0)) {
        return Err(Fault::broken(DOING, "the file holds a database that is not one of Lockgate's"));
    }
    transaction.execute_batch(HISTORY).map_err(failed)?;
    for migration in missing(known, &had(&transaction).map_err(failed)?)? {
        transaction.execute_batch(migration.script).map_err(failed)?;
        let remembered = (migration.number, migration.name, migration.script, now.as_micros());
        transaction.execute(REMEMBER, remembered).map_err(failed)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// Demands that nothing is missing, without making it good.
fn demand_migrated(connection: &Connection) -> Result<(), Fault> {
    let had = had(connection).map_err(|error| run::classify(OPENING, error).into_fault(OPENING))?;
    match missing(MIGRATIONS, &had)? {
        [] => Ok(()),
        _ => Err(Fault::broken(OPENING, "the database is of an older version; start the gateway once")),
    }
}

fn had(connection: &Connection) -> rusqlite::Result<Vec<(i64, String)>> {
    let mut statement = connection.prepare(HAD)?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Bounds the file; SQLite then answers a change that needs more as it does on a full disk.
fn limit_size(connection: &Connection, megabytes: u32) -> Result<(), Fault> {
    let page: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0)).map_err(run::opening)?;
    let pages = i64::from(megabytes) * 1_048_576 / page.max(1);
    connection.pragma_update(None, "max_page_count", pages.max(1)).map_err(run::opening)
}

#[cfg(test)]
mod tests;
