//! Secrets of Azure Key Vault.
//!
//! A secret's versions are named by the vault and never change. There is no compare-and-set: what is newest is looked
//! at before a version is put, and two who put at the same moment both have one. What a credential means is the version
//! that the store names, so the other one is of no effect. Deleting and recovering take the vault a while, for which
//! they wait.

mod login;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use lockgate_vocabulary::{BoxFuture, Clock, ErrandAnswer, Fault, Secret};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::far::{self, Ask, Far};
use super::{BackendFailure, Prefix, SecretBackend, SecretPath, Surroundings, Version, VersionInfo, VersionState};
use login::Bearer;

pub use login::AzureLogin;

const API: &str = "api-version=7.4";

/// Pages of versions that are read at the most.
const PAGES: usize = 40;

/// How often, and how often at the most, is looked whether the vault is done.
const PAUSE: Duration = Duration::from_secs(1);
const TRIES: u8 = 20;

/// One vault.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AzureConfig {
    /// `https://name.vault.azure.net`.
    pub url: String,
    /// What names of secrets begin with; `lockgate` by default.
    #[serde(default)]
    pub prefix: Prefix,
    /// Certificates (PEM) of the authorities that the vault's certificate and that of who gives tokens must come from;
    /// the system's by default.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// How the gateway proves who it is.
    pub login: AzureLogin,
}

/// The client. Cloning it gives another handle on the same one.
#[derive(Clone)]
pub(super) struct KeyVault {
    inner: Arc<Inner>,
}

struct Inner {
    far: Far,
    base: String,
    bearer: Bearer,
    clock: Arc<dyn Clock>,
}

#[derive(Deserialize)]
struct Bundle {
    id: String,
    value: Secret,
}

#[derive(Deserialize)]
struct Page {
    value: Vec<Item>,
    #[serde(rename = "nextLink")]
    next_link: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    attributes: Attributes,
}

#[derive(Deserialize)]
struct Attributes {
    enabled: bool,
    #[serde(default)]
    created: u64,
}

impl KeyVault {
    pub(super) fn open(config: &AzureConfig, surroundings: &Surroundings) -> Result<Self, Fault> {
        let trust_pem = super::authorities(config.ca_file.as_deref())?;
        let far = Far::new(Arc::clone(&surroundings.errand), &config.url, trust_pem.clone())?;
        let bearer = Bearer::open(&config.login, trust_pem, surroundings)?;
        let base = config.url.trim_end_matches('/').to_owned();
        Ok(Self { inner: Arc::new(Inner { far, base, bearer, clock: Arc::clone(&surroundings.clock) }) })
    }
}

/// Names have letters, digits and hyphens.
fn name(path: &SecretPath) -> String {
    path.as_str().replace(['/', '_'], "-")
}

/// The version at the end of a secret's identifier, if it is one of this secret.
fn version_of(id: &str, name: &str) -> Result<Version, BackendFailure> {
    const WRONG: BackendFailure = BackendFailure::Malformed("it answered with another secret");
    let mut parts = id.rsplit('/');
    let version = parts.next().and_then(|version| version.parse().ok()).ok_or(WRONG)?;
    if parts.next().is_some_and(|named| named.eq_ignore_ascii_case(name)) { Ok(version) } else { Err(WRONG) }
}

const UNKNOWN: BackendFailure = BackendFailure::Malformed("its answer has an unknown status");

fn judged(answer: ErrandAnswer) -> Result<ErrandAnswer, BackendFailure> {
    match answer.status {
        200 | 204 => Ok(answer),
        404 => Err(BackendFailure::Absent),
        409 => Err(BackendFailure::Conflict),
        _ => Err(far::failure_of(&answer).unwrap_or(UNKNOWN)),
    }
}

impl Inner {
    /// Asks with a token. One that the vault does not take is had anew once.
    async fn ask(&self, ask: impl Fn() -> Ask + Send) -> Result<ErrandAnswer, BackendFailure> {
        let (number, token) = self.bearer.token().await?;
        let answer = self.far.ask(ask().header(http::header::AUTHORIZATION, token)).await?;
        if answer.status != 401 {
            return judged(answer);
        }
        self.bearer.distrust(number).await;
        let (_, token) = self.bearer.token().await?;
        judged(self.far.ask(ask().header(http::header::AUTHORIZATION, token)).await?)
    }

    async fn get(&self, path: &SecretPath, version: Option<&Version>) -> Result<(Version, Secret), BackendFailure> {
        const WRONG: BackendFailure = BackendFailure::Malformed("it did not answer with a secret");
        let name = name(path);
        let target = match version {
            Some(version) => format!("/secrets/{name}/{version}?{API}"),
            None => format!("/secrets/{name}?{API}"),
        };
        let answer = self.ask(|| Ask::new(Method::GET, target.clone())).await?;
        let bundle: Bundle = serde_json::from_slice(&answer.body).map_err(|_| WRONG)?;
        let found = version_of(&bundle.id, &name)?;
        if version.is_some_and(|wanted| *wanted != found) {
            return Err(BackendFailure::Malformed("it answered with another version"));
        }
        Ok((found, bundle.value))
    }

    /// The newest version. What the vault lists has times of whole seconds and no order, so it is asked for it.
    async fn newest(&self, path: &SecretPath) -> Result<Option<Version>, BackendFailure> {
        match self.get(path, None).await {
            Ok((version, _)) => Ok(Some(version)),
            Err(BackendFailure::Absent) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn put(&self, path: SecretPath, after: Option<Version>, value: Secret) -> Result<Version, BackendFailure> {
        const WRONG: BackendFailure = BackendFailure::Malformed("it does not say which version it wrote");
        if self.newest(&path).await? != after {
            return Err(BackendFailure::Conflict);
        }
        let head = "{\"contentType\":\"text/plain\",\"value\":";
        let body = far::json_around(head, &value, "}").ok_or(BackendFailure::Malformed("the value is no text"))?;
        let name = name(&path);
        let target = format!("/secrets/{name}?{API}");
        let ask = || Ask::new(Method::PUT, target.clone()).json(Zeroizing::new(body.to_vec()));
        let answer = self.ask(ask).await?;
        let written: Bundle = serde_json::from_slice(&answer.body).map_err(|_| WRONG)?;
        version_of(&written.id, &name)
    }

    async fn versions(&self, path: &SecretPath) -> Result<Vec<VersionInfo>, BackendFailure> {
        const WRONG: BackendFailure = BackendFailure::Malformed("it did not answer with the versions of a secret");
        let Some(newest) = self.newest(path).await? else { return Ok(Vec::new()) };
        let name = name(path);
        let (mut known, mut target) = (Vec::new(), format!("/secrets/{name}/versions?{API}"));
        for _ in 0..PAGES {
            let answer = self.ask(|| Ask::new(Method::GET, target.clone())).await?;
            let page: Page = serde_json::from_slice(&answer.body).map_err(|_| WRONG)?;
            for item in page.value {
                let version = version_of(&item.id, &name)?;
                let state = if item.attributes.enabled { VersionState::Live } else { VersionState::Deleted };
                known.push((item.attributes.created, version, state));
            }
            match page.next_link {
                None => break,
                Some(next) => below(&self.base, &next).ok_or(WRONG)?.clone_into(&mut target),
            }
        }
        known.sort_by_key(|(created, version, _)| (*version == newest, *created));
        let info = |(_, version, state)| VersionInfo { newest: version == newest, version, state };
        Ok(known.into_iter().map(info).collect())
    }

    /// Asks until the vault is done with what was asked of it before: then it says neither that there is nothing nor
    /// that it is at it.
    async fn settled(&self, method: Method, target: &str) -> Result<(), BackendFailure> {
        for _ in 1..TRIES {
            match self.ask(|| Ask::new(method.clone(), target)).await {
                Err(BackendFailure::Absent | BackendFailure::Conflict) => self.clock.sleep(PAUSE).await,
                other => return other.map(drop),
            }
        }
        self.ask(|| Ask::new(method.clone(), target)).await.map(drop)
    }

    async fn delete(&self, path: SecretPath) -> Result<(), BackendFailure> {
        let target = format!("/secrets/{}?{API}", name(&path));
        self.ask(|| Ask::new(Method::DELETE, target.clone())).await.map(drop)
    }

    async fn recover(&self, path: SecretPath) -> Result<(), BackendFailure> {
        let name = name(&path);
        self.settled(Method::POST, &format!("/deletedsecrets/{name}/recover?{API}")).await?;
        self.settled(Method::GET, &format!("/secrets/{name}?{API}")).await
    }

    async fn purge(&self, path: SecretPath) -> Result<(), BackendFailure> {
        self.settled(Method::DELETE, &format!("/deletedsecrets/{}?{API}", name(&path))).await
    }

    /// There is nothing that tells how the vault is, so it is asked for a secret that is never there.
    async fn health(&self) -> Result<(), BackendFailure> {
        let asked = self.ask(|| Ask::new(Method::GET, format!("/secrets/lockgate-health?{API}"))).await;
        match asked {
            Ok(_) | Err(BackendFailure::Absent) => Ok(()),
            Err(failure) => Err(failure),
        }
    }
}

/// The path of a link to the same vault. A token goes along, so it is not taken wherever an answer says: a host that
/// begins as the vault's does is another one.
fn below<'a>(base: &str, link: &'a str) -> Option<&'a str> {
    link.strip_prefix(base).filter(|path| path.starts_with('/'))
}

impl SecretBackend for KeyVault {
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
        Box::pin(async move { inner.get(&path, Some(&version)).await.map(|(_, value)| value) })
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
        Box::pin(async move { inner.recover(path).await })
    }

    fn purge(&self, path: SecretPath) -> BoxFuture<Result<(), BackendFailure>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.purge(path).await })
    }

    fn health(&self) -> BoxFuture<Result<(), BackendFailure>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.health().await })
    }
}

#[cfg(test)]
mod tests;
