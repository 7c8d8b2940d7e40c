//! Every statement of the room is one that the store takes, on the engine at hand.

use std::sync::Arc;

use lockgate_store::Store;
use lockgate_testkit::ManualClock;

use super::STATEMENTS;
use crate::access::tests::world::store_config;
use crate::tokens;

#[test]
fn no_statement_forgets_its_tenant() {
    for statement in STATEMENTS {
        assert_eq!(statement.flaw(), None, "{}", statement.name);
    }
}

#[test]
fn every_statement_is_listed_once() {
    let mut names: Vec<_> = STATEMENTS.iter().map(|statement| statement.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    for statement in tokens::rows::STATEMENTS {
        assert!(STATEMENTS.contains(statement), "{}", statement.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_prepares() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&store_config(&folder), Arc::new(ManualClock::new())).await.unwrap();
    store.prepare_all(STATEMENTS).await.unwrap_or_else(|fault| panic!("{fault}"));
}
