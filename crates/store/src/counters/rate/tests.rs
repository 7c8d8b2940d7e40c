//! The arithmetic against three readers of its own: a definition in fractions, a window that no run of
//! calls may exceed, and the script's doubles.

use proptest::prelude::*;

use super::*;

fn rate(amount: u32, seconds: u64, burst: u32) -> Rate {
    Rate::new(amount, Duration::from_secs(seconds), burst).unwrap()
}

#[test]
fn a_burst_then_one_at_a_time() {
    let rate = rate(10, 1, 3);
    let mut level = Level::default();
    let mut now = 0;
    let mut take = |now: u64| {
        let (next, taken) = rate.take(level, 1, now).unwrap();
        level = next;
        taken
    };
    let remaining: Vec<u32> = (0..3).map(|_| take(now).remaining).collect();
    assert_eq!(remaining, [2, 1, 0]);
    let refused = take(now);
    assert_eq!((refused.allowed, refused.remaining, refused.limit), (false, 0, 3));
    assert_eq!(refused.retry_after, Duration::from_millis(100));
    assert_eq!(refused.reset_after, Duration::from_millis(300));
    now += 99_999;
    assert!(!take(now).allowed);
    assert_eq!(take(now).retry_after, Duration::from_micros(1));
    now += 1;
    assert_eq!((take(now).allowed, take(now).allowed), (true, false));
    now += 10_000_000;
    assert_eq!(take(now).remaining, 2, "a bucket is never emptier than empty");
}

#[test]
fn a_refusal_takes_nothing() {
    let rate = rate(1, 60, 5);
    let (level, _) = rate.take(Level::default(), 4, 0).unwrap();
    let (same, refused) = rate.take(level, 2, 0).unwrap();
    assert_eq!((same, refused.allowed, refused.remaining), (level, false, 1));
    assert_eq!(refused.retry_after, Duration::from_secs(60));
    assert!(rate.take(level, 1, 0).unwrap().1.allowed);
}

#[test]
fn asking_for_nothing_tells_how_things_stand() {
    let rate = rate(1, 60, 5);
    let (level, _) = rate.take(Level::default(), 5, 0).unwrap();
    let (same, told) = rate.take(level, 0, 0).unwrap();
    assert_eq!((same, told.allowed, told.remaining), (level, true, 0));
    assert_eq!(told.reset_after, Duration::from_secs(300));
}

#[test]
fn more_than_the_burst_is_a_mistake() {
    assert!(rate(1, 60, 5).take(Level::default(), 6, 0).is_err());
}

#[test]
fn a_clock_set_back_gives_nothing_away() {
    let rate = rate(1, 1, 1);
    let (level, _) = rate.take(Level::default(), 1, 10_000_000).unwrap();
    let (level, earlier) = rate.take(level, 1, 5_000_000).unwrap();
    assert!(!earlier.allowed);
    let (_, later) = rate.take(level, 1, 10_500_000).unwrap();
    assert!(!later.allowed, "the same half second does not leak twice");
}

#[test]
fn rates_that_make_no_sense_are_none() {
    let second = Duration::from_secs(1);
    assert_eq!(Rate::new(0, second, 1), None);
    assert_eq!(Rate::new(1, Duration::ZERO, 1), None);
    assert_eq!(Rate::new(1, Duration::from_nanos(999), 1), None);
    assert_eq!(Rate::new(1, second, 0), None);
    assert_eq!(Rate::new(1, Duration::from_secs(86_400 * 365), u32::MAX), None, "beyond exact arithmetic");
    assert!(Rate::new(u32::MAX, second, u32::MAX).is_some());
    assert!(Rate::new(100_000, Duration::from_secs(86_400), 100_000).is_some());
    assert_eq!(Rate::per_minute(600, 60), Rate::new(10, second, 60), "the same rate in other words");
}

/// A call: how long after the one before, and how much it asks for in percent of the burst.
fn calls() -> impl Strategy<Value = Vec<(u64, u32)>> {
    prop::collection::vec((prop_oneof![Just(0), 0..50_u64, 0..5_000_000_u64], 0..=100_u32), 1..80)
}

fn rates() -> impl Strategy<Value = Rate> {
    let amounts = prop_oneof![1..10_u32, 1..2_000_u32, Just(997), Just(u32::MAX)];
    let periods = prop_oneof![1..1_000_u64, Just(1_000_003), Just(60_000_000), Just(86_400_000_000_u64)];
    let bursts = prop_oneof![1..20_u32, 1..100_000_u32];
    (amounts, periods, bursts).prop_filter_map("it is exact", |(amount, period, burst)| {
        Rate::new(amount, Duration::from_micros(period), burst)
    })
}

proptest! {
    /// The definition, in fractions: a level is a number of drops over `leak` and never rounded.
    #[test]
    fn it_is_the_definition(rate in rates(), calls in calls()) {
        let (drop, leak) = (u128::from(rate.drop), u128::from(rate.leak));
        let mut level = Level::default();
        let (mut now, mut units) = (0_u64, 0_u128);
        for (wait, percent) in calls {
            now += wait;
            units = units.saturating_sub(u128::from(wait) * leak);
            let cost = u32::try_from(u64::from(rate.burst) * u64::from(percent) / 100).unwrap();
            let fits = units + u128::from(cost) * drop <= u128::from(rate.burst) * drop;
            if fits {
                units += u128::from(cost) * drop;
            }
            let (next, taken) = rate.take(level, cost, now).unwrap();
            level = next;
            prop_assert_eq!(taken.allowed, fits);
            prop_assert_eq!(u128::from(level.units), units);
            prop_assert_eq!(u128::from(taken.remaining), (u128::from(rate.burst) * drop - units) / drop);
        }
    }

    /// Whatever the calls, no window of time sees more than the burst and what leaks in that window.
    #[test]
    fn no_window_exceeds_the_rate(rate in rates(), calls in calls()) {
        let mut level = Level::default();
        let mut now = 0;
        let mut taken = Vec::new();
        for (wait, percent) in calls {
            now += wait;
            let cost = u32::try_from(u64::from(rate.burst) * u64::from(percent) / 100).unwrap();
            let (next, answer) = rate.take(level, cost, now).unwrap();
            level = next;
            if answer.allowed {
                taken.push((now, u128::from(cost)));
            }
        }
        for (start, (from, _)) in taken.iter().enumerate() {
            let mut sum = 0;
            for (to, cost) in &taken[start..] {
                sum += cost * u128::from(rate.drop);
                let room = u128::from(rate.full_units()) + u128::from(to - from) * u128::from(rate.leak);
                prop_assert!(sum <= room);
            }
        }
    }

    /// Waiting as long as a refusal says is enough, and a microsecond less is not.
    #[test]
    fn what_a_refusal_says_is_true(rate in rates(), first in 1..=100_u32, second in 1..=100_u32) {
        let cost = |percent: u32| u32::try_from(u64::from(rate.burst) * u64::from(percent) / 100).unwrap().max(1);
        let (level, _) = rate.take(Level::default(), cost(first), 0).unwrap();
        let (level, refused) = rate.take(level, cost(second), 0).unwrap();
        if !refused.allowed {
            let wait = u64::try_from(refused.retry_after.as_micros()).unwrap();
            prop_assert!(rate.take(level, cost(second), wait).unwrap().1.allowed);
            prop_assert!(!rate.take(level, cost(second), wait - 1).unwrap().1.allowed);
        }
        let empty = u64::try_from(refused.reset_after.as_micros()).unwrap();
        prop_assert_eq!(rate.leaked(level, empty), 0);
        prop_assert!(empty == 0 || level.units == 0 || rate.leaked(level, empty - 1) > 0);
    }

    /// The Redis script counts in doubles. This is the script, line by line, in doubles.
    #[test]
    fn the_script_counts_the_same(rate in rates(), calls in calls()) {
        let (full, leak) = (rate.full_units() as f64, rate.leak as f64);
        let mut level = Level { units: 0, at: 1_800_000_000_000_000 };
        let mut now = level.at;
        let (mut units, mut at) = (0_f64, now as f64);
        for (wait, percent) in calls {
            now += wait;
            let cost = u32::try_from(u64::from(rate.burst) * u64::from(percent) / 100).unwrap();
            let wanted = rate.cost_units(cost).unwrap() as f64;
            if now as f64 > at {
                let gone = (now as f64 - at) * leak;
                units = if gone >= units { 0.0 } else { units - gone };
                at = now as f64;
            }
            let allowed = units + wanted <= full;
            if allowed {
                units += wanted;
            }
            let (next, taken) = rate.take(level, cost, now).unwrap();
            level = next;
            prop_assert_eq!(taken.allowed, allowed);
            prop_assert_eq!(level.units, units as u64);
            prop_assert_eq!(units.fract(), 0.0);
        }
    }
}
