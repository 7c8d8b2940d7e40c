//! A batch in one commit comes to what its changes come to one by one, whichever of them fails, where
//! and why.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use super::place::{BY_NAME, DELETE_ALL, INSERT, NAMES, RENAME, insert, tenant};
use super::{Place, on_each_engine};
use crate::{Applied, ApplyFailure, Change, Row, Statement, Store, values};

on_each_engine![
    fails_alone_wherever_it_stands_and_whyever,
    comes_to_the_same_whatever_the_batch,
    fails_alone_in_the_largest_commit,
];

static ALL: Statement = Statement::house(
    "test.all",
    "SELECT tenant, name, status, created_at, changed - (SELECT value FROM house WHERE name = 'epoch')
     FROM providers ORDER BY tenant, name",
);
static COUNT_UP: Statement = Statement::tenant(
    "test.count_up",
    "UPDATE providers SET created_at = created_at + 1 WHERE tenant = $1 AND name = $2 RETURNING created_at",
);
static NO_STATUS: Statement =
    Statement::tenant("test.no_status", "UPDATE providers SET status = NULL WHERE tenant = $1");
static HOUSE: Statement = Statement::house("test.house", "SELECT COUNT(*) FROM providers WHERE status = 'active'");

/// Makes a change from a name that nothing else has.
type Making = fn(&str) -> Change;

/// Changes that fail, where the tenant has a row called `there`.
const FAILING: [(&str, Making); 9] = [
    ("unmet before anything", |_| Change::of(tenant(1)).step(&RENAME, values!["none", "x"]).expecting(1)),
    ("unmet, then more", |name| {
        Change::of(tenant(1)).step(&RENAME, values!["none", "x"]).expecting(1).and(insert(tenant(1), name))
    }),
    ("unmet after a row", |name| insert(tenant(1), name).step(&RENAME, values!["none", "x"]).expecting(1)),
    ("unmet by its own row", |_| Change::of(tenant(1)).step(&COUNT_UP, values!["there"]).expecting(0)),
    ("unmet by reading", |_| Change::of(tenant(1)).step(&BY_NAME, values!["there"]).expecting(0)),
    ("conflict at first", |_| insert(tenant(1), "there")),
    ("conflict after a row", |name| insert(tenant(1), name).and(insert(tenant(1), "there"))),
    ("broken at first", |_| Change::of(tenant(1)).step(&NO_STATUS, values![])),
    ("broken after a row", |name| insert(tenant(1), name).step(&NO_STATUS, values![])),
];

/// Two stores of one kind: one is given batches, the other the same changes one by one.
struct Pair {
    batches: Store,
    singles: Store,
    _places: [Place; 2],
}

impl Pair {
    async fn of(place: Place) -> Option<Self> {
        let other = if place.is_sqlite() { Place::sqlite() } else { Place::postgres()? };
        let (batches, singles) = (place.open().await, other.open().await);
        let pair = Self { batches, singles, _places: [place, other] };
        pair.compare("the first rows", || vec![insert(tenant(1), "there"), insert(tenant(2), "there")]).await;
        Some(pair)
    }

    /// Applies the same changes in both ways, and demands that everything is the same afterwards.
    async fn compare(&self, what: &str, changes: impl Fn() -> Vec<Change>) {
        let together = self.batches.engine().commit(changes()).await;
        let mut alone = Vec::new();
        for change in changes() {
            alone.extend(self.singles.engine().commit(vec![change]).await);
        }
        assert_eq!(together.len(), alone.len(), "{what}");
        for (place, (one, other)) in together.into_iter().zip(alone).enumerate() {
            assert_eq!(told(one), told(other), "change {place}: {what}");
        }
        assert_eq!(rows(&self.batches).await, rows(&self.singles).await, "{what}");
        let epochs = (self.batches.confirm_epoch().await.unwrap(), self.singles.confirm_epoch().await.unwrap());
        assert_eq!(epochs.0, epochs.1, "{what}");
    }
}

/// An outcome in a form that can be compared.
fn told(outcome: Result<Applied, ApplyFailure>) -> Result<Applied, String> {
    outcome.map_err(|failure| match failure {
        ApplyFailure::Fault(fault) => format!("{} is unavailable: {}", fault.doing(), fault.is_unavailable()),
        other => other.to_string(),
    })
}

async fn rows(store: &Store) -> Vec<Row> {
    store.survey(&ALL, values![]).await.unwrap()
}

async fn fails_alone_wherever_it_stands_and_whyever(place: Place) {
    let Some(pair) = Pair::of(place).await else { return };
    for (number, (what, failing)) in FAILING.into_iter().enumerate() {
        for (at, raises) in (0..5).flat_map(|at| [(at, false), (at, true)]) {
            let name = |place: usize| format!("n{number}_{at}_{raises}_{place}");
            let change = |place: usize| match place {
                _ if place == at && raises => failing(&name(place)).raising_epoch(),
                _ if place == at => failing(&name(place)),
                1 | 3 => insert(tenant(1), &name(place)).raising_epoch(),
                2 => insert(tenant(2), &name(place)).step(&HOUSE, values![]).step(&NAMES, values![]),
                _ => insert(tenant(1), &name(place)),
            };
            pair.compare(what, || (0..5).map(change).collect()).await;
        }
        let all = |place: usize| failing(&format!("all{number}_{place}"));
        pair.compare(what, || (0..3).map(all).collect()).await;
    }
}

/// One step, and how many rows are expected of it.
#[derive(Debug, Clone)]
enum Act {
    Insert(u8),
    Rename(u8, u8, Option<u64>),
    CountUp(u8, Option<u64>),
    Clear,
    Read(Option<u64>),
    House,
    Break,
    Misuse,
}

#[derive(Debug, Clone)]
struct Planned {
    tenant: u128,
    raises: bool,
    acts: Vec<Act>,
}

fn acts() -> impl Strategy<Value = Act> {
    let expected = || proptest::option::of(0..3_u64);
    prop_oneof![
        6 => (0..12_u8).prop_map(Act::Insert),
        4 => (0..12_u8, 0..12_u8, expected()).prop_map(|(from, to, expected)| Act::Rename(from, to, expected)),
        2 => (0..12_u8, expected()).prop_map(|(number, expected)| Act::CountUp(number, expected)),
        1 => Just(Act::Clear),
        2 => expected().prop_map(Act::Read),
        1 => Just(Act::House),
        1 => Just(Act::Break),
        1 => Just(Act::Misuse),
    ]
}

fn planned() -> impl Strategy<Value = Planned> {
    let acts = proptest::collection::vec(acts(), 0..4);
    (1..4_u128, proptest::bool::weighted(0.2), acts).prop_map(|(tenant, raises, acts)| Planned { tenant, raises, acts })
}

impl Planned {
    fn change(&self) -> Change {
        let start = Change::of(tenant(self.tenant));
        let start = if self.raises { start.raising_epoch() } else { start };
        self.acts.iter().fold(start, |change, act| {
            let name = |number: &u8| format!("p{number}");
            let (change, expected) = match act {
                Act::Insert(number) => {
                    let key = format!("prv_{}", name(number));
                    (change.step(&INSERT, values![key, name(number), "{}", 5_i64]), None)
                }
                Act::Rename(from, to, expected) => (change.step(&RENAME, values![name(from), name(to)]), *expected),
                Act::CountUp(number, expected) => (change.step(&COUNT_UP, values![name(number)]), *expected),
                Act::Clear => (change.step(&DELETE_ALL, values![]), None),
                Act::Read(expected) => (change.step(&NAMES, values![]), *expected),
                Act::House => (change.step(&HOUSE, values![]), None),
                Act::Break => (change.step(&NO_STATUS, values![]), None),
                Act::Misuse => (change.step(&RENAME, values!["too few"]), None),
            };
            expected.into_iter().fold(change, Change::expecting)
        })
    }
}

async fn comes_to_the_same_whatever_the_batch(place: Place) {
    let Some(pair) = Pair::of(place).await else { return };
    let mut runner = TestRunner::new(Config::default());
    let batches = proptest::collection::vec(planned(), 1..10);
    for _ in 0..60 {
        let batch = batches.new_tree(&mut runner).unwrap().current();
        pair.compare(&format!("{batch:#?}"), || batch.iter().map(Planned::change).collect()).await;
    }
}

async fn fails_alone_in_the_largest_commit(place: Place) {
    let Some(pair) = Pair::of(place).await else { return };
    let most = pair.batches.engine().most_changes();
    for at in [0, most / 2, most - 1] {
        let change = |place: usize| {
            let (owner, name) = (tenant(place as u128 % 3), format!("m{at}_{place}"));
            let own = insert(owner, &name).step(&NAMES, values![]);
            let up = |change: Change, _| change.step(&HOUSE, values![]).step(&COUNT_UP, values![name.as_str()]);
            let more = (0..6).fold(own, up);
            if place == at { more.and(insert(owner, &name)) } else { more }
        };
        pair.compare("the largest commit", || (0..most).map(change).collect()).await;
        let clear = || (0..3).map(|number| Change::of(tenant(number)).step(&DELETE_ALL, values![])).collect();
        pair.compare("clearing", clear).await;
    }
}
