//! The judge over whole connections.

use proptest::prelude::*;

use super::*;

/// What is handed on of these bytes, however they are cut, and the verdict.
fn run(parts: &[&[u8]]) -> (Vec<u8>, Option<Violation>) {
    let mut judge = Judge::default();
    let (mut held, mut out) = (Vec::new(), Vec::new());
    for part in parts {
        held.extend_from_slice(part);
        loop {
            match judge.step(&mut held) {
                Err(violation) => return (out, Some(violation)),
                Ok(Step { drop: 0, pass: 0 }) => break,
                Ok(Step { drop, pass }) => {
                    out.extend_from_slice(&held[drop..drop + pass]);
                    held.drain(..drop + pass);
                }
            }
        }
    }
    (out, None)
}

fn passes(text: &str) -> String {
    let (out, violation) = run(&[text.as_bytes()]);
    assert_eq!(violation, None, "{text:?}");
    String::from_utf8(out).expect("text")
}

fn breaks(text: &str) -> (String, Violation) {
    let (out, violation) = run(&[text.as_bytes()]);
    (String::from_utf8(out).expect("text"), violation.expect("a violation"))
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn hands_on_one_message_after_the_other() {
    let two = format!("{GET}POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc{GET}");
    assert_eq!(passes(&two), two);
}

#[test]
fn nothing_of_a_bad_head_is_handed_on() {
    let bad = "GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n";
    assert_eq!(breaks(bad), (String::new(), Violation::Field));
    assert_eq!(breaks(&format!("{GET}{bad}")), (GET.to_owned(), Violation::Field));
}

#[test]
fn cuts_an_absolute_target_down_to_its_path() {
    assert_eq!(passes("GET http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n"), "GET /b?c HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(passes("GET https://a HTTP/1.1\r\nHost: a\r\n\r\n"), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

#[test]
fn hands_on_chunks_without_their_extensions() {
    let text = format!("{CHUNKED}3;a=b\r\nabc\r\n0\r\n\r\n{GET}");
    assert_eq!(passes(&text), format!("{CHUNKED}3\r\nabc\r\n0\r\n\r\n{GET}"));
}

#[test]
fn chunks_end_where_they_say() {
    for (body, violation) in [
        ("3\r\nabcd\r\n", Violation::ChunkEnd),
        ("3\r\nabc\n0\r\n\r\n", Violation::ChunkEnd),
        ("zz\r\n", Violation::ChunkSize),
        ("\r\n\r\n", Violation::ChunkSize),
        ("0\r\nContent-Length: 9\r\n\r\n", Violation::Trailer),
        ("0\r\n\n", Violation::Trailer),
    ] {
        assert_eq!(breaks(&format!("{CHUNKED}{body}")).1, violation, "{body:?}");
    }
}

#[test]
fn a_body_has_a_limit_however_it_is_cut() {
    let text = format!("{CHUNKED}5F5E101\r\n");
    assert_eq!(breaks(&text).1, Violation::BodyTooLarge);
}

#[test]
fn nothing_after_the_last_message_is_read() {
    let last = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx";
    assert_eq!(passes(&format!("{last}garbage\n\n{GET}")), last);
    let old = "GET / HTTP/1.0\r\n\r\n";
    assert_eq!(passes(&format!("{old}{GET}")), old);
    let upgrade = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n";
    assert_eq!(passes(&format!("{upgrade}PRI * HTTP/2.0\r\n\r\n")), upgrade);
}

#[test]
fn one_empty_line_before_a_message_is_let_go() {
    assert_eq!(passes(&format!("\r\n{GET}\r\n{GET}")), format!("{GET}{GET}"));
    assert_eq!(breaks(&format!("\r\n\r\n{GET}")).1, Violation::RequestLine);
    assert_eq!(breaks(&format!("\n{GET}")).1, Violation::LineEnd);
}

#[test]
fn tells_where_it_stands() {
    let mut judge = Judge::default();
    assert!(judge.is_idle() && !judge.is_in_body() && !judge.is_over());
    assert_eq!(judge.step(&mut GET.as_bytes()[..5].to_vec()), Ok(Step::WAIT));
    assert!(!judge.is_idle());
    let mut post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n".to_vec();
    let mut judge = Judge::default();
    assert_eq!(judge.step(&mut post), Ok(Step::pass(post.len())));
    assert!(judge.is_in_body());
    assert_eq!(judge.heads(), 1);
}

fn messages() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => Just(GET.to_owned()),
        2 => Just(format!("{CHUNKED}3;x\r\nabc\r\n0\r\n\r\n")),
        2 => Just("POST http://a/b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi".to_owned()),
        1 => Just("GET / HTTP/1.0\r\n\r\n".to_owned()),
        1 => "[\r\n :a0]{1,6}",
        1 => Just(format!("{CHUNKED}0\r\nA: b\r\n\r\n")),
    ];
    proptest::collection::vec(piece, 1..5).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// However bytes arrive, the same of them are handed on, with the same verdict.
    #[test]
    fn the_verdict_does_not_depend_on_how_bytes_arrive(text in messages(), cuts in proptest::collection::vec(0usize..400, 0..6)) {
        let bytes = text.as_bytes();
        let mut ends: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        ends.extend([0, bytes.len()]);
        ends.sort_unstable();
        let parts: Vec<&[u8]> = ends.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assert_eq!(run(&parts), run(&[bytes]));
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(run(&single), run(&[bytes]));
    }

    /// Any bytes at all: the judge ends, and what it hands on it would hand on again unchanged.
    #[test]
    fn what_is_handed_on_is_canonical(text in messages()) {
        let (once, _) = run(&[text.as_bytes()]);
        let (again, violation) = run(&[&once]);
        prop_assert_eq!(&once, &again);
        prop_assert_eq!(violation, None);
    }
}
