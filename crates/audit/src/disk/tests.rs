//! Segments are read to their last complete line, and what is behind it is told.

use super::*;

fn read(bytes: &[u8]) -> (Vec<Vec<u8>>, Tail, u64) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("00000000.log");
    fs::write(&path, bytes).expect("written");
    let mut lines = Lines::open(&path, 0, 0).expect("opened");
    let mut read = Vec::new();
    loop {
        match lines.advance().expect("read") {
            Piece::Line => read.push(lines.line().to_vec()),
            Piece::End(tail) => return (read, tail, lines.end()),
        }
    }
}

#[test]
fn lines_end_where_zeros_begin() {
    let two = vec![b"one".to_vec(), b"two".to_vec()];
    assert_eq!(read(b"one\ntwo\n"), (two.clone(), Tail::Clean, 8));
    assert_eq!(read(b"one\ntwo\n\0\0\0\0"), (two.clone(), Tail::Clean, 8));
    let mut long = b"one\ntwo\n".to_vec();
    long.resize(900_000, 0);
    assert_eq!(read(&long), (two, Tail::Clean, 8));
    assert_eq!(read(b""), (vec![], Tail::Clean, 0));
}

#[test]
fn half_a_line_is_torn() {
    let one = vec![b"one".to_vec()];
    assert_eq!(read(b"one\ntw"), (one.clone(), Tail::Torn(2), 4));
    assert_eq!(read(b"one\ntw\0\0"), (one.clone(), Tail::Torn(2), 4));
    assert_eq!(read(b"one\n\0\0\nthree\n\0"), (one.clone(), Tail::Torn(9), 4));
    let mut far = b"one\n".to_vec();
    far.resize(700_000, 0);
    far.push(b'x');
    assert_eq!(read(&far), (one, Tail::Torn(699_997), 4));
}

#[test]
fn a_line_longer_than_any_of_ours_is_given_out_as_it_is() {
    let mut long = vec![b'a'; LINE_BYTES * 2];
    long.push(b'\n');
    let (lines, tail, _) = read(&long);
    assert!(lines[0].len() > LINE_BYTES);
    assert_eq!(tail, Tail::Clean);
}

#[test]
fn a_missing_segment_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = LogDir::at(dir.path());
    assert_eq!(log.segments().expect("none"), 0);
    for number in [0, 2] {
        fs::write(log.segment(number), b"").expect("written");
    }
    fs::write(dir.path().join("next.tmp"), b"").expect("written");
    let error = log.segments().expect_err("a gap");
    assert!(error.to_string().contains("00000001.log"), "{error}");
}

#[test]
fn new_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a directory");
    let log = LogDir::made(&dir.path().join("a/b")).expect("made");
    log.replace(&log.state(), b"x").expect("written");
    let mode = |path: PathBuf| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(log.state()), 0o600);
    assert_eq!(mode(dir.path().join("a/b")), 0o700);
}
