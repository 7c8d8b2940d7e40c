//! A key is a plain value where the pointer leads.

use super::found as of;

#[test]
fn a_key_is_a_plain_value() {
    let body = br#"{"data":{"id":"c_1","n":7,"yes":true,"none":null,"list":["x"]}}"#;
    let key = |pointer| of(Some(pointer), body);
    assert_eq!(key("/data/id").as_deref(), Some("s:c_1"));
    assert_eq!(key("/data/n").as_deref(), Some("n:7"));
    assert_eq!(key("/data/yes").as_deref(), Some("b:true"));
    assert_eq!(key("/data/list/0").as_deref(), Some("s:x"));
    for nothing in ["/data", "/data/none", "/data/list", "/nope", "data"] {
        assert_eq!(key(nothing), None, "{nothing}");
    }
    assert_eq!(of(None, body), None);
    assert_eq!(of(Some("/a"), b"not json"), None);
    assert_eq!(
        of(Some("/a"), format!("{{\"a\":\"{}\"}}", "x".repeat(1_100)).as_bytes()),
        None,
        "too long for an index"
    );
}

#[test]
fn what_two_readers_could_read_differently_has_no_key() {
    assert_eq!(of(Some("/a"), br#"{"a":"x","b":1}"#).as_deref(), Some("s:x"));
    assert_eq!(of(Some("/a"), br#"{"a":"x","a":"y"}"#), None);
    assert_eq!(of(Some("/a"), br#"{"a":"x","b":{"c":1,"c":2}}"#), None);
    let deep = format!("{{\"a\":\"x\",\"b\":{}{}}}", "[".repeat(100), "]".repeat(100));
    assert_eq!(of(Some("/a"), deep.as_bytes()), None);
}

#[test]
fn a_large_body_has_no_key() {
    let sized = |more: usize| format!("{{\"a\":\"x\",\"b\":\"{}\"}}", "y".repeat(more));
    let beside = sized(0).len();
    assert!(of(Some("/a"), sized(super::MOST_BODY_BYTES - beside).as_bytes()).is_some());
    assert_eq!(of(Some("/a"), sized(super::MOST_BODY_BYTES - beside + 1).as_bytes()), None);
}
