//! What is the embedded engine's own: its settings, its bounds, its errors.

use rusqlite::ffi;

use super::super::Failure;
use super::*;

fn now() -> Timestamp {
    Timestamp::from_secs(1)
}

fn setting(connection: &Connection, name: &str) -> i64 {
    connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn connections_are_set_up_for_durability_and_for_leaving_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut writer = open_to_write(&path).unwrap();
    migrate(&mut writer, MIGRATIONS, now()).unwrap();
    let wanted =
        [("synchronous", 2), ("secure_delete", 1), ("foreign_keys", 1), ("temp_store", 2), ("busy_timeout", 5_000)];
    for (name, value) in wanted {
        assert_eq!(setting(&writer, name), value, "{name}");
    }
    let mode: String = writer.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    assert_eq!(setting(&writer, "application_id"), i64::from(APPLICATION));
    let reader = open_to_read(&path).unwrap();
    assert_eq!((setting(&reader, "query_only"), setting(&reader, "temp_store")), (1, 2));
    reader.execute_batch("PRAGMA query_only=OFF").unwrap();
    let refused = reader.execute("DELETE FROM house", []).unwrap_err();
    assert_eq!(refused.sqlite_error_code(), Some(rusqlite::ErrorCode::ReadOnly), "not even then");
    let quoted = reader.prepare("SELECT \"no such column\" FROM house");
    assert!(quoted.is_err(), "a name is not a text");
}

#[test]
fn migrations_go_forward_from_every_earlier_schema() {
    const THREE: &[Migration] = &[
        Migration { number: 1, name: "one", script: "CREATE TABLE a (x BIGINT); INSERT INTO a VALUES (1)" },
        Migration { number: 2, name: "two", script: "ALTER TABLE a ADD COLUMN y BIGINT" },
        Migration { number: 3, name: "three", script: "CREATE TABLE b (x BIGINT)" },
    ];
    for first in 0..=3 {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &THREE[..first], now()).unwrap();
        migrate(&mut connection, THREE, now()).unwrap();
        let sum: i64 = connection
            .query_row("SELECT SUM(x) + COUNT(y) + (SELECT COUNT(*) FROM b) FROM a", [], |row| row.get(0))
            .unwrap();
        assert_eq!(sum, 1, "from {first}");
        if first < 3 {
            assert!(migrate(&mut connection, &THREE[..first], now()).is_err(), "never backwards, from {first}");
        }
    }
}

#[test]
fn a_migration_that_fails_leaves_nothing() {
    const BROKEN: &[Migration] = &[
        Migration { number: 1, name: "one", script: "CREATE TABLE a (x BIGINT)" },
        Migration { number: 2, name: "two", script: "CREATE TABLE b (x BIGINT); CREATE TABLE a (x BIGINT)" },
    ];
    let mut connection = Connection::open_in_memory().unwrap();
    assert!(migrate(&mut connection, BROKEN, now()).is_err());
    let tables: i64 = connection.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 0);
    migrate(&mut connection, &BROKEN[..1], now()).unwrap();
}

#[test]
fn errors_are_told_by_their_codes() {
    let error = |code| rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
    let told = |code| match run::classify("test", error(code)) {
        Failure::Conflict => "conflict",
        Failure::Entangled(_) => "entangled",
        Failure::Fault(fault) if fault.is_unavailable() => "unavailable",
        Failure::Fault(_) => "broken",
    };
    for code in [ffi::SQLITE_CONSTRAINT_UNIQUE, ffi::SQLITE_CONSTRAINT_PRIMARYKEY, ffi::SQLITE_CONSTRAINT_ROWID] {
        assert_eq!(told(code), "conflict", "{code}");
    }
    for code in [
        ffi::SQLITE_FULL,
        ffi::SQLITE_READONLY,
        ffi::SQLITE_READONLY_DBMOVED,
        ffi::SQLITE_IOERR_FSYNC,
        ffi::SQLITE_BUSY,
        ffi::SQLITE_CANTOPEN,
        ffi::SQLITE_NOMEM,
    ] {
        assert_eq!(told(code), "unavailable", "{code}");
    }
    for code in [
        ffi::SQLITE_CONSTRAINT_NOTNULL,
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY,
        ffi::SQLITE_CONSTRAINT_CHECK,
        ffi::SQLITE_CORRUPT,
        ffi::SQLITE_NOTADB,
        ffi::SQLITE_ERROR,
    ] {
        assert_eq!(told(code), "broken", "{code}");
    }
}

#[tokio::test]
async fn who_only_looks_makes_and_migrates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let config = SqliteConfig { path: path.clone(), readers: 1, most_megabytes: None };
    assert!(Sqlite::open(&config, Opening::AsItIs).await.is_err());
    assert!(!path.exists(), "it was not made");
    drop(open_to_write(&path).unwrap());
    assert!(Sqlite::open(&config, Opening::AsItIs).await.is_err(), "it was not migrated");
    Sqlite::open(&config, Opening::Migrating(now())).await.unwrap().close().await.unwrap();
    let before = std::fs::read(&path).unwrap();
    Sqlite::open(&config, Opening::AsItIs).await.unwrap().close().await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn the_log_is_copied_beside_the_commits_and_begins_again_though_they_never_pause() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut writer = open_to_write(&path).unwrap();
    writer.execute_batch("CREATE TABLE filling (x INTEGER PRIMARY KEY, y BLOB)").unwrap();
    let copying = checkpoints::follow(&mut writer, &path).unwrap();
    let (page, log) = (setting(&writer, "page_size"), folder.path().join("store.db-wal"));
    // Some 80,000 pages of log, had it never begun again.
    for number in 0..10_000 {
        writer.execute("INSERT INTO filling VALUES (?1, randomblob(20000))", [number]).unwrap();
    }
    let longest = log.metadata().unwrap().len() / page.unsigned_abs();
    assert!(longest < 20_000, "{longest} pages");
    let kept: i64 = writer.query_row("SELECT COUNT(*) FROM filling", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 10_000);
    copying.end(&mut writer);
    writer.close().unwrap();
    assert!(!log.exists(), "the last connection takes the log away");
}
