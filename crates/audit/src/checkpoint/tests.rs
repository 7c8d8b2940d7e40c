//! Notes are read as C2SP writes them, and nothing else is.

use lockgate_vocabulary::Secret;
use proptest::prelude::*;

use super::*;

fn signer(name: &str, seed: u8) -> Signer {
    Signer::new(name, &Secret::new(vec![seed; 32])).expect("a signer")
}

fn head() -> Checkpoint {
    Checkpoint { origin: "lockgate/n1".into(), size: 17, root: Hash::from_bytes([7; 32]) }
}

#[test]
fn a_published_note_opens_with_its_published_key() {
    // The example of golang.org/x/mod/sumdb/note, whose format C2SP signed-note is.
    let key: VerifierKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse().expect("a key");
    let text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    let note = format!(
        "{text}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    );
    assert_eq!(key.open(&note), Ok(text));
    assert_eq!(key.open(&note.replace("answer", "Answer")), Err(NoteFlaw::SignatureWrong));
}

#[test]
fn a_signed_head_opens_with_the_public_key_alone() {
    let signer = signer("lockgate/n1", 1);
    let note = signer.sign(&head().text());
    let key: VerifierKey = signer.verifier().to_string().parse().expect("the text form is read back");
    assert_eq!(&key, signer.verifier());
    assert_eq!(key.checkpoint(&note), Ok(head()));
}

#[test]
fn another_key_another_name_and_another_log_are_told_apart() {
    let note = signer("lockgate/n1", 1).sign(&head().text());
    assert_eq!(signer("lockgate/n1", 2).verifier().checkpoint(&note), Err(NoteFlaw::Unsigned));
    assert_eq!(signer("lockgate/n2", 1).verifier().checkpoint(&note), Err(NoteFlaw::Unsigned));
    let other = Checkpoint { origin: "lockgate/n2".into(), ..head() };
    let signer = signer("lockgate/n1", 1);
    assert_eq!(signer.verifier().checkpoint(&signer.sign(&other.text())), Err(NoteFlaw::OtherLog));
}

#[test]
fn a_signature_of_somebody_else_beside_ours_does_not_disturb() {
    let ours = signer("lockgate/n1", 1);
    let theirs = signer("witness.example", 2).sign(&head().text());
    let line = theirs.lines().last().expect("a signature line");
    let note = format!("{}{line}\n", ours.sign(&head().text()));
    assert_eq!(ours.verifier().checkpoint(&note), Ok(head()));
}

#[test]
fn a_wrong_signature_of_ours_spoils_a_note_that_also_has_a_right_one() {
    let ours = signer("lockgate/n1", 1);
    let wrong = ours.sign("another text\n");
    let note = format!("{}{}\n", ours.sign(&head().text()), wrong.lines().last().expect("a line"));
    assert_eq!(ours.verifier().checkpoint(&note), Err(NoteFlaw::SignatureWrong));
}

#[test]
fn what_is_no_note_is_refused() {
    let ours = signer("lockgate/n1", 1);
    let good = ours.sign(&head().text());
    let unsigned = head().text();
    let no_blank = good.replacen("\n\n", "\n", 1);
    let cut = good.trim_end().to_owned();
    let control = good.replacen('\n', "\r\n", 1);
    let many = format!("{}{}", head().text(), "\n— a AAAAAAA=".repeat(17) + "\n");
    for bad in [unsigned, no_blank, cut, control, many, String::new(), "\n\n".into(), "x".repeat(NOTE_BYTES + 1)] {
        assert!(ours.verifier().checkpoint(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_text_that_is_no_checkpoint_is_refused_though_it_is_signed() {
    let ours = signer("lockgate/n1", 1);
    let root = Hash::ZERO;
    for text in [
        format!("lockgate/n1\n017\n{root}\n"),
        format!("lockgate/n1\n-1\n{root}\n"),
        format!("lockgate/n1\n+1\n{root}\n"),
        format!("lockgate/n1\n1\n{root}\nextension\n"),
        "lockgate/n1\n1\nAAAA\n".to_owned(),
        format!("\n1\n{root}\n"),
    ] {
        assert_eq!(ours.verifier().checkpoint(&ours.sign(&text)), Err(NoteFlaw::Malformed), "{text}");
    }
}

#[test]
fn a_key_text_that_is_changed_is_refused() {
    let text = signer("lockgate/n1", 1).verifier().to_string();
    let (front, key) = text.rsplit_once('+').expect("three parts");
    for bad in [
        String::new(),
        front.to_owned(),
        format!("+{}", text.split_once('+').expect("parts").1),
        text.replacen("n1", "n2", 1),
        text.to_uppercase(),
        format!("{front}+{}", STANDARD.encode([2u8; 33])),
        format!("{front}+{}", key.get(..20).expect("long enough")),
    ] {
        assert_eq!(bad.parse::<VerifierKey>(), Err(KeyParse), "{bad}");
    }
}

#[test]
fn a_seed_of_another_length_and_a_bad_name_make_no_signer() {
    assert!(Signer::new("lockgate/n1", &Secret::new(vec![1; 31])).is_err());
    assert!(Signer::new("lockgate/n1", &Secret::new(vec![1; 33])).is_err());
    for name in ["", "a b", "a+b", "a\nb"] {
        assert!(Signer::new(name, &Secret::new(vec![1; 32])).is_err(), "{name:?}");
    }
    assert!(!format!("{:?}", signer("lockgate/n1", 1)).contains("AQEB"), "no private part is printed");
}

proptest! {
    #[test]
    fn any_changed_byte_of_a_note_is_noticed(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let ours = signer("lockgate/n1", 1);
        let note = ours.sign(&head().text());
        let mut changed = note.clone().into_bytes();
        let place = place.index(changed.len());
        prop_assume!(changed[place] != byte);
        changed[place] = byte;
        if let Ok(changed) = String::from_utf8(changed) {
            prop_assert!(ours.verifier().checkpoint(&changed).is_err(), "{}", changed);
        }
    }

    #[test]
    fn the_text_of_a_head_is_read_back(size in any::<u64>(), root in any::<[u8; 32]>()) {
        let head = Checkpoint { origin: "lockgate/n1".into(), size, root: Hash::from_bytes(root) };
        prop_assert_eq!(Checkpoint::parse(&head.text()), Some(head));
    }
}
