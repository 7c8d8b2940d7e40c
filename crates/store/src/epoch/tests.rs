//! The epoch's own arithmetic: it never falls, and what is old is not trusted.

use super::*;
use lockgate_testkit::ManualClock;

#[test]
fn it_is_not_confirmed_before_anybody_asked() {
    let keeper = EpochKeeper::new(Arc::new(ManualClock::new()));
    assert!(!keeper.handle().is_confirmed());
    keeper.raise(7);
    assert!(!keeper.handle().is_confirmed(), "a change of one's own says nothing of the others'");
    assert_eq!(keeper.handle().value(), 7);
}

#[test]
fn it_holds_for_two_seconds_from_when_the_question_was_sent() {
    let clock = Arc::new(ManualClock::new());
    let keeper = EpochKeeper::new(clock.clone());
    let epoch = keeper.handle();
    let sent = clock.elapsed();
    clock.advance(Duration::from_millis(1_500));
    keeper.confirm(3, sent);
    assert!(epoch.is_confirmed());
    clock.advance(Duration::from_millis(500));
    assert!(epoch.is_confirmed(), "two seconds to the microsecond");
    clock.advance(Duration::from_micros(1));
    assert!(!epoch.is_confirmed());
    keeper.confirm(3, sent);
    assert!(!epoch.is_confirmed(), "an old answer that comes late confirms nothing");
    keeper.confirm(3, clock.elapsed());
    assert!(epoch.is_confirmed());
}

#[test]
fn it_never_falls() {
    let clock = Arc::new(ManualClock::new());
    let keeper = EpochKeeper::new(clock.clone());
    keeper.raise(9);
    keeper.confirm(4, clock.elapsed());
    keeper.raise(8);
    assert_eq!((keeper.value(), keeper.handle().value()), (9, 9));
}

#[tokio::test]
async fn a_handle_wakes_for_what_is_new_to_it() {
    let keeper = EpochKeeper::new(Arc::new(ManualClock::new()));
    keeper.raise(1);
    let mut epoch = keeper.handle();
    keeper.raise(1);
    keeper.raise(2);
    keeper.raise(3);
    assert_eq!(epoch.changed().await, Some(3), "what came in between is no news any more");
    let mut copy = epoch.clone();
    drop(keeper);
    assert_eq!((epoch.changed().await, copy.changed().await), (None, None));
}
