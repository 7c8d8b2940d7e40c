//! When a snapshot may be relied upon, and that it is kept up.

use std::sync::Arc;
use std::time::Duration;

use lockgate_store::{Change, Store, values};
use lockgate_testkit::ManualClock;
use lockgate_vocabulary::TenantId;
use tokio::sync::watch;

use super::{Keeper, LAG_MOST};
use crate::access::tests::world::store_config;
use crate::catalog::Catalog;
use crate::rows;

struct Ground {
    store: Store,
    clock: ManualClock,
    keeper: Arc<Keeper>,
    _folder: tempfile::TempDir,
}

impl Ground {
    async fn new() -> Self {
        let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
        let store = Store::open(&store_config(&folder), Arc::new(clock.clone())).await.unwrap();
        let catalog = Catalog::compiled().unwrap();
        let keeper = Keeper::open(store.clone(), Arc::new(clock.clone()), catalog, &[]).await.unwrap();
        Self { store, clock, keeper: Arc::new(keeper), _folder: folder }
    }

    async fn change(&self, number: u128) {
        let step = values![format!("tenant-{number}"), None::<String>, 1i64];
        let change = Change::of(TenantId::from_u128(number)).raising_epoch().step(&rows::tenants::INSERT, step);
        self.store.apply(change).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_behind_a_known_epoch_counts_for_a_moment_only() {
    let ground = Ground::new().await;
    assert!(ground.keeper.is_fresh());
    // Nobody follows here, as if loading had stuck.
    ground.change(1).await;
    assert!(ground.keeper.is_fresh(), "it has been behind for no time yet");
    ground.clock.advance(LAG_MOST);
    assert!(ground.keeper.is_fresh());
    ground.clock.advance(Duration::from_millis(1));
    assert!(!ground.keeper.is_fresh());
    ground.store.confirm_epoch().await.unwrap();
    assert!(!ground.keeper.is_fresh(), "to know of an epoch is not to show it");
    ground.keeper.refresh().await.unwrap();
    assert!(ground.keeper.is_fresh());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_an_epoch_that_nobody_confirms_does_not_count() {
    let ground = Ground::new().await;
    ground.store.clone().close().await.unwrap();
    ground.clock.run(Duration::from_secs(3), Duration::from_millis(250)).await;
    assert!(!ground.keeper.is_fresh());
    assert!(ground.keeper.refresh().await.is_err());
    assert!(!ground.keeper.is_fresh());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keeper_follows_the_epoch_and_ends_with_its_owner() {
    let ground = Ground::new().await;
    let (owner, gone) = watch::channel(());
    let following = tokio::spawn(Arc::clone(&ground.keeper).follow(gone));
    let mut snapshots = ground.keeper.watch();
    for number in 1..4 {
        let before = ground.keeper.current().tenants.len();
        ground.change(number).await;
        while ground.keeper.current().tenants.len() == before {
            snapshots.changed().await.unwrap();
        }
    }
    drop(owner);
    following.await.unwrap();
}
