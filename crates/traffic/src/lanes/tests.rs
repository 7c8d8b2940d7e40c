//! The map: bounded, and forgetful only of what is at rest.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;
use crate::tests::seconds;

#[derive(Default)]
struct Thing {
    busy: AtomicBool,
}

impl Rest for Thing {
    fn is_at_rest(&self, _now: Duration) -> bool {
        !self.busy.load(Ordering::SeqCst)
    }
}

#[test]
fn a_key_has_one_entry_however_often_it_is_asked_for() {
    let lanes: Lanes<u64, Thing> = Lanes::new(100);
    let made = AtomicUsize::new(0);
    let make = || {
        made.fetch_add(1, Ordering::SeqCst);
        Thing::default()
    };
    let first = lanes.lane(1, seconds(0), make).unwrap();
    let again = lanes.lane(1, seconds(0), make).unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    assert!(lanes.find(1).is_some() && lanes.find(2).is_none());
    assert_eq!(made.load(Ordering::SeqCst), 1);
}

#[test]
fn what_is_at_rest_makes_room_and_what_is_not_stays() {
    let lanes: Lanes<u64, Thing> = Lanes::new(SHARDS);
    let mut refused = 0;
    for key in 0..1_000 {
        match lanes.lane(key, seconds(key), Thing::default) {
            Some(thing) => thing.busy.store(true, Ordering::SeqCst),
            None => refused += 1,
        }
    }
    assert_eq!(refused, 1_000 - SHARDS, "one of each shard, all busy");
    let kept: Vec<u64> = (0..1_000).filter(|key| lanes.find(*key).is_some()).collect();
    assert_eq!(kept.len(), SHARDS);
    for key in &kept {
        lanes.find(*key).unwrap().busy.store(false, Ordering::SeqCst);
    }
    let held = lanes.find(kept[0]).unwrap();
    let now = seconds(2_000);
    let added = (1_000..3_000).filter(|key| lanes.lane(*key, now, Thing::default).is_some()).count();
    assert!(added >= SHARDS - 1, "{added}");
    assert!(Arc::ptr_eq(&held, &lanes.find(kept[0]).unwrap()), "who holds one may be about to use it");
}

#[test]
fn a_full_shard_is_not_searched_for_every_new_key() {
    struct Counting<'a>(&'a AtomicUsize);
    impl Rest for Counting<'_> {
        fn is_at_rest(&self, _now: Duration) -> bool {
            self.0.fetch_add(1, Ordering::SeqCst);
            false
        }
    }
    let searched = AtomicUsize::new(0);
    let lanes: Lanes<u64, Counting<'_>> = Lanes::new(SHARDS);
    for key in 0..10_000 {
        lanes.lane(key, seconds(0), || Counting(&searched));
    }
    assert!(searched.load(Ordering::SeqCst) <= SHARDS);
}
