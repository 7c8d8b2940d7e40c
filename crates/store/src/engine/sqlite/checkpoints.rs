//! The thread that copies the write-ahead log into the database, beside the one that writes.
//!
//! SQLite itself has whoever commits copy the log once it is long enough, and every change that waits behind that
//! commit waits for it. Here another connection copies while commits go on. It can never copy the last of them
//! while more come, and the log begins again only where all of it was copied: so the connection that writes copies
//! the rest when the log has become long all the same, which is little by then.

use std::path::Path;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use lockgate_vocabulary::Fault;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, OpenFlags};

use super::{OPENING, prepare_connection, run};

/// Pages that the log grows by before it is copied again.
const STEP: i32 = 1_000;

/// Pages from which it is to begin again (16 MiB of the usual size): it is copied without a pause, so that little
/// is left.
const LONG: i32 = 4_000;

/// Pages that the connection that writes may copy itself, once there is no more to copy.
const LITTLE: i32 = 250;

/// Pages from which it copies whatever is left: the disk is too slow for the thread to keep up.
const TOO_LONG: i32 = 16_000;

/// The thread.
pub(super) struct Copying(JoinHandle<()>);

impl Copying {
    /// Ends it, so that the connection that writes is the last one, which takes the log away.
    pub(super) fn end(self, writer: &mut Connection) {
        // Without the hook nobody tells the thread anything any more. Whatever fails here, the log is copied and
        // taken away at the next start.
        let unhooked = writer.wal_hook(None::<fn(&mut Wal, i32) -> rusqlite::Result<()>>);
        if unhooked.is_ok() && self.0.join().is_err() {
            tracing::error!("the thread that copies the write-ahead log had panicked");
        }
    }
}

/// Has the log of this connection copied.
pub(super) fn follow(writer: &mut Connection, path: &Path) -> Result<Copying, Fault> {
    let connection = open(path).map_err(run::opening)?;
    let copied = Arc::new(AtomicI32::new(0));
    // One that is not taken yet says as much as two.
    let (tell, told) = mpsc::sync_channel::<()>(1);
    let (known, mut last, mut asked_at) = (Arc::clone(&copied), 0, 0);
    let hook = move |wal: &mut Wal, pages: i32| {
        if pages < last {
            // It has begun again.
            known.store(0, Ordering::Relaxed);
            asked_at = 0;
        }
        last = pages;
        let left = pages - known.load(Ordering::Relaxed);
        // INVARIANT: the commit holds, whatever becomes of copying; an error here would say that it does not.
        if pages >= TOO_LONG || (pages >= LONG && left <= LITTLE) {
            drop(wal.checkpoint());
        } else if pages >= LONG || pages - asked_at >= STEP {
            asked_at = pages;
            // It is full where the thread has yet to begin, and then sees these pages as well.
            _ = tell.try_send(());
        }
        Ok(())
    };
    writer.wal_hook(Some(hook)).map_err(run::opening)?;
    let thread = thread::Builder::new().name("store-checkpoint".into());
    let copying = thread.spawn(move || copy(&connection, &told, &copied));
    copying.map(Copying).map_err(|error| Fault::unavailable(OPENING, error))
}

fn copy(connection: &Connection, told: &mpsc::Receiver<()>, copied: &AtomicI32) {
    while told.recv().is_ok() {
        // PASSIVE waits for nobody and holds nobody up. What fails is tried again with the next step, and told where
        // the disk is what fails: commits fail then as well.
        match connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(2)) {
            Ok(pages) => copied.store(pages, Ordering::Relaxed),
            Err(error) => tracing::warn!(%error, "the write-ahead log was not copied"),
        }
    }
}

/// It changes nothing but copies: `query_only` forbids the rest.
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    prepare_connection(&connection)?;
    connection.execute_batch("PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA query_only=ON;")?;
    Ok(connection)
}
