//! The KV engine, version 2, against a strict server of its published API, over TLS.

use std::sync::Arc;
use std::time::Duration;

use lockgate_testkit::{KV2_APPROLE, KV2_JWT, KV2_NAMESPACE, KV2_ROLE, KV2_TOKEN, Kv2Server, ManualClock, Trouble};
use lockgate_vault::backend::{BackendFailure, SecretBackend};
use lockgate_vocabulary::{Clock, Secret, SystemClock};
use tempfile::TempDir;

use super::contract::{self, Strength, fresh_path, value};
use super::{opened, outlast, owned, real_clock};

pub const HOST: &str = "vault.backend.test";

/// The settings of a back end on this server, with this login.
pub fn settings(server: &Kv2Server, folder: &TempDir, login: &str) -> String {
    let ca_file = folder.path().join("kv2-authority.pem");
    std::fs::write(&ca_file, server.authority_pem()).expect("written");
    let url = format!("https://{HOST}:{}", server.address().port());
    format!(
        "kind = \"kv2\"\nurl = \"{url}\"\nnamespace = \"{KV2_NAMESPACE}\"\nca_file = \"{}\"\nlogin = {login}\n",
        ca_file.display()
    )
}

/// By the token of a service account.
pub fn kubernetes(folder: &TempDir) -> String {
    let file = folder.path().join("service-account-token");
    std::fs::write(&file, format!("{KV2_JWT}\n")).expect("written");
    format!("{{ kind = \"kubernetes\", role = \"{KV2_ROLE}\", token_file = \"{}\" }}", file.display())
}

async fn started(login: impl FnOnce(&TempDir) -> String) -> (Kv2Server, Arc<dyn SecretBackend>, TempDir) {
    let (server, folder) = (Kv2Server::start(HOST).await, tempfile::tempdir().expect("a folder"));
    let backend = opened(&settings(&server, &folder, &login(&folder)), real_clock());
    (server, backend, folder)
}

fn secret(text: &str) -> Secret {
    Secret::from(text.to_owned())
}

#[tokio::test]
async fn the_contract_is_kept_by_a_service_accounts_token() {
    let (server, backend, _folder) = started(kubernetes).await;
    contract::is_kept(&*backend, Strength::of(true)).await;
    assert_eq!(server.count("POST /v1/auth/kubernetes/login"), 1, "one token for all of it");
    let inside = |path: &str| path.starts_with("/v1/secret/") || path.starts_with("/v1/auth/");
    let seen = server.seen();
    let named = seen
        .iter()
        .filter(|seen| inside(&seen.target))
        .all(|seen| seen.header("x-vault-namespace") == Some(KV2_NAMESPACE));
    assert!(named, "every request within the namespace names it");
    // What is secret is in no target, where logs have it.
    assert!(seen.iter().all(|seen| !seen.target.contains("hvs.") && !seen.target.contains("one")));
}

#[tokio::test]
async fn a_role_and_a_token_let_in_as_well() {
    let (_server, backend, _folder) = started(|folder| {
        let file = folder.path().join("secret-id");
        owned(&file, KV2_APPROLE.1);
        format!("{{ kind = \"approle\", role_id = \"{}\", secret_id_file = \"{}\" }}", KV2_APPROLE.0, file.display())
    })
    .await;
    backend.put(fresh_path(), None, secret("one")).await.expect("let in by a role");

    let (server, backend, folder) = started(|folder| {
        let file = folder.path().join("token");
        owned(&file, KV2_TOKEN);
        format!("{{ kind = \"token\", danger_token_file = \"{}\" }}", file.display())
    })
    .await;
    backend.put(fresh_path(), None, secret("one")).await.expect("let in by a token");
    assert_eq!(server.count("GET /v1/auth/token/lookup-self"), 1, "how long it lives is asked once");

    // Others may read it, so it is no secret any more.
    let open = folder.path().join("open");
    std::fs::write(&open, KV2_TOKEN).expect("written");
    let login = format!("{{ kind = \"token\", danger_token_file = \"{}\" }}", open.display());
    let backend = opened(&settings(&server, &folder, &login), real_clock());
    assert_eq!(backend.put(fresh_path(), None, secret("x")).await, Err(BackendFailure::Denied));
    std::fs::write(folder.path().join("token"), "hvs.wrong").expect("written");
    let login = format!("{{ kind = \"token\", danger_token_file = \"{}\" }}", folder.path().join("token").display());
    let backend = opened(&settings(&server, &folder, &login), real_clock());
    assert_eq!(backend.put(fresh_path(), None, secret("x")).await, Err(BackendFailure::Denied));
}

#[tokio::test]
async fn a_token_is_renewed_ahead_and_had_anew_where_it_was_revoked() {
    let (server, folder) = (Kv2Server::start(HOST).await, tempfile::tempdir().expect("a folder"));
    let clock = ManualClock::at(SystemClock::new().now());
    let backend = opened(&settings(&server, &folder, &kubernetes(&folder)), Arc::new(clock.clone()));
    let path = fresh_path();
    let version = backend.put(path.clone(), None, secret("one")).await.expect("written");
    clock.advance(Duration::from_secs(799));
    assert_eq!(value(&*backend, &path, &version).await, Ok("one".to_owned()));
    assert_eq!(server.count("POST /v1/auth/token/renew-self"), 0);
    clock.advance(Duration::from_secs(2));
    assert_eq!(value(&*backend, &path, &version).await, Ok("one".to_owned()));
    assert_eq!(server.count("POST /v1/auth/token/renew-self"), 1, "after two thirds of its life");
    clock.advance(Duration::from_secs(1_300));
    assert_eq!(value(&*backend, &path, &version).await, Ok("one".to_owned()));
    assert_eq!(server.count("POST /v1/auth/kubernetes/login"), 2, "it was over");
    server.revoke_tokens();
    assert_eq!(value(&*backend, &path, &version).await, Ok("one".to_owned()));
    assert_eq!(server.count("POST /v1/auth/kubernetes/login"), 3);
    // Whom the server does not let in it is not asked for ever.
    std::fs::write(folder.path().join("service-account-token"), "another").expect("written");
    server.revoke_tokens();
    assert_eq!(value(&*backend, &path, &version).await, Err(BackendFailure::Denied));
    assert_eq!(server.count("POST /v1/auth/kubernetes/login"), 4);
}

#[tokio::test]
async fn what_is_wrong_with_the_server_has_its_name() {
    let (server, folder) = (Kv2Server::start(HOST).await, tempfile::tempdir().expect("a folder"));
    let clock = ManualClock::at(SystemClock::new().now());
    let backend = opened(&settings(&server, &folder, &kubernetes(&folder)), Arc::new(clock.clone()));
    let path = fresh_path();
    let version = backend.put(path.clone(), None, secret("one")).await.expect("written");
    for (trouble, wanted) in [
        (Trouble::Sealed, BackendFailure::Sealed),
        (Trouble::Busy, BackendFailure::Unreachable),
        (Trouble::Throttled(7), BackendFailure::Throttled(Duration::from_secs(7))),
        (Trouble::Throttled(86_400), BackendFailure::Throttled(Duration::from_secs(300))),
    ] {
        server.trouble(trouble);
        assert_eq!(value(&*backend, &path, &version).await, Err(wanted), "{trouble:?}");
        let put = backend.put(path.clone(), Some(version.clone()), secret("two")).await;
        assert_eq!(put, Err(wanted), "{trouble:?}");
    }
    server.trouble(Trouble::Sealed);
    assert_eq!(backend.health().await, Err(BackendFailure::Sealed));
    server.trouble(Trouble::Silent);
    let (asked, at) = (Arc::clone(&backend), (path.clone(), version.clone()));
    let asking = tokio::spawn(async move { value(&*asked, &at.0, &at.1).await });
    assert_eq!(outlast(&clock, asking).await, Err(BackendFailure::Unreachable));

    server.trouble(Trouble::None);
    assert_eq!(value(&*backend, &path, &version).await, Ok("one".to_owned()), "and back it is");
    server.lose_newest();
    assert_eq!(value(&*backend, &path, &version).await, Err(BackendFailure::Absent));
}

#[tokio::test]
async fn an_engine_that_keeps_no_versions_is_refused() {
    let (server, backend, _folder) = started(kubernetes).await;
    server.trouble(Trouble::Unversioned);
    let put = backend.put(fresh_path(), None, secret("one")).await;
    assert!(matches!(put, Err(BackendFailure::Malformed(_))), "{put:?}");
}

#[tokio::test]
async fn not_found_is_no_proof_that_nothing_is_there_where_the_engine_is_not() {
    let (server, folder) = (Kv2Server::start(HOST).await, tempfile::tempdir().expect("a folder"));
    let settings = settings(&server, &folder, &kubernetes(&folder));
    let (backend, path) = (opened(&settings, real_clock()), fresh_path());
    let version = backend.put(path.clone(), None, secret("one")).await.expect("written");
    let moved = opened(&format!("{settings}mount = \"moved\"\n"), real_clock());
    let elsewhere = opened(&settings.replace(KV2_NAMESPACE, "team-b"), real_clock());
    for other in [moved, elsewhere] {
        for answer in [
            other.health().await,
            other.purge(path.clone()).await,
            other.delete(path.clone()).await,
            other.versions(path.clone()).await.map(drop),
            other.get(path.clone(), version.clone()).await.map(drop),
        ] {
            assert!(!matches!(answer, Ok(()) | Err(BackendFailure::Absent)), "{answer:?}");
        }
    }
    assert!(server.has("one"));
    assert_eq!(backend.purge(fresh_path()).await, Err(BackendFailure::Absent), "here nothing is there");
}
