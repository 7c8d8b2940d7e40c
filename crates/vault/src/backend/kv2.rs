//! The KV engine, version 2, of HashiCorp Vault and OpenBao.
//!
//! Answers are read strictly. A write that is not answered with an integer as its version went to something else,
//! such as a KV engine of version 1, which keeps no versions and compares nothing: it is no success.

mod login;
mod reply;

use std::path::PathBuf;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method};
use lockgate_vocabulary::{BoxFuture, Clock, ErrandAnswer, Fault, Secret};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::far::{self, Ask, Far};
use super::{BackendFailure, Prefix, SecretBackend, SecretPath, Surroundings, Version, VersionInfo, VersionState};
use login::Passes;

pub use login::Kv2Login;

const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");

/// A KV engine of version 2.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kv2Config {
    /// `https://host:port` of the server.
    pub url: String,
    /// Where the engine is mounted; `secret` by default.
    #[serde(default = "default_mount")]
    pub mount: String,
    /// Below what everything is kept; `lockgate` by default.
    #[serde(default)]
    pub prefix: Prefix,
    /// The namespace that everything is in.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Certificates (PEM) of the authorities that the server's certificate must come from; the system's by default.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// How the gateway proves who it is.
    pub login: Kv2Login,
}

fn default_mount() -> String {
    "secret".into()
}

/// The client. Cloning it gives another handle on the same one.
#[derive(Clone)]
pub(super) struct Kv2 {
    inner: Arc<Inner>,
}

struct Inner {
    server: Server,
    mount: String,
    prefix: Prefix,
    passes: Passes,
    clock: Arc<dyn Clock>,
}

/// The server, with what every request to it has.
struct Server {
    far: Far,
    namespace: Option<HeaderValue>,
}

impl Server {
    /// Asks within the namespace.
    async fn ask(&self, ask: Ask) -> Result<ErrandAnswer, BackendFailure> {
        let ask = match &self.namespace {
            Some(namespace) => ask.header(NAMESPACE, namespace.clone()),
            None => ask,
        };
        let answer = self.far.ask(ask).await?;
        // A server that is sealed says 503, as one does that is only busy.
        if answer.status == 503 {
            return Err(match self.health().await {
                Err(BackendFailure::Sealed) => BackendFailure::Sealed,
                _ => BackendFailure::Unreachable,
            });
        }
        Ok(answer)
    }

    /// Whether it is open. A standby is, since it passes on what it is asked. It is a path of the root namespace, and
    /// one that every kin of Vault has, unlike that of its health.
    async fn health(&self) -> Result<(), BackendFailure> {
        #[derive(Deserialize)]
        struct Status {
            sealed: bool,
        }
        let answer = self.far.ask(Ask::new(Method::GET, "/v1/sys/seal-status")).await?;
        if answer.status != 200 {
            let unknown = BackendFailure::Malformed("it does not tell whether it is sealed");
            return Err(far::failure_of(&answer).unwrap_or(unknown));
        }
        match serde_json::from_slice::<Status>(&answer.body) {
            Ok(Status { sealed: false }) => Ok(()),
            Ok(Status { sealed: true }) => Err(BackendFailure::Sealed),
            Err(_) => Err(BackendFailure::Malformed("it does not tell whether it is sealed")),
        }
    }
}

impl Kv2 {
    pub(super) fn open(config: &Kv2Config, surroundings: &Surroundings) -> Result<Self, Fault> {
        const DOING: &str = "reading the settings of a KV back end";
        let trust_pem = super::authorities(config.ca_file.as_deref())?;
        let namespace = config.namespace.as_deref().map(HeaderValue::from_str).transpose();
        let namespace = namespace.map_err(|error| Fault::broken(DOING, error))?;
        login::checked_mount(&config.mount)?;
        let far = Far::new(Arc::clone(&surroundings.errand), &config.url, trust_pem)?;
        let passes = Passes::new(&config.login, Arc::clone(&surroundings.clock))?;
        let clock = Arc::clone(&surroundings.clock);
        let (server, mount, prefix) = (Server { far, namespace }, config.mount.clone(), config.prefix.clone());
        let inner = Inner { server, mount, prefix, passes, clock };
        Ok(Self { inner: Arc::new(inner) })
    }
}

impl Inner {
    /// Asks with a token. One that the server does not take is had anew once: it may have been revoked, or the server
    /// restored.
    async fn ask(&self, ask: impl Fn() -> Ask) -> Result<ErrandAnswer, BackendFailure> {
        let (number, token) = self.passes.token(&self.server).await?;
        let answer = self.server.ask(ask().header(TOKEN, token)).await?;
        if answer.status != 403 {
            return judged(answer);
        }
        self.passes.distrust(number).await;
        let (_, token) = self.passes.token(&self.server).await?;
        judged(self.server.ask(ask().header(TOKEN, token)).await?)
    }

    fn at(&self, what: &str, path: &SecretPath) -> String {
        format!("/v1/{}/{what}/{}", self.mount, path.as_str())
    }

    async fn versions(&self, path: &SecretPath) -> Result<Vec<VersionInfo>, BackendFailure> {
        let answer = self.ask(|| Ask::new(Method::GET, self.at("metadata", path))).await?;
        match answer.status {
            200 => reply::versions(&answer.body, self.clock.now()),
            404 => reply::nothing(&answer.body).map(|()| Vec::new()),
            _ => Err(UNKNOWN),
        }
    }

    /// A server that is open may still not let the gateway in, so it is asked for a path that is never there.
    async fn health(&self) -> Result<(), BackendFailure> {
        self.server.health().await?;
        let target = format!("/v1/{}/metadata/{}/health", self.mount, self.prefix.as_str());
        let answer = self.ask(|| Ask::new(Method::GET, target.clone())).await?;
        if answer.status == 404 { reply::nothing(&answer.body) } else { Ok(()) }
    }

    async fn put(&self, path: SecretPath, after: Option<Version>, value: Secret) -> Result<Version, BackendFailure> {
        let before = match &after {
            None => 0,
            Some(version) => number(version)?,
        };
        let head = format!("{{\"options\":{{\"cas\":{before}}},\"data\":{{\"value\":");
        let body = far::json_around(&head, &value, "}}").ok_or(BackendFailure::Malformed("the value is no text"))?;
        let ask = || Ask::new(Method::POST, self.at("data", &path)).json(Zeroizing::new(body.to_vec()));
        let answer = self.ask(ask).await?;
        match answer.status {
            200 => reply::written(&answer.body, before),
            400 => {
                let newest = self.versions(&path).await?.into_iter().find(|known| known.newest);
                let moved = newest.map(|known| known.version) != after;
                Err(if moved { BackendFailure::Conflict } else { BackendFailure::Malformed("it refused the write") })
            }
            204 => Err(BackendFailure::Malformed("it keeps no versions: the engine is not KV version 2")),
            _ => Err(UNKNOWN),
        }
    }

    async fn get(&self, path: SecretPath, version: Version) -> Result<Secret, BackendFailure> {
        let wanted = number(&version)?;
        let target = format!("{}?version={wanted}", self.at("data", &path));
        let answer = self.ask(|| Ask::new(Method::GET, target.clone())).await?;
        match answer.status {
            200 => reply::read(&answer.body, wanted),
            404 => Err(reply::gone(&answer.body, wanted)),
            _ => Err(UNKNOWN),
        }
    }

    /// Does something to every version that is so.
    async fn change(&self, what: &str, path: SecretPath, states: &[VersionState]) -> Result<(), BackendFailure> {
        let known = self.versions(&path).await?;
        if known.is_empty() {
            return Err(BackendFailure::Absent);
        }
        let numbers = known.iter().filter(|known| states.contains(&known.state)).map(|known| known.version.as_str());
        let numbers = numbers.collect::<Vec<_>>().join(",");
        if numbers.is_empty() {
            return Ok(());
        }
        let body = format!("{{\"versions\":[{numbers}]}}");
        let ask = || Ask::new(Method::POST, self.at(what, &path)).json(Zeroizing::new(body.clone().into_bytes()));
        let answer = self.ask(ask).await?;
        match answer.status {
            200 | 204 => Ok(()),
            404 => reply::nothing(&answer.body).and(Err(BackendFailure::Absent)),
            _ => Err(UNKNOWN),
        }
    }
}

const UNKNOWN: BackendFailure = BackendFailure::Malformed("its answer has an unknown status");

fn judged(answer: ErrandAnswer) -> Result<ErrandAnswer, BackendFailure> {
    far::failure_of(&answer).map_or(Ok(answer), Err)
}

fn number(version: &Version) -> Result<u64, BackendFailure> {
    version.as_str().parse().map_err(|_| BackendFailure::Malformed("a version of a KV engine is a number"))
}

impl SecretBackend for Kv2 {
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
        Box::pin(async move { inner.change("delete", path, &[VersionState::Live]).await })
    }

    fn recover(&self, path: SecretPath) -> BoxFuture<Result<(), BackendFailure>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.change("undelete", path, &[VersionState::Deleted]).await })
    }

    fn purge(&self, path: SecretPath) -> BoxFuture<Result<(), BackendFailure>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.change("destroy", path, &[VersionState::Live, VersionState::Deleted]).await })
    }

    fn health(&self) -> BoxFuture<Result<(), BackendFailure>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.health().await })
    }
}
