//! Whose turn it is: in order where that is asked for, and nobody behind somebody else's trouble.

use std::time::Duration;

use lockgate_testkit::{Behaviour, Canned};

use super::super::*;
use super::world::{LINE, World};

fn ids(world: &World, line: &str) -> Vec<String> {
    let seen = world.vendor.seen();
    let same = seen.iter().filter(|seen| seen.line() == line);
    same.map(|seen| seen.header("webhook-id").expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn deliveries_of_one_key_go_one_behind_the_other() {
    let world = World::new().await;
    let subscription =
        world.subscribe_with("/hook", |subscription| subscription.onward.order_by = Some("/id".into())).await;
    world.vendor.on(LINE, Behaviour::Answer(Canned::json(500, "{}")));
    let first = world.put_in_order(subscription, "1", Some("a")).await;
    let second = world.put_in_order(subscription, "2", Some("a")).await;
    let third = world.put_in_order(subscription, "3", Some("a")).await;
    let beside = world.put_in_order(subscription, "4", Some("b")).await;
    let keyless = world.put_in_order(subscription, "5", None).await;
    assert_eq!(world.deliver().await, 3, "one of each key, and what has none");
    world.vendor.forget(LINE);
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    assert_eq!(world.deliver().await, 0, "what failed is waited for");
    assert_eq!(world.state(second).await, ("waiting".into(), 0));
    world.pass(Duration::from_secs(7));
    for _ in 0..3 {
        world.deliver().await;
    }
    let seen = ids(&world, LINE);
    let place = |id: lockgate_vocabulary::DeliveryId| {
        seen.iter().rposition(|seen| *seen == id.to_string()).expect("it arrived")
    };
    assert!(place(first) < place(second) && place(second) < place(third));
    for delivery in [first, second, third, beside, keyless] {
        assert_eq!(world.state(delivery).await.0, "delivered");
    }
}

#[tokio::test]
async fn a_dead_endpoint_holds_nobody_elses_deliveries_up() {
    let world = World::with(CourierConfig { workers: 4, ..CourierConfig::default() }).await;
    let dead = world.subscribe("/dead").await;
    world.vendor.on("POST /dead", Behaviour::Stall(Vec::new()));
    for _ in 0..20 {
        world.put(dead, "{}").await;
    }
    assert_eq!(world.courier.round().await.expect("a round").begun, 1, "a quarter of the workers");
    world.vendor.wait_for("POST /dead", 1).await;
    let well = world.subscribe("/hook").await;
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    for _ in 0..5 {
        world.put(well, "{}").await;
    }
    for arrived in 1..=5 {
        assert_eq!(world.courier.round().await.expect("a round").begun, 1);
        while world.courier.free_workers() < 3 {
            tokio::task::yield_now().await;
        }
        assert_eq!(world.vendor.count(LINE), arrived);
    }
}

#[tokio::test]
async fn an_endpoint_that_only_fails_is_left_alone_for_a_while() {
    let world = World::new().await;
    let subscription = world.subscribe("/hook").await;
    world.vendor.on(LINE, Behaviour::Answer(Canned::json(500, "{}")));
    for _ in 0..20 {
        world.put(subscription, "{}").await;
    }
    assert_eq!(world.deliver().await, 8);
    assert_eq!(world.deliver().await, 0, "it failed eight times in a row");
    world.pass(Duration::from_secs(60 * 5));
    assert_eq!(world.deliver().await, 1, "one tries");
    assert_eq!(world.deliver().await, 0);
}

#[tokio::test]
async fn a_rate_spreads_deliveries() {
    let world = World::new().await;
    let subscription = world.subscribe_with("/hook", |subscription| subscription.onward.per_minute = Some(20)).await;
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    for _ in 0..5 {
        world.put(subscription, "{}").await;
    }
    assert_eq!((world.deliver().await, world.deliver().await), (2, 0));
    world.pass(Duration::from_secs(3));
    assert_eq!((world.deliver().await, world.deliver().await), (1, 0));
}

#[tokio::test]
async fn each_has_its_turn_where_there_are_too_few_workers() {
    let world = World::with(CourierConfig { workers: 2, ..CourierConfig::default() }).await;
    let mut lines = Vec::new();
    for path in ["/a", "/b", "/c", "/d"] {
        let subscription = world.subscribe(path).await;
        let line = format!("POST {path}");
        world.vendor.answers(&line, Canned::json(200, "{}"));
        for _ in 0..10 {
            world.put(subscription, "{}").await;
        }
        lines.push(line);
    }
    for _ in 0..8 {
        world.deliver().await;
    }
    for line in &lines {
        assert_eq!(world.vendor.count(line), 2, "{line}");
    }
}
