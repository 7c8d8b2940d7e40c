//! Several nodes, or many tasks, on one database: what the rooms build on it holds.

use super::place::{count, insert, names, tenant};
use super::{Place, on_each_engine};
use crate::{ApplyFailure, Change, Statement, Store, values};

on_each_engine![
    nobody_reads_half_a_change,
    one_of_two_nodes_takes_a_key,
    an_operation_is_claimed_by_one_node,
    a_lease_that_is_over_can_be_claimed,
    an_answer_of_ten_megabytes_is_kept,
    a_snapshot_of_many_rows_is_read_whole,
    readers_do_not_wait_for_each_other_for_ever,
];

async fn nobody_reads_half_a_change(place: Place) {
    let store = place.open().await;
    let writing = tokio::spawn({
        let store = store.clone();
        async move {
            for number in 0..40 {
                let pair = insert(tenant(1), &format!("a{number}")).and(insert(tenant(1), &format!("b{number}")));
                let failing = insert(tenant(1), &format!("c{number}")).and(insert(tenant(1), "a0"));
                let (held, failed) = tokio::join!(store.apply(pair), store.apply(failing));
                held.unwrap();
                failed.unwrap_err();
            }
        }
    });
    while !writing.is_finished() {
        assert_eq!(names(&store, tenant(1)).await.len() % 2, 0);
        assert_eq!(count(&store).await % 2, 0);
    }
    writing.await.unwrap();
    assert_eq!(count(&store).await, 80);
}

/// Two at once with one idempotency key run once.
async fn one_of_two_nodes_takes_a_key(place: Place) {
    static TAKE: Statement = Statement::tenant(
        "test.take",
        "INSERT INTO idempotency
         (tenant, caller, connection, key_digest, request_digest, state, run, created_at, expires_at)
         VALUES ($1, 'prn', 'conn', $2, $3, 'running', $4, 1, 2)",
    );
    let (one, two) = (place.open().await, place.open().await);
    for number in 0..20_u8 {
        let take = |run: &str| Change::of(tenant(1)).step(&TAKE, values![[number], [0_u8], run]);
        let (first, second) = tokio::join!(one.apply(take("run_1")), two.apply(take("run_2")));
        let conflicts = |outcome: &Result<_, _>| matches!(outcome, Err(ApplyFailure::Conflict { step: 0 }));
        assert!(first.is_ok() && conflicts(&second) || conflicts(&first) && second.is_ok(), "{first:?} {second:?}");
    }
}

static PUSH: Statement = Statement::tenant(
    "test.push",
    "INSERT INTO operations (tenant, operation, principal, run, state, request, tries, due_at, created_at, expires_at)
     VALUES ($1, $2, 'prn', 'run', 'waiting', $3, 0, $4, 1, 9)",
);

/// The condition stands twice: once to choose, and once because PostgreSQL looks at a row again after
/// it has waited for the other node to let go of it.
static CLAIM: Statement = Statement::house(
    "test.claim",
    "UPDATE operations SET lease_until = $2, tries = tries + 1
     WHERE (tenant, operation) IN (
         SELECT tenant, operation FROM operations
         WHERE state = 'waiting' AND due_at <= $1 AND (lease_until IS NULL OR lease_until < $1)
         ORDER BY due_at LIMIT $3)
     AND (lease_until IS NULL OR lease_until < $1)
     RETURNING tenant, operation, tries",
);

async fn claim(store: &Store, now: i64, most: i64) -> Vec<String> {
    let change = Change::house().step(&CLAIM, values![now, now + 30, most]);
    let applied = store.apply(change).await.unwrap();
    applied.rows[0].iter().map(|row| row.text(1).unwrap().to_owned()).collect()
}

async fn an_operation_is_claimed_by_one_node(place: Place) {
    let (one, two) = (place.open().await, place.open().await);
    for number in 0..40_i64 {
        let push =
            Change::of(tenant(number as u128 % 3)).step(&PUSH, values![format!("op_{number:02}"), [1_u8], number]);
        one.apply(push).await.unwrap();
    }
    let mut claimed = Vec::new();
    for _ in 0..20 {
        let (here, there) = tokio::join!(claim(&one, 100, 3), claim(&two, 100, 3));
        claimed.extend(here);
        claimed.extend(there);
    }
    claimed.sort_unstable();
    let wanted: Vec<String> = (0..40).map(|number| format!("op_{number:02}")).collect();
    assert_eq!(claimed, wanted);
}

async fn a_lease_that_is_over_can_be_claimed(place: Place) {
    let store = place.open().await;
    store.apply(Change::of(tenant(1)).step(&PUSH, values!["op_1", [1_u8], 50_i64])).await.unwrap();
    assert_eq!(claim(&store, 49, 10).await, [""; 0], "it is not due");
    assert_eq!(claim(&store, 50, 10).await, ["op_1"]);
    assert_eq!(claim(&store, 80, 10).await, [""; 0], "its lease lasts");
    assert_eq!(claim(&store, 81, 10).await, ["op_1"]);
}

async fn an_answer_of_ten_megabytes_is_kept(place: Place) {
    static SIZE: Statement =
        Statement::tenant("test.size", "SELECT request FROM operations WHERE tenant = $1 AND operation = $2");
    let store = place.open().await;
    let body: Vec<u8> = (0..10_000_000_u32).map(|number| number.to_le_bytes()[(number % 4) as usize]).collect();
    store.apply(Change::of(tenant(1)).step(&PUSH, values!["op_1", body.clone(), 1_i64])).await.unwrap();
    let rows = store.read(tenant(1), &SIZE, values!["op_1"]).await.unwrap();
    assert!(rows[0].bytes(0).unwrap() == body);
}

async fn a_snapshot_of_many_rows_is_read_whole(place: Place) {
    static ALL: Statement = Statement::house("test.all", "SELECT tenant, name FROM providers ORDER BY tenant, name");
    let store = place.open().await;
    for tens in 0..5 {
        let many = |change: Change, number: u32| change.and(insert(tenant(1), &format!("n{tens}{number:03}")));
        store.apply((0..1_000).fold(Change::of(tenant(1)), many)).await.unwrap();
    }
    let rows = store.survey(&ALL, values![]).await.unwrap();
    assert_eq!(rows.len(), 5_000);
    assert!(rows.iter().zip(rows.iter().skip(1)).all(|(one, next)| one.text(1).unwrap() < next.text(1).unwrap()));
}

async fn readers_do_not_wait_for_each_other_for_ever(place: Place) {
    let store = place.open().await;
    store.apply(insert(tenant(1), "a")).await.unwrap();
    let reading = (0..300).map(|number| {
        let store = store.clone();
        tokio::spawn(async move { names(&store, tenant(number % 2)).await.len() })
    });
    let reading: Vec<_> = reading.collect();
    // Some that leave in the middle must not take a connection with them.
    for task in reading.iter().step_by(3) {
        task.abort();
    }
    let mut found = 0;
    for task in reading {
        found += task.await.unwrap_or(0);
    }
    assert!(found <= 150);
    assert_eq!(names(&store, tenant(1)).await, ["a"]);
}
