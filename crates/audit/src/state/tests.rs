//! A state is read back, and only when the log's own key signed it.

use lockgate_vocabulary::Secret;

use super::*;
use crate::chain::leaf_hash;
use crate::ledger::Mark;

fn signer(name: &str, seed: u8) -> Signer {
    Signer::new(name, &Secret::new(vec![seed; 32])).expect("a signer")
}

fn ledger() -> Ledger {
    let mut ledger = Ledger::default();
    for (number, mark) in [
        (Some(1), Mark::Opened(RunId::from_u128(5))),
        (None, Mark::Plain),
        (Some(2), Mark::Relayed(AuditId::from_u128(6))),
    ] {
        let next = ledger.next(number.map(TenantId::from_u128));
        ledger.take(&next, leaf_hash(&next.index.to_be_bytes()), mark, |_, _| {});
    }
    ledger
}

const PLACE: Place = Place { segment: 3, offset: 4_711, lines: 9 };

fn kept(origin: &str) -> Kept {
    Kept::of(origin, PLACE, &ledger())
}

#[test]
fn a_state_is_read_back() {
    let place = tempfile::tempdir().expect("a directory");
    let dir = LogDir::at(place.path());
    let signer = signer("lockgate/n1", 1);
    kept("lockgate/n1").keep(&dir, &signer).expect("kept");
    let (at, mut read) = load(&dir, signer.verifier()).expect("read");
    let mut ours = ledger();
    assert_eq!(at, PLACE);
    assert_eq!((read.root(), read.heads_told()), (ours.root(), ours.heads_told()));
    assert_eq!((read.open, read.relayed), (ours.open, ours.relayed));
}

#[test]
fn a_state_of_another_key_or_log_or_a_changed_one_is_passed_over() {
    let place = tempfile::tempdir().expect("a directory");
    let dir = LogDir::at(place.path());
    let ours = signer("lockgate/n1", 1);
    assert!(load(&dir, ours.verifier()).is_none(), "there is none");
    kept("lockgate/n1").keep(&dir, &signer("lockgate/n1", 2)).expect("kept");
    assert!(load(&dir, ours.verifier()).is_none(), "another key");
    kept("lockgate/n2").keep(&dir, &ours).expect("kept");
    assert!(load(&dir, ours.verifier()).is_none(), "another log");
    let changed = ours.sign(&kept("lockgate/n1").text().expect("text")).replacen("4711", "4712", 1);
    std::fs::write(dir.state(), changed).expect("changed");
    assert!(load(&dir, ours.verifier()).is_none(), "changed");
    std::fs::write(dir.state(), ours.sign("lockgate/n1\n3\nx\n")).expect("kept");
    assert!(load(&dir, ours.verifier()).is_none(), "no state");
}
