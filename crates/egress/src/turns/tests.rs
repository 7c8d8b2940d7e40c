//! No tenant takes every place.

use std::sync::mpsc;

use super::*;

#[tokio::test]
async fn a_tenant_that_keeps_its_places_busy_keeps_nobody_else_waiting() {
    let turns = Arc::new(Turns::new(2, 1));
    let (greedy, other) = (TenantId::from_u128(1), TenantId::from_u128(2));
    let (begun, begins) = mpsc::channel();
    let mut gates = Vec::new();
    let mut works = Vec::new();
    for number in 0..5 {
        let (gate, opens) = mpsc::channel::<()>();
        let (turns, begun) = (Arc::clone(&turns), begun.clone());
        gates.push(gate);
        works.push(tokio::spawn(async move {
            let work = move || {
                begun.send(number).expect("listened to");
                opens.recv().ok();
            };
            turns.run(greedy, work).await.expect("done");
        }));
    }
    let first = tokio::task::spawn_blocking(move || (begins.recv().expect("one begins"), begins)).await;
    let (first, begins) = first.expect("told");
    assert_eq!(turns.run(other, || 7).await.expect("done"), 7);
    assert!(begins.try_recv().is_err(), "of five begins one, and it was number {first}");
    drop(gates);
    for work in works {
        work.await.expect("over");
    }
    assert_eq!(begins.try_iter().count(), 4);
}

#[tokio::test]
async fn who_stops_waiting_takes_no_place_along() {
    let turns = Turns::new(1, 1);
    let tenant = TenantId::from_u128(1);
    let held = turns.take(tenant).await.expect("free");
    {
        let waiting = std::pin::pin!(turns.run(tenant, || ()));
        let now = std::future::ready(());
        assert!(matches!(futures_util::future::select(waiting, now).await, futures_util::future::Either::Right(_)));
    }
    drop(held);
    turns.run(tenant, || ()).await.expect("done");
}

#[tokio::test]
async fn tenants_that_wait_for_nothing_are_forgotten() {
    let turns = Turns::new(2, 1);
    for tenant in 0..3_000 {
        turns.run(TenantId::from_u128(tenant), || ()).await.expect("done");
    }
    assert!(turns.tenants.lock().expect("free").len() <= REMEMBERED);
}
