//! What no node comes to the end of.

use std::time::Duration;

use lockgate_store::Statement;

use super::super::*;
use super::world::{TENANT, World};
use crate::refusal::WebhookRefusal;

static TRIED: Statement =
    Statement::tenant("test.tried", "UPDATE deliveries SET tries = $3 WHERE tenant = $1 AND delivery = $2");

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
