//! Visits of pages are counted each for itself, and what is over makes room.

use std::time::Duration;

use lockgate_testkit::ManualClock;
use lockgate_vocabulary::{Clock as _, SessionId, SystemEntropy};

use super::super::session::Link;
use super::Visitor::{Own, Stranger};
use super::{MOST, PAGES, Visits};
use crate::refusal::VaultRefusal;

#[test]
fn each_page_has_its_number_and_what_is_over_makes_room() {
    let (visits, clock) = (Visits::default(), ManualClock::default());
    let made = || SessionId::generate(&clock, &SystemEntropy);
    let first = made();
    for _ in 0..MOST {
        assert_eq!(visits.take((first, Link::Begin, Stranger), clock.now()), Ok(()));
    }
    assert_eq!(visits.take((first, Link::Begin, Stranger), clock.now()), Err(VaultRefusal::ConnectPaced));
    assert_eq!(visits.take((first, Link::State, Stranger), clock.now()), Ok(()), "the way back is another page");
    assert_eq!(
        visits.take((first, Link::Begin, Own), clock.now()),
        Ok(()),
        "strangers use up nothing of its browser's"
    );
    while visits.0.lock().unwrap().pages.len() < PAGES {
        visits.take((made(), Link::Begin, Stranger), clock.now()).unwrap();
    }
    assert_eq!(visits.take((made(), Link::Begin, Stranger), clock.now()), Err(VaultRefusal::ConnectPaced));
    clock.advance(Duration::from_secs(1_200));
    assert_eq!(visits.take((made(), Link::Begin, Stranger), clock.now()), Ok(()));
    assert_eq!(visits.0.lock().unwrap().pages.len(), 1);
}
