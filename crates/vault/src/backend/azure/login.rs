//! How the gateway proves who it is to Azure: by a token that the cluster writes into a file and that Entra ID takes in
//! exchange for one of its own (workload identity federation). Nothing lasting is on a disk.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method};
use lockgate_vocabulary::{Clock, Fault, Secret};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::super::far::{self, Ask, Far};
use super::super::proof::{Had, Lasting, projected};
use super::super::{BackendFailure, Surroundings};
use crate::equip::encode;

/// How the gateway proves who it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum AzureLogin {
    /// By a token that the cluster writes into a file.
    WorkloadIdentity {
        /// The directory's id.
        tenant_id: String,
        /// The application's, or the managed identity's, client id.
        client_id: String,
        /// The file; where pods have it by default.
        #[serde(default = "default_token_file")]
        token_file: PathBuf,
        /// `https://host` of who gives tokens; Azure's public one by default.
        #[serde(default = "default_authority")]
        authority_url: String,
        /// What the token is asked for; secrets of Azure's public vaults by default.
        #[serde(default = "default_scope")]
        scope: String,
    },
}

fn default_token_file() -> PathBuf {
    "/var/run/secrets/azure/tokens/azure-identity-token".into()
}

fn default_authority() -> String {
    "https://login.microsoftonline.com".into()
}

fn default_scope() -> String {
    "https://vault.azure.net/.default".into()
}

/// The token that there is.
pub(super) struct Bearer {
    login: AzureLogin,
    far: Far,
    clock: Arc<dyn Clock>,
    held: Lasting<Secret>,
}

#[derive(Deserialize)]
struct Granted {
    token_type: String,
    expires_in: u64,
    access_token: Secret,
}

impl Bearer {
    pub(super) fn open(
        login: &AzureLogin,
        trust_pem: Option<String>,
        surroundings: &Surroundings,
    ) -> Result<Self, Fault> {
        let AzureLogin::WorkloadIdentity { authority_url, tenant_id, .. } = login;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        if tenant_id.is_empty() || !tenant_id.bytes().all(plain) {
            return Err(Fault::broken("reading tenant_id", "it is a directory's id or a domain"));
        }
        let far = Far::new(Arc::clone(&surroundings.errand), authority_url, trust_pem)?;
        Ok(Self { login: login.clone(), far, clock: Arc::clone(&surroundings.clock), held: Lasting::default() })
    }

    /// The value of the field `Authorization`, and which token it is.
    pub(super) async fn token(&self) -> Result<(u64, HeaderValue), BackendFailure> {
        let (number, token) = self.held.get(self.clock.elapsed(), self.had()).await?;
        let value = far::sensitive("Bearer ", &token).ok_or(BackendFailure::Malformed("a token is no header"))?;
        Ok((number, value))
    }

    pub(super) async fn distrust(&self, number: u64) {
        self.held.distrust(number).await;
    }

    async fn had(&self) -> Result<Had<Secret>, BackendFailure> {
        const WRONG: BackendFailure = BackendFailure::Malformed("it let the gateway in and gave it no token");
        let AzureLogin::WorkloadIdentity { tenant_id, client_id, token_file, scope, .. } = &self.login;
        let asked = self.clock.elapsed();
        let form = exchanged(client_id, scope, &projected(token_file)?);
        let ask = Ask::new(Method::POST, format!("/{tenant_id}/oauth2/v2.0/token"));
        let answer = self.far.ask(ask.body("application/x-www-form-urlencoded", form)).await?;
        match answer.status {
            200 => {}
            // An application that is not there, a token that has ended, a federation that was not set up.
            400 => return Err(BackendFailure::Denied),
            _ => return Err(far::failure_of(&answer).unwrap_or(WRONG)),
        }
        let granted: Granted = serde_json::from_slice(&answer.body).map_err(|_| WRONG)?;
        let life = Duration::from_secs(granted.expires_in.min(86_400));
        if !granted.token_type.eq_ignore_ascii_case("bearer") || life.is_zero() || granted.access_token.is_empty() {
            return Err(WRONG);
        }
        let value = Arc::new(granted.access_token);
        Ok(Had { value, ageing_at: asked + life * 2 / 3, ends_at: asked + life })
    }
}

fn exchanged(client: &str, scope: &str, token: &Secret) -> Zeroizing<Vec<u8>> {
    let mut form = Zeroizing::new(Vec::with_capacity(240 + 3 * (client.len() + scope.len() + token.expose().len())));
    form.extend_from_slice(b"grant_type=client_credentials&client_assertion_type=");
    encode(&mut form, b"urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    for (name, value) in
        [("client_id", client.as_bytes()), ("scope", scope.as_bytes()), ("client_assertion", token.expose())]
    {
        form.push(b'&');
        form.extend_from_slice(name.as_bytes());
        form.push(b'=');
        encode(&mut form, value);
    }
    form
}
