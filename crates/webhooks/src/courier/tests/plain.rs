//! What goes well: once, as it was kept, by every node's share of the work.

use std::time::Duration;

use lockgate_testkit::{Behaviour, Canned};

use super::super::*;
use super::world::{LINE, World};

#[tokio::test]
async fn a_delivery_arrives_once_and_is_settled() {
    let world = World::new().await;
    let subscription = world.subscribe("/hook").await;
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    let delivery = world.put(subscription, r#"{ "raw" :  1}"#).await;
    let round = world.courier.round().await.expect("a round");
    assert_eq!(round, Round { due: 1, begun: 1 });
    world.until_free().await;
    assert_eq!(world.deliver().await, 0, "nothing more is due");
    let seen = world.vendor.seen();
    assert_eq!((seen.len(), seen[0].body.as_slice()), (1, br#"{ "raw" :  1}"#.as_slice()));
    let (id, seconds) = (delivery.to_string(), world.clock.now().as_secs().to_string());
    let signature = format!("v1,{id}.{seconds}.13");
    for (name, value) in [
        ("webhook-id", Some(id.as_str())),
        ("webhook-timestamp", Some(seconds.as_str())),
        ("webhook-signature", Some(signature.as_str())),
        ("content-type", Some("application/json; x=1")),
        ("lockgate-event-type", Some("thing.made")),
        ("lockgate-subscription", Some(subscription.to_string().as_str())),
        ("lockgate-attempt", Some("1")),
        ("x-provider-signature", None),
    ] {
        assert_eq!(seen[0].header(name), value, "{name}");
    }
    let stands = world.stands(delivery).await;
    assert_eq!((stands.state.as_str(), stands.tries, stands.leased, stands.ended), ("delivered", 1, false, true));
    assert_eq!((stands.due_at, stands.cause, stands.code), (None, None, None));
    assert_eq!(world.attempts(delivery).await, [(1, "taken".into(), Some(200), None)]);
    assert_eq!(world.recorded("delivery.deliver", delivery).await, 1);
    assert_eq!(world.failures(subscription).await, 0);
}

#[tokio::test]
async fn many_are_under_way_at_once_within_their_bound() {
    let world = World::new().await;
    let subscription = world.subscribe_with("/hook", |subscription| subscription.onward.concurrent = 3).await;
    world.vendor.on(LINE, Behaviour::Gated(Canned::json(200, "{}")));
    for _ in 0..5 {
        world.put(subscription, "{}").await;
    }
    assert_eq!(world.courier.round().await.expect("a round").begun, 3);
    assert_eq!(world.courier.round().await.expect("a round").begun, 0);
    world.vendor.wait_for(LINE, 3).await;
    world.vendor.forget(LINE);
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    world.vendor.release();
    world.until_free().await;
    assert_eq!(world.deliver().await, 2);
    assert_eq!(world.vendor.count(LINE), 5);
}

#[tokio::test]
async fn two_nodes_never_try_the_same_delivery() {
    let world = World::new().await;
    let subscription = world.subscribe("/hook").await;
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    let mut deliveries = Vec::new();
    for _ in 0..40 {
        deliveries.push(world.put(subscription, "{}").await);
    }
    let other = world.another();
    while world.vendor.count(LINE) < 40 {
        let (one, two) = tokio::join!(world.courier.round(), other.round());
        one.and(two).expect("rounds");
        tokio::task::yield_now().await;
    }
    world.until_free().await;
    while other.free_workers() < 64 {
        tokio::task::yield_now().await;
    }
    let mut ids: Vec<_> =
        world.vendor.seen().iter().map(|seen| seen.header("webhook-id").expect("an id").to_owned()).collect();
    ids.sort();
    let mut wanted: Vec<_> = deliveries.iter().map(ToString::to_string).collect();
    wanted.sort();
    assert_eq!(ids, wanted);
}

#[tokio::test]
async fn a_lease_is_taken_over_when_its_node_is_gone() {
    let world = World::new().await;
    let subscription = world.subscribe("/hook").await;
    world.vendor.on(LINE, Behaviour::Gated(Canned::json(200, "{}")));
    let delivery = world.put(subscription, "{}").await;
    let gone = world.another();
    assert_eq!(gone.round().await.expect("a round").begun, 1);
    world.vendor.wait_for(LINE, 1).await;
    assert_eq!(world.state(delivery).await, ("leased".into(), 1));
    assert_eq!(world.deliver().await, 0, "it is another node's");
    // The other node says no more: its try ran into its bound, and nothing was settled before the lease was over.
    world.vendor.forget(LINE);
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    world.pass(Duration::from_secs(46));
    while gone.free_workers() < 64 {
        tokio::task::yield_now().await;
    }
    // It may have come first with its failure, or found that its lease was over.
    world.pass(Duration::from_secs(10));
    assert_eq!(world.deliver().await, 1);
    let seen = world.vendor.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].header("webhook-id"), seen[1].header("webhook-id"));
    assert_eq!(seen[1].header("lockgate-attempt"), Some("2"));
    assert_eq!(world.state(delivery).await, ("delivered".into(), 2));
}

#[tokio::test]
async fn a_late_node_changes_nothing() {
    let world = World::new().await;
    let subscription = world.subscribe("/hook").await;
    let delivery = world.put(subscription, "{}").await;
    let known = world.known().get(&subscription).cloned().expect("known");
    let slots = world.courier.inner.paces.reserve(&known, 1);
    let late = lease::lease(&world.courier.inner, &known, slots).await.expect("leased").remove(0).0;
    world.pass(Duration::from_secs(46));
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    assert_eq!(world.deliver().await, 1);
    let before = world.stands(delivery).await;
    let attempt = crate::judge::Attempt::Answered { status: 500, retry_after: None };
    let tried = crate::push::Tried { attempt, took: Duration::ZERO };
    let judged = crate::judge::Judged::Again { at: world.clock.now() };
    crate::settle::settle(&world.courier.inner, &known, &late, &tried, judged).await;
    assert_eq!(world.stands(delivery).await, before);
    assert_eq!((before.state.as_str(), world.failures(subscription).await), ("delivered", 0));
    let outcomes: Vec<_> = world.attempts(delivery).await.into_iter().map(|(_, outcome, ..)| outcome).collect();
    assert_eq!(outcomes, ["lost", "taken"]);
}

#[tokio::test]
async fn the_courier_goes_round_by_itself_and_stops_in_good_order() {
    let world = World::new().await;
    let subscription = world.subscribe("/hook").await;
    world.vendor.on(LINE, Behaviour::Gated(Canned::json(200, "{}")));
    world.courier.start();
    let delivery = world.put(subscription, "{}").await;
    world.courier.inner.wake.notify_one();
    while world.vendor.count(LINE) == 0 {
        world.clock.run(Duration::from_millis(20), Duration::from_millis(20)).await;
    }
    let closing = tokio::spawn({
        let courier = world.courier.clone();
        async move { courier.close(Duration::from_secs(3_600)).await }
    });
    while !*world.courier.inner.closing.borrow() {
        tokio::task::yield_now().await;
    }
    let second = world.put(subscription, "{}").await;
    assert_eq!(world.courier.round().await.expect("a round"), Round::default(), "nothing more begins");
    world.vendor.release();
    while !closing.is_finished() {
        world.clock.run(Duration::from_millis(1), Duration::from_millis(1)).await;
    }
    assert!(closing.await.expect("it ran"));
    assert_eq!(world.state(delivery).await.0, "delivered");
    assert_eq!(world.state(second).await, ("waiting".into(), 0));
}
