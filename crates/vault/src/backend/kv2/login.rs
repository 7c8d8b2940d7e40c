//! How the gateway proves who it is to Vault or OpenBao, and the token that it has for it.
//!
//! In a cluster the proof is the token of the service account, which the cluster renews in its file: nothing lasting
//! is on a disk. A token that is had is in memory alone, is renewed after two thirds of its life and had anew where
//! that is not to be.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method};
use lockgate_vocabulary::{Clock, Fault, Secret};
use serde::Deserialize;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::super::BackendFailure;
use super::super::far::{self, Ask};
use super::super::proof::{owned, projected};
use super::{Server, TOKEN};

/// How the gateway proves who it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Kv2Login {
    /// By the token of its service account in Kubernetes.
    Kubernetes {
        /// The role at the server.
        role: String,
        /// Where the method is mounted; `kubernetes` by default.
        #[serde(default = "default_kubernetes")]
        mount: String,
        /// The file into which the cluster writes the token; where pods have it by default.
        #[serde(default = "default_token_file")]
        token_file: PathBuf,
    },
    /// By a role and its secret, outside of clusters.
    AppRole {
        /// The role's id.
        role_id: String,
        /// A file that holds the role's secret, which its owner alone may read.
        secret_id_file: PathBuf,
        /// Where the method is mounted; `approle` by default.
        #[serde(default = "default_approle")]
        mount: String,
    },
    /// By a token in a file, for development: it lies on the disk and lasts.
    Token {
        /// The file, which its owner alone may read.
        danger_token_file: PathBuf,
    },
}

fn default_kubernetes() -> String {
    "kubernetes".into()
}

fn default_approle() -> String {
    "approle".into()
}

fn default_token_file() -> PathBuf {
    "/var/run/secrets/kubernetes.io/serviceaccount/token".into()
}

/// The token that there is.
pub(super) struct Passes {
    login: Kv2Login,
    clock: Arc<dyn Clock>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// How many there have been.
    count: u64,
    pass: Option<Pass>,
}

struct Pass {
    token: Secret,
    /// None of one that never ends.
    life: Option<Life>,
    renewable: bool,
}

/// By the clock's elapsed time.
struct Life {
    ageing_at: Duration,
    ends_at: Duration,
}

#[derive(Deserialize)]
struct LoggedIn {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    client_token: Secret,
    lease_duration: u64,
    renewable: bool,
}

#[derive(Deserialize)]
struct LookedUp {
    data: Told,
}

#[derive(Deserialize)]
struct Told {
    ttl: u64,
    renewable: bool,
}

/// A mount stands in a URL.
pub(super) fn checked_mount(mount: &str) -> Result<(), Fault> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let word = |word: &str| !word.is_empty() && word.bytes().all(plain);
    if mount.split('/').all(word) {
        return Ok(());
    }
    Err(Fault::broken(
        "reading where an engine is mounted",
        "it is words of letters, digits, '-' and '_' with '/' between",
    ))
}

impl Passes {
    pub(super) fn new(login: &Kv2Login, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        match login {
            Kv2Login::Kubernetes { mount, .. } | Kv2Login::AppRole { mount, .. } => checked_mount(mount)?,
            Kv2Login::Token { .. } => {}
        }
        Ok(Self { login: login.clone(), clock, held: Mutex::default() })
    }

    /// A token, and which one it is. It is had once for all who wait for it.
    pub(super) async fn token(&self, server: &Server) -> Result<(u64, HeaderValue), BackendFailure> {
        let mut held = self.held.lock().await;
        let now = self.clock.elapsed();
        let usable = held.pass.take().filter(|pass| pass.life.as_ref().is_none_or(|life| now < life.ends_at));
        let fresh = usable.as_ref().is_some_and(|pass| pass.life.as_ref().is_none_or(|life| now < life.ageing_at));
        if !fresh {
            held.count += 1;
        }
        let pass = match usable {
            Some(pass) if fresh => pass,
            Some(pass) if pass.renewable => match self.renewed(server, &pass).await {
                Ok(renewed) => renewed,
                Err(BackendFailure::Denied) => self.had(server).await?,
                // It is still good for a while, so whatever is wrong with the server is told by what comes next.
                Err(_) => pass,
            },
            _ => self.had(server).await?,
        };
        let value = header(&pass.token)?;
        held.pass = Some(pass);
        Ok((held.count, value))
    }

    /// Forgets a token that the server did not take, unless there is another one by now.
    pub(super) async fn distrust(&self, number: u64) {
        let mut held = self.held.lock().await;
        if held.count == number {
            held.pass = None;
        }
    }

    async fn had(&self, server: &Server) -> Result<Pass, BackendFailure> {
        let asked = self.clock.elapsed();
        let (mount, body) = match &self.login {
            Kv2Login::Token { danger_token_file } => {
                return self.looked_up(server, owned(danger_token_file)?, asked).await;
            }
            Kv2Login::Kubernetes { role, mount, token_file } => {
                (mount, far::json_around(&with_role("role", role, "jwt"), &projected(token_file)?, "}"))
            }
            Kv2Login::AppRole { role_id, secret_id_file, mount } => {
                (mount, far::json_around(&with_role("role_id", role_id, "secret_id"), &owned(secret_id_file)?, "}"))
            }
        };
        let body = body.ok_or(BackendFailure::Malformed("what proves the gateway is no text"))?;
        let answer = server.ask(Ask::new(Method::POST, format!("/v1/auth/{mount}/login")).json(body)).await?;
        logged_in(&answer, asked)
    }

    async fn renewed(&self, server: &Server, pass: &Pass) -> Result<Pass, BackendFailure> {
        let asked = self.clock.elapsed();
        let ask = Ask::new(Method::POST, "/v1/auth/token/renew-self").header(TOKEN, header(&pass.token)?);
        logged_in(&server.ask(ask.json(Zeroizing::new(b"{}".to_vec()))).await?, asked)
    }

    async fn looked_up(&self, server: &Server, token: Secret, asked: Duration) -> Result<Pass, BackendFailure> {
        const WRONG: BackendFailure = BackendFailure::Malformed("it does not say how long a token lives");
        let ask = Ask::new(Method::GET, "/v1/auth/token/lookup-self").header(TOKEN, header(&token)?);
        let answer = server.ask(ask).await?;
        let Told { ttl, renewable } = match answer.status {
            200 => serde_json::from_slice::<LookedUp>(&answer.body).map_err(|_| WRONG)?.data,
            _ => return Err(far::failure_of(&answer).unwrap_or(WRONG)),
        };
        Ok(Pass { token, life: life(asked, ttl), renewable })
    }
}

fn logged_in(answer: &lockgate_vocabulary::ErrandAnswer, asked: Duration) -> Result<Pass, BackendFailure> {
    const WRONG: BackendFailure = BackendFailure::Malformed("it let the gateway in and gave it no token");
    match answer.status {
        200 => {}
        // A role that is not there and a proof that is wrong are both 400.
        400 => return Err(BackendFailure::Denied),
        _ => return Err(far::failure_of(answer).unwrap_or(WRONG)),
    }
    let Auth { client_token, lease_duration, renewable } =
        serde_json::from_slice::<LoggedIn>(&answer.body).map_err(|_| WRONG)?.auth;
    if client_token.is_empty() {
        return Err(WRONG);
    }
    Ok(Pass { token: client_token, life: life(asked, lease_duration), renewable })
}

/// It lives from when it was asked for; a life of nought is one without an end.
fn life(asked: Duration, seconds: u64) -> Option<Life> {
    let whole = Duration::from_secs(seconds.min(365 * 86_400));
    (seconds > 0).then(|| Life { ageing_at: asked + whole * 2 / 3, ends_at: asked + whole })
}

fn with_role(member: &str, role: &str, proof: &str) -> String {
    format!("{{\"{member}\":{},\"{proof}\":", serde_json::Value::from(role))
}

fn header(token: &Secret) -> Result<HeaderValue, BackendFailure> {
    far::sensitive("", token).ok_or(BackendFailure::Malformed("a token is no header"))
}
