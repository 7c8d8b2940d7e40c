//! Shares of the workers, and pauses for who fails.

use lockgate_egress::{Endpoint, EndpointParts};
use lockgate_testkit::ManualClock;

use super::*;
use crate::judge::SCHEDULE;
use crate::subscription::{Onward, Side, Status, Way};

const REFUSED: Attempt = Attempt::Answered { status: 400, retry_after: None };
const FAILED: Attempt = Attempt::Answered { status: 500, retry_after: None };

fn subscription(tenant: u128, id: u128, concurrent: u32, per_minute: Option<u32>) -> Subscription {
    let parts = EndpointParts { url: "https://example.com/".into(), ..EndpointParts::default() };
    Subscription {
        tenant: TenantId::from_u128(tenant),
        id: SubscriptionId::from_u128(id),
        name: "hook".parse().expect("a name"),
        status: Status::Active,
        side: Side::Outbound { types: [].into() },
        onward: Onward {
            way: Way::Push(Arc::new(Endpoint::resolve(parts).expect("an endpoint"))),
            schedule: SCHEDULE.into(),
            timeout: Duration::from_secs(15),
            per_minute,
            concurrent,
            order_by: None,
            keep: Duration::from_secs(86_400),
            replay_approval: false,
        },
        verifying: [].into(),
        signing: [].into(),
    }
}

fn paces(workers: u32) -> (Arc<Paces>, ManualClock) {
    let clock = ManualClock::new();
    (Arc::new(Paces::new(workers, Arc::new(clock.clone()))), clock)
}

#[test]
fn workers_are_shared() {
    let (paces, _) = paces(32);
    let first = paces.reserve(&subscription(1, 1, 3, None), 99);
    assert_eq!((first.len(), paces.free()), (3, 29), "as many as it may have under way");
    assert_eq!(paces.reserve(&subscription(1, 1, 3, None), 99).len(), 0);
    let second = paces.reserve(&subscription(1, 2, 99, None), 99);
    assert_eq!(second.len(), 8, "a quarter");
    let third = paces.reserve(&subscription(1, 3, 99, None), 99);
    assert_eq!(third.len(), 5, "half for the tenant");
    assert_eq!(paces.reserve(&subscription(1, 4, 99, None), 99).len(), 0);
    assert_eq!(paces.reserve(&subscription(2, 5, 99, None), 2).len(), 2, "another tenant");
    drop((first, second, third));
    assert_eq!(paces.free(), 32);
    paces.sweep();
    let state = paces.state();
    assert_eq!((state.each.len(), state.tenants.len()), (0, 0));
}

#[test]
fn an_endpoint_that_fails_is_left_alone_for_longer_each_time() {
    let (paces, clock) = paces(32);
    let subscription = subscription(1, 1, 4, None);
    for _ in 0..FAILURES {
        assert_eq!(paces.reserve(&subscription, 9).len(), 4);
        paces.report(subscription.id, &FAILED);
    }
    for pause in [30u64, 60, 120, 240, 300, 300] {
        clock.advance(Duration::from_secs(pause) - Duration::from_millis(1));
        assert_eq!(paces.reserve(&subscription, 9).len(), 0, "{pause}");
        clock.advance(Duration::from_millis(1));
        let one = paces.reserve(&subscription, 9);
        assert_eq!((one.len(), paces.reserve(&subscription, 9).len()), (1, 0), "one tries");
        paces.report(subscription.id, &Attempt::Unanswered("egress.vendor.reset"));
    }
    clock.advance(LONGEST_PAUSE);
    paces.report(subscription.id, &Attempt::Broken("webhooks.signing.unavailable"));
    paces.report(subscription.id, &Attempt::Unfit("webhooks.broker.too_large"));
    assert_eq!(paces.reserve(&subscription, 9).len(), 1, "nothing was learned");
    paces.report(subscription.id, &REFUSED);
    assert_eq!(paces.reserve(&subscription, 9).len(), 4, "it answers again");
}

#[test]
fn an_endpoint_that_asks_for_it_is_left_alone() {
    let (paces, clock) = paces(32);
    let subscription = subscription(1, 1, 4, None);
    paces.report(subscription.id, &Attempt::Answered { status: 429, retry_after: Some(Duration::from_secs(60)) });
    assert_eq!(paces.reserve(&subscription, 9).len(), 0);
    clock.advance(Duration::from_secs(60));
    assert_eq!(paces.reserve(&subscription, 9).len(), 4);
    paces.report(subscription.id, &Attempt::Answered { status: 503, retry_after: Some(Duration::MAX) });
    clock.advance(LONGEST_HOLD);
    assert_eq!(paces.reserve(&subscription, 9).len(), 4, "asked again after an hour");
}

#[test]
fn a_rate_counts_what_was_begun() {
    let (paces, clock) = paces(64);
    let subscription = subscription(1, 1, 16, Some(60));
    let slots = paces.reserve(&subscription, 99);
    assert_eq!(slots.len(), 6, "a tenth at once");
    drop(slots);
    let slots = paces.reserve(&subscription, 99);
    assert_eq!(slots.len(), 6, "nothing was begun");
    slots.iter().for_each(Slot::begin);
    drop(slots);
    assert_eq!(paces.reserve(&subscription, 99).len(), 0);
    clock.advance(Duration::from_secs(2));
    assert_eq!(paces.reserve(&subscription, 99).len(), 2);
    paces.sweep();
    assert_eq!(paces.state().each.len(), 1, "forgetting it would forgive it");
    let faster = self::subscription(1, 1, 16, Some(120));
    assert_eq!(paces.reserve(&faster, 99).len(), 12, "a rate that was changed is counted anew");
    clock.advance(Duration::from_secs(60));
    paces.sweep();
    assert_eq!(paces.state().each.len(), 0);
}
