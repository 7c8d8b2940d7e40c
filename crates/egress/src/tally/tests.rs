//! A bound that holds though whoever asks is gone, and lets nothing in before the store has told.

use lockgate_testkit::ManualClock;

use super::*;
use crate::refusal::EgressRefusal;
use crate::rows::KEPT_BYTES;

const TENANT: TenantId = TenantId::from_u128(7);

fn tally(most: u64) -> Tally {
    let second = Duration::from_secs;
    let pace = Pace { near: second(15), far: second(600), rest: 50 };
    Tally::new(most, &KEPT_BYTES, || EgressRefusal::IdempotencyFull.refuse(), pace)
}

async fn opened() -> (tempfile::TempDir, Store, ManualClock, Arc<dyn Clock>) {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), ManualClock::new());
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let config = lockgate_store::Config::sqlite(folder.path().join("lockgate.db"));
    let store = Store::open(&config, Arc::clone(&shared)).await.expect("it opens");
    (folder, store, clock, shared)
}

#[tokio::test]
async fn what_is_added_counts_until_the_store_is_asked_again() {
    let (_folder, store, clock, shared) = opened().await;
    let (tally, demand) = (tally(10), async |tally: &Tally| tally.demand(&store, TENANT, &shared).await);
    demand(&tally).await.expect("nothing is there");
    tally.add(TENANT, 10);
    let refused = demand(&tally).await.expect_err("full");
    assert!(matches!(refused, Stop::Refused(refusal) if refusal.code() == "egress.idempotency.full"));
    tally.demand(&store, TenantId::from_u128(8), &shared).await.expect("another one's");
    clock.advance(Duration::from_millis(14_999));
    demand(&tally).await.expect_err("it counts still");
    clock.advance(Duration::from_millis(1));
    demand(&tally).await.expect("the store has nothing");
}

#[tokio::test]
async fn nothing_is_let_in_before_the_store_has_told() {
    let (_folder, store, _clock, shared) = opened().await;
    let tally = tally(10);
    store.clone().close().await.expect("closed");
    for _ in 0..2 {
        let stopped = tally.demand(&store, TENANT, &shared).await.expect_err("unknown");
        assert!(matches!(stopped, Stop::Fault(_)), "{stopped:?}");
    }
}

#[tokio::test]
async fn the_store_is_asked_to_the_end_though_nobody_waits_any_more() {
    let (_folder, store, _clock, shared) = opened().await;
    let tally = tally(10);
    {
        let asking = std::pin::pin!(tally.demand(&store, TENANT, &shared));
        let mut asking = asking;
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(asking.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
    }
    let known = tally.of(TENANT);
    while known.told().asked.is_none() {
        tokio::task::yield_now().await;
    }
    store.clone().close().await.expect("closed");
    tally.demand(&store, TENANT, &shared).await.expect("it is known");
}
