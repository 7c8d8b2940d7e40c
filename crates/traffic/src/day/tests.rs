//! A day's calls: all at once if need be, none before midnight.

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);

/// 2026-01-01T22:00:00Z.
fn evening() -> Timestamp {
    Timestamp::from_secs(1_767_304_800)
}

#[test]
fn so_many_are_had_and_none_before_midnight() {
    let (mut day, start) = (Day::default(), HOUR * 7);
    for left in [2, 1, 0] {
        let taken = day.take(3, start, evening());
        assert_eq!((taken.allowed, taken.limit, taken.remaining, taken.reset_after), (true, 3, left, HOUR * 2));
    }
    let refused = day.take(3, start + HOUR, evening().after(HOUR));
    assert_eq!((refused.allowed, refused.remaining, refused.retry_after), (false, 0, HOUR));
    assert!(!day.is_at_rest(start + HOUR) && day.is_at_rest(start + HOUR * 2));
    assert!(day.take(4, start + HOUR, evening().after(HOUR)).allowed, "a larger quota holds at once");
    let midnight = day.take(3, start + HOUR * 2, evening().after(HOUR * 2));
    assert_eq!((midnight.allowed, midnight.remaining, midnight.reset_after), (true, 2, HOUR * 24));
}

#[test]
fn looking_takes_nothing_and_what_others_used_up_is_gone() {
    let mut day = Day::default();
    assert!(day.is_at_rest(Duration::ZERO));
    for _ in 0..5 {
        assert_eq!(day.look(1, HOUR, evening()).remaining, 1);
    }
    day.use_up(1, HOUR, evening());
    let refused = day.look(1, HOUR, evening());
    assert_eq!((refused.allowed, refused.retry_after), (false, HOUR * 2));
    assert!(day.look(1, HOUR * 3, evening().after(HOUR * 2)).allowed);
}

#[test]
fn days_have_numbers_and_ends() {
    assert_eq!(number(evening()) + 1, number(evening().after(HOUR * 2)));
    assert_eq!(number(evening()), number(evening().after(HOUR * 2 - Duration::from_micros(1))));
    let told = rate(5).unwrap();
    assert_eq!(told.burst(), 5);
    let taken = Taken { allowed: false, limit: 5, remaining: 0, retry_after: HOUR * 48, reset_after: HOUR * 48 };
    let ends = until_its_end(taken, evening());
    assert_eq!((ends.retry_after, ends.reset_after), (HOUR * 2, HOUR * 2));
    assert!(rate(0).is_none());
}
