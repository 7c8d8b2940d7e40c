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
