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

#[expect(clippy::disallowed_methods, reason = "tests are told by their environment where the servers are")]
fn authority() -> Option<std::path::PathBuf> {
    let told = std::env::var("LOCKGATE_TEST_POSTGRES_CA").ok().map(Into::into);
    if told.is_none() {
        println!("skipped: LOCKGATE_TEST_POSTGRES_CA is not set (scripts/services sets it)");
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encrypted_way_is_checked_to_its_end() {
    let (Some(mut place), Some(authority)) = (crate::tests::Place::postgres(), authority()) else { return };
    let crate::EngineConfig::Postgres(plain) = place.config.engine.clone() else { return };
    let encrypted = |url: String, ca_file: Option<std::path::PathBuf>| {
        crate::EngineConfig::Postgres(PostgresConfig { url, ca_file, ..plain.clone() })
    };
    let url = format!("{}?sslmode=require", plain.url);
    place.config.engine = encrypted(url.clone(), Some(authority.clone()));
    place.open().await.confirm_epoch().await.unwrap();
    let crate::EngineConfig::Postgres(config) = &place.config.engine else { return };
    let client = super::super::tests::login(config).await;
    let sees = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert!(client.query_one(sees, &[]).await.unwrap().get::<_, bool>(0), "the server sees it encrypted");
    place.config.engine = encrypted(url.clone(), None);
    assert!(place.try_open().await.is_err(), "the system knows no such authority");
    let elsewhere = url.replace("@127.0.0.1", "@db.example") + "&hostaddr=127.0.0.1";
    place.config.engine = encrypted(elsewhere, Some(authority));
    assert!(place.try_open().await.err().unwrap().is_unavailable(), "the certificate is another host's");
}
