//! Which ways to a server are taken, and which are refused.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn config() -> PostgresConfig {
    match crate::Config::postgres("postgres://login@localhost/db", "s").engine {
        crate::EngineConfig::Postgres(config) => config,
        crate::EngineConfig::Sqlite(_) => panic!("PostgreSQL was asked for"),
    }
}

fn encrypts(url: &str) -> Result<bool, String> {
    Line::of(url, None, &config()).map(|line| line.tls.is_some()).map_err(|fault| fault.to_string())
}

#[test]
fn what_leaves_the_machine_is_encrypted() {
    let stays = ["localhost", "127.0.0.1", "127.8.8.8", "[::1]", "%2Frun%2Fpostgresql"];
    for host in stays {
        assert_eq!(encrypts(&format!("postgres://login@{host}/db")), Ok(false), "{host}");
    }
    for host in ["db.example", "10.0.0.1", "localhost.example", "localhost,db.example", "[::ffff:10.0.0.1]"] {
        let url = format!("postgres://login@{host}/db");
        assert_ne!(encrypts(&url), Ok(false), "{host}");
        assert_ne!(encrypts(&format!("{url}?sslmode=prefer")), Ok(false), "{host}");
        let refused = encrypts(&format!("{url}?sslmode=disable")).unwrap_err();
        assert!(refused.contains("danger_allow_plaintext"), "{refused}");
    }
    // An address beside the name is where the line really goes.
    assert_ne!(encrypts("host=localhost hostaddr=10.0.0.1 user=login dbname=db"), Ok(false));
}

#[test]
fn plaintext_to_another_machine_is_called_a_danger() {
    let config = PostgresConfig { danger_allow_plaintext: true, ..config() };
    let line = Line::of("postgres://login@db.example/db", None, &config).unwrap();
    assert!(line.tls.is_none());
}

#[test]
fn a_password_comes_from_a_file_alone() {
    let refused = encrypts("postgres://login:hunter2@localhost/db").unwrap_err();
    assert!(refused.contains("password_file") && !refused.contains("hunter2"), "{refused}");
    let refused = encrypts("postgres://login:hunter2@local host:x/db").unwrap_err();
    assert!(!refused.contains("hunter2"), "{refused}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "s3cret\n").unwrap();
    let open_to_all = Line::of("postgres://login@localhost/db", Some(&file), &config());
    assert!(open_to_all.is_err());
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let line = Line::of("postgres://login@localhost/db", Some(&file), &config()).unwrap();
    assert_eq!(line.server().get_password(), Some(&b"s3cret"[..]));
}

#[test]
fn a_url_names_a_login_a_host_and_a_database() {
    for url in ["", "postgres://localhost/db", "postgres://login@localhost", "user=login dbname=db", "mysql://l@h/d"] {
        assert!(encrypts(url).is_err(), "{url}");
    }
}

#[test]
fn trust_needs_an_authority() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    assert!(trust(Some(&file)).is_err());
    std::fs::write(&file, "").unwrap();
    assert!(trust(Some(&file)).is_err());
    std::fs::write(&file, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    assert!(trust(Some(&file)).is_err());
}
