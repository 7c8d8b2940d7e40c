//! The strict reader agrees with serde_json on what both accept, and refuses what is ambiguous.

use proptest::prelude::*;

use super::{DEPTH_MOST, ELEMENTS_MOST, Json, JsonFault, MEMBERS_MOST};

fn read(text: &str) -> Result<Json, JsonFault> {
    Json::parse(text.as_bytes())
}

#[test]
fn reads_every_kind_of_value() {
    let text = r#" {"a" : [null, true, false, -0, 12, 1.5, 1e2, "x\n\u00e9\ud83d\ude00\/"], "b":{}, "":[]} "#;
    let object = Json::object(text.as_bytes()).expect("reads");
    let Some(Json::List(list)) = object.member("a") else { panic!("a list") };
    assert_eq!(list.first(), Some(&Json::Null));
    assert_eq!(list.get(4), Some(&Json::Whole(12)));
    assert_eq!(list.get(6), Some(&Json::Real(100.0)));
    assert_eq!(list.get(7), Some(&Json::Text("x\né😀/".into())));
    assert_eq!(object.names().collect::<Vec<_>>(), ["a", "b", ""]);
}

#[test]
fn a_member_that_stands_twice_is_refused_however_it_is_spelled() {
    assert_eq!(read(r#"{"aud":1,"aud":2}"#), Err(JsonFault::Duplicate));
    assert_eq!(read(r#"{"aud":1,"\u0061ud":2}"#), Err(JsonFault::Duplicate));
    assert_eq!(read(r#"{"x":{"y":1,"y":1}}"#), Err(JsonFault::Duplicate));
}

#[test]
fn what_is_not_json_is_refused() {
    for text in [
        "",
        " ",
        "{",
        "}",
        "{]",
        "[1,]",
        "{\"a\":1,}",
        "{\"a\"}",
        "{a:1}",
        "{'a':1}",
        "nul",
        "tru",
        "truex",
        "01",
        "+1",
        ".5",
        "1.",
        "1e",
        "1e+",
        "-",
        "NaN",
        "Infinity",
        "1e400",
        "-1e400",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"a\nb\"",
        "\"a",
        "{} {}",
        "{}x",
        "\u{feff}{}",
        "//\n{}",
        "{\"a\":1 \"b\":2}",
        "\u{b}{}",
    ] {
        assert_eq!(read(text), Err(JsonFault::Malformed), "{text:?}");
    }
    assert_eq!(Json::parse(b"\"\xff\""), Err(JsonFault::Malformed));
    assert_eq!(Json::parse(b"{\"a\":1}\0"), Err(JsonFault::Malformed));
    assert_eq!(Json::object(b"[1]"), Err(JsonFault::Malformed));
}

#[test]
fn depth_members_and_elements_are_bounded() {
    let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    assert!(read(&nested(DEPTH_MOST)).is_ok());
    assert_eq!(read(&nested(DEPTH_MOST + 1)), Err(JsonFault::Large));
    assert_eq!(read(&nested(4000)), Err(JsonFault::Large));
    assert_eq!(read(&"[".repeat(1 << 20)), Err(JsonFault::Large));
    let members = |count: usize| {
        let each: Vec<_> = (0..count).map(|index| format!("\"m{index}\":0")).collect();
        format!("{{{}}}", each.join(","))
    };
    assert!(read(&members(MEMBERS_MOST)).is_ok());
    assert_eq!(read(&members(MEMBERS_MOST + 1)), Err(JsonFault::Large));
    assert_eq!(read(&format!("[{}0]", "0,".repeat(ELEMENTS_MOST))), Err(JsonFault::Large));
}

fn same(ours: &Json, theirs: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (ours, theirs) {
        (Json::Null, Value::Null) => true,
        (Json::Bool(a), Value::Bool(b)) => a == b,
        (Json::Whole(a), Value::Number(b)) => b.as_i64() == Some(*a) || b.as_f64() == Some(*a as f64),
        (Json::Real(a), Value::Number(b)) => b.as_f64() == Some(*a),
        (Json::Text(a), Value::String(b)) => a == b,
        (Json::List(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Value::Object(b)) => {
            a.names().count() == b.len() && b.iter().all(|(name, b)| a.member(name).is_some_and(|a| same(a, b)))
        }
        _ => false,
    }
}

fn values() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        (-1e9..1e9f64).prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_serde_writes_is_read_alike(value in values()) {
        let ours = Json::parse(value.to_string().as_bytes());
        prop_assert!(ours.as_ref().is_ok_and(|ours| same(ours, &value)), "{ours:?}");
    }

    #[test]
    fn whatever_is_accepted_serde_accepts_too(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(ours) = Json::parse(&bytes) {
            let theirs: serde_json::Value = serde_json::from_slice(&bytes).expect("serde reads it too");
            prop_assert!(same(&ours, &theirs));
        }
    }

    #[test]
    fn texts_that_look_like_json_are_accepted_by_both_or_neither(
        text in r#"[\[\]{}:, "\\eE+.0-9a-dtrufalsn-]{0,24}"#,
    ) {
        let ours = Json::parse(text.as_bytes());
        let theirs: Result<serde_json::Value, _> = serde_json::from_str(&text);
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => prop_assert!(same(&ours, &theirs)),
            (Err(JsonFault::Duplicate | JsonFault::Large), _) | (Err(JsonFault::Malformed), Err(_)) => {}
            (ours, theirs) => prop_assert!(false, "{ours:?} {theirs:?}"),
        }
    }
}
