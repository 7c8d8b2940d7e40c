//! Walking a list page by page shows every object once, whatever the page's size and whatever is made
//! meanwhile.

use std::collections::BTreeSet;

use crate::access::tests::world::{World, key, principal};
use crate::registry::PageAsk;

#[tokio::test(flavor = "multi_thread")]
async fn every_object_is_shown_once() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    for number in 0..11 {
        registry.create_principal(principal(&format!("p{number}"), "service", &[])).await.unwrap();
    }
    let all: BTreeSet<_> =
        registry.principals(&PageAsk::default()).await.unwrap().items.into_iter().map(|each| each.principal).collect();
    assert_eq!(all.len(), 12);
    for limit in [1, 2, 3, 5, 11, 12, 13, 1_000] {
        let mut seen = Vec::new();
        let mut ask = PageAsk { limit: Some(limit), cursor: None };
        loop {
            let page = registry.principals(&ask).await.unwrap();
            assert!(page.items.len() <= limit as usize);
            seen.extend(page.items.into_iter().map(|each| each.principal));
            let Some(next) = page.next else { break };
            ask.cursor = Some(next);
        }
        assert_eq!(seen.len(), all.len(), "limit {limit}");
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), all, "limit {limit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_meanwhile_moves_nothing() {
    let world = World::new().await;
    let operator = world.operator().await;
    let registry = world.registry(&operator);
    registry.create_principal(principal("worker", "service", &[])).await.unwrap();
    let mut made = BTreeSet::new();
    for _ in 0..4 {
        world.clock.advance(std::time::Duration::from_millis(2));
        made.insert(registry.create_key(key("worker")).await.unwrap().key.key);
    }
    let first = registry.keys(Some("worker"), &PageAsk { limit: Some(2), cursor: None }).await.unwrap();
    world.clock.advance(std::time::Duration::from_millis(2));
    let late = registry.create_key(key("worker")).await.unwrap().key.key;
    registry.revoke_key(first.items[0].key).await.unwrap();
    let rest = registry.keys(Some("worker"), &PageAsk { limit: Some(10), cursor: first.next }).await.unwrap();
    let shown: BTreeSet<_> = first.items.iter().chain(&rest.items).map(|each| each.key).collect();
    made.insert(late);
    assert_eq!((shown.len(), first.items.len() + rest.items.len()), (5, 5));
    assert_eq!(shown, made);
}
