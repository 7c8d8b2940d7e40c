//! The feed of events loses nothing: what may still be joined by an earlier event comes again.

use std::time::Duration;

use lockgate_store::Change;
use lockgate_vocabulary::{ConnectionId, SystemEntropy};

use crate::access::tests::world::{World, code};
use crate::registry::{Event, EventKind, PageAsk};

async fn tell(world: &World, number: u128) {
    let subject = ConnectionId::from_u128(number);
    let event = Event::new(EventKind::IntegrationFailed, world.acme.tenant, subject);
    let (statement, values) = event.step(&world.clock, &SystemEntropy);
    world.store.apply(Change::of(world.acme.tenant).step(statement, values)).await.unwrap();
    world.clock.advance(Duration::from_millis(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_gets_every_event_and_the_newest_twice() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    for number in 0..3 {
        tell(&world, number).await;
    }
    let fresh = registry.events(&PageAsk::default()).await.unwrap();
    assert_eq!((fresh.items.len(), &fresh.next), (3, &None), "none of them has settled");
    for _ in 0..4 {
        // The store's epoch must stay confirmed while time goes by.
        world.clock.advance(Duration::from_millis(1_500));
        world.store.confirm_epoch().await.unwrap();
    }
    let settled = registry.events(&PageAsk::default()).await.unwrap();
    assert_eq!(settled.items.len(), 3);
    tell(&world, 4).await;
    let later = registry.events(&PageAsk { limit: None, cursor: settled.next.clone() }).await.unwrap();
    assert_eq!((later.items.len(), &later.next), (1, &settled.next), "the newest comes again");
    // A full page goes on behind its end.
    let page = registry.events(&PageAsk { limit: Some(2), cursor: None }).await.unwrap();
    let rest = registry.events(&PageAsk { limit: Some(10), cursor: page.next }).await.unwrap();
    assert_eq!((page.items.len(), rest.items.len()), (2, 2));
    assert_eq!(
        code(registry.events(&PageAsk { limit: None, cursor: Some("evt_x".into()) }).await),
        "access.page.cursor"
    );
    assert_eq!(code(registry.events(&PageAsk { limit: Some(1_001), cursor: None }).await), "access.page.limit");
    let foreigner = world.foreigner().await;
    assert!(world.registry(&foreigner).events(&PageAsk::default()).await.unwrap().items.is_empty());
}
