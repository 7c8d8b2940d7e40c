//! Answers that are right, and those that only look so.

use super::*;

fn malformed<T: std::fmt::Debug>(result: Result<T, BackendFailure>) -> bool {
    matches!(result, Err(BackendFailure::Malformed(_)))
}

#[test]
fn a_write_is_one_only_with_the_next_number() {
    assert_eq!(written(br#"{"data":{"version":3,"destroyed":false}}"#, 2), Ok("3".parse().expect("a version")));
    for wrong in [
        "",
        "{}",
        r#"{"data":{}}"#,
        r#"{"data":null}"#,
        r#"{"data":{"version":"3"}}"#,
        r#"{"data":{"version":3.0}}"#,
        r#"{"data":{"version":4}}"#,
        r#"{"data":{"version":2}}"#,
        r#"{"data":{"version":3,"version":3}}"#,
    ] {
        assert!(malformed(written(wrong.as_bytes(), 2)), "{wrong}");
    }
}

#[test]
fn a_value_is_of_exactly_the_version_that_was_asked_for() {
    let reply = |data: &str, version: &str, destroyed: bool| {
        let metadata = format!(r#"{{"version":{version},"destroyed":{destroyed},"deletion_time":""}}"#);
        read(format!(r#"{{"data":{{"data":{data},"metadata":{metadata}}}}}"#).as_bytes(), 2)
    };
    assert_eq!(reply(r#"{"value":"x"}"#, "2", false).map(|value| value.expose().to_vec()), Ok(b"x".to_vec()));
    assert!(malformed(reply(r#"{"value":"x"}"#, "3", false)));
    assert!(malformed(reply(r#"{"value":"x","more":"y"}"#, "2", false)), "somebody else wrote it");
    assert!(malformed(reply(r#"{"value":7}"#, "2", false)));
    assert_eq!(reply("null", "2", false).err(), Some(BackendFailure::Absent));
    assert_eq!(reply(r#"{"value":"x"}"#, "2", true).err(), Some(BackendFailure::Absent));
    // A KV engine of version 1 answers with what was written, straight.
    assert!(malformed(read(br#"{"data":{"data":{"value":"x"},"options":{"cas":0}}}"#, 2)));
}

#[test]
fn versions_are_told_with_what_may_be_read() {
    let body = br#"{"data":{"current_version":10,"oldest_version":8,"versions":{
        "10":{"deletion_time":"2999-01-01T00:00:00.5Z","destroyed":false},
        "8":{"deletion_time":"","destroyed":true},
        "9":{"deletion_time":"2020-01-01T00:00:00.5Z","destroyed":false}}}}"#;
    let known = versions(body, Timestamp::from_secs(1_700_000_000)).expect("versions");
    let told: Vec<_> = known.iter().map(|info| (info.version.as_str(), info.state, info.newest)).collect();
    let wanted =
        [("8", VersionState::Destroyed, false), ("9", VersionState::Deleted, false), ("10", VersionState::Live, true)];
    assert_eq!(told, wanted);
    assert!(malformed(versions(br#"{"data":{"keys":[]}}"#, Timestamp::from_secs(0))));
}

#[test]
fn only_an_engine_that_has_nothing_at_the_path_says_so() {
    assert_eq!(nothing(br#"{"errors":[]}"#), Ok(()));
    for wrong in [
        "",
        "{}",
        "[]",
        "null",
        "not found",
        r#"{"errors":null}"#,
        r#"{"errors":{}}"#,
        r#"{"errors":[null]}"#,
        r#"{"errors":["no handler for route \"secret/metadata/x\". route entry not found."]}"#,
        r#"{"errors":[],"data":{}}"#,
        r#"{"errors":[],"errors":[]}"#,
    ] {
        assert!(malformed(nothing(wrong.as_bytes())), "{wrong}");
        assert!(matches!(gone(wrong.as_bytes(), 2), BackendFailure::Malformed(_)), "{wrong}");
    }
    assert_eq!(gone(br#"{"errors":[]}"#, 2), BackendFailure::Absent);
    let deleted = br#"{"data":{"data":null,"metadata":{"version":2,"destroyed":false,"deletion_time":"x"}}}"#;
    assert_eq!(gone(deleted, 2), BackendFailure::Absent);
    assert!(matches!(gone(deleted, 3), BackendFailure::Malformed(_)), "another version is none that is gone");
}
