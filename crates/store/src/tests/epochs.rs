//! The epoch: raised with a change, seen by every node, and not trusted once it is old.

use std::time::Duration;

use super::place::{BY_NAME, insert, tenant};
use super::{Place, on_each_engine};
use crate::{ApplyFailure, Change, Statement, values};

on_each_engine![
    rises_with_a_change_and_stamps_its_rows,
    stays_where_a_change_fails,
    rises_once_for_changes_put_together,
    is_seen_by_another_node_within_its_next_poll,
    is_confirmed_while_polls_succeed,
    wakes_whoever_waits,
    never_becomes_visible_out_of_order,
];

static CHANGED: Statement =
    Statement::house("test.changed", "SELECT name, changed FROM providers WHERE changed > $1 ORDER BY changed");

async fn rises_with_a_change_and_stamps_its_rows(place: Place) {
    let store = place.open().await;
    let start = store.epoch().value();
    store.apply(insert(tenant(1), "quiet")).await.unwrap();
    assert_eq!(store.epoch().value(), start);
    let applied = store.apply(insert(tenant(1), "loud").raising_epoch()).await.unwrap();
    assert_eq!(applied.epoch, Some(start + 1));
    assert_eq!(store.epoch().value(), start + 1, "this node knows at once");
    let rows = store.read(tenant(1), &BY_NAME, values!["loud"]).await.unwrap();
    assert_eq!(rows[0].int(3).unwrap(), start as i64 + 1);
    let changed = store.survey(&CHANGED, values![start as i64]).await.unwrap();
    assert_eq!(changed.len(), 1);
}

async fn stays_where_a_change_fails(place: Place) {
    let store = place.open().await;
    let start = store.epoch().value();
    let failing = insert(tenant(1), "a").and(insert(tenant(1), "a")).raising_epoch();
    assert!(matches!(store.apply(failing).await, Err(ApplyFailure::Conflict { step: 1 })));
    assert_eq!(store.confirm_epoch().await.unwrap(), start);
}

async fn rises_once_for_changes_put_together(place: Place) {
    let store = place.open().await;
    let start = store.epoch().value();
    let change = insert(tenant(1), "a").raising_epoch().and(insert(tenant(1), "b").raising_epoch());
    assert_eq!(store.apply(change).await.unwrap().epoch, Some(start + 1));
}

async fn is_seen_by_another_node_within_its_next_poll(place: Place) {
    let (one, two) = (place.open().await, place.open().await);
    let mut seen = two.epoch();
    let raised = one.apply(Change::of(tenant(1)).raising_epoch()).await.unwrap().epoch;
    assert!(two.epoch().value() < raised.unwrap());
    place.poll(2).await;
    assert_eq!(seen.changed().await, raised);
    assert_eq!(two.epoch().value(), raised.unwrap());
}

async fn is_confirmed_while_polls_succeed(place: Place) {
    let (store, other) = (place.open().await, place.open().await);
    let epoch = store.epoch();
    assert!(epoch.is_confirmed(), "opening asks for it");
    place.clock.advance(Duration::from_secs(60));
    store.confirm_epoch().await.unwrap();
    assert!(epoch.is_confirmed(), "one may ask at once");
    // Polls that were sent are waited for by what they see.
    let mut seen = store.epoch();
    for _ in 0..20 {
        let raised = other.apply(Change::of(tenant(1)).raising_epoch()).await.unwrap().epoch;
        place.poll(2).await;
        while seen.changed().await.expect("the store is open") < raised.unwrap() {}
        assert!(epoch.is_confirmed());
    }
    store.clone().close().await.unwrap();
    assert!(store.confirm_epoch().await.unwrap_err().is_unavailable());
    place.clock.advance(Duration::from_millis(2_001));
    assert!(!epoch.is_confirmed(), "nobody can have asked for more than two seconds");
}

async fn wakes_whoever_waits(place: Place) {
    let store = place.open().await;
    let mut epoch = store.epoch();
    let waiting = tokio::spawn(async move { (epoch.changed().await, epoch.changed().await) });
    let first = store.apply(Change::house().raising_epoch()).await.unwrap().epoch;
    let mut late = store.epoch();
    let second = store.apply(Change::house().raising_epoch()).await.unwrap().epoch;
    assert_eq!(late.changed().await, second);
    drop(store);
    let (one, two) = waiting.await.unwrap();
    assert!(one == first || one == second);
    assert!(two == second || two.is_none(), "both may come as one");
    assert_eq!(late.changed().await, None, "no store, no more epochs");
}

/// A snapshot that has read everything up to an epoch never misses a row of an epoch before it.
async fn never_becomes_visible_out_of_order(place: Place) {
    static EPOCH: Statement = Statement::house("test.epoch", "SELECT value FROM house WHERE name = 'epoch'");
    let (one, two) = (place.open().await, place.open().await);
    let mut known = one.survey(&EPOCH, values![]).await.unwrap()[0].int(0).unwrap();
    let writing: Vec<_> = (0..40)
        .map(|number| {
            let store = if number % 2 == 0 { one.clone() } else { two.clone() };
            tokio::spawn(async move { store.apply(insert(tenant(1), &format!("n{number}")).raising_epoch()).await })
        })
        .collect();
    let mut found = 0;
    for task in writing {
        task.await.unwrap().unwrap();
        let epoch = one.survey(&EPOCH, values![]).await.unwrap()[0].int(0).unwrap();
        let rows = one.survey(&CHANGED, values![known]).await.unwrap();
        // What is newer than `epoch` is read again the next time.
        found += rows.iter().filter(|row| row.int(1).unwrap() <= epoch).count();
        known = epoch;
    }
    assert_eq!(found, 40);
}
