//! The knobs: their defaults, and what is refused.

use serde::de::IntoDeserializer;
use serde::de::value::{Error, MapDeserializer};

use super::*;

fn read(entries: &[(&str, u32)]) -> Result<Config, Error> {
    Config::deserialize(MapDeserializer::new(entries.iter().map(|(key, value)| (*key, value.into_deserializer()))))
}

#[test]
fn what_is_not_said_has_its_default_and_fails_closed() {
    let config = read(&[("caller_per_minute", 60)]).unwrap();
    assert_eq!(config, Config { caller_per_minute: 60, ..Config::default() });
    assert!(!config.danger_fail_open_to_local);
    assert_eq!(config.caller_rate().unwrap().burst(), 600);
}

#[test]
fn what_is_unknown_or_nought_is_refused() {
    assert!(read(&[("caller_per_hour", 60)]).is_err());
    for config in
        [Config { caller_per_minute: 0, ..Config::default() }, Config { caller_burst: 0, ..Config::default() }]
    {
        assert!(config.caller_rate().is_err());
    }
    for config in
        [Config { tenant_per_minute: 0, ..Config::default() }, Config { tenant_burst: 0, ..Config::default() }]
    {
        assert!(config.tenant_rate().is_err());
    }
}
