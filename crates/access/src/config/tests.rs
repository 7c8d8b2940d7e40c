//! Settings that make no sense are refused.

use super::{Config, TokenConfig};

fn with(change: impl FnOnce(&mut TokenConfig)) -> bool {
    let mut config = TokenConfig::default();
    change(&mut config);
    config.checked().is_ok()
}

#[test]
fn the_defaults_are_sound() {
    assert!(with(|_| {}));
    let config: Config = serde_json::from_str("{}").expect("the defaults");
    assert_eq!(config, Config::default());
    assert_eq!(config.tokens.audience(), config.tokens.issuer);
    assert!(serde_json::from_str::<Config>(r#"{"tokens":{"unknown":1}}"#).is_err());
}

#[test]
fn each_setting_has_its_bounds() {
    for issuer in
        ["", "gateway", "ftp://a", "http://gateway.test", "https://gateway.test/", "https://a?b", "https://u@a"]
    {
        assert!(!with(|config| config.issuer = issuer.into()), "{issuer}");
    }
    assert!(with(|config| config.issuer = "http://127.0.0.1:8443".into()), "on loopback");
    for (seconds, fits) in [(59, false), (60, true), (3600, true), (3601, false)] {
        assert_eq!(with(|config| config.lifetime_seconds = seconds), fits, "{seconds}");
    }
    for (days, fits) in [(0, false), (1, true), (365, true), (366, false)] {
        assert_eq!(with(|config| config.rotation_days = days), fits, "{days}");
    }
    assert!(!with(|config| config.audience = Some(String::new())));
}

#[test]
fn as_many_tokens_are_remembered_as_was_said() {
    for (said, counts) in
        [("{}", Some(32_768)), (r#"{"remembered_tokens":0}"#, Some(0)), (r#"{"remembered_tokens":1048577}"#, None)]
    {
        let config: Config = serde_json::from_str(said).expect("settings");
        assert_eq!(config.remembered_tokens().ok(), counts, "{said}");
    }
}
