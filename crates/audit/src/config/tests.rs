//! The configuration refuses what it does not know and what makes no sense.

use super::Config;

fn parsed(text: &str) -> Result<Config, serde_json::Error> {
    serde_json::from_str(text)
}

#[test]
fn the_directory_and_the_node_are_enough() {
    let config = parsed(r#"{"dir":"/var/lib/lockgate/audit","node":"n1"}"#).expect("defaults");
    assert_eq!(config, Config::new("/var/lib/lockgate/audit", "n1".parse().expect("a name")));
    assert!(config.checked().is_ok());
    assert_eq!(config.origin(), "lockgate/n1");
}

#[test]
fn an_unknown_key_and_a_node_that_is_no_name_are_refused() {
    assert!(parsed(r#"{"dir":"a","node":"n1","fsync":false}"#).is_err());
    assert!(parsed(r#"{"dir":"a","node":"n 1"}"#).is_err());
    assert!(parsed(r#"{"node":"n1"}"#).is_err());
}

#[test]
fn a_value_out_of_bounds_is_named() {
    for key in ["checkpoint_seconds", "segment_bytes", "queue_entries", "stall_seconds"] {
        let config = parsed(&format!(r#"{{"dir":"a","node":"n1","{key}":0}}"#)).expect("well-formed");
        let fault = config.checked().expect_err("zero is out of bounds");
        assert!(fault.to_string().contains(key), "{fault}");
    }
    let config = parsed(r#"{"dir":"a","node":"n1","linger_micros":1001}"#).expect("well-formed");
    assert!(config.checked().is_err());
}
