//! How a change of the root key stands is told by names and counts alone.

use super::*;

/// The previous root key, what wraps how much, and what is to be told of it.
type Case = (Option<&'static str>, &'static [(&'static str, u64)], State, &'static str);

#[test]
fn every_state_names_what_is_next() {
    let names = |previous: Option<&str>| RootKeyNames { current: "rk-b".into(), previous: previous.map(str::to_owned) };
    let wraps = |all: &[(&str, u64)]| all.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    let cases: [Case; 7] = [
        (None, &[], State::Settled, "new-root-key"),
        (None, &[("rk-b", 3)], State::Settled, "new-root-key"),
        (None, &[("rk-a", 1), ("rk-b", 2)], State::Foreign, "put back"),
        (Some("rk-a"), &[("rk-c", 1)], State::Foreign, "put back"),
        (Some("rk-a"), &[("rk-a", 3)], State::Changing, "every node"),
        (Some("rk-a"), &[("rk-a", 1), ("rk-b", 2)], State::Changing, "lockgate vault rewrap"),
        (Some("rk-a"), &[("rk-b", 3)], State::Rewrapped, "drop-previous"),
    ];
    for (previous, all, state, next) in cases {
        let found = State::of(&names(previous), &wraps(all));
        assert_eq!(found, state, "{previous:?} {all:?}");
        assert!(found.next().contains(next), "{}", found.next());
    }
}
