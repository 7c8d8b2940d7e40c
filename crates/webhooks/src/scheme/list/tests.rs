//! Lists of labelled parts, strictly.

use super::*;
use crate::refusal::WebhookRefusal as R;

const MANNER: Manner = Manner { between: ',', moment: "t", counts: |label| label == "v1" };

#[test]
fn the_parts_are_found_in_any_order() {
    for text in ["t=7,v1=aa,v1=bb", "v1=aa,t=7,v1=bb", "v1=aa,v0=zz,v1=bb,t=7"] {
        let parts = read(text, &MANNER).expect("a list");
        assert_eq!((parts.moment, parts.sent_at), ("7", Timestamp::from_secs(7)));
        assert_eq!(parts.signatures, ["aa", "bb"]);
    }
}

#[test]
fn what_is_not_written_as_documented_is_refused() {
    let wrong = [
        ("", R::SignatureMalformed),
        ("t=7,v1=aa,", R::SignatureMalformed),
        (",t=7,v1=aa", R::SignatureMalformed),
        ("t=7,,v1=aa", R::SignatureMalformed),
        ("t=7, v1=aa", R::SignatureMalformed),
        ("t=7 ,v1=aa", R::TimestampMalformed),
        ("t=7,V1=aa", R::SignatureMalformed),
        ("t=7,v1", R::SignatureMalformed),
        ("t=7;v1=aa", R::TimestampMalformed),
        ("v1=aa", R::TimestampMalformed),
        ("t=7,t=7,v1=aa", R::TimestampMalformed),
        ("t=07,v1=aa", R::TimestampMalformed),
        ("t=,v1=aa", R::TimestampMalformed),
        ("t=7", R::SignatureMissing),
        ("t=7,v0=aa", R::SignatureMissing),
        ("t=7,v2=aa", R::SignatureMissing),
    ];
    for (text, refusal) in wrong {
        let read = read(text, &MANNER);
        // Where two things are wrong, either may be named; none may pass.
        assert!(read.is_err(), "{text:?}");
        if refusal != R::TimestampMalformed || !text.contains(';') {
            assert_eq!(read, Err(refusal), "{text:?}");
        }
    }
}

#[test]
fn more_than_sixteen_signatures_are_refused_unread() {
    let list = |count: usize| format!("t=7{}", ",v1=aa".repeat(count));
    assert_eq!(read(&list(16), &MANNER).expect("few").signatures.len(), 16);
    assert_eq!(read(&list(17), &MANNER), Err(R::CandidatesExceeded));
    assert_eq!(read(&format!("t=7{},v1=aa", ",v0=aa".repeat(16)), &MANNER), Err(R::CandidatesExceeded));
    assert!(read("t=7,v1=zz", &MANNER).expect("a list").hex(Hash::Sha256).is_err());
}
