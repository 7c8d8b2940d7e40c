//! What an operator may write, and what is refused.

use super::*;

fn read(text: &str) -> Result<Config, String> {
    toml::from_str(text).map_err(|error| error.to_string())
}

#[test]
fn the_embedded_database_needs_a_path_alone() {
    let config = read("[engine]\nkind = \"sqlite\"\npath = \"/var/lib/lockgate/store.db\"").unwrap();
    let EngineConfig::Sqlite(sqlite) = &config.engine else { panic!("{config:?}") };
    assert_eq!((sqlite.readers, sqlite.most_megabytes), (4, None));
    assert_eq!(config.queue, 4_096);
    assert!(config.redis.is_none());
}

#[test]
fn a_server_has_safe_defaults() {
    let text = "[engine]\nkind = \"postgres\"\nurl = \"postgres://l@h/d\"\n[redis]\nurl = \"redis://127.0.0.1\"";
    let config = read(text).unwrap();
    let EngineConfig::Postgres(postgres) = &config.engine else { panic!("{config:?}") };
    assert_eq!((postgres.schema.as_str(), postgres.readers), ("lockgate", 4));
    assert_eq!(postgres.roles.runtime, "lockgate_runtime");
    assert!(!postgres.danger_allow_plaintext);
    let redis = config.redis.unwrap();
    assert_eq!((redis.prefix.as_str(), redis.danger_allow_plaintext), ("lockgate", false));
}

#[test]
fn roles_may_be_named_one_by_one() {
    let text = "[engine]\nkind = \"postgres\"\nurl = \"u\"\nschema = \"s\"\nroles = { house = \"h\" }";
    let EngineConfig::Postgres(postgres) = read(text).unwrap().engine else { panic!("PostgreSQL was asked for") };
    assert_eq!((postgres.roles.house.as_str(), postgres.roles.owner.as_str()), ("h", "lockgate_owner"));
}

#[test]
fn what_is_unknown_or_missing_is_refused() {
    for (text, named) in [
        ("", "engine"),
        ("[engine]\npath = \"x\"", "kind"),
        ("[engine]\nkind = \"mysql\"\npath = \"x\"", "mysql"),
        ("[engine]\nkind = \"sqlite\"", "path"),
        ("[engine]\nkind = \"sqlite\"\npath = \"x\"\nurl = \"y\"", "url"),
        ("[engine]\nkind = \"postgres\"\nurl = \"x\"\npassword = \"y\"", "password"),
        ("queues = 5\n[engine]\nkind = \"sqlite\"\npath = \"x\"", "queues"),
        ("[engine]\nkind = \"sqlite\"\npath = \"x\"\n[redis]\nurl = \"x\"\npassword = \"y\"", "password"),
    ] {
        let refused = read(text).unwrap_err();
        assert!(refused.contains(named), "{text:?}: {refused}");
    }
}
