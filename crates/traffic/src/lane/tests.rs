//! One connection's lane: settings that change, places, and the order of its checks.

use super::*;
use crate::tests::{breaker, connection_of, limits, seconds};

fn lane(limits: LimitSpec) -> Lane {
    Lane::new(&connection_of(1, 5, limits, breaker(50, 1))).unwrap()
}

fn take(lane: &Lane, now: Duration) -> bool {
    let look = lane.take(now, |look| Ok(look.taken.allowed)).unwrap();
    look.unwrap().taken.allowed
}

#[test]
fn what_a_connection_does_not_say_has_its_default() {
    let lane = lane(LimitSpec::default());
    assert_eq!(lane.rate(), Rate::per_minute(600, 60).unwrap());
    assert_eq!(super::rate(&LimitSpec { per_minute: Some(5), ..LimitSpec::default() }).unwrap().burst(), 1);
    assert_eq!(lane.state().concurrent, 64);
    assert!(Lane::new(&connection_of(1, 1, limits(0, 1, 1), breaker(50, 1))).is_err());
}

#[test]
fn newer_settings_are_adopted_and_older_ones_are_not() {
    let lane = lane(limits(60, 1, 1));
    assert!(take(&lane, seconds(0)));
    assert!(!take(&lane, seconds(0)));
    // The same rate at a newer epoch forgives nothing.
    lane.adopt(&connection_of(1, 6, limits(60, 1, 2), breaker(50, 1))).unwrap();
    assert!(!take(&lane, seconds(0)));
    assert_eq!(lane.state().concurrent, 2);
    lane.adopt(&connection_of(1, 5, limits(600, 600, 9), breaker(50, 1))).unwrap();
    assert!(!take(&lane, seconds(0)), "a call with an older snapshot changes nothing");
    lane.adopt(&connection_of(1, 7, limits(600, 2, 2), breaker(50, 1))).unwrap();
    assert!(take(&lane, seconds(0)));
}

#[test]
fn places_are_counted_and_freed() {
    let lane = lane(limits(600, 60, 2));
    let first = lane.enter(seconds(0)).unwrap();
    let second = lane.enter(seconds(0)).unwrap();
    assert_eq!(lane.enter(seconds(0)), Err(Held::Concurrency));
    lane.leave(first, true, seconds(0));
    let third = lane.enter(seconds(0)).unwrap();
    lane.leave(second, true, seconds(0));
    lane.leave(third, false, seconds(0));
    assert_eq!(lane.pressure(seconds(0)).under_way, 0);
    assert!(lane.is_at_rest(seconds(0)));
}

#[test]
fn a_full_house_does_not_cost_the_one_that_tries() {
    let lane = lane(limits(600, 60, 1));
    let slow = lane.enter(seconds(0)).unwrap();
    lane.report(slow, Health::Bad, seconds(0));
    // Open, and the place is still taken by the answer that streams.
    assert_eq!(lane.enter(seconds(15)), Err(Held::Concurrency));
    lane.leave(slow, true, seconds(16));
    let tries = lane.enter(seconds(16)).expect("the try was not used up");
    assert_eq!(lane.pressure(seconds(16)).breaker, Standing::HalfOpen);
    lane.leave(tries, false, seconds(17));
    assert!(lane.enter(seconds(17)).is_ok(), "who tried and never left makes room for the next");
}

#[test]
fn a_vendors_word_counts_what_is_under_way() {
    let lane = lane(limits(600, 60, 8));
    let first = lane.enter(seconds(0)).unwrap();
    let _second = lane.enter(seconds(0)).unwrap();
    let said = VendorLimits { remaining: Some(2), reset_after: Some(seconds(60)), ..VendorLimits::default() };
    lane.heed(said, seconds(0));
    lane.report(first, Health::Good, seconds(0));
    lane.leave(first, true, seconds(0));
    assert_eq!(lane.pressure(seconds(0)).vendor_remaining, Some(1), "the second may not be in the vendor's count yet");
    let third = lane.enter(seconds(0)).unwrap();
    assert_eq!(lane.enter(seconds(0)), Err(Held::Vendor(seconds(1))));
    lane.leave(third, false, seconds(0));
    assert!(lane.enter(seconds(0)).is_ok(), "the third never left");
    assert!(!lane.is_at_rest(seconds(0)));
}
