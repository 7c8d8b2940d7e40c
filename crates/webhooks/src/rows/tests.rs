//! Every statement binds its tenant, has a name of its own, and prepares on the embedded engine; the courier's
//! tests prepare them on PostgreSQL too.

use std::sync::Arc;

use lockgate_store::{Config, Store};
use lockgate_testkit::ManualClock;

use super::STATEMENTS;

#[test]
fn no_statement_has_a_flaw_and_names_are_told_apart() {
    let mut names: Vec<&str> = STATEMENTS.iter().map(|statement| statement.name).collect();
    for statement in STATEMENTS {
        assert_eq!(statement.flaw(), None, "{}", statement.name);
    }
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[tokio::test]
async fn every_statement_prepares() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::sqlite(folder.path().join("store.db"));
    let store = Store::open(&config, Arc::new(ManualClock::new())).await.unwrap();
    store.prepare_all(STATEMENTS).await.unwrap();
}
