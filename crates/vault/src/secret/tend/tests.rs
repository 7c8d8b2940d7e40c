//! When a rotation is due, and when it is told of.

use super::*;

const TAKEN: Timestamp = Timestamp::from_secs(1_000_000_000);

#[test]
fn a_rotation_is_due_by_its_cadence_or_in_time_before_its_end() {
    let day = |days: u32| TAKEN.after(DAY * days);
    assert_eq!(due_at(TAKEN, None, None), None);
    assert_eq!(due_at(TAKEN, Some(90), None), Some(day(90)));
    assert_eq!(due_at(TAKEN, None, Some(day(90))), Some(day(76)), "two weeks before its end");
    assert_eq!(due_at(TAKEN, None, Some(day(4))), Some(day(2)), "or half of its life");
    assert_eq!(due_at(TAKEN, Some(90), Some(day(60))), Some(day(46)));
    assert_eq!(due_at(TAKEN, Some(30), Some(day(60))), Some(day(30)));
    assert_eq!(due_at(TAKEN, None, Some(TAKEN)), Some(TAKEN));
}

#[test]
fn what_is_due_at_once_is_not_told_of_at_once() {
    let due = TAKEN.after(DAY * 90);
    let told: std::collections::BTreeSet<_> =
        (0..1_000u128).map(|chance| ahead_of(due, TAKEN, CredentialId::from_u128(chance * 65))).collect();
    assert!(told.len() > 900, "{}", told.len());
    assert!(told.iter().all(|at| *at <= due && *at >= due.before(DAY)));
    let soon = TAKEN.after(DAY);
    let earliest = ahead_of(soon, TAKEN, CredentialId::from_u128(0xffff));
    assert_eq!(earliest, soon.before(DAY / 10));
}
