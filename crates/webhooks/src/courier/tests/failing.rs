//! What fails: tried again by the schedule, given up in the end, and told to whom it concerns.

use std::time::Duration;

use lockgate_egress::{Endpoint, EndpointParts};
use lockgate_testkit::{Behaviour, Canned};

use super::super::*;
use super::world::{LINE, World};
use crate::refusal::WebhookRefusal;
use crate::subscription::Way;

#[tokio::test]
async fn a_delivery_is_tried_again_by_the_schedule_unchanged_until_it_is_dead() {
    let world = World::new().await;
    let schedule = [5u64, 60, 300].map(Duration::from_secs);
    let subscription =
        world.subscribe_with("/hook", |subscription| subscription.onward.schedule = schedule.into()).await;
    world.vendor.on(LINE, Behaviour::Answer(Canned::json(500, "{}")));
    let delivery = world.put(subscription, r#"{"a": 1}"#).await;
    for (number, wait) in schedule.iter().enumerate() {
        assert_eq!(world.deliver().await, 1);
        let stands = world.stands(delivery).await;
        assert_eq!((stands.state.as_str(), stands.tries), ("waiting", i64::try_from(number).expect("few") + 1));
        let waits = stands.due_at.expect("due").since(world.clock.now());
        assert!(waits >= *wait * 4 / 5 && waits <= *wait * 6 / 5, "{waits:?}");
        world.pass(waits - Duration::from_millis(1));
        assert_eq!(world.deliver().await, 0, "not yet");
        world.pass(Duration::from_millis(1));
    }
    assert_eq!(world.deliver().await, 1);
    let stands = world.stands(delivery).await;
    assert_eq!((stands.state.as_str(), stands.tries, stands.ended), ("dead", 4, true));
    assert_eq!((stands.cause.as_deref(), stands.code.as_deref()), (Some("endpoint"), Some("webhooks.endpoint.status")));
    assert_eq!(world.recorded("delivery.dead", delivery).await, 1);
    assert_eq!(world.attempts(delivery).await.len(), 4);
    let seen = world.vendor.seen();
    assert_eq!(seen.len(), 4);
    for (number, seen) in seen.iter().enumerate() {
        assert_eq!(
            (seen.body.as_slice(), seen.header("webhook-id")),
            (br#"{"a": 1}"#.as_slice(), Some(&*delivery.to_string()))
        );
        assert_eq!(seen.header("lockgate-attempt"), Some(&*(number + 1).to_string()));
    }
    assert_ne!(seen[0].header("webhook-signature"), seen[3].header("webhook-signature"), "of another moment");
    assert_eq!(world.failures(subscription).await, 4);
}

#[tokio::test]
async fn an_endpoint_that_asks_for_time_gets_it() {
    let world = World::new().await;
    let subscription = world.subscribe("/hook").await;
    let busy = Canned::json(503, "{}").header("retry-after", "600");
    world.vendor.on(LINE, Behaviour::Answer(busy));
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    let delivery = world.put(subscription, "{}").await;
    assert_eq!(world.deliver().await, 1);
    let second = world.put(subscription, "{}").await;
    world.pass(Duration::from_secs(599));
    assert_eq!(world.deliver().await, 0, "neither this one nor another");
    world.pass(Duration::from_secs(1 + 120));
    assert_eq!(world.deliver().await, 2);
    for delivery in [delivery, second] {
        assert_eq!(world.state(delivery).await.0, "delivered");
    }
    assert_eq!(world.failures(subscription).await, 0, "forgotten with the first success");
}

#[tokio::test]
async fn an_endpoint_that_is_gone_pauses_its_subscription() {
    let world = World::new().await;
    let subscription = world.subscribe("/hook").await;
    world.vendor.answers(LINE, Canned::json(410, "{}"));
    let delivery = world.put(subscription, "{}").await;
    let epoch = world.store.epoch().value();
    assert_eq!(world.deliver().await, 1);
    assert_eq!(world.subscription(subscription).await, ("paused".into(), Some("gone".into())));
    let stands = world.stands(delivery).await;
    assert_eq!(
        (stands.state.as_str(), stands.code.as_deref()),
        ("waiting", Some(WebhookRefusal::EndpointGone.info().code))
    );
    assert!(world.store.epoch().value() > epoch, "every node learns of it");
    assert_eq!(world.recorded("subscription.pause", subscription).await, 1);
    let events = world.events().await;
    let event = events.iter().find(|event| event["type"] == "IntegrationFailed").expect("an event");
    assert_eq!((&event["subject"], &event["data"]["reason"]), (&subscription.to_string().into(), &"gone".into()));
}

#[tokio::test]
async fn an_endpoint_that_has_only_failed_for_long_is_paused() {
    let config =
        CourierConfig { pause_after: Duration::from_secs(1_000), pause_failures: 3, ..CourierConfig::default() };
    let world = World::with(config).await;
    let subscription = world.subscribe("/hook").await;
    world.vendor.answers(LINE, Canned::json(500, "{}"));
    let delivery = world.put(subscription, "{}").await;
    for _ in 0..3 {
        assert_eq!(world.deliver().await, 1);
        assert_eq!(world.subscription(subscription).await.0, "active");
        world.pass(Duration::from_secs(360));
    }
    // The fourth failure, 18 minutes after the first.
    world.pass(Duration::from_secs(3_600));
    assert_eq!(world.deliver().await, 1);
    assert_eq!(world.subscription(subscription).await, ("paused".into(), Some("failing".into())));
    assert_eq!((world.state(delivery).await, world.failures(subscription).await), (("waiting".into(), 4), 0));
    let paused =
        world.known().get(&subscription).map(|known| Subscription { status: Status::Paused, ..(**known).clone() });
    world.known().insert(subscription, Arc::new(paused.expect("known")));
    world.pass(Duration::from_secs(24 * 3_600));
    assert_eq!((world.deliver().await, world.vendor.count(LINE)), (0, 4), "its deliveries wait");
}

#[tokio::test]
async fn what_fails_on_our_side_says_nothing_of_the_endpoint() {
    let world = World::new().await;
    let (subscription, other) = (world.subscribe("/hook").await, world.subscribe("/other").await);
    let delivery = world.put(subscription, "{}").await;
    let sealed = world.put(other, "{}").await;
    // The envelope of another delivery does not open in this one's place.
    static SWAP: lockgate_store::Statement = lockgate_store::Statement::tenant(
        "test.swap",
        "UPDATE deliveries SET sealed = (SELECT d.sealed FROM deliveries d WHERE d.tenant = $1 AND d.delivery = $3) \
         WHERE tenant = $1 AND delivery = $2",
    );
    let swap = lockgate_store::Change::of(super::world::TENANT).step(&SWAP, values![delivery, sealed]);
    world.store.apply(swap).await.expect("swapped");
    world.vendor.answers("*", Canned::json(200, "{}"));
    assert_eq!(world.deliver().await, 2);
    assert_eq!(
        world.attempts(delivery).await,
        [(1, "broken".into(), None, Some("webhooks.envelope.unreadable".into()))]
    );
    assert_eq!((world.failures(subscription).await, world.vendor.count(LINE)), (0, 0));
    assert_eq!(world.state(sealed).await.0, "delivered");
}

#[tokio::test]
async fn a_delivery_that_cannot_be_signed_is_not_sent() {
    let mut world = World::new().await;
    let subscription = world.subscribe("/hook").await;
    let delivery = world.put(subscription, "{}").await;
    let inner = Arc::get_mut(&mut world.courier.inner).expect("one handle");
    inner.sign = Arc::new(|_, _, _, _| Err(Fault::violated("there is a secret")));
    assert_eq!(world.deliver().await, 1);
    let code = WebhookRefusal::SigningUnavailable.info().code;
    assert_eq!(world.attempts(delivery).await, [(1, "broken".into(), None, Some(code.into()))]);
    assert_eq!(world.vendor.seen().len(), 0);
}

#[tokio::test]
async fn an_address_that_is_not_open_is_never_reached() {
    let world = World::new().await;
    let subscription = world
        .subscribe_with("/hook", |subscription| {
            let parts = EndpointParts { url: "https://hook.test/hook".into(), ..EndpointParts::default() };
            subscription.onward.way = Way::Push(Arc::new(Endpoint::resolve(parts).expect("an endpoint")));
        })
        .await;
    let delivery = world.put(subscription, "{}").await;
    assert_eq!(world.deliver().await, 1);
    let wanted = (1, "unanswered".into(), None, Some("egress.address.loopback".into()));
    assert_eq!((world.attempts(delivery).await, world.vendor.connections()), (vec![wanted], 0));
    assert_eq!(world.failures(subscription).await, 1);
}
