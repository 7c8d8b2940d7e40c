//! Every statement of the room is one that the store takes, on the engine at hand.

use std::sync::Arc;

use lockgate_store::Store;
use lockgate_testkit::ManualClock;

use super::STATEMENTS;
use crate::access::tests::world::store_config;

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
}

/// A statement that stands in a file and not in the list would never be prepared by any test.
#[test]
fn no_statement_is_left_out() {
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let folder = std::fs::read_dir(sources.join("rows")).unwrap().map(|entry| entry.unwrap().path());
    let files = folder.filter(|path| path.is_file() && !path.ends_with("tests.rs"));
    let mut written = 0;
    for path in files.chain([sources.join("tokens/rows.rs")]) {
        let text = std::fs::read_to_string(&path).unwrap();
        // The snapshot's tables are written by a macro, which makes two of each.
        let each = if path.ends_with("directory.rs") { 2 * text.matches("\nsource!(").count() } else { 0 };
        let plain = text.matches("Statement::tenant(").count() + text.matches("Statement::house(").count();
        written += if each > 0 { each } else { plain };
    }
    assert_eq!(STATEMENTS.len(), written);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_prepares() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&store_config(&folder), Arc::new(ManualClock::new())).await.unwrap();
    store.prepare_all(STATEMENTS).await.unwrap_or_else(|fault| panic!("{fault}"));
}
