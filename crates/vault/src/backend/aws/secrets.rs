//! AWS Secrets Manager.
//!
//! A version is named by the token of the request that made it, so a request that is sent again makes none twice. What
//! is in use there is a label, and moving it from exactly the version that had it is the compare-and-set: a new version
//! is put with another label first. A value is read by the name of its version and never by a label that may have
//! moved.

use std::sync::Arc;

use lockgate_vocabulary::{BoxFuture, Entropy, Fault, Secret};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

use super::super::far;
use super::super::{
    BackendFailure, Prefix, SecretBackend, SecretPath, Surroundings, Version, VersionInfo, VersionState,
};
use super::{Answered, AwsLogin, Place, Service};

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";

/// Days within which what was deleted can be recovered.
const WINDOW: std::ops::RangeInclusive<u32> = 7..=30;

/// Secrets Manager in one region.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsConfig {
    /// The region, such as `eu-central-1`.
    pub region: String,
    /// Below what everything is kept; `lockgate` by default.
    #[serde(default)]
    pub prefix: Prefix,
    /// The key in KMS that new secrets are encrypted with; the account's own for the service by default.
    #[serde(default)]
    pub kms_key_id: Option<String>,
    /// Days within which what was deleted can be recovered, 7 to 30; 30 by default.
    #[serde(default = "default_window")]
    pub recovery_days: u32,
    /// `https://host` in the place of the region's own, such as an endpoint within a private network.
    #[serde(default)]
    pub url: Option<String>,
    /// How the gateway proves who it is.
    pub login: AwsLogin,
}

const fn default_window() -> u32 {
    30
}

/// The client. Cloning it gives another handle on the same one.
#[derive(Clone)]
pub(in super::super) struct SecretsManager {
    inner: Arc<Inner>,
}

struct Inner {
    service: Service,
    prefix: Prefix,
    kms_key_id: Option<String>,
    recovery_days: u32,
    entropy: Arc<dyn Entropy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Written {
    version_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Read {
    version_id: String,
    secret_string: Option<Secret>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    #[serde(default)]
    deleted_date: Option<f64>,
    #[serde(default)]
    version_ids_to_stages: BTreeMap<String, Vec<String>>,
}

impl SecretsManager {
    pub(in super::super) fn open(config: &AwsConfig, surroundings: &Surroundings) -> Result<Self, Fault> {
        if !WINDOW.contains(&config.recovery_days) {
            return Err(Fault::broken("reading recovery_days", "it is 7 to 30"));
        }
        let place = Place {
            region: &config.region,
            service: "secretsmanager",
            target: "secretsmanager",
            url: config.url.as_deref(),
            login: &config.login,
        };
        let inner = Inner {
            service: Service::open(&place, surroundings)?,
            prefix: config.prefix.clone(),
            kms_key_id: config.kms_key_id.clone(),
            recovery_days: config.recovery_days,
            entropy: Arc::clone(&surroundings.entropy),
        };
        Ok(Self { inner: Arc::new(inner) })
    }
}

impl Inner {
    async fn ask(&self, operation: &'static str, body: &Value) -> Result<Answered, BackendFailure> {
        self.service.ask(operation, &Zeroizing::new(body.to_string().into_bytes())).await
    }

    /// A name for a version: a UUID of chance alone.
    fn token(&self) -> String {
        let mut chance = [0u8; 16];
        self.entropy.fill(&mut chance);
        let value = u128::from_be_bytes(chance) & !(0xf << 76) & !(0b11 << 62) | (0x4 << 76) | (0b10 << 62);
        let digits = format!("{value:032x}");
        let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
        parts.map(|(from, to)| digits.get(from..to).unwrap_or_default()).join("-")
    }

    async fn put(&self, path: SecretPath, after: Option<Version>, value: Secret) -> Result<Version, BackendFailure> {
        let token = self.token();
        let place = match &after {
            None => {
                let key = self.kms_key_id.as_ref().map(|key| format!("\"KmsKeyId\":{},", Value::from(key.as_str())));
                format!("\"Name\":\"{}\",{}", path.as_str(), key.unwrap_or_default())
            }
            Some(_) => format!("\"SecretId\":\"{}\",\"VersionStages\":[\"{PENDING}\"],", path.as_str()),
        };
        let head = format!("{{{place}\"ClientRequestToken\":\"{token}\",\"SecretString\":");
        let body = far::json_around(&head, &value, "}").ok_or(BackendFailure::Malformed("the value is no text"))?;
        if after.is_some() && self.newest(&path).await? != after {
            return Err(BackendFailure::Conflict);
        }
        let operation = if after.is_some() { "PutSecretValue" } else { "CreateSecret" };
        let mut answered = self.service.ask(operation, &body).await;
        if answered.as_ref().err() == Some(&BackendFailure::Unreachable) {
            // Whether it was done nobody knows; the same token does it once at the most.
            answered = self.service.ask(operation, &body).await;
        }
        let written: Written = match answered? {
            Answered::Done(answer) => serde_json::from_slice(&answer.body).map_err(|_| UNWRITTEN)?,
            // It is there, or was and may be recovered.
            Answered::Failed(name) if name == "ResourceExistsException" || name == "InvalidRequestException" => {
                return Err(BackendFailure::Conflict);
            }
            Answered::Failed(name) => return Err(other(&name)),
        };
        if written.version_id != token {
            return Err(UNWRITTEN);
        }
        if let Some(before) = &after {
            self.promote(&path, before, &token).await?;
        }
        token.parse().map_err(|()| UNWRITTEN)
    }

    /// Moves the label from exactly this version to that one.
    async fn promote(&self, path: &SecretPath, before: &Version, token: &str) -> Result<(), BackendFailure> {
        let body = json!({
            "SecretId": path.as_str(), "VersionStage": CURRENT, "MoveToVersionId": token,
            "RemoveFromVersionId": before.as_str(),
        });
        match self.ask("UpdateSecretVersionStage", &body).await? {
            Answered::Done(_) => Ok(()),
            Answered::Failed(name) if name == "InvalidParameterException" => Err(BackendFailure::Conflict),
            Answered::Failed(name) => Err(other(&name)),
        }
    }

    async fn get(&self, path: SecretPath, version: Version) -> Result<Secret, BackendFailure> {
        const WRONG: BackendFailure = BackendFailure::Malformed("it answered with another version");
        let body = json!({ "SecretId": path.as_str(), "VersionId": version.as_str() });
        let read: Read = match self.ask("GetSecretValue", &body).await? {
            Answered::Done(answer) => serde_json::from_slice(&answer.body).map_err(|_| WRONG)?,
            // What is to be deleted is there and cannot be read.
            Answered::Failed(name) if name == "InvalidRequestException" => return Err(BackendFailure::Absent),
            Answered::Failed(name) => return Err(other(&name)),
        };
        if read.version_id != version.as_str() {
            return Err(WRONG);
        }
        read.secret_string.ok_or(WRONG)
    }

    async fn described(&self, path: &SecretPath) -> Result<Option<Described>, BackendFailure> {
        const WRONG: BackendFailure = BackendFailure::Malformed("it did not describe a secret");
        match self.ask("DescribeSecret", &json!({ "SecretId": path.as_str() })).await? {
            Answered::Done(answer) => serde_json::from_slice(&answer.body).map(Some).map_err(|_| WRONG),
            Answered::Failed(name) if name == "ResourceNotFoundException" => Ok(None),
            Answered::Failed(name) => Err(other(&name)),
        }
    }

    /// The versions that have a label, the one in use last. One without any is on its way out, and cannot be listed.
    async fn versions(&self, path: &SecretPath) -> Result<Vec<VersionInfo>, BackendFailure> {
        const WRONG: BackendFailure = BackendFailure::Malformed("a version has no sound name");
        let Some(described) = self.described(path).await? else { return Ok(Vec::new()) };
        let state = if described.deleted_date.is_some() { VersionState::Deleted } else { VersionState::Live };
        let mut known = Vec::with_capacity(described.version_ids_to_stages.len());
        for (id, stages) in described.version_ids_to_stages {
            let version = id.parse().map_err(|()| WRONG)?;
            known.push(VersionInfo { version, state, newest: stages.iter().any(|stage| stage == CURRENT) });
        }
        known.sort_by_key(|info| info.newest);
        Ok(known)
    }

    async fn newest(&self, path: &SecretPath) -> Result<Option<Version>, BackendFailure> {
        Ok(self.versions(path).await?.into_iter().find(|info| info.newest).map(|info| info.version))
    }

    async fn delete(&self, path: SecretPath) -> Result<(), BackendFailure> {
        let described = self.described(&path).await?.ok_or(BackendFailure::Absent)?;
        if described.deleted_date.is_some() {
            return Ok(());
        }
        let body = json!({ "SecretId": path.as_str(), "RecoveryWindowInDays": self.recovery_days });
        self.done("DeleteSecret", &body).await
    }

    async fn done(&self, operation: &'static str, body: &Value) -> Result<(), BackendFailure> {
        match self.ask(operation, body).await? {
            Answered::Done(_) => Ok(()),
            Answered::Failed(name) => Err(other(&name)),
        }
    }

    /// There is nothing that tells how the service is, so it is asked for a secret that is never there.
    async fn health(&self) -> Result<(), BackendFailure> {
        let body = json!({ "SecretId": format!("{}/health", self.prefix.as_str()) });
        self.ask("DescribeSecret", &body).await.map(drop)
    }
}

const UNWRITTEN: BackendFailure = BackendFailure::Malformed("it does not say which version it wrote");

/// A failure that means the same in every operation.
fn other(name: &str) -> BackendFailure {
    match name {
        "ResourceNotFoundException" => BackendFailure::Absent,
        // The key in KMS is disabled, or is not to be used by this identity.
        "DecryptionFailure" | "EncryptionFailure" => BackendFailure::Denied,
        _ => {
            tracing::warn!(name, "AWS Secrets Manager refused a request");
            BackendFailure::Malformed("it refused the request")
        }
    }
}

impl SecretBackend for SecretsManager {
    fn put(
        &self,
        path: SecretPath,
        after: Option<Version>,
        value: Secret,
    ) -> BoxFuture<Result<Version, BackendFailure>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.put(path, after, value).await })
    }

    fn get(&self, path: SecretPath, version: Version) -> BoxFuture<Result<Secret, BackendFailure>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.get(path, version).await })
    }

    fn versions(&self, path: SecretPath) -> BoxFuture<Result<Vec<VersionInfo>, BackendFailure>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.versions(&path).await })
    }

    fn delete(&self, path: SecretPath) -> BoxFuture<Result<(), BackendFailure>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.delete(path).await })
    }

    fn recover(&self, path: SecretPath) -> BoxFuture<Result<(), BackendFailure>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.done("RestoreSecret", &json!({ "SecretId": path.as_str() })).await })
    }

    fn purge(&self, path: SecretPath) -> BoxFuture<Result<(), BackendFailure>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let body = json!({ "SecretId": path.as_str(), "ForceDeleteWithoutRecovery": true });
            inner.done("DeleteSecret", &body).await
        })
    }

    fn health(&self) -> BoxFuture<Result<(), BackendFailure>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.health().await })
    }
}
