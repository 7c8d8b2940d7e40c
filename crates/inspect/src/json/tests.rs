//! The narrowest reading: what passes is JSON that every reader takes alike.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn flaw(text: &str) -> Option<Flaw> {
    check(text.as_bytes(), &Limits::default()).err().map(|finding| finding.flaw)
}

fn pointer(text: &str) -> String {
    check(text.as_bytes(), &Limits::default()).expect_err("has a flaw").pointer
}

#[test]
fn plain_json_passes() {
    for text in [
        "{}",
        "[]",
        "null",
        "true",
        "false",
        "0",
        "-0",
        "1.5e-10",
        "\"\"",
        " [ 1 , 2 ] ",
        "{\"a\":{\"b\":[{},[],\"\"]}}\n",
        "\"\\u00e9\\ud83d\\ude39\\n\\/\"",
        "\"é😹\"",
        "18446744073709551615",
        "-9223372036854775808",
        "{\"a\":1,\"A\":2}",
        "[\"\\u0000\"]",
    ] {
        assert_eq!(flaw(text), None, "{text}");
    }
}

#[test]
fn each_flaw_is_told_apart() {
    for (text, wanted) in [
        ("\u{feff}{}", Flaw::ByteOrderMark),
        ("\"a\u{1}\"", Flaw::ControlCharacter),
        ("\"a\nb\"", Flaw::ControlCharacter),
        ("{\"a\":1,\"a\":2}", Flaw::DuplicateName),
        ("{\"a\":1,\"b\":{},\"\\u0061\":2}", Flaw::DuplicateName),
        ("{\"\":1,\"\":1}", Flaw::DuplicateName),
        ("\"\\x\"", Flaw::Escape),
        ("\"\\ud800\"", Flaw::Escape),
        ("\"\\udc00\"", Flaw::Escape),
        ("\"\\ud800\\u0041\"", Flaw::Escape),
        ("\"\\u00g0\"", Flaw::Escape),
        ("01", Flaw::Number),
        ("-", Flaw::Number),
        ("1.", Flaw::Number),
        ("1e", Flaw::Number),
        ("-01", Flaw::Number),
        ("1e400", Flaw::NumberRange),
        ("18446744073709551616", Flaw::NumberRange),
        ("-9223372036854775809", Flaw::NumberRange),
        (".5", Flaw::Syntax),
        ("+1", Flaw::Syntax),
        ("{a:1}", Flaw::Syntax),
        ("{\"a\" 1}", Flaw::Syntax),
        ("{\"a\":1,}", Flaw::Syntax),
        ("[1,]", Flaw::Syntax),
        ("[1 2]", Flaw::Syntax),
        ("[1}", Flaw::Syntax),
        ("'a'", Flaw::Syntax),
        ("NaN", Flaw::Syntax),
        ("nul1", Flaw::Syntax),
        ("[1]x", Flaw::TrailingData),
        ("1 2", Flaw::TrailingData),
        ("", Flaw::Truncated),
        ("{", Flaw::Truncated),
        ("{\"a\"", Flaw::Truncated),
        ("{\"a\":", Flaw::Truncated),
        ("[1", Flaw::Truncated),
        ("\"a", Flaw::Truncated),
        ("\"\\u12", Flaw::Truncated),
        ("tru", Flaw::Truncated),
    ] {
        assert_eq!(flaw(text), Some(wanted), "{text}");
    }
    assert_eq!(check(b"\"\xff\"", &Limits::default()).expect_err("refused").flaw, Flaw::Utf8);
}

#[test]
fn limits_are_kept_to_the_last_one() {
    let limits = Limits { bytes: 40, depth: 3, width: 3, characters: 5, values: 8 };
    let flaw = |text: &str| check(text.as_bytes(), &limits).err().map(|finding| finding.flaw);
    assert_eq!(flaw("[[[]]]"), None);
    assert_eq!(flaw("[[[[]]]]"), Some(Flaw::Depth));
    assert_eq!(flaw("[{\"a\":[{}]}]"), Some(Flaw::Depth));
    assert_eq!(flaw("[1,2,3]"), None);
    assert_eq!(flaw("[1,2,3,4]"), Some(Flaw::Width));
    assert_eq!(flaw("[[1,2,3],[],[4,{}]]"), Some(Flaw::Values));
    assert_eq!(flaw("[[1,2,3],[],{\"a\":4}]"), None);
    assert_eq!(flaw("{\"a\":1,\"b\":2,\"c\":3}"), None);
    assert_eq!(flaw("{\"a\":1,\"b\":2,\"c\":3,\"d\":4}"), Some(Flaw::Width));
    assert_eq!(flaw("\"ééééé\""), None);
    assert_eq!(flaw("\"éééééé\""), Some(Flaw::StringLength));
    assert_eq!(flaw("\"\\n\\n\\n\\n\\n\\n\""), Some(Flaw::StringLength));
    assert_eq!(flaw("{\"abcdef\":1}"), Some(Flaw::StringLength));
    assert_eq!(flaw(&" ".repeat(41)), Some(Flaw::Size));
}

#[test]
fn a_hundred_thousand_levels_need_no_stack() {
    for open in ["[", "{\"a\":"] {
        let text = open.repeat(100_000);
        assert_eq!(flaw(&text), Some(Flaw::Depth));
        let deep = Limits { depth: usize::MAX, ..Limits::default() };
        let found = check(text.as_bytes(), &deep).expect_err("it never ends");
        assert_eq!(found.flaw, Flaw::Truncated);
        assert!(found.pointer.chars().count() <= 513);
    }
}

#[test]
fn a_finding_names_its_place() {
    assert_eq!(pointer("{\"a\":{\"b\":[1,{\"c\":01}]}}"), "/a/b/1/c");
    assert_eq!(pointer("{\"a\":[{\"x\":1},{\"x\":1,\"x\":2}]}"), "/a/1");
    assert_eq!(pointer("{\"a/b~\":tru}"), "/a~1b~0");
    assert_eq!(pointer("{\"\\u0061\\u0000\\u202e\":x}"), "/a\u{fffd}\u{fffd}");
    assert_eq!(pointer("{\"a\":1,\"b\nc\":2}"), "");
    assert_eq!(pointer("[1,2"), "/1");
    let long = format!("{{\"{}\":x}}", "n".repeat(200));
    assert_eq!(pointer(&long), format!("/{}…", "n".repeat(64)));
    let found = check(b"[1, x]", &Limits::default()).expect_err("refused");
    assert_eq!(found.at, 4);
    let told: lockgate_vocabulary::Violation = found.into();
    assert_eq!((told.pointer.as_str(), told.reason.as_str()), ("/1", "is not JSON"));
}

#[test]
fn duplicates_are_found_in_any_order_and_depth() {
    let many: Vec<String> = (0..5_000).map(|at| format!("\"k{at}\":{{\"a\":1}}")).collect();
    assert_eq!(flaw(&format!("{{{}}}", many.join(","))), None);
    let twice = format!("{{{},\"k\\u0037\":1}}", many.join(","));
    assert_eq!(flaw(&twice), Some(Flaw::DuplicateName));
    // The names of an inner object are its own.
    assert_eq!(flaw("{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":1}}"), None);
    assert_eq!(flaw("{\"a\":{\"b\":1,\"\\u0062\":1},\"b\":1}"), Some(Flaw::DuplicateName));
    assert_eq!(flaw("{\"\\u0061x\":1,\"b\":{\"\\u0061x\":1},\"\\u0061y\":1}"), None);
}

/// Any JSON value whose numbers every reader holds.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_is_written_from_a_value_passes(value in value()) {
        prop_assert_eq!(flaw(&value.to_string()), None);
        prop_assert_eq!(flaw(&serde_json::to_string_pretty(&value).expect("writes")), None);
    }

    #[test]
    fn what_passes_is_read_by_another_reader(text in "[\\[\\]{}\":,0-9eE+.tfn \\\\u-]{0,40}") {
        if flaw(&text).is_none() {
            prop_assert!(serde_json::from_str::<Value>(&text).is_ok(), "{}", text);
        }
    }

    #[test]
    fn what_passes_after_a_change_is_read_by_another_reader(value in value(), at in any::<usize>(), byte in any::<u8>()) {
        let mut text = value.to_string().into_bytes();
        let at = at % text.len();
        text[at] = byte;
        if check(&text, &Limits::default()).is_ok() {
            prop_assert!(serde_json::from_slice::<Value>(&text).is_ok());
        }
    }

    #[test]
    fn any_bytes_are_judged_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(finding) = check(&bytes, &Limits::default()) {
            prop_assert!(finding.at <= bytes.len());
        }
    }
}
