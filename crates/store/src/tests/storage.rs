//! What holds when the process dies, and when the disk does not take any more.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::place::still_clock;
use super::place::{DELETE_ALL, INSERT, count, insert, meddle, names, tenant};
use super::{Place, on_each_engine};
use crate::{ApplyFailure, Change, Config, EngineConfig, Store, values};

on_each_engine![keeps_what_was_answered, keeps_what_was_answered_when_it_is_dropped_in_the_middle,];

async fn keeps_what_was_answered(place: Place) {
    let store = place.open().await;
    store.apply(insert(tenant(1), "a").raising_epoch()).await.unwrap();
    let epoch = store.epoch().value();
    store.close().await.unwrap();
    let store = place.open().await;
    assert_eq!(names(&store, tenant(1)).await, ["a"]);
    assert_eq!(store.epoch().value(), epoch);
}

async fn keeps_what_was_answered_when_it_is_dropped_in_the_middle(place: Place) {
    let store = place.open().await;
    let mut answered = 0;
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.apply(insert(tenant(1), &format!("n{number}"))).await.is_ok() })
        })
        .collect();
    drop(store);
    for task in tasks {
        answered += i64::from(task.await.unwrap());
    }
    let store = place.open().await;
    assert_eq!((answered, count(&store).await), (100, 100));
}

fn path(place: &Place) -> &Path {
    match &place.config.engine {
        EngineConfig::Sqlite(config) => &config.path,
        EngineConfig::Postgres(_) => panic!("this is a test of the embedded engine"),
    }
}

/// The files as a process that is killed now would leave them.
fn wreck(place: &Place, name: &str) -> Config {
    let copy = place.folder.path().join(name);
    fs::copy(path(place), &copy).unwrap();
    let log = |path: &Path| format!("{}-wal", path.display());
    fs::copy(log(path(place)), log(&copy)).unwrap();
    Config::sqlite(copy)
}

fn unavailable(outcome: &Result<crate::Applied, ApplyFailure>) -> bool {
    matches!(outcome, Err(ApplyFailure::Fault(fault)) if fault.is_unavailable())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_survives_a_kill_at_any_moment() {
    let place = Place::sqlite();
    let store = place.open().await;
    for round in 0..10 {
        let names_of = |number: u32| format!("r{round}n{number}");
        let changes = (0..7).map(|number| store.apply(insert(tenant(1), &names_of(number))));
        futures_util::future::join_all(changes).await.into_iter().for_each(|outcome| drop(outcome.unwrap()));
        let wrecked = wreck(&place, &format!("wreck{round}.db"));
        let found = Store::open(&wrecked, still_clock()).await.unwrap();
        assert_eq!(count(&found).await, 7 * (round + 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_commit_in_the_log_is_no_commit() {
    let place = Place::sqlite();
    let store = place.open().await;
    store.apply(insert(tenant(1), "whole")).await.unwrap();
    let before = fs::metadata(format!("{}-wal", path(&place).display())).unwrap().len();
    let mut both = insert(tenant(1), "half");
    both = both.step(&INSERT, values!["prv_other", "other", "x".repeat(50_000), 5_i64]);
    store.apply(both).await.unwrap();
    let wrecked = wreck(&place, "torn.db");
    let EngineConfig::Sqlite(config) = &wrecked.engine else { return };
    let log = fs::OpenOptions::new().write(true).open(format!("{}-wal", config.path.display())).unwrap();
    log.set_len(before + 4_096 + 24 + 100).unwrap();
    let found = Store::open(&wrecked, still_clock()).await.unwrap();
    assert_eq!(names(&found, tenant(1)).await, ["whole"]);
}

#[tokio::test]
async fn the_files_are_their_owners_alone() {
    let place = Place::sqlite();
    fs::write(path(&place), "").unwrap();
    fs::set_permissions(path(&place), fs::Permissions::from_mode(0o644)).unwrap();
    let store = place.open().await;
    store.apply(insert(tenant(1), "a")).await.unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let found = fs::metadata(format!("{}{suffix}", path(&place).display())).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, 0o600, "store.db{suffix}");
    }
}

#[tokio::test]
async fn a_destroyed_row_leaves_no_copy() {
    let place = Place::sqlite();
    let store = place.open().await;
    let canary = "canary-7f3a".repeat(20);
    store.apply(Change::of(tenant(1)).step(&INSERT, values!["p", "n", canary.as_str(), 5_i64])).await.unwrap();
    store.checkpoint().await.unwrap();
    let holds = |suffix: &str| {
        let bytes = fs::read(format!("{}{suffix}", path(&place).display())).unwrap();
        bytes.windows(11).any(|window| window == b"canary-7f3a")
    };
    assert!(holds(""), "the test would see it");
    store.apply(Change::of(tenant(1)).step(&DELETE_ALL, values![])).await.unwrap();
    store.checkpoint().await.unwrap();
    assert!(!holds("") && !holds("-wal"));
}

#[tokio::test]
async fn a_disk_that_is_full_refuses_and_recovers() {
    let mut place = Place::sqlite();
    if let EngineConfig::Sqlite(config) = &mut place.config.engine {
        config.most_megabytes = Some(1);
    }
    let store = place.open().await;
    let large = |name: &str, kilobytes: usize| {
        Change::of(tenant(1)).step(&INSERT, values![name, name, "x".repeat(kilobytes * 1_024), 5_i64])
    };
    store.apply(large("first", 400)).await.unwrap();
    let refused = store.apply(large("second", 900)).await;
    assert!(unavailable(&refused), "{refused:?}");
    // In one commit the large one fails alone, wherever it stands.
    let batch = vec![large("small1", 1), large("too-large", 900), insert(tenant(2), "small2").raising_epoch()];
    let outcomes = store.engine().commit(batch).await;
    assert!(outcomes[0].is_ok() && unavailable(&outcomes[1]) && outcomes[2].is_ok(), "{outcomes:?}");
    assert_eq!(names(&store, tenant(1)).await, ["first", "small1"], "reading goes on");
    store.apply(Change::of(tenant(1)).step(&DELETE_ALL, values![])).await.unwrap();
    store.apply(large("third", 400)).await.unwrap();
    assert_eq!(names(&store, tenant(1)).await, ["third"]);
    store.close().await.unwrap();
    assert_eq!(names(&place.open().await, tenant(1)).await, ["third"]);
}

#[tokio::test]
async fn a_database_that_can_only_be_read_refuses_and_recovers() {
    let place = Place::sqlite();
    let store = place.open().await;
    store.apply(insert(tenant(1), "a")).await.unwrap();
    meddle(&store, "PRAGMA query_only=ON").await;
    for _ in 0..2 {
        let outcomes = store.engine().commit(vec![insert(tenant(1), "b"), insert(tenant(1), "c")]).await;
        assert!(outcomes.iter().all(unavailable), "{outcomes:?}");
        assert!(unavailable(&store.apply(insert(tenant(1), "d")).await));
    }
    assert_eq!(names(&store, tenant(1)).await, ["a"]);
    meddle(&store, "PRAGMA query_only=OFF").await;
    store.apply(insert(tenant(1), "b")).await.unwrap();
    assert_eq!(names(&store, tenant(1)).await, ["a", "b"]);
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_unavailable() {
    let place = Place::sqlite();
    let missing = Config::sqlite(place.folder.path().join("no-such-folder/store.db"));
    assert!(Store::open(&missing, still_clock()).await.err().unwrap().is_unavailable());
    let folder = Config::sqlite(place.folder.path());
    assert!(Store::open(&folder, still_clock()).await.is_err());
    fs::write(path(&place), "this is a text and no database, however long one reads in it".repeat(20)).unwrap();
    assert!(!place.try_open().await.err().unwrap().is_unavailable());
    let mut without_readers = Config::sqlite(place.folder.path().join("other.db"));
    if let EngineConfig::Sqlite(config) = &mut without_readers.engine {
        config.readers = 0;
    }
    assert!(Store::open(&without_readers, still_clock()).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_one_moment_of_a_database_in_use() {
    let place = Place::sqlite();
    let store = place.open().await;
    store.apply(insert(tenant(1), "before").raising_epoch()).await.unwrap();
    let writes = tokio::spawn({
        let store = store.clone();
        async move {
            for number in 0..50 {
                let pair = insert(tenant(2), &format!("a{number}")).and(insert(tenant(2), &format!("b{number}")));
                store.apply(pair).await.unwrap();
            }
        }
    });
    let copy = place.folder.path().join("copy.db");
    store.backup_to(&copy).await.unwrap();
    writes.await.unwrap();
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!place.folder.path().join("copy.db-wal").exists());
    let fault = store.backup_to(&copy).await.unwrap_err();
    assert!(fault.is_unavailable(), "a file that is there is not overwritten");
    let restored = Store::open(&Config::sqlite(&copy), still_clock()).await.unwrap();
    assert_eq!(names(&restored, tenant(1)).await, ["before"]);
    assert_eq!(names(&restored, tenant(2)).await.len() % 2, 0, "a change is copied whole or not at all");
    assert_eq!(restored.epoch().value(), store.epoch().value());
    restored.apply(insert(tenant(1), "after")).await.unwrap();
    assert_eq!(names(&store, tenant(1)).await, ["before"]);
}

#[tokio::test]
async fn postgres_is_not_backed_up_by_us() {
    let Some(place) = Place::postgres() else { return };
    let store = place.open().await;
    assert!(store.backup_to(place.folder.path().join("copy")).await.is_err());
    store.checkpoint().await.unwrap();
}
