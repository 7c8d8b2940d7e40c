//! AWS Secrets Manager, against an emulator of its protocol. What the emulator gets wrong is in docs/operations.md.

use std::sync::Arc;
use std::time::Duration;

use lockgate_testkit::{Canned, ManualClock, Vendor};
use lockgate_vault::backend::{BackendFailure, SecretBackend};
use lockgate_vocabulary::{Clock, Secret, SystemClock};
use tempfile::TempDir;

use super::contract::{self, Strength, fresh_path, value};
use super::{opened, owned, real_clock};

const HOST: &str = "secrets.aws.test";

/// Where the emulator is, or a visible line that says that it is not there.
#[expect(clippy::disallowed_methods, reason = "tests are told by their environment where the servers are")]
#[expect(clippy::print_stdout, reason = "a test that is skipped must say so")]
pub fn told() -> Option<String> {
    let told = std::env::var("LOCKGATE_TEST_AWS").ok();
    if told.is_none() {
        println!("skipped: LOCKGATE_TEST_AWS is not set (scripts/services sets it)");
    }
    told
}

/// By a web identity: a token that the cluster writes into a file.
pub fn web_identity(folder: &TempDir, url: &str) -> String {
    let file = folder.path().join("web-identity-token");
    std::fs::write(&file, "header.claims.signature").expect("written");
    format!(
        "{{ kind = \"web-identity\", role_arn = \"arn:aws:iam::123456789012:role/lockgate\", token_file = \"{}\", \
         sts_url = \"{url}\" }}",
        file.display()
    )
}

fn settings(url: &str, login: &str) -> String {
    format!("kind = \"aws-secrets-manager\"\nregion = \"eu-central-1\"\nurl = \"{url}\"\nlogin = {login}\n")
}

#[tokio::test]
async fn the_contract_is_kept_by_a_web_identity() {
    let Some(url) = told() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let backend = opened(&settings(&url, &web_identity(&folder, &url)), real_clock());
    contract::is_kept(&*backend, Strength::of(true)).await;
}

#[tokio::test]
async fn keys_of_a_file_sign_as_well() {
    let Some(url) = told() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys");
    owned(&file, "AKIAIOSFODNN7EXAMPLE\nwJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n");
    let login = format!("{{ kind = \"keys\", danger_keys_file = \"{}\" }}", file.display());
    let backend = opened(&settings(&url, &login), real_clock());
    let path = fresh_path();
    let version = backend.put(path.clone(), None, Secret::from("one".to_owned())).await.expect("written");
    assert_eq!(value(&*backend, &path, &version).await, Ok("one".to_owned()));
}

/// A server that says what a test tells it, in the place of both services.
async fn scripted(clock: Arc<dyn Clock>) -> (Vendor, Arc<dyn SecretBackend>, TempDir) {
    let (vendor, folder) = (Vendor::start_plain().await, tempfile::tempdir().expect("a folder"));
    let url = format!("http://{HOST}:{}", vendor.address.port());
    let backend = opened(&settings(&url, &web_identity(&folder, &url)), clock);
    (vendor, backend, folder)
}

fn keys(name: &str) -> Canned {
    let keys = format!(
        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>\
         <AccessKeyId>{name}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>\
         </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    );
    Canned::bytes(200, keys)
}

const NOT_THERE: &str = r#"{"__type":"ResourceNotFoundException","message":"x"}"#;
const EXPIRED: &str = r#"{"__type":"ExpiredTokenException","message":"x"}"#;

#[tokio::test]
async fn keys_are_had_anew_before_they_end_and_where_they_are_not_taken() {
    let clock = ManualClock::at(SystemClock::new().now());
    let (vendor, backend, _folder) = scripted(Arc::new(clock.clone())).await;
    let not_there = || Canned::bytes(400, NOT_THERE);
    for canned in [keys("ASIA1"), not_there(), not_there(), keys("ASIA2"), not_there()] {
        vendor.answers("POST /", canned);
    }
    assert_eq!(backend.health().await, Ok(()));
    clock.advance(Duration::from_secs(2_399));
    assert_eq!(backend.health().await, Ok(()));
    clock.advance(Duration::from_secs(1));
    assert_eq!(backend.health().await, Ok(()));
    let seen = vendor.seen();
    let signed = seen.iter().filter_map(|seen| seen.header("authorization"));
    let names: Vec<_> = signed.map(|value| value.split('/').next().unwrap_or_default()).collect();
    let by = |name: &str| format!("AWS4-HMAC-SHA256 Credential={name}");
    assert_eq!(names, [by("ASIA1"), by("ASIA1"), by("ASIA2")]);

    // What the service does not take is had anew once, and no more.
    vendor.forget("POST /");
    for canned in [Canned::bytes(400, EXPIRED), keys("ASIA3"), not_there()] {
        vendor.answers("POST /", canned);
    }
    assert_eq!(backend.health().await, Ok(()));
    vendor.forget("POST /");
    for canned in [Canned::bytes(400, EXPIRED), keys("ASIA4"), Canned::bytes(400, EXPIRED)] {
        vendor.answers("POST /", canned);
    }
    let before = vendor.seen().len();
    assert_eq!(backend.health().await, Err(BackendFailure::Denied));
    assert_eq!(vendor.seen().len() - before, 3);
}

#[tokio::test]
async fn an_answer_that_is_none_of_the_services_is_no_success() {
    let (vendor, backend, _folder) = scripted(real_clock()).await;
    let path = fresh_path();
    let version = "11111111-1111-4111-8111-111111111111".parse().expect("a version");
    vendor.answers("POST /", keys("ASIA1"));
    vendor.answers("POST /", Canned::bytes(400, NOT_THERE));
    assert_eq!(backend.health().await, Ok(()));
    for (canned, wanted) in [
        (Canned::bytes(200, r#"{"VersionId":"another","SecretString":"x"}"#), None),
        (Canned::bytes(200, r#"{"VersionId":"11111111-1111-4111-8111-111111111111"}"#), None),
        (Canned::bytes(200, "<html>"), None),
        (Canned::bytes(400, NOT_THERE), Some(BackendFailure::Absent)),
        (Canned::bytes(400, r#"{"__type":"DecryptionFailure"}"#), Some(BackendFailure::Denied)),
        (
            Canned::bytes(400, r#"{"__type":"ThrottlingException"}"#),
            Some(BackendFailure::Throttled(Duration::from_secs(5))),
        ),
        (Canned::bytes(503, "busy"), Some(BackendFailure::Unreachable)),
    ] {
        vendor.forget("POST /");
        vendor.answers("POST /", canned.clone());
        let got = value(&*backend, &path, &version).await;
        let right = match wanted {
            Some(wanted) => got == Err(wanted),
            None => matches!(got, Err(BackendFailure::Malformed(_))),
        };
        assert!(right, "{canned:?}: {got:?}");
    }
    vendor.forget("POST /");
    vendor.answers("POST /", Canned::bytes(200, r#"{"VersionId":"another"}"#));
    let put = backend.put(path, None, Secret::from("one".to_owned())).await;
    assert!(matches!(put, Err(BackendFailure::Malformed(_))), "it wrote something else: {put:?}");
}
