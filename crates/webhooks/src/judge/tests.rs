//! Every try ends somewhere, and no endpoint is asked sooner than it said.

use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_780_000_000);

const HALF: u16 = u16::MAX / 2;

fn answered(status: u16) -> Attempt {
    Attempt::Answered { status, retry_after: None }
}

fn wait_of(judged: Judged) -> Duration {
    match judged {
        Judged::Again { at } | Judged::Gone { at: Some(at) } => at.since(NOW),
        other => panic!("not again: {other:?}"),
    }
}

#[test]
fn whatever_says_yes_is_delivered() {
    for status in [200, 201, 202, 204, 299] {
        assert_eq!(judge(&answered(status), 1, &SCHEDULE, NOW, 0), Judged::Delivered);
        assert_eq!(judge(&answered(status), 99, &SCHEDULE, NOW, 0), Judged::Delivered);
    }
}

#[test]
fn whatever_else_it_says_it_is_asked_again_and_then_no_more() {
    for attempt in [
        answered(100),
        answered(301),
        answered(307),
        answered(400),
        answered(401),
        answered(404),
        answered(500),
        Attempt::Unanswered("egress.vendor.reset"),
        Attempt::Unanswered("egress.address.private"),
    ] {
        for (place, plain) in SCHEDULE.iter().enumerate() {
            let tries = u32::try_from(place).expect("few") + 1;
            let wait = wait_of(judge(&attempt, tries, &SCHEDULE, NOW, HALF));
            assert!(wait.abs_diff(*plain) < Duration::from_secs(2), "{attempt:?} {tries}: {wait:?}");
        }
        let last = judge(&attempt, 9, &SCHEDULE, NOW, 0);
        assert_eq!(last, Judged::Dead { cause: Cause::Endpoint });
        assert_eq!(judge(&attempt, 1, &[], NOW, 0), last);
    }
}

#[test]
fn what_failed_on_our_side_is_told_apart() {
    let broken = Attempt::Broken(WebhookRefusal::EnvelopeUnreadable.info().code);
    assert!(matches!(judge(&broken, 1, &SCHEDULE, NOW, 0), Judged::Again { .. }));
    assert_eq!(judge(&broken, 9, &SCHEDULE, NOW, 0), Judged::Dead { cause: Cause::Pipeline });
    assert_eq!((broken.outcome(), broken.status(), Cause::Pipeline.as_str()), ("broken", None, "pipeline"));
    assert_eq!(Cause::Endpoint.as_str(), "endpoint");
    let unfit = Attempt::Unfit(WebhookRefusal::BrokerTooLarge.info().code);
    assert_eq!(
        judge(&unfit, 1, &SCHEDULE, NOW, 0),
        Judged::Dead { cause: Cause::Pipeline },
        "no try would change that"
    );
    assert_eq!((unfit.outcome(), unfit.code()), ("broken", Some("webhooks.broker.too_large")));
}

#[test]
fn an_endpoint_that_is_gone_is_told_apart() {
    assert!(matches!(judge(&answered(410), 1, &SCHEDULE, NOW, 0), Judged::Gone { at: Some(_) }));
    assert_eq!(judge(&answered(410), 9, &SCHEDULE, NOW, 0), Judged::Gone { at: None });
    assert_eq!(answered(410).code(), Some("webhooks.endpoint.gone"));
    assert_eq!(answered(404).code(), Some(WebhookRefusal::EndpointStatus.info().code));
    assert_eq!((answered(204).code(), answered(204).outcome(), answered(404).outcome()), (None, "taken", "answered"));
}

#[test]
fn an_endpoint_is_left_alone_as_long_as_it_says_up_to_a_day() {
    let said = |status, seconds| {
        let attempt = Attempt::Answered { status, retry_after: Some(Duration::from_secs(seconds)) };
        wait_of(judge(&attempt, 1, &SCHEDULE, NOW, 0))
    };
    assert_eq!(said(429, 3_600), Duration::from_secs(3_600));
    assert_eq!(said(503, 120), Duration::from_secs(120));
    assert_eq!(said(429, u64::MAX / 2), LONGEST_SAID);
    assert_eq!(said(429, 0), Duration::from_secs(4), "the schedule holds where it says less");
    assert_eq!(said(500, 3_600), Duration::from_secs(4), "only where the status gives it a meaning");
}

fn any_attempt() -> impl Strategy<Value = Attempt> {
    prop_oneof![
        (100u16..600, proptest::option::of(0u64..200_000))
            .prop_map(|(status, said)| Attempt::Answered { status, retry_after: said.map(Duration::from_secs) }),
        Just(Attempt::Unanswered("egress.vendor.reset")),
        Just(Attempt::Broken("webhooks.envelope.unreadable")),
        Just(Attempt::Unfit("webhooks.broker.too_large")),
    ]
}

proptest! {
    #[test]
    fn never_sooner_than_it_said(attempt in any_attempt(), tries in 1u32..9, chance in any::<u16>()) {
        if let (Judged::Again { at }, Some(said)) = (judge(&attempt, tries, &SCHEDULE, NOW, chance), attempt.said()) {
            prop_assert!(at >= NOW.after(said));
            prop_assert!(at <= NOW.after(LONGEST_SAID));
        }
    }

    #[test]
    fn it_always_ends(attempts in proptest::collection::vec((any_attempt(), any::<u16>()), 9..20), waits in proptest::collection::vec(0u64..90_000, 0..9)) {
        let schedule: Vec<Duration> = waits.into_iter().map(Duration::from_secs).collect();
        let (mut now, mut ended) = (NOW, false);
        for (place, (attempt, chance)) in attempts.iter().enumerate() {
            match judge(attempt, u32::try_from(place).expect("few") + 1, &schedule, now, *chance) {
                Judged::Again { at } | Judged::Gone { at: Some(at) } => {
                    prop_assert!(at >= now);
                    now = at;
                }
                Judged::Delivered | Judged::Dead { .. } | Judged::Gone { at: None } => {
                    ended = true;
                    break;
                }
            }
        }
        prop_assert!(ended);
    }

    #[test]
    fn later_tries_and_longer_words_wait_no_shorter(tries in 1u32..8, said in 0u64..100_000, more in 0u64..100_000, chance in any::<u16>(), luck in any::<u16>()) {
        let wait = |tries, said, chance| {
            let attempt = Attempt::Answered { status: 429, retry_after: Some(Duration::from_secs(said)) };
            wait_of(judge(&attempt, tries, &SCHEDULE, NOW, chance))
        };
        prop_assert!(wait(tries + 1, said, chance) >= wait(tries, said, chance));
        prop_assert!(wait(tries, said + more, chance) >= wait(tries, said, chance));
        let (less, greater) = (chance.min(luck), chance.max(luck));
        prop_assert!(wait(tries, said, greater) >= wait(tries, said, less));
    }

    #[test]
    fn chance_moves_a_wait_by_a_fifth_at_the_most(tries in 1u32..9, chance in any::<u16>()) {
        let plain = SCHEDULE[tries as usize - 1];
        let wait = wait_of(judge(&answered(500), tries, &SCHEDULE, NOW, chance));
        prop_assert!(wait >= plain / 5 * 4 && wait <= plain / 5 * 6);
    }
}
