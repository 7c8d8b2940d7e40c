//! The command line's way to the operator's side of a running gateway.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode};
use lockgate_vocabulary::{Clock, Secret};

/// A client for the admin API.
pub struct OperatorClient {
    base: String,
    credential: Secret,
    authority_pem: Option<String>,
    clock: Arc<dyn Clock>,
}

/// An answer of the admin API.
#[derive(Debug, Clone)]
pub struct OperatorAnswer {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperatorFailure {
    /// The address is not one that may be called.
    Address(String),
    /// Nobody answers there.
    Unreachable(String),
}

impl fmt::Display for OperatorFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(reason) => write!(f, "the admin address cannot be used: {reason}"),
            Self::Unreachable(reason) => write!(f, "the gateway does not answer: {reason}"),
        }
    }
}

impl std::error::Error for OperatorFailure {}

impl OperatorClient {
    /// A client for the gateway at `base`: `https://…`, or `http://` on loopback alone. The credential is
    /// an API key. `authority_pem` is trusted instead of the system's authorities.
    pub fn new(base: &str, credential: Secret, authority_pem: Option<String>, clock: Arc<dyn Clock>) -> Self {
        Self { base: base.to_owned(), credential, authority_pem, clock }
    }

    /// Sends one request and reads the answer whole, at most 64 MiB. `path` starts with a slash.
    pub async fn send(&self, method: Method, path: &str, json: Option<Bytes>) -> Result<OperatorAnswer, OperatorFailure> {
        let _ = (method, path, json, &self.base, &self.credential, &self.authority_pem, &self.clock);
        Err(OperatorFailure::Unreachable("not built".into()))
    }
}
