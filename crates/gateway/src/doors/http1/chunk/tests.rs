//! Lines between chunks.

use super::*;

#[test]
fn sizes_are_hexadecimal() {
    assert_eq!(line(b"1aF\r\nrest"), Ok(Some(Line { digits: 3, length: 3, size: 0x1af })));
    assert_eq!(line(b"0\r\n"), Ok(Some(Line { digits: 1, length: 1, size: 0 })));
    assert_eq!(line(b"FFFFFFFF\r\n"), Ok(Some(Line { digits: 8, length: 8, size: 0xffff_ffff })));
}

#[test]
fn waits_for_the_end_of_the_line() {
    for part in ["", "1", "1\r", "1;a=b"] {
        assert_eq!(line(part.as_bytes()), Ok(None), "{part:?}");
    }
}

#[test]
fn refuses_every_other_spelling() {
    let bad = [
        "\r\n",
        "1\n",
        "+1\r\n",
        "-0x0\r\n",
        "0x1\r\n",
        "1 \r\n",
        " 1\r\n",
        "0_2e\r\n",
        "1g\r\n",
        "100000000\r\n",
        "1\r\r\n",
        "1;\r\n",
    ];
    for bad in bad {
        assert_eq!(line(bad.as_bytes()), Err(Violation::ChunkSize), "{bad:?}");
    }
}

#[test]
fn reads_extensions_by_their_grammar() {
    for good in ["5;a\r\n", "5;a=b\r\n", "5;a=\"b c\";d\r\n", "5;a=\"\\\"b\\\\\"\r\n"] {
        assert!(line(good.as_bytes()).is_ok_and(|line| line.is_some_and(|line| line.size == 5)), "{good:?}");
    }
    for bad in [
        "5;a=\r\n",
        "5;a=b c\r\n",
        "5; a\r\n",
        "5;a =b\r\n",
        "5;a=\"b\r\n",
        "5;a=\"b\rc\"\r\n",
        "5;a=\"b\"c\r\n",
        "5;;\r\n",
        "5,a\r\n",
    ] {
        assert_eq!(line(bad.as_bytes()), Err(Violation::ChunkSize), "{bad:?}");
    }
}

#[test]
fn a_line_has_a_limit() {
    assert_eq!(line(format!("1;{}", "a".repeat(300)).as_bytes()), Err(Violation::ChunkSize));
    assert!(line(format!("1;{}\r\n", "a".repeat(254)).as_bytes()).is_ok());
}
