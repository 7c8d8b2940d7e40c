//! What ends without ever being handed on: what is left of subscriptions that are gone, what waited too long, and
//! what no node came to the end of.

use std::time::Duration;

use lockgate_store::Statement;
use lockgate_testkit::Canned;

use super::super::*;
use super::world::{LINE, TENANT, World};
use crate::bury::Grave;
use crate::refusal::WebhookRefusal;
use crate::subscription::Way;

const DAY: Duration = Duration::from_secs(86_400);

static PULLED: Statement =
    Statement::tenant("test.pulled", "UPDATE deliveries SET due_at = NULL WHERE tenant = $1 AND subscription = $2");

static TRIED: Statement =
    Statement::tenant("test.tried", "UPDATE deliveries SET tries = $3 WHERE tenant = $1 AND delivery = $2");

impl World {
    fn grave(&self) -> Grave<'_> {
        Grave { store: &self.store, audit: &self.audit, clock: &self.clock }
    }

    /// Lets a subscription be as one whose deliveries are fetched.
    async fn fetched(&self, id: SubscriptionId) {
        self.store.apply(lockgate_store::Change::of(TENANT).step(&PULLED, values![id])).await.expect("not due");
    }

    async fn expire(&self, id: SubscriptionId) {
        let known = Arc::clone(self.known().get(&id).expect("known"));
        self.grave().expired(&known).await;
    }

    fn change(&self, id: SubscriptionId, change: impl FnOnce(&mut Subscription)) {
        let mut known = Subscription::clone(self.known().get(&id).expect("known"));
        change(&mut known);
        self.known().insert(id, Arc::new(known));
    }
}

#[tokio::test]
async fn deliveries_of_a_retired_subscription_end_each_with_its_record() {
    let world = World::new().await;
    let (pushed, pulled, other) =
        (world.subscribe("/a").await, world.subscribe("/b").await, world.subscribe("/c").await);
    let mut deliveries = Vec::new();
    for _ in 0..120 {
        deliveries.push(world.put(pushed, "{}").await);
    }
    let (fetched, stays) = (world.put(pulled, "{}").await, world.put(other, "{}").await);
    world.fetched(pulled).await;
    world.known().remove(&pushed);
    world.vendor.answers("*", Canned::json(200, "{}"));
    assert_eq!(world.deliver().await, 1, "the other's");
    world.grave().retired().await.expect("looked for");
    assert_eq!(world.state(fetched).await.0, "waiting", "the store knows it, so this node may be behind");
    world.retire(pushed).await;
    world.retire(pulled).await;
    world.grave().retired().await.expect("looked for");
    deliveries.push(fetched);
    for delivery in deliveries {
        let stands = world.stands(delivery).await;
        assert_eq!((stands.state.as_str(), stands.cause.as_deref(), stands.ended), ("dead", Some("pipeline"), true));
        assert_eq!(stands.code.as_deref(), Some(WebhookRefusal::SubscriptionRetired.info().code));
        assert_eq!(world.recorded("delivery.dead", delivery).await, 1);
    }
    assert_eq!(world.state(stays).await.0, "delivered");
}

#[tokio::test]
async fn what_nobody_fetches_ends_after_thirty_days() {
    let world = World::new().await;
    let subscription = world.subscribe_with("/hook", |subscription| subscription.onward.way = Way::Pull).await;
    let delivery = world.put(subscription, "{}").await;
    world.fetched(subscription).await;
    world.pass(DAY * 30 - Duration::from_secs(1));
    let late = world.put(subscription, "{}").await;
    world.fetched(subscription).await;
    world.expire(subscription).await;
    assert_eq!(world.state(delivery).await.0, "waiting");
    world.pass(Duration::from_secs(1));
    world.expire(subscription).await;
    let stands = world.stands(delivery).await;
    assert_eq!((stands.state.as_str(), stands.cause.as_deref(), stands.ended), ("dead", Some("endpoint"), true));
    assert_eq!(stands.code.as_deref(), Some(WebhookRefusal::DeliveryExpired.info().code));
    assert_eq!((world.recorded("delivery.dead", delivery).await, world.state(late).await.0), (1, "waiting".into()));
}

#[tokio::test]
async fn what_waits_for_a_paused_subscription_ends_when_nobody_makes_it_active() {
    let world = World::new().await;
    let subscription = world.subscribe_with("/hook", |subscription| subscription.onward.keep = DAY * 60).await;
    let delivery = world.put(subscription, "{}").await;
    world.pass(DAY * 61);
    world.expire(subscription).await;
    assert_eq!(world.state(delivery).await.0, "waiting", "it is active: the courier's");
    world.change(subscription, |subscription| subscription.status = Status::Paused);
    let younger = world.put(subscription, "{}").await;
    world.pass(DAY * 31);
    world.expire(subscription).await;
    assert_eq!(world.stands(delivery).await.code.as_deref(), Some(WebhookRefusal::DeliveryExpired.info().code));
    assert_eq!(world.state(younger).await.0, "waiting", "it is kept for sixty days");
}

#[tokio::test]
async fn a_try_that_was_lost_stands_among_the_others_and_the_last_one_ends_the_delivery() {
    let world = World::new().await;
    let subscription = world.subscribe("/hook").await;
    let delivery = world.put(subscription, "{}").await;
    let known = Arc::clone(world.known().get(&subscription).expect("known"));
    let lose = async |tries: Option<i64>| {
        let slots = world.courier.inner.paces.reserve(&known, 1);
        assert_eq!(lease::lease(&world.courier.inner, &known, slots).await.expect("leased").len(), 1);
        if let Some(tries) = tries {
            let tried = lockgate_store::Change::of(TENANT).step(&TRIED, values![delivery, tries]);
            world.store.apply(tried).await.expect("tried");
        }
        world.pass(Duration::from_secs(46));
        lease::give_back(&world.courier.inner).await.expect("given back");
    };
    lose(None).await;
    assert_eq!(world.state(delivery).await, ("waiting".into(), 1));
    lose(Some(24)).await;
    assert_eq!(world.state(delivery).await, ("waiting".into(), 24));
    assert_eq!(world.attempts(delivery).await, [1, 24].map(|number| (number, "lost".to_owned(), None, None)));
    lose(None).await;
    let (stands, code) = (world.stands(delivery).await, WebhookRefusal::DeliveryLost.info().code);
    assert_eq!((stands.state.as_str(), stands.cause.as_deref(), stands.ended), ("dead", Some("pipeline"), true));
    assert_eq!((stands.code.as_deref(), stands.leased), (Some(code), false));
    assert_eq!(world.attempts(delivery).await.last(), Some(&(25, "lost".into(), None, Some(code.into()))));
    assert_eq!(world.recorded("delivery.dead", delivery).await, 1);
}

#[tokio::test]
async fn a_subscription_that_cannot_be_looked_up_holds_up_no_other() {
    let mut world = World::new().await;
    let (ill, well) = (world.subscribe("/ill").await, world.subscribe("/hook").await);
    let inner = Arc::get_mut(&mut world.courier.inner).expect("one handle");
    let find = Arc::clone(&inner.find);
    inner.find = Arc::new(move |id| if id == ill { Err(Fault::violated("it is readable")) } else { find(id) });
    world.vendor.answers(LINE, Canned::json(200, "{}"));
    let (waits, goes) = (world.put(ill, "{}").await, world.put(well, "{}").await);
    assert_eq!(world.deliver().await, 1);
    assert_eq!((world.state(waits).await.0, world.state(goes).await.0), ("waiting".into(), "delivered".into()));
}
