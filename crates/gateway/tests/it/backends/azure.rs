//! Secrets of Azure Key Vault, against a strict server of the published REST API, over TLS.

use std::sync::Arc;

use lockgate_testkit::{AZURE_ASSERTION, AZURE_CLIENT, AZURE_TENANT, AzureServer, ManualClock};
use lockgate_vault::BackendConfig;
use lockgate_vault::backend::{BackendFailure, SecretBackend, Surroundings};
use lockgate_vocabulary::{Clock, Secret, SystemClock};
use tempfile::TempDir;

use super::contract::{self, Strength, fresh_path, value};
use super::{outlast, real_clock, surroundings};

pub const HOST: &str = "corp.vault.azure.test";

/// The settings of a back end on this server, by a workload's identity.
pub fn settings(server: &AzureServer, folder: &TempDir) -> String {
    let (ca_file, token_file) = (folder.path().join("authority.pem"), folder.path().join("azure-identity-token"));
    std::fs::write(&ca_file, server.authority_pem()).expect("written");
    std::fs::write(&token_file, AZURE_ASSERTION).expect("written");
    let url = format!("https://{HOST}:{}", server.address().port());
    format!(
        "kind = \"azure-key-vault\"\nurl = \"{url}\"\nca_file = \"{}\"\n\
         login = {{ kind = \"workload-identity\", tenant_id = \"{AZURE_TENANT}\", client_id = \"{AZURE_CLIENT}\", \
         token_file = \"{}\", authority_url = \"{url}\" }}\n",
        ca_file.display(),
        token_file.display()
    )
}

async fn started() -> (AzureServer, Arc<dyn SecretBackend>, ManualClock, TempDir) {
    let (server, folder) = (AzureServer::start(HOST).await, tempfile::tempdir().expect("a folder"));
    let clock = ManualClock::at(SystemClock::new().now());
    // The way out has the machine's clock: only the pauses of who waits for the vault are the test's.
    let around = Surroundings { clock: Arc::new(clock.clone()), ..surroundings(real_clock()) };
    let settings: BackendConfig = toml::from_str(&settings(&server, &folder)).expect("sound settings");
    let backend = settings.open(&around).expect("a back end");
    (server, backend, clock, folder)
}

#[tokio::test]
async fn the_contract_is_kept_by_a_workloads_identity() {
    let (server, backend, clock, _folder) = started().await;
    let running = tokio::spawn(async move { contract::is_kept(&*backend, Strength::of(false)).await });
    outlast(&clock, running).await;
    assert_eq!(server.count(&format!("POST /{AZURE_TENANT}/oauth2/v2.0/token")), 1, "one token for all of it");
    assert!(server.count("GET /secrets/lockgate-ten-") > 0, "a name has no slash and no underscore");
}

#[tokio::test]
async fn a_token_that_was_revoked_is_had_anew_and_who_is_not_known_is_not_let_in() {
    let (server, backend, _clock, folder) = started().await;
    let path = fresh_path();
    let version = backend.put(path.clone(), None, Secret::from("one".to_owned())).await.expect("written");
    server.revoke_tokens();
    assert_eq!(value(&*backend, &path, &version).await, Ok("one".to_owned()));
    assert_eq!(server.count(&format!("POST /{AZURE_TENANT}/oauth2/v2.0/token")), 2);
    std::fs::write(folder.path().join("azure-identity-token"), "another").expect("written");
    server.revoke_tokens();
    assert_eq!(value(&*backend, &path, &version).await, Err(BackendFailure::Denied));
}

#[tokio::test]
async fn what_is_protected_is_not_purged_and_can_be_recovered() {
    let (server, backend, clock, _folder) = started().await;
    let path = fresh_path();
    let version = backend.put(path.clone(), None, Secret::from("one".to_owned())).await.expect("written");
    server.protect(true);
    let run = async move {
        backend.delete(path.clone()).await.expect("deleted");
        assert_eq!(backend.purge(path.clone()).await, Err(BackendFailure::Denied));
        let put = backend.put(path.clone(), None, Secret::from("two".to_owned())).await;
        assert_eq!(put, Err(BackendFailure::Conflict), "it may be recovered");
        backend.recover(path.clone()).await.expect("recovered");
        assert_eq!(value(&*backend, &path, &version).await, Ok("one".to_owned()));
    };
    outlast(&clock, tokio::spawn(run)).await;
}
