//! A copy of the database while it is in use.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use lockgate_vocabulary::Fault;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

const COPYING: &str = "copying the database";

/// Copies everything into a new file, which must not be there yet. The copy is one moment of the
/// database, needs no log beside it, and is on the disk when this returns.
pub(super) fn backup(connection: &Connection, path: &Path) -> Result<(), Fault> {
    OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| Fault::unavailable(COPYING, error))?;
    let copied = copy(connection, path).and_then(|()| settle(path).map_err(|error| Fault::unavailable(COPYING, error)));
    if copied.is_err() {
        // A copy that is not whole must not be mistaken for one.
        let _ = fs::remove_file(path);
    }
    copied
}

fn copy(connection: &Connection, path: &Path) -> Result<(), Fault> {
    let failed = |error| super::run::classify(COPYING, error).into_fault(COPYING);
    let mut target = Connection::open(path).map_err(failed)?;
    let backup = Backup::new(connection, &mut target).map_err(failed)?;
    // All pages in one step are read in one transaction, beside which the writer goes on.
    if backup.step(-1).map_err(failed)? != StepResult::Done {
        return Err(Fault::unavailable(COPYING, "the database was locked"));
    }
    drop(backup);
    let mode: String = target.query_row("PRAGMA journal_mode=DELETE", [], |row| row.get(0)).map_err(failed)?;
    let sound: String = target.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if mode != "delete" || sound != "ok" {
        return Err(Fault::broken(COPYING, sound));
    }
    target.close().map_err(|(_, error)| failed(error))
}

/// Makes the file and its entry in the folder durable.
fn settle(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
