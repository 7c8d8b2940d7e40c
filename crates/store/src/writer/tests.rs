//! How changes gather, told by the shape of the commits.

use lockgate_vocabulary::TenantId;

use super::*;
use crate::tests::Place;
use crate::tests::place::{count, insert, tenant};
use crate::{Statement, values};

fn queued(change: Change) -> (Order, oneshot::Receiver<Result<Applied, ApplyFailure>>) {
    let (answer, answered) = oneshot::channel();
    let room = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    (Order::Apply(Queued { weight: change.weight(), change, answer, _room: room }), answered)
}

/// What one batch takes of a queue that holds these changes.
async fn gathered(changes: Vec<Change>, most: usize) -> (usize, usize) {
    let (sender, mut orders) = mpsc::channel(1_000);
    for change in changes {
        sender.try_send(queued(change).0).unwrap_or_else(|_| panic!("there is room"));
    }
    let mut batch = Batch { queued: Vec::new(), bytes: 0, most };
    let mut closing = None;
    let first = orders.recv().await.unwrap();
    batch.take(first, &mut orders, &mut closing);
    batch.gather(&mut orders, &mut closing).await;
    (batch.queued.len(), orders.len())
}

fn empty() -> Change {
    Change::of(TenantId::from_u128(1))
}

fn heavy() -> Change {
    static STATEMENT: Statement = Statement::tenant("test.heavy", "SELECT 1");
    empty().step(&STATEMENT, values![vec![0_u8; COMMIT_BYTES / 2]])
}

#[tokio::test]
async fn a_batch_takes_what_waits_up_to_its_bounds() {
    assert_eq!(gathered(vec![empty()], 10).await, (1, 0));
    assert_eq!(gathered((0..7).map(|_| empty()).collect(), 10).await, (7, 0));
    assert_eq!(gathered((0..25).map(|_| empty()).collect(), 10).await, (10, 15));
    assert_eq!(gathered((0..5).map(|_| heavy()).collect(), 10).await, (2, 3), "bytes bound it as well");
}

#[tokio::test]
async fn a_batch_with_company_lets_the_others_come() {
    let (sender, mut orders) = mpsc::channel(1_000);
    let mut batch = Batch { queued: Vec::new(), bytes: 0, most: 100 };
    for _ in 0..2 {
        sender.try_send(queued(empty()).0).unwrap_or_else(|_| panic!("there is room"));
    }
    // On this one thread the others run only where the batch lets them.
    tokio::spawn(async move {
        for _ in 0..3 {
            sender.try_send(queued(empty()).0).unwrap_or_else(|_| panic!("there is room"));
        }
    });
    let first = orders.recv().await.unwrap();
    batch.take(first, &mut orders, &mut None);
    batch.gather(&mut orders, &mut None).await;
    assert_eq!(batch.queued.len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_told_of_the_highest_epoch_before_the_callers_are() {
    let place = Place::sqlite();
    let store = place.open().await;
    let before = store.epoch().value();
    let names: Vec<String> = (0..30).map(|number| format!("n{number}")).collect();
    let applies = names.iter().map(|name| {
        let (store, change) = (store.clone(), insert(tenant(1), name).raising_epoch());
        async move {
            let epoch = store.apply(change).await.unwrap().epoch.unwrap();
            assert!(store.epoch().value() >= epoch);
            epoch
        }
    });
    let mut epochs = futures_util::future::join_all(applies).await;
    epochs.sort_unstable();
    let wanted: Vec<u64> = (before + 1..=before + 30).collect();
    assert_eq!(epochs, wanted, "each change has an epoch of its own");
    assert_eq!(count(&store).await, 30);
}
