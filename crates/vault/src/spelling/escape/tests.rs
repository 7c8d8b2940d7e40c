//! One layer of escapes is undone, and what is none stays.

use super::*;

fn undone(text: &str) -> String {
    let mut layer = Layer::default();
    let mut out = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        layer.take(Unit::at(byte, at), &mut |unit| out.push(unit.byte));
    }
    layer.end(&mut |unit| out.push(unit.byte));
    assert!(layer.is_idle() && layer.keeps_from().is_none());
    String::from_utf8_lossy(&out).into_owned()
}

#[test]
fn each_escape_is_undone_once() {
    for (text, meant) in [
        ("%41%4a", "AJ"),
        ("%2541", "%41"),
        ("\\u0041\\\\u0042\\x43", "ABC"),
        ("\\/\\\"\\\\", "/\""),
        ("\\%41", "A"),
        ("\\ud83d\\udd11", "\u{1f511}"),
        ("\\ud83d\\\\udd11", "\u{1f511}"),
        ("&amp;&lt;&#65;&#x42;", "&<AB"),
        ("&amp;lt;", "&lt;"),
        ("\\&quot;", "\""),
    ] {
        assert_eq!(undone(text), meant, "{text}");
    }
}

#[test]
fn what_is_no_escape_stays() {
    for text in [
        "",
        "%",
        "%4",
        "%4g%",
        "%%",
        "&",
        "&;",
        "&#;",
        "&#x;",
        "&amp",
        "&nothing;",
        "&muchtoolong;",
        "&#x110000;",
        "&&",
    ] {
        assert_eq!(undone(text), text);
    }
    for (text, meant) in [
        ("\\u004", "u004"),
        ("\\uzz", "uzz"),
        ("\\ud83dx", "\u{fffd}x"),
        ("\\udd11", "\u{fffd}"),
        ("\\ud83d%41", "\u{fffd}A"),
    ] {
        assert_eq!(undone(text), meant, "{text}");
    }
    assert_eq!(undone(&"\\".repeat(100)), "");
}
