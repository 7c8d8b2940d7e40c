//! The command line's way to the operator's side of a running gateway.
//!
//! In the clear only to this very machine; anywhere else over TLS. It follows no redirect, because the
//! operator's credential goes along.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use ipnet::IpNet;
use lockgate_vocabulary::{Clock, Secret, Stop};
use rustls::ClientConfig;

use crate::alarm::Alarm;
use crate::destination::resolve::SystemResolver;
use crate::destination::{self, Destination, PinnedTarget, Policy, Scheme, StrictUrl};
use crate::wire::{Once, OnceFailure, Outgoing, Trust, Whole};

/// How long an answer may take.
const TIME: Duration = Duration::from_secs(60);

/// Bytes of an answer.
const MOST_BYTES: usize = 64 * 1024 * 1024;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

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
    /// Its fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperatorFailure {
    /// The address or the credential cannot be used.
    Address(String),
    /// Nobody answers there, or not as a gateway does.
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
        Self { base: base.trim_end_matches('/').to_owned(), credential, authority_pem, clock }
    }

    /// Sends one request and reads the answer whole, at most 64 MiB. `path` starts with a slash.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        json: Option<Bytes>,
    ) -> Result<OperatorAnswer, OperatorFailure> {
        self.send_with(method, path, &[], json).await
    }

    /// Sends one request with fields of its own, such as `X-DryRun`.
    pub async fn send_with(
        &self,
        method: Method,
        path: &str,
        fields: &[(&'static str, &str)],
        json: Option<Bytes>,
    ) -> Result<OperatorAnswer, OperatorFailure> {
        let reached = named(&format!("{}{path}", self.base), self.authority_pem.as_deref(), &self.clock).await;
        let Named { url, target, tls } = reached.map_err(OperatorFailure::Address)?;
        let mut alarm = Alarm::new(Arc::clone(&self.clock));
        let until = alarm.now().saturating_add(TIME);
        let once = Once { target: &target, tls, most_bytes: MOST_BYTES, until };
        let mut request = self.request(method, url.path(), json)?;
        for (name, value) in fields {
            let value = HeaderValue::from_str(value)
                .map_err(|_| OperatorFailure::Address(format!("the value of {name} is malformed")))?;
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
        let Whole { head, body } = once.send(request, &mut alarm).await.map_err(told)?;
        Ok(OperatorAnswer { status: head.status, headers: head.headers, body })
    }

    fn request(&self, method: Method, path: &str, json: Option<Bytes>) -> Result<Request<Outgoing>, OperatorFailure> {
        let invalid = |what: &str| OperatorFailure::Address(format!("{what} is malformed"));
        let has_body = json.is_some();
        let mut request = Request::new(json.map_or(Outgoing::Empty, Outgoing::Full));
        *request.method_mut() = method;
        *request.uri_mut() = Uri::try_from(path).map_err(|_| invalid("the path"))?;
        let mut credential =
            HeaderValue::from_bytes(self.credential.expose()).map_err(|_| invalid("the operator's API key"))?;
        credential.set_sensitive(true);
        let headers = request.headers_mut();
        headers.insert(API_KEY, credential);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if has_body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        headers.insert(http::header::USER_AGENT, crate::request::AGENT);
        Ok(request)
    }
}

/// A URL that the operator named: what of it was vetted, and the TLS with which it is spoken to.
pub(crate) struct Named {
    pub(crate) url: StrictUrl,
    pub(crate) target: PinnedTarget,
    /// None speaks in the clear, to this machine alone.
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

/// Vets a URL that whoever types the command line names: `https://` anywhere, `http://` on loopback alone.
pub(crate) async fn named(url: &str, authority_pem: Option<&str>, clock: &Arc<dyn Clock>) -> Result<Named, String> {
    let destination = Destination::new(&local_names(), Arc::new(SystemResolver::new()), Arc::clone(clock));
    let destination = destination.map_err(|fault| fault.to_string())?;
    let policy = Policy { allow: None, danger_allow_http: true, danger_private_networks: everywhere() };
    let (url, target) = destination.vet_url(url, &policy).await.map_err(|stop: Stop| stop.to_string())?;
    let tls = match target.scheme() {
        Scheme::Https => {
            let tls = Trust::new(Arc::clone(clock)).with(authority_pem, &[], &[b"http/1.1"], None);
            Some(tls.map_err(|_| "its certificate authority cannot be read".to_owned())?)
        }
        Scheme::Http if target.addresses().iter().all(|address| address.ip().is_loopback()) => None,
        Scheme::Http => return Err("http is for loopback alone; use https".into()),
    };
    Ok(Named { url, target, tls })
}

/// `localhost` means this machine whatever a name server says.
fn local_names() -> destination::Config {
    let here = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    destination::Config { danger_static_hosts: BTreeMap::from([("localhost".to_owned(), here)]) }
}

/// The operator says where the gateway is; it may well stand in a private network.
fn everywhere() -> Vec<IpNet> {
    let any = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
    any.into_iter().filter_map(|address| IpNet::new(address, 0).ok()).collect()
}

fn told(failure: OnceFailure) -> OperatorFailure {
    OperatorFailure::Unreachable(unanswered(failure).to_owned())
}

/// Why there is no answer, in words.
pub(crate) fn unanswered(failure: OnceFailure) -> &'static str {
    match failure {
        OnceFailure::Wire(wire) => wire.as_str(),
        OnceFailure::Answer(refusal) => refusal.info().title,
    }
}

#[cfg(test)]
mod tests;
