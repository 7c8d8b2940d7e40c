//! A root key in AWS KMS, which nobody gets out of there: tenants' keys go in and come back wrapped.
//!
//! What a wrapped key is bound to, its tenant, version and the name of the root key, is the encryption context, so a
//! row that was moved does not unwrap. Each key is decrypted by the key that its row names and by no other.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockgate_vocabulary::{BoxFuture, Fault, Secret};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{RootKey, UnwrapFailure, Wrapped};
use crate::backend::aws::{Answered, Place, Service};
use crate::backend::{AwsLogin, BackendFailure, Surroundings};

/// A root key in KMS.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KmsConfig {
    /// The region, such as `eu-central-1`.
    pub region: String,
    /// The key's ARN or id. It is what rows call the root key, so another spelling is another root key.
    pub key: String,
    /// The key that wrapped before, while the root key is changed.
    #[serde(default)]
    pub previous: Option<String>,
    /// The root key file that wrapped before, while the root key is moved into KMS.
    #[serde(default)]
    pub previous_file: Option<std::path::PathBuf>,
    /// `https://host` in the place of the region's own.
    #[serde(default)]
    pub url: Option<String>,
    /// How the gateway proves who it is.
    pub login: AwsLogin,
}

/// The root key.
pub(super) struct KmsRootKey {
    inner: Arc<Inner>,
}

struct Inner {
    service: Service,
    key: String,
    previous: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Encrypted {
    ciphertext_blob: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Decrypted {
    plaintext: Secret,
}

impl KmsRootKey {
    pub(super) fn open(config: &KmsConfig, surroundings: &Surroundings) -> Result<Self, Fault> {
        let url = config.url.as_deref();
        let place = Place { region: &config.region, service: "kms", target: "TrentService", url, login: &config.login };
        let service = Service::open(&place, surroundings)?;
        let inner = Inner { service, key: config.key.clone(), previous: config.previous.clone() };
        Ok(Self { inner: Arc::new(inner) })
    }
}

fn context(name: &str, label: &[u8]) -> Value {
    json!({ "lockgate": STANDARD.encode(label), "root_key": name })
}

const WRAPPING: &str = "wrapping a tenant's key in KMS";
const UNWRAPPING: &str = "unwrapping a tenant's key in KMS";

impl Inner {
    async fn wrap(&self, label: &[u8], key: &Secret) -> Result<Wrapped, Fault> {
        let plain = Secret::new(STANDARD.encode(key.expose()).into_bytes());
        let head = json!({ "KeyId": self.key, "EncryptionContext": context(&self.key, label) }).to_string();
        // The object is left open for what is secret in it, so that this stands in one buffer alone.
        let head = format!("{},\"Plaintext\":\"", head.strip_suffix('}').unwrap_or(&head));
        let mut body = Zeroizing::new(Vec::with_capacity(head.len() + plain.expose().len() + 2));
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(plain.expose());
        body.extend_from_slice(b"\"}");
        match self.service.ask("Encrypt", &body).await {
            Ok(Answered::Done(answer)) => {
                let read = serde_json::from_slice::<Encrypted>(&answer.body).ok();
                let bytes = read.and_then(|read| STANDARD.decode(read.ciphertext_blob).ok());
                let bytes =
                    bytes.ok_or_else(|| Fault::unavailable(WRAPPING, "it did not answer with what it wrapped"))?;
                Ok(Wrapped { root_key: self.key.clone(), bytes })
            }
            Ok(Answered::Failed(name)) => Err(Fault::unavailable(WRAPPING, name)),
            Err(failure) => Err(away(WRAPPING, failure)),
        }
    }

    async fn unwrap(&self, label: &[u8], wrapped: &Wrapped) -> Result<Secret, UnwrapFailure> {
        let body = json!({
            "KeyId": wrapped.root_key, "CiphertextBlob": STANDARD.encode(&wrapped.bytes),
            "EncryptionContext": context(&wrapped.root_key, label),
        });
        let body = Zeroizing::new(body.to_string().into_bytes());
        match self.service.ask("Decrypt", &body).await {
            Ok(Answered::Done(answer)) => {
                let read = serde_json::from_slice::<Decrypted>(&answer.body).ok();
                let plain = read.and_then(|read| STANDARD.decode(read.plaintext.expose()).ok()).map(Secret::new);
                plain
                    .ok_or_else(|| UnwrapFailure::Fault(Fault::unavailable(UNWRAPPING, "it did not answer with a key")))
            }
            Ok(Answered::Failed(name)) if name == "InvalidCiphertextException" || name == "IncorrectKeyException" => {
                Err(UnwrapFailure::Wrong)
            }
            // A key that is disabled or to be deleted may be brought back.
            Ok(Answered::Failed(name)) => Err(UnwrapFailure::Fault(Fault::unavailable(UNWRAPPING, name))),
            Err(failure) => Err(UnwrapFailure::Fault(away(UNWRAPPING, failure))),
        }
    }
}

fn away(doing: &'static str, failure: BackendFailure) -> Fault {
    Fault::unavailable(doing, format!("{failure:?}"))
}

impl RootKey for KmsRootKey {
    fn current(&self) -> &str {
        &self.inner.key
    }

    fn wrap(&self, label: Vec<u8>, key: Secret) -> BoxFuture<Result<Wrapped, Fault>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.wrap(&label, &key).await })
    }

    fn unwrap(&self, label: Vec<u8>, wrapped: Wrapped) -> BoxFuture<Result<Secret, UnwrapFailure>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            if wrapped.root_key != inner.key && Some(&wrapped.root_key) != inner.previous.as_ref() {
                return Err(UnwrapFailure::Absent);
            }
            inner.unwrap(&label, &wrapped).await
        })
    }
}
