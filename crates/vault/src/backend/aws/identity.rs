//! The keys that requests to AWS are signed with: had for the workload's own identity, which the cluster or the
//! machine proves by a token in a file. They are in memory alone, end within the hour and are had anew before that.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method};
use lockgate_vocabulary::{Clock, Fault, Secret};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::super::BackendFailure;
use super::super::far::{self, Ask, Far};
use super::super::proof::{Had, Lasting, owned, projected};
use super::Surroundings;
use super::sigv4::Keys;
use crate::equip::encode;

/// How long keys are asked for, which every role allows, and after how long they are had anew.
const LIFE: Duration = Duration::from_secs(3_600);
const AGEING: Duration = Duration::from_secs(2_400);

/// How the gateway proves who it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum AwsLogin {
    /// By a web identity: a token that the cluster writes into a file.
    WebIdentity {
        /// The role that the identity may take on.
        role_arn: String,
        /// The file; where pods of EKS have it by default.
        #[serde(default = "default_token_file")]
        token_file: PathBuf,
        /// `https://host` of the token service, in the place of the region's own.
        #[serde(default)]
        sts_url: Option<String>,
    },
    /// By keys in a file, for development: they lie on the disk and last.
    Keys {
        /// The file, which its owner alone may read: the key's id and its secret, each on a line.
        danger_keys_file: PathBuf,
    },
}

fn default_token_file() -> PathBuf {
    "/var/run/secrets/eks.amazonaws.com/serviceaccount/token".into()
}

/// Who asks.
pub(super) struct Identity {
    login: AwsLogin,
    sts: Far,
    clock: Arc<dyn Clock>,
    held: Lasting<Keys>,
}

impl Identity {
    pub(super) fn open(login: &AwsLogin, region: &str, surroundings: &Surroundings) -> Result<Self, Fault> {
        let public = format!("https://sts.{region}.{}", super::domain(region));
        let url = match login {
            AwsLogin::WebIdentity { sts_url: Some(url), .. } => url,
            _ => &public,
        };
        let sts = Far::new(Arc::clone(&surroundings.errand), url, None)?;
        Ok(Self { login: login.clone(), sts, clock: Arc::clone(&surroundings.clock), held: Lasting::default() })
    }

    /// Keys, and which ones they are.
    pub(super) async fn keys(&self) -> Result<(u64, Arc<Keys>), BackendFailure> {
        let now = self.clock.elapsed();
        let having = async {
            let value = Arc::new(self.had().await?);
            Ok(Had { value, ageing_at: now + AGEING, ends_at: now + LIFE })
        };
        self.held.get(now, having).await
    }

    /// Forgets keys that a service did not take, unless there are others by now.
    pub(super) async fn distrust(&self, number: u64) {
        self.held.distrust(number).await;
    }

    async fn had(&self) -> Result<Keys, BackendFailure> {
        const WRONG: BackendFailure = BackendFailure::Malformed("the token service did not answer with keys");
        let (role, file) = match &self.login {
            AwsLogin::WebIdentity { role_arn, token_file, .. } => (role_arn, token_file),
            AwsLogin::Keys { danger_keys_file } => return of_file(&owned(danger_keys_file)?),
        };
        let form = assumed(role, &projected(file)?);
        let ask = Ask::new(Method::POST, "/")
            .header(http::header::ACCEPT, HeaderValue::from_static("application/xml"))
            .body("application/x-www-form-urlencoded", form);
        let answer = self.sts.ask(ask).await?;
        match answer.status {
            200 => read(&answer.body).ok_or(WRONG),
            // A role that may not be taken on, a token that has ended.
            400 | 401 | 403 => Err(BackendFailure::Denied),
            _ => Err(far::failure_of(&answer).unwrap_or(WRONG)),
        }
    }
}

fn assumed(role: &str, token: &Secret) -> Zeroizing<Vec<u8>> {
    let mut form = Zeroizing::new(Vec::with_capacity(160 + 3 * (role.len() + token.expose().len())));
    form.extend_from_slice(b"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=lockgate");
    form.extend_from_slice(b"&DurationSeconds=3600&RoleArn=");
    encode(&mut form, role.as_bytes());
    form.extend_from_slice(b"&WebIdentityToken=");
    encode(&mut form, token.expose());
    form
}

/// The members of a known answer in XML. Each stands once and is of an alphabet in which nothing is escaped.
fn read(body: &[u8]) -> Option<Keys> {
    let text = std::str::from_utf8(body).ok()?;
    let member = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        let (value, behind) = rest.split_once(&format!("</{name}>"))?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_' | b'.');
        let once = !behind.contains(&format!("<{name}>"));
        (once && !value.is_empty() && value.bytes().all(plain)).then_some(value)
    };
    let secret = |name: &str| member(name).map(|value| Secret::from(value.to_owned()));
    Some(Keys {
        id: member("AccessKeyId")?.to_owned(),
        secret: secret("SecretAccessKey")?,
        token: Some(secret("SessionToken")?),
    })
}

fn of_file(bytes: &Secret) -> Result<Keys, BackendFailure> {
    let mut lines = bytes.expose().split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    match (lines.next(), lines.next(), lines.next()) {
        (Some(id), Some(secret), None) if !id.is_empty() && !secret.is_empty() => {
            Ok(Keys { id: String::from_utf8_lossy(id).into_owned(), secret: Secret::new(secret.to_vec()), token: None })
        }
        _ => {
            tracing::error!("the file of AWS keys does not have two lines, the key's id and its secret");
            Err(BackendFailure::Denied)
        }
    }
}

#[cfg(test)]
mod tests;
