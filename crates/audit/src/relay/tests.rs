//! What was recorded inside a change is in the log exactly once, whatever crashes in between.

use lockgate_store::Config;

use super::*;
use crate::Deed;
use crate::entry::{Entry, Facts};
use crate::tests::{Count, Hand, Scene, actor, tenant};
use crate::verify::{OUTBOX_MOST, verify_outbox};

async fn store(scene: &Scene) -> Store {
    let clock: Arc<dyn Clock> = scene.clock.clone();
    Store::open(&Config::sqlite(scene.elsewhere("store.db")), clock).await.expect("the store opens")
}

fn deed(number: u128) -> Deed {
    let trace = lockgate_vocabulary::TraceContext::start(&Count::default()).trace;
    Deed::new(&actor(number), trace, "connection.create", "conn_1")
}

async fn put(audit: &Audit, store: &Store, number: u128) {
    let (statement, values) = audit.step(&deed(number));
    store.apply(Change::of(tenant(number)).step(statement, values)).await.expect("it holds");
}

fn relayed(scene: &Scene) -> Vec<AuditId> {
    let entries = scene.lines();
    let entries = entries.iter().map(|line| Entry::parse(line.as_bytes()).expect("an entry"));
    let deeds = entries.filter(|entry| matches!(&entry.facts, Facts::Deed(deed) if deed.relayed));
    deeds.map(|entry| entry.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_is_appended_once_and_marked() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    let store = store(&scene).await;
    let relay = Relay::new(audit.clone(), store.clone());
    for number in 1..=3 {
        put(&audit, &store, number).await;
    }
    let (statement, values) = audit.house_step(&deed(4).in_trail_of(None));
    store.apply(Change::house().step(statement, values)).await.expect("it holds");
    assert_eq!(relay.pass().await.expect("relayed"), 4);
    assert_eq!(relay.pass().await.expect("relayed"), 0);
    assert_eq!(relayed(&scene).len(), 4);
    audit.shutdown().await.expect("ended");
    assert!(scene.verify().is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_does_not_hold_leaves_no_record() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    let store = store(&scene).await;
    let (statement, values) = audit.step(&deed(1));
    let change = Change::of(tenant(1)).step(statement, values).expecting(2);
    store.apply(change).await.expect_err("one row was touched, not two");
    assert_eq!(Relay::new(audit.clone(), store).pass().await.expect("relayed"), 0);
    assert!(relayed(&scene).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_appending_and_marking_appends_nothing_twice() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    let store = store(&scene).await;
    for number in 1..=3 {
        put(&audit, &store, number).await;
    }
    let relay = Relay::new(audit.clone(), store.clone());
    let waiting = store.survey(&rows::WAITING, vec![relay.beginning.as_str().into(), Value::Int(10)]).await;
    relay.append(&waiting.expect("read")).await.expect("appended");
    // It is not marked, and the process ends, in good order or not; the log alone knows.
    audit.shutdown().await.expect("ended");
    drop((audit, relay));
    put_another_run(&scene).await;
    let (audit, _) = scene.open().await;
    put(&audit, &store, 4).await;
    let relay = Relay::new(audit.clone(), store.clone());
    assert_eq!(relay.pass().await.expect("relayed"), 4);
    assert_eq!(relay.pass().await.expect("relayed"), 0);
    let ids = relayed(&scene);
    let once: HashSet<_> = ids.iter().collect();
    assert_eq!((ids.len(), once.len()), (4, 4));
}

/// Opens and closes the log once more, without looking at the outbox.
async fn put_another_run(scene: &Scene) {
    let (audit, _) = scene.open().await;
    crate::tests::make_runs(&audit, 0, 2, 1).await;
    audit.shutdown().await.expect("ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_nodes_rows_are_left_alone() {
    let scene = Scene::new();
    let mut other = Scene::new();
    other.config.node = "n2".parse().expect("a name");
    let (audit, _) = scene.open().await;
    let (theirs, _) = other.open().await;
    let store = store(&scene).await;
    put(&theirs, &store, 1).await;
    assert_eq!(Relay::new(audit.clone(), store.clone()).pass().await.expect("relayed"), 0);
    assert_eq!(Relay::new(theirs, store).pass().await.expect("relayed"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overdue_row_fails_verification() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    let store = store(&scene).await;
    put(&audit, &store, 1).await;
    let made = scene.clock.now();
    scene.clock.advance(OUTBOX_MOST);
    let report = verify_outbox(&store, scene.clock.now()).await.expect("read");
    assert!(report.is_sound(), "ten seconds are allowed: {report:?}");
    scene.clock.advance(Duration::from_micros(1));
    let report = verify_outbox(&store, scene.clock.now()).await.expect("read");
    assert_eq!((report.overdue, report.oldest), (1, Some(made)));
    Relay::new(audit, store.clone()).pass().await.expect("relayed");
    assert!(verify_outbox(&store, scene.clock.now()).await.expect("read").is_sound());
}

/// What the log says was set aside.
fn alarms(scene: &Scene) -> Vec<Box<str>> {
    let entries = scene.lines();
    let entries = entries.iter().map(|line| Entry::parse(line.as_bytes()).expect("an entry"));
    let deeds = entries.filter_map(|entry| match entry.facts {
        Facts::Deed(deed) if &*deed.action == "outbox.set-aside" => Some(deed.object),
        _ => None,
    });
    deeds.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_not_ours_is_set_aside_and_told_once() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    let store = store(&scene).await;
    let mut own = Scene::new();
    own.config.node = "n2".parse().expect("a name");
    let (theirs, _) = own.open().await;
    let forge = |number: u128, change: &dyn Fn(&mut Vec<Value>)| {
        let (statement, mut values) = audit.step(&deed(number));
        change(&mut values);
        (statement, values)
    };
    let odd = [
        // No act, without a MAC of its own, with a wrong one, with another row's, of another log's key.
        forge(1, &|row| {
            if let Some(Value::Text(body)) = row.get_mut(1) {
                *body = body.replacen("\"relayed\":true,", "", 1);
            }
        }),
        forge(2, &|row| row[3] = Value::Null),
        forge(3, &|row| row[3] = Value::Bytes(vec![7; 32])),
        forge(4, &|row| row[3] = audit.step(&deed(4)).1.swap_remove(3)),
        forge(5, &|row| {
            if let (Value::Text(id), Value::Text(body)) = (&row[0], &row[1]) {
                row[3] = theirs.shared().rows.sign(id.parse().expect("an identifier"), body).into();
            }
        }),
        // An identifier that is none, and a body that is none, with what would make it the node's.
        forge(6, &|row| row[0] = Value::Text("nothing".to_owned())),
        forge(7, &|row| row[1] = Value::Text(outbox::beginning("n1"))),
    ];
    let many = odd.len();
    for (number, (statement, values)) in (1u128..).zip(odd) {
        store.apply(Change::of(tenant(number)).step(statement, values)).await.expect("it holds");
    }
    put(&audit, &store, 9).await;
    let relay = Relay::new(audit.clone(), store.clone());
    assert_eq!(relay.pass().await.expect("relayed"), many + 1);
    assert_eq!(relay.pass().await.expect("relayed"), 0, "they are not looked at again");
    assert_eq!((relayed(&scene).len(), alarms(&scene).len(), audit.rows_set_aside()), (1, many, many as u64));
    scene.clock.advance(Duration::from_secs(11));
    let report = verify_outbox(&store, scene.clock.now()).await.expect("read");
    assert_eq!((report.overdue, report.aside), (0, many as u64));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_not_ours_do_not_hold_the_others_up() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    let store = store(&scene).await;
    let (statement, values) = audit.step(&deed(1));
    let change = (0..2 * ROWS).fold(Change::of(tenant(1)), |change, number| {
        let mut row = values.clone();
        row[0] = Value::Text(format!("a{number:05}"));
        change.step(statement, row)
    });
    store.apply(change).await.expect("it holds");
    scene.clock.advance(Duration::from_secs(1));
    put(&audit, &store, 2).await;
    let relay = Relay::new(audit.clone(), store.clone());
    for rows in [ROWS, ROWS, 1] {
        assert_eq!(relay.pass().await.expect("relayed"), rows);
    }
    assert_eq!((relayed(&scene).len(), alarms(&scene).len()), (1, 2 * ROWS));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite_a_row_of_bytes_holds_nothing_up() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    let store = store(&scene).await;
    static BYTES: lockgate_store::Statement = lockgate_store::Statement::tenant(
        "t.bytes",
        "INSERT INTO outbox (tenant, entry, body, created_at) VALUES ($1, $2, $3, 1)",
    );
    let body = outbox::beginning("n1");
    let change = Change::of(tenant(1)).step(&BYTES, vec![Value::Bytes(vec![7]), body.as_str().into()]);
    store.apply(change).await.expect("it holds");
    put(&audit, &store, 2).await;
    assert_eq!(Relay::new(audit.clone(), store).pass().await.expect("relayed"), 1);
    assert_eq!(relayed(&scene).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsound_log_leaves_rows_where_they_are() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    let store = store(&scene).await;
    put(&audit, &store, 1).await;
    audit.shared().trouble.fail();
    let relay = Relay::new(audit.clone(), store.clone());
    assert!(relay.pass().await.expect_err("it cannot be appended").is_unavailable());
    audit.shared().trouble.end();
    drop((audit, relay));
    let (audit, _) = reopened(&scene).await;
    Relay::new(audit, store).pass().await.expect("relayed");
    let ids = relayed(&scene);
    assert_eq!(ids.len(), 1, "it may have reached the disk before the failed sync, and is not appended again");
}

/// Opens the log once its last process has let go of it.
async fn reopened(scene: &Scene) -> (Audit, crate::Recovered) {
    loop {
        match scene.try_open().await {
            Ok(opened) => return opened,
            Err(fault) if fault.to_string().contains("another process") => tokio::task::yield_now().await,
            Err(fault) => panic!("{fault}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_forgotten_a_day_after_they_were_appended() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    let store = store(&scene).await;
    let relay = Relay::new(audit.clone(), store.clone());
    put(&audit, &store, 1).await;
    relay.pass().await.expect("relayed");
    static LEFT: lockgate_store::Statement = lockgate_store::Statement::house("t.left", "SELECT COUNT(*) FROM outbox");
    let left = async || store.survey(&LEFT, Vec::new()).await.expect("read")[0].int(0).expect("a count");
    scene.clock.advance(KEPT);
    relay.pass().await.expect("relayed");
    assert_eq!(left().await, 1);
    scene.clock.advance(FORGET_EVERY);
    relay.pass().await.expect("relayed");
    assert_eq!(left().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relay_runs_by_the_clock() {
    let scene = Scene::new();
    let (audit, _) = scene.open().await;
    let store = store(&scene).await;
    let relay = Relay::new(audit.clone(), store.clone());
    let running = tokio::spawn(async move { relay.run().await });
    put(&audit, &store, 1).await;
    while relayed(&scene).is_empty() {
        let clock: &Hand = &scene.clock;
        clock.advance(EVERY);
        tokio::task::yield_now().await;
    }
    running.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_prepares_on_the_engine() {
    let scene = Scene::new();
    store(&scene).await.prepare_all(rows::ALL).await.expect("they prepare");
}
