//! The schedule and what may be repeated, case by case and against a plain model.

use std::time::Duration;

use proptest::prelude::*;

use super::{Progress, Repeatable, Trouble, Verdict, judge, of_status, scheduled};

const HARMLESS: Repeatable = Repeatable { by_nature: true, by_key: false, body: true };
const RISKY: Repeatable = Repeatable { by_nature: false, by_key: false, body: true };

fn fresh() -> Progress {
    Progress { made: 0, allowed: 5, said: None, left: Duration::from_secs(30), took: Duration::ZERO }
}

#[test]
fn waits_double_from_one_second_to_a_minute() {
    let waits: Vec<u64> = (0..9).map(|number| scheduled(number, 0).as_secs()).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
}

#[test]
fn a_write_that_may_have_left_is_not_repeated() {
    for trouble in [Trouble::Lost, Trouble::Declined, Trouble::Failed, Trouble::Invalid] {
        assert_eq!(judge(trouble, RISKY, fresh(), 0), Verdict::Never, "{trouble:?}");
        assert_eq!(judge(trouble, HARMLESS, fresh(), 0), Verdict::Again(Duration::from_secs(1)), "{trouble:?}");
    }
}

#[test]
fn what_never_left_is_repeated_whatever_it_is() {
    let spooled = Repeatable { body: false, ..RISKY };
    assert_eq!(judge(Trouble::Unsent, spooled, fresh(), 0), Verdict::Again(Duration::from_secs(1)));
}

#[test]
fn a_spooled_body_without_a_key_is_sent_once() {
    let spooled = Repeatable { body: false, ..HARMLESS };
    assert_eq!(judge(Trouble::Lost, spooled, fresh(), 0), Verdict::Never);
}

#[test]
fn a_key_that_the_vendor_takes_makes_a_write_repeatable() {
    let keyed = Repeatable { by_key: true, ..RISKY };
    assert_eq!(judge(Trouble::Lost, keyed, fresh(), 0), Verdict::Again(Duration::from_secs(1)));
}

#[test]
fn the_vendor_is_waited_for_as_long_as_it_said() {
    let said = |seconds| Progress { said: Some(Duration::from_secs(seconds)), ..fresh() };
    assert_eq!(judge(Trouble::Declined, HARMLESS, said(7), 0), Verdict::Again(Duration::from_secs(7)));
    assert_eq!(judge(Trouble::Declined, HARMLESS, said(0), 0), Verdict::Again(Duration::from_secs(1)));
    assert_eq!(judge(Trouble::Declined, HARMLESS, said(40), 0), Verdict::Later(Duration::from_secs(40)));
    let background = Progress { left: Duration::MAX, ..said(40) };
    assert_eq!(judge(Trouble::Declined, HARMLESS, background, 0), Verdict::Again(Duration::from_secs(40)));
    let too_long = Progress { left: Duration::MAX, ..said(3_601) };
    assert_eq!(judge(Trouble::Declined, HARMLESS, too_long, 0), Verdict::Later(Duration::from_secs(3_601)));
}

#[test]
fn an_attempt_that_would_not_end_in_time_is_not_made() {
    let left = |millis| Progress { left: Duration::from_millis(millis), ..fresh() };
    assert_eq!(judge(Trouble::Lost, HARMLESS, left(1_250), 0), Verdict::Again(Duration::from_secs(1)));
    assert_eq!(judge(Trouble::Lost, HARMLESS, left(1_249), 0), Verdict::Later(Duration::from_secs(1)));
    let slow = Progress { took: Duration::from_secs(15), left: Duration::from_secs(15), ..fresh() };
    assert_eq!(judge(Trouble::Lost, HARMLESS, slow, 0), Verdict::Later(Duration::from_secs(1)));
}

#[test]
fn five_retries_are_the_most() {
    let spent = Progress { made: 5, left: Duration::MAX, ..fresh() };
    assert_eq!(judge(Trouble::Unsent, HARMLESS, spent, 0), Verdict::Never);
    let told = Progress { said: Some(Duration::from_secs(9)), ..spent };
    assert_eq!(judge(Trouble::Declined, HARMLESS, told, 0), Verdict::Spent(Duration::from_secs(9)));
    let none_allowed = Progress { allowed: 0, ..fresh() };
    assert_eq!(judge(Trouble::Unsent, HARMLESS, none_allowed, 0), Verdict::Never);
}

#[test]
fn what_is_final_stays_so() {
    assert_eq!(judge(Trouble::Final, HARMLESS, fresh(), 0), Verdict::Never);
}

#[test]
fn statuses_that_may_pass() {
    for status in [408, 425, 429, 503] {
        assert_eq!(of_status(status), Some(Trouble::Declined), "{status}");
    }
    for status in [500, 502, 504, 520, 599] {
        assert_eq!(of_status(status), Some(Trouble::Failed), "{status}");
    }
    for status in [200, 201, 204, 304, 400, 401, 403, 404, 409, 422, 501, 505] {
        assert_eq!(of_status(status), None, "{status}");
    }
}

proptest! {
    #[test]
    fn chance_makes_a_wait_longer_by_a_quarter_at_the_most(number in 0u8..=255, chance: u16) {
        let (plain, real) = (scheduled(number, 0), scheduled(number, chance));
        prop_assert!(real >= plain && real <= (plain + plain / 4).min(Duration::from_secs(60)));
    }

    #[test]
    fn again_is_always_within_tries_and_time(
        made in 0u8..8, allowed in 0u8..6, said in proptest::option::of(0u64..100_000), left in 0u64..130_000,
        took in 0u64..60_000, chance: u16, by_nature: bool, by_key: bool, body: bool,
    ) {
        let progress = Progress {
            made, allowed,
            said: said.map(Duration::from_millis),
            left: Duration::from_millis(left),
            took: Duration::from_millis(took),
        };
        let repeatable = Repeatable { by_nature, by_key, body };
        for trouble in [Trouble::Unsent, Trouble::Lost, Trouble::Declined, Trouble::Failed, Trouble::Invalid] {
            if let Verdict::Again(wait) = judge(trouble, repeatable, progress, chance) {
                prop_assert!(made < allowed);
                prop_assert!(wait + Duration::from_millis(took) <= Duration::from_millis(left));
                prop_assert!(progress.said.is_none_or(|said| wait >= said));
                prop_assert!(trouble == Trouble::Unsent || (body && (by_nature || by_key)));
            }
        }
    }
}
