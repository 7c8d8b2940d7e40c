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
    let (signer, mut notes) = (signer(), Notes::open(&dir).expect("opened"));
    // All but the last few are put there at once: each append waits for the disk.
    let (bulk, rest) = (1..=count.saturating_sub(3), count.saturating_sub(3) + 1..=count);
    let text: String = bulk.map(|size| format!("{}\n", signer.sign(&head(size).text()))).collect();
    std::fs::write(dir.checkpoints(), text).expect("written");
    rest.for_each(|size| _ = notes.append(&signer, &head(size)).expect("appended"));
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
    let sizes = |since| -> Vec<u64> {
        let recent = recent(&dir, signer().verifier(), since).expect("good");
        recent.into_iter().map(|noted| noted.checkpoint.size).collect()
    };
    assert_eq!((sizes(0), sizes(2), sizes(3), sizes(4)), (vec![1, 2, 3], vec![2, 3], vec![3], vec![3]));
    assert_eq!(last(&dir, signer().verifier()).expect("good").map(|noted| noted.checkpoint), Some(head(3)));
}

#[test]
fn only_the_end_of_a_long_file_is_looked_at() {
    let (_place, dir) = filled(600);
    assert!(std::fs::metadata(dir.checkpoints()).expect("there").len() > TAIL_BYTES);
    let recent = recent(&dir, signer().verifier(), 0).expect("good");
    assert_eq!(recent.last().map(|noted| noted.checkpoint.size), Some(600));
    assert!(recent.len() > 100 && recent.len() < 600);
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
    assert!(matches!(recent(&dir, &key, 0), Err(BadNotes::Note(3, _))));
}

#[test]
fn a_note_that_is_written_while_they_are_read_is_none_of_them() {
    let (_place, dir) = filled(3);
    let key = signer().verifier().clone();
    let mut read = all(&dir, &key).expect("opened");
    assert_eq!(read.next().expect("one").expect("good").checkpoint.size, 1);
    let mut notes = Notes::open(&dir).expect("opened");
    notes.append(&signer(), &head(4)).expect("appended");
    let rest: Vec<_> = read.map(|noted| noted.expect("good").checkpoint.size).collect();
    assert_eq!(rest, [2, 3]);
    assert_eq!(sizes(&dir), [1, 2, 3, 4]);
}
