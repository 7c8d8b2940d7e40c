//! One connection's lane: settings that change, places, and the order of its checks.

use super::*;
use crate::tests::{breaker, connection_of, limits, seconds};

fn at(changed: u64, limits: LimitSpec) -> Connection {
    connection_of(1, changed, limits, breaker(50, 1))
}

fn lane(limits: LimitSpec) -> Lane {
    Lane::new(&at(5, limits)).unwrap()
}

fn take(lane: &Lane, connection: &Connection) -> bool {
    lane.take(connection, seconds(0), |look| Ok(look.taken.allowed)).unwrap().taken.allowed
}

/// Enters with a snapshot that is no newer than the lane.
fn enter(lane: &Lane, now: Duration) -> Result<Ticket, Held> {
    lane.enter(&at(0, LimitSpec::default()), now).unwrap()
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
    let first = at(5, limits(60, 1, 1));
    let lane = Lane::new(&first).unwrap();
    assert!(take(&lane, &first));
    assert!(!take(&lane, &first));
    // The same rate at a newer epoch forgives nothing.
    assert!(!take(&lane, &at(6, limits(60, 1, 2))));
    assert_eq!(lane.state().concurrent, 2);
    assert!(!take(&lane, &at(5, limits(600, 600, 9))), "a call with an older snapshot changes nothing");
    assert!(take(&lane, &at(7, limits(600, 2, 2))));
    assert!(lane.enter(&at(8, limits(600, 2, 0)), seconds(0)).unwrap().is_err(), "entering adopts them too");
    assert!(lane.enter(&at(9, limits(0, 2, 0)), seconds(0)).is_err(), "settings that make no sense deny");
}

#[test]
fn places_are_counted_and_freed() {
    let lane = lane(limits(600, 60, 2));
    let _first = enter(&lane, seconds(0)).unwrap();
    let _second = enter(&lane, seconds(0)).unwrap();
    assert_eq!(enter(&lane, seconds(0)), Err(Held::Concurrency));
    lane.leave(None);
    let third = enter(&lane, seconds(0)).unwrap();
    lane.leave(None);
    lane.leave(Some((third, seconds(0))));
    assert_eq!(lane.pressure(seconds(0)).under_way, 0);
    assert!(lane.is_at_rest(seconds(0)));
}

#[test]
fn a_full_house_does_not_cost_the_one_that_tries() {
    let lane = lane(limits(600, 60, 1));
    let slow = enter(&lane, seconds(0)).unwrap();
    lane.report(slow, Health::Bad, seconds(0));
    // Open, and the place is still taken by the answer that streams.
    assert_eq!(enter(&lane, seconds(15)), Err(Held::Concurrency));
    lane.leave(None);
    let tries = enter(&lane, seconds(16)).expect("the try was not used up");
    assert_eq!(lane.pressure(seconds(16)).breaker, Standing::HalfOpen);
    lane.leave(Some((tries, seconds(17))));
    assert!(enter(&lane, seconds(17)).is_ok(), "who tried and never left makes room for the next");
}

#[test]
fn a_vendors_word_counts_what_is_under_way() {
    let lane = lane(limits(600, 60, 8));
    let first = enter(&lane, seconds(0)).unwrap();
    let _second = enter(&lane, seconds(0)).unwrap();
    let said = VendorLimits { remaining: Some(2), reset_after: Some(seconds(60)), ..VendorLimits::default() };
    lane.heed(said, seconds(0));
    lane.report(first, Health::Good, seconds(0));
    lane.leave(None);
    assert_eq!(lane.pressure(seconds(0)).vendor_remaining, Some(1), "the second may not be in the vendor's count yet");
    let third = enter(&lane, seconds(0)).unwrap();
    assert_eq!(enter(&lane, seconds(0)), Err(Held::Vendor(seconds(1))));
    lane.leave(Some((third, seconds(0))));
    assert!(enter(&lane, seconds(0)).is_ok(), "the third never left");
    assert!(!lane.is_at_rest(seconds(0)));
}
