//! Counters in the process: by key, and never more keys than there is room for.

use std::time::Duration;

use super::*;
use lockgate_testkit::ManualClock;

#[test]
fn keys_do_not_touch_each_other() {
    let counters = LocalCounters::new(Arc::new(ManualClock::new()));
    let rate = Rate::new(1, Duration::from_secs(1), 1).unwrap();
    for key in ["a", "b", "ten_1/conn_1", ""] {
        assert!(counters.take_now(key, 1, rate).unwrap().allowed, "{key}");
        assert!(!counters.take_now(key, 1, rate).unwrap().allowed, "{key}");
    }
    assert_eq!(counters.keys(), 4);
}

#[test]
fn time_gives_back_what_was_taken() {
    let clock = Arc::new(ManualClock::new());
    let counters = LocalCounters::new(clock.clone());
    let rate = Rate::per_minute(60, 2).unwrap();
    assert_eq!(counters.take_now("k", 2, rate).unwrap().remaining, 0);
    clock.advance(Duration::from_secs(1));
    assert_eq!(counters.take_now("k", 1, rate).unwrap().remaining, 0);
    clock.advance(Duration::from_secs(5));
    assert_eq!(counters.take_now("k", 1, rate).unwrap().remaining, 1);
}

#[test]
fn a_bucket_that_ran_empty_makes_room() {
    let clock = Arc::new(ManualClock::new());
    let counters = LocalCounters::with_keys(clock.clone(), SHARDS);
    let (slow, fast) = (Rate::new(1, Duration::from_secs(3_600), 1).unwrap(), Rate::per_minute(60, 1).unwrap());
    // As many as there is room for, each shard with one key at the most.
    let mut kept = Vec::new();
    for number in 0..1_000 {
        let key = format!("k{number}");
        if counters.take_now(&key, 1, if kept.len() % 2 == 0 { fast } else { slow }).is_ok() {
            kept.push(key);
        }
    }
    assert_eq!(counters.keys(), SHARDS);
    let refused = counters.take_now("one-more-0", 1, fast).unwrap_err();
    assert!(refused.is_unavailable(), "no bucket is forgiven to make room for another");
    for key in &kept {
        assert!(!counters.take_now(key, 1, slow).is_ok_and(|taken| taken.allowed), "{key} still counts");
    }
    clock.advance(Duration::from_secs(2));
    let came_in = (0..1_000).filter(|number| counters.take_now(&format!("new{number}"), 1, slow).is_ok()).count();
    assert_eq!(came_in, kept.len().div_ceil(2), "every second bucket had run empty");
    assert_eq!(counters.keys(), SHARDS);
}

#[test]
fn a_short_lived_bucket_makes_room_though_a_long_lived_one_was_swept_around() {
    let clock = Arc::new(ManualClock::new());
    let counters = LocalCounters::with_keys(clock.clone(), 1);
    let (slow, fast) = (Rate::new(1, Duration::from_secs(3_600), 1).unwrap(), Rate::per_minute(60, 1).unwrap());
    let shard_of = |key: &str| counters.hasher.hash_one(key) as usize % SHARDS;
    let same: Vec<String> = (0..).map(|number| format!("k{number}")).filter(|key| shard_of(key) == 0).take(4).collect();
    counters.take_now(&same[0], 1, slow).unwrap();
    assert!(counters.take_now(&same[1], 1, fast).is_err());
    clock.advance(Duration::from_secs(3_600));
    counters.take_now(&same[2], 1, fast).unwrap();
    clock.advance(Duration::from_secs(1));
    counters.take_now(&same[3], 1, fast).unwrap();
}

#[tokio::test]
async fn the_seam_is_the_same_counters() {
    let counters: Arc<dyn Counters> = Arc::new(LocalCounters::new(Arc::new(ManualClock::new())));
    let rate = Rate::per_minute(10, 1).unwrap();
    assert!(counters.take(Wanted { key: "k", cost: 1, rate }).await.unwrap().allowed);
    assert!(!counters.take(Wanted { key: "k", cost: 1, rate }).await.unwrap().allowed);
    assert!(counters.take(Wanted { key: "k", cost: 2, rate }).await.is_err());
}

fn shown(told: &[Taken]) -> Vec<(bool, u32)> {
    told.iter().map(|taken| (taken.allowed, taken.remaining)).collect()
}

#[test]
fn what_does_not_leak_is_had_once_until_it_is_forgotten() {
    let clock = Arc::new(ManualClock::new());
    let counters = LocalCounters::new(clock.clone());
    let day = Duration::from_secs(86_400);
    let (once, fast) = (Rate::once(3, 2 * day).unwrap(), Rate::per_minute(600, 600).unwrap());
    for left in [2, 1, 0] {
        let wanted = [Wanted { key: "q:1", cost: 1, rate: once }, Wanted { key: "c", cost: 1, rate: fast }];
        assert_eq!(counters.take_all_now(&wanted).unwrap()[0].remaining, left);
        clock.advance(day / 4);
    }
    let refused = counters.take_now("q:1", 1, once).unwrap();
    assert_eq!((refused.allowed, refused.remaining, refused.limit, refused.retry_after), (false, 0, 3, 2 * day));
    assert!(counters.take_now("q:2", 1, once).unwrap().allowed, "another day is another key");
    assert!(
        Rate::once(0, day).is_none() && Rate::once(1, Duration::ZERO).is_none() && Rate::once(1, 400 * day).is_none()
    );
}

#[test]
fn two_keys_are_taken_from_together_or_not_at_all() {
    let (wide, narrow) = (Rate::per_minute(1, 9).unwrap(), Rate::per_minute(1, 1).unwrap());
    // Among so many keys there are pairs of one shard, and of two in either order.
    for number in 0..200 {
        let counters = LocalCounters::new(Arc::new(ManualClock::new()));
        let (caller, call) = (format!("caller-{number}"), format!("call-{number}"));
        let wanted = [Wanted { key: &caller, cost: 1, rate: wide }, Wanted { key: &call, cost: 1, rate: narrow }];
        let told = counters.take_all_now(&wanted).unwrap();
        assert_eq!(shown(&told), [(true, 8), (true, 0)]);
        for _ in 0..3 {
            let told = counters.take_all_now(&wanted).unwrap();
            assert_eq!(shown(&told), [(true, 8), (false, 0)]);
        }
        assert_eq!((counters.take_now(&caller, 1, wide).unwrap().remaining, counters.keys()), (7, 2));
    }
}

#[test]
fn where_there_is_no_room_for_both_neither_is_taken_from() {
    let rate = Rate::per_minute(1, 9).unwrap();
    let mut refused = 0;
    for number in 0..200 {
        let counters = LocalCounters::with_keys(Arc::new(ManualClock::new()), SHARDS);
        let (one, other) = (format!("one-{number}"), format!("other-{number}"));
        let wanted = [&one, &other].map(|key| Wanted { key, cost: 1, rate });
        if counters.take_all_now(&wanted).is_err() {
            refused += 1;
            assert_eq!(counters.keys(), 0, "they share a shard, which has room for one");
        }
    }
    assert!(refused > 0);
}
