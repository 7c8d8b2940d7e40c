//! What is put into a change is what the relay will append.

use lockgate_store::Reach;

use super::*;
use crate::entry::DeedDone;
use crate::tests::{Scene, actor, tenant};

fn body(values: &[Value]) -> &str {
    match values {
        [Value::Text(_), Value::Text(body), Value::Int(_), Value::Bytes(_)] => body,
        other => panic!("{other:?}"),
    }
}

fn id(values: &[Value]) -> AuditId {
    match values {
        [Value::Text(id), ..] => id.parse().expect("an identifier"),
        other => panic!("{other:?}"),
    }
}

fn deed() -> Deed {
    let trace = lockgate_vocabulary::TraceContext::start(&crate::tests::Count::default()).trace;
    Deed::new(&actor(1), trace, "connection.create", "conn_1").with("name", "a\"b\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_carries_the_whole_entry_but_its_place() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    let (statement, values) = audit.step(&deed());
    assert_eq!((statement.name, statement.reach), ("outbox.put", Reach::Tenant));
    assert!(body(&values).starts_with(&beginning("n1")));
    assert!(!body(&values).starts_with(&beginning("n")), "a node's rows are its own alone");
    let draft = draft(&tenant(1).to_string(), id(&values), body(&values)).expect("read back");
    assert_eq!((draft.id, draft.tenant, draft.mark), (id(&values), Some(tenant(1)), Mark::Relayed(id(&values))));
    let tail = Tail::parse(&draft.tail).expect("facts");
    assert!(matches!(tail.facts, Facts::Deed(DeedDone { relayed: true, .. })));
    let (statement, _) = audit.house_step(&deed().in_trail_of(None));
    assert_eq!(statement.reach, Reach::House);
    assert_ne!(audit.step(&deed()).1, values, "each step is an act of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_not_ours_is_not_appended() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    let (_, values) = audit.step(&deed());
    let (good, entry) = (body(&values).to_owned(), id(&values));
    let owner = tenant(1).to_string();
    assert!(draft(&owner, entry, &good).is_ok());
    for bad in [
        good.replacen("\"relayed\":true,", "", 1),
        good.replacen("\"kind\":\"deed\"", "\"kind\":\"heads\"", 1),
        good.replacen("aud_", "aud_0", 1),
        format!("{good}x"),
        format!("{good}\n{good}"),
        String::new(),
    ] {
        assert!(draft(&owner, entry, &bad).is_err(), "{bad}");
    }
    assert!(draft(&tenant(2).to_string(), entry, &good).is_err(), "another tenant's row");
    assert!(draft(&owner, AuditId::from_u128(1), &good).is_err(), "another row's identifier");
}

#[test]
fn every_statement_binds_its_tenant() {
    for statement in rows::ALL {
        assert_eq!(statement.flaw(), None, "{}", statement.name);
    }
}
