//! The file of checkpoints is read note by note, and half a note at its end is cut off.

use lockgate_vocabulary::Secret;

use super::*;
use crate::chain::Hash;

fn signer() -> Signer {
    Signer::new("lockgate/n1", &Secret::new(vec![1; 32])).expect("a signer")
}

fn head(size: u64) -> Checkpoint {
    Checkpoint { origin: "lockgate/n1".into(), size, root: Hash::from_bytes([size as u8; 32]) }
}

fn filled(count: u64) -> (tempfile::TempDir, LogDir) {
    let place = tempfile::tempdir().expect("a directory");
    let dir = LogDir::at(place.path());
    let mut notes = Notes::open(&dir).expect("opened");
    (1..=count).for_each(|size| _ = notes.append(&signer(), &head(size)).expect("appended"));
    (place, dir)
}

fn sizes(dir: &LogDir) -> Vec<u64> {
    let key = signer().verifier().clone();
    let all: Vec<_> = all(dir, &key).expect("opened").collect::<Result<_, _>>().expect("all are good");
    assert_eq!(all.iter().map(|noted| noted.number).collect::<Vec<_>>(), (1..=all.len() as u64).collect::<Vec<_>>());
    all.into_iter().map(|noted| noted.checkpoint.size).collect()
}

#[test]
fn notes_are_read_in_their_order() {
    let (_place, dir) = filled(3);
    assert_eq!(sizes(&dir), [1, 2, 3]);
    let recent = recent(&dir, signer().verifier()).expect("good");
    assert_eq!(recent.last().map(|noted| noted.checkpoint.clone()), Some(head(3)));
}

#[test]
fn only_the_end_of_a_long_file_is_looked_at() {
    let (_place, dir) = filled(6_500);
    assert!(std::fs::metadata(dir.checkpoints()).expect("there").len() > TAIL_BYTES);
    let recent = recent(&dir, signer().verifier()).expect("good");
    assert_eq!(recent.last().map(|noted| noted.checkpoint.size), Some(6_500));
    assert!(recent.len() > 1_000 && recent.len() < 6_500);
}

#[test]
fn a_note_cut_off_anywhere_is_dropped_and_the_ones_before_it_stay() {
    let (_place, dir) = filled(2);
    let whole = std::fs::read(dir.checkpoints()).expect("read");
    let one = whole.len() / 2;
    for length in 0..whole.len() {
        std::fs::write(dir.checkpoints(), &whole[..length]).expect("cut");
        if length != 0 && length != one {
            let key = signer().verifier().clone();
            assert!(all(&dir, &key).expect("opened").any(|noted| noted.is_err()), "{length} is told");
        }
        drop(Notes::open(&dir).expect("opened"));
        assert_eq!(sizes(&dir), if length < one { vec![] } else { vec![1] }, "{length} of {}", whole.len());
    }
}

#[test]
fn a_note_of_another_key_is_named() {
    let (_place, dir) = filled(2);
    let other = Signer::new("lockgate/n1", &Secret::new(vec![2; 32])).expect("a signer");
    Notes::open(&dir).expect("opened").append(&other, &head(3)).expect("appended");
    let key = signer().verifier().clone();
    let last = all(&dir, &key).expect("opened").last().expect("three");
    assert!(matches!(last, Err(BadNotes::Note(3, _))), "{last:?}");
    assert!(matches!(recent(&dir, &key), Err(BadNotes::Note(3, _))));
}
