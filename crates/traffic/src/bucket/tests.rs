//! The bucket against what a rate means: no window holds more than it may, and no call waits too long.

use proptest::prelude::*;

use super::*;

fn at(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

fn take(bucket: &mut Bucket, now: Duration) -> Taken {
    let look = bucket.look(now).unwrap();
    if look.taken.allowed {
        bucket.take(look);
    }
    look.taken
}

#[test]
fn a_burst_then_the_rate() {
    let mut bucket = Bucket::new(Rate::per_minute(60, 3).unwrap());
    let left: Vec<u32> = (0..3).map(|_| take(&mut bucket, at(0)).remaining).collect();
    assert_eq!(left, [2, 1, 0]);
    let refused = take(&mut bucket, at(0));
    assert_eq!((refused.allowed, refused.retry_after), (false, Duration::from_secs(1)));
    assert_eq!(refused.reset_after, Duration::from_secs(3));
    assert!(!take(&mut bucket, at(999_999)).allowed);
    assert!(take(&mut bucket, at(1_000_000)).allowed);
    assert!(!bucket.is_empty(at(3_999_999)));
    assert!(bucket.is_empty(at(4_000_000)));
}

#[test]
fn looking_takes_nothing() {
    let bucket = Bucket::new(Rate::per_minute(1, 1).unwrap());
    for _ in 0..3 {
        assert!(bucket.look(at(5)).unwrap().taken.allowed);
    }
}

proptest! {
    /// The naive model keeps the moment of every call that was let in and counts them by hand.
    #[test]
    fn no_window_holds_more_than_the_rate_allows(
        amount in 1u32..200,
        burst in 1u32..20,
        steps in proptest::collection::vec(0u64..3_000_000, 1..120),
    ) {
        let mut bucket = Bucket::new(Rate::per_minute(amount, burst).unwrap());
        let mut let_in: Vec<u64> = Vec::new();
        let mut now = 0;
        for step in steps {
            now += step;
            let fits = let_in.iter().all(|first| {
                let calls = let_in.iter().filter(|moment| *moment >= first).count() as u128 + 1;
                // From `first` on the bucket can have passed its burst and what leaked since.
                (calls - u128::from(burst).min(calls)) * 60_000_000 <= u128::from(now - first) * u128::from(amount)
            });
            let taken = take(&mut bucket, at(now));
            prop_assert_eq!(taken.allowed, fits, "at {} after {:?}", now, let_in);
            if taken.allowed {
                let_in.push(now);
            } else {
                let wait = u64::try_from(taken.retry_after.as_micros()).unwrap();
                prop_assert!(!bucket.look(at(now + wait - 1)).unwrap().taken.allowed);
                prop_assert!(bucket.look(at(now + wait)).unwrap().taken.allowed);
            }
        }
    }
}
