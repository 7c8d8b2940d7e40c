//! The clock moves only when told to, and wakes exactly those whose time has come.

use std::time::Duration;

use lockgate_vocabulary::Clock;

use super::ManualClock;

#[tokio::test]
async fn wakes_sleepers_when_their_time_has_come_and_not_before() {
    let clock = ManualClock::new();
    let sleeper = tokio::spawn(clock.sleep(Duration::from_secs(10)));
    clock.advance(Duration::from_secs(9));
    tokio::task::yield_now().await;
    assert!(!sleeper.is_finished());
    assert_eq!(clock.sleepers(), 1);
    clock.advance(Duration::from_secs(1));
    sleeper.await.expect("woken");
    assert_eq!(clock.sleepers(), 0);
}

#[tokio::test]
async fn a_skew_moves_the_time_of_day_alone() {
    let clock = ManualClock::new();
    let (now, elapsed) = (clock.now(), clock.elapsed());
    clock.skew(-3600);
    assert_eq!(clock.now(), now.before(Duration::from_secs(3600)));
    assert_eq!(clock.elapsed(), elapsed);
}

#[tokio::test]
async fn a_dropped_sleeper_does_not_count() {
    let clock = ManualClock::new();
    drop(clock.sleep(Duration::from_secs(1)));
    assert_eq!(clock.sleepers(), 0);
}

#[tokio::test]
async fn who_sleeps_by_a_handle_of_its_own_is_told_apart() {
    let clock = ManualClock::new();
    let apart = clock.apart();
    let _others = clock.sleep(Duration::from_secs(1));
    let (_late, early) = (apart.sleep(Duration::from_secs(9)), apart.clone().sleep(Duration::from_secs(3)));
    assert_eq!(apart.wakes(), [Duration::from_secs(3), Duration::from_secs(9)]);
    assert_eq!((clock.wakes(), clock.sleepers()), (vec![Duration::from_secs(1)], 3));
    drop(early);
    clock.advance(Duration::from_secs(2));
    assert_eq!((apart.wakes(), apart.elapsed()), (vec![Duration::from_secs(9)], Duration::from_secs(2)));
    assert!(clock.wakes().is_empty());
}
