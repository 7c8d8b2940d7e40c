//! The breaker: its turns one by one, and random lives of it against a naive model.

use proptest::prelude::*;

use super::*;
use crate::tests::{breaker as spec, seconds};

fn breaker(failure_percent: u8, least_calls: u32) -> Breaker {
    Breaker::new(Rules::of(&spec(failure_percent, least_calls)))
}

fn call(breaker: &mut Breaker, health: Health, now: Duration) {
    let ticket = breaker.enter(now).unwrap();
    breaker.report(ticket, health, now);
}

#[test]
fn it_opens_by_share_and_only_with_enough_calls() {
    let mut breaker = breaker(50, 4);
    for health in [Health::Bad, Health::Bad, Health::Bad] {
        call(&mut breaker, health, seconds(1));
        assert_eq!(breaker.standing(), Standing::Closed);
    }
    call(&mut breaker, Health::Neutral, seconds(1));
    assert_eq!(breaker.standing(), Standing::Closed, "what taught nothing is not counted");
    call(&mut breaker, Health::Good, seconds(1));
    assert_eq!(breaker.standing(), Standing::Open, "three of four failed, and now there are four");
}

#[test]
fn a_healthy_majority_keeps_it_closed() {
    let mut breaker = breaker(50, 4);
    for round in 0..200 {
        let health = if round % 5 < 2 { Health::Bad } else { Health::Good };
        let now = Duration::from_millis(10 * round);
        // The first four could not yet have a healthy majority, so they are good.
        call(&mut breaker, if round < 4 { Health::Good } else { health }, now);
    }
    assert_eq!(breaker.standing(), Standing::Closed);
}

#[test]
fn what_is_older_than_the_window_is_forgotten() {
    let mut breaker = breaker(50, 4);
    for _ in 0..3 {
        call(&mut breaker, Health::Bad, seconds(0));
    }
    assert!(!breaker.is_at_rest(seconds(29)));
    assert!(breaker.is_at_rest(seconds(30)));
    call(&mut breaker, Health::Bad, seconds(30));
    assert_eq!(breaker.standing(), Standing::Closed);
}

#[test]
fn one_tries_and_decides() {
    let mut breaker = breaker(50, 1);
    call(&mut breaker, Health::Bad, seconds(0));
    assert_eq!(breaker.enter(seconds(5)), Err(seconds(10)));
    let one = breaker.enter(seconds(15)).unwrap();
    assert_eq!(breaker.standing(), Standing::HalfOpen);
    assert_eq!(breaker.enter(seconds(100)), Err(WHILE_TRYING), "exactly one, however long it takes");
    breaker.report(one, Health::Bad, seconds(100));
    assert_eq!(breaker.enter(seconds(114)), Err(seconds(1)));
    let two = breaker.enter(seconds(115)).unwrap();
    breaker.report(two, Health::Neutral, seconds(115));
    let three = breaker.enter(seconds(115)).expect("who learned nothing makes room at once");
    breaker.report(three, Health::Good, seconds(116));
    assert_eq!(breaker.standing(), Standing::Closed);
    assert!(breaker.is_at_rest(seconds(116)), "the failures before it opened are forgotten");
}

#[test]
fn what_began_before_says_nothing_about_after() {
    let mut breaker = breaker(50, 2);
    let late: Vec<Ticket> = (0..4).map(|_| breaker.enter(seconds(0)).unwrap()).collect();
    breaker.report(late[0], Health::Bad, seconds(1));
    breaker.report(late[1], Health::Bad, seconds(1));
    assert_eq!(breaker.standing(), Standing::Open);
    breaker.report(late[2], Health::Good, seconds(2));
    assert_eq!(breaker.standing(), Standing::Open);
    let one = breaker.enter(seconds(16)).unwrap();
    breaker.report(late[3], Health::Good, seconds(17));
    assert_eq!(breaker.standing(), Standing::HalfOpen, "a late success is not the one that tries");
    breaker.report(one, Health::Good, seconds(18));
    breaker.report(one, Health::Bad, seconds(18));
    assert_eq!(breaker.standing(), Standing::Closed, "one ticket, one report");
}

#[test]
fn other_rules_are_adopted_without_closing_what_is_open() {
    let mut breaker = breaker(50, 1);
    call(&mut breaker, Health::Bad, seconds(0));
    breaker.adopt(Rules::of(&spec(50, 5)));
    assert_eq!(breaker.standing(), Standing::Open);
    let one = breaker.enter(seconds(15)).unwrap();
    breaker.report(one, Health::Good, seconds(15));
    for _ in 0..4 {
        call(&mut breaker, Health::Bad, seconds(16));
    }
    assert_eq!(breaker.standing(), Standing::Closed, "five are needed now");
    breaker.adopt(Rules::of(&spec(50, 4)));
    call(&mut breaker, Health::Bad, seconds(16));
    assert_eq!(breaker.standing(), Standing::Closed, "counted anew");
}

#[test]
fn rules_without_sense_are_brought_into_range() {
    let wild = BreakerSpec {
        failure_percent: Some(0),
        least_calls: Some(0),
        window_seconds: Some(0),
        open_seconds: Some(u32::MAX),
    };
    let mut breaker = Breaker::new(Rules::of(&wild));
    call(&mut breaker, Health::Good, seconds(0));
    assert_eq!(breaker.standing(), Standing::Closed, "a success never opens it");
    call(&mut breaker, Health::Bad, seconds(0));
    assert_eq!(breaker.standing(), Standing::Open);
    assert_eq!(breaker.enter(seconds(0)), Err(seconds(3_600)));
    assert_eq!(Standing::HalfOpen.as_str(), "half-open");
}

/// The naive model: remembers everything and counts by hand.
#[derive(Default)]
struct Model {
    counted: Vec<(u64, Health)>,
    open_until: Option<u64>,
    trying: Option<usize>,
    turn: u64,
}

impl Model {
    fn enter(&mut self, ticket: usize, now: u64) -> bool {
        if self.trying.is_some() {
            return false;
        }
        match self.open_until {
            None => true,
            Some(until) if now >= until => {
                self.trying = Some(ticket);
                self.turn += 1;
                true
            }
            Some(_) => false,
        }
    }

    fn open(&mut self, until: u64) {
        self.open_until = Some(until);
        self.trying = None;
        self.counted.clear();
        self.turn += 1;
    }

    fn report(&mut self, ticket: usize, turn: u64, health: Health, now: u64) {
        if turn != self.turn {
            return;
        }
        if self.trying == Some(ticket) {
            match health {
                Health::Good => {
                    self.open_until = None;
                    self.trying = None;
                    self.turn += 1;
                }
                Health::Bad => self.open(now + 15_000),
                Health::Neutral => self.open(now),
            }
            return;
        }
        self.counted.push((now / 3_000, health));
        let in_window = |health: Health| {
            self.counted.iter().filter(|(slice, seen)| now / 3_000 - slice < 10 && *seen == health).count()
        };
        let (good, bad) = (in_window(Health::Good), in_window(Health::Bad));
        if good + bad >= 4 && bad * 2 >= good + bad {
            self.open(now + 15_000);
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Enter,
    Report(usize, Health),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let health = prop_oneof![Just(Health::Good), Just(Health::Bad), Just(Health::Bad), Just(Health::Neutral)];
    let step = prop_oneof![
        3 => Just(Step::Enter),
        3 => (0usize..8, health).prop_map(|(which, health)| Step::Report(which, health)),
        1 => (0u64..9_000).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 1..200)
}

proptest! {
    #[test]
    fn it_lives_as_the_model_does(steps in steps()) {
        let (mut breaker, mut model) = (breaker(50, 4), Model::default());
        let (mut now, mut given) = (0u64, 0usize);
        let mut out: Vec<(usize, Ticket, u64)> = Vec::new();
        for step in steps {
            let moment = Duration::from_millis(now);
            match step {
                Step::Wait(millis) => now += millis,
                Step::Enter => {
                    given += 1;
                    let entered = breaker.enter(moment);
                    prop_assert_eq!(entered.is_ok(), model.enter(given, now));
                    if let Ok(ticket) = entered {
                        out.push((given, ticket, model.turn));
                    }
                }
                Step::Report(which, health) if !out.is_empty() => {
                    let (number, ticket, turn) = out.remove(which % out.len());
                    breaker.report(ticket, health, moment);
                    model.report(number, turn, health, now);
                }
                Step::Report(..) => {}
            }
            let standing = match (model.trying, model.open_until) {
                (Some(_), _) => Standing::HalfOpen,
                (None, Some(_)) => Standing::Open,
                (None, None) => Standing::Closed,
            };
            prop_assert_eq!(breaker.standing(), standing);
        }
    }
}
