//! Services of AWS by their JSON protocol: Secrets Manager, which keeps values of credentials, and what the root key
//! in KMS asks as well.
//!
//! Requests are signed by [`sigv4`] with keys that [`identity`] has, in memory alone, for the workload's own identity.

mod identity;
mod secrets;
mod sigv4;

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method};
use lockgate_vocabulary::{Clock, ErrandAnswer, Fault};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::far::{self, Ask, Far};
use super::{BackendFailure, Surroundings};
use identity::Identity;

pub use identity::AwsLogin;
pub use secrets::AwsConfig;
pub(super) use secrets::SecretsManager;

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const JSON: &str = "application/x-amz-json-1.1";

/// One service in one region.
pub(crate) struct Service {
    far: Far,
    host: String,
    /// What stands before the dot in `X-Amz-Target`.
    target: &'static str,
    scope: sigv4::Scope,
    identity: Identity,
    clock: Arc<dyn Clock>,
}

/// Which service, and where.
pub(crate) struct Place<'a> {
    pub(crate) region: &'a str,
    /// Its name in URLs and signatures.
    pub(crate) service: &'static str,
    pub(crate) target: &'static str,
    /// In the place of the service's public address.
    pub(crate) url: Option<&'a str>,
    pub(crate) login: &'a AwsLogin,
}

/// A failure that the service names.
#[derive(Deserialize)]
struct Named {
    #[serde(rename = "__type")]
    kind: String,
}

/// What a service answered with.
pub(crate) enum Answered {
    /// What was asked for.
    Done(ErrandAnswer),
    /// A failure by this name, which only whoever asked can judge.
    Failed(String),
}

impl Service {
    pub(crate) fn open(place: &Place<'_>, surroundings: &Surroundings) -> Result<Self, Fault> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if place.region.is_empty() || !place.region.bytes().all(plain) {
            return Err(Fault::broken("reading a region of AWS", "it is a word such as eu-central-1"));
        }
        let public = format!("https://{}.{}.{}", place.service, place.region, domain(place.region));
        let url = place.url.unwrap_or(&public);
        let far = Far::new(Arc::clone(&surroundings.errand), url, None)?;
        let host = far.authority();
        let scope = sigv4::Scope { region: place.region.to_owned(), service: place.service };
        let identity = Identity::open(place.login, place.region, surroundings)?;
        Ok(Self { far, host, target: place.target, scope, identity, clock: Arc::clone(&surroundings.clock) })
    }

    /// Asks for an operation. Keys that the service does not take are had anew once.
    pub(crate) async fn ask(
        &self,
        operation: &'static str,
        body: &Zeroizing<Vec<u8>>,
    ) -> Result<Answered, BackendFailure> {
        let (number, first) = self.tried(operation, body).await?;
        match judged(first) {
            Err(BackendFailure::Denied) => {}
            other => return other,
        }
        self.identity.distrust(number).await;
        judged(self.tried(operation, body).await?.1)
    }

    async fn tried(
        &self,
        operation: &'static str,
        body: &Zeroizing<Vec<u8>>,
    ) -> Result<(u64, ErrandAnswer), BackendFailure> {
        const WRONG: BackendFailure = BackendFailure::Malformed("a request to AWS cannot be written");
        let (number, keys) = self.identity.keys().await?;
        let moment = sigv4::moment(self.clock.now());
        let target = format!("{}.{operation}", self.target);
        let token = keys.token.as_ref().map(|token| far::sensitive("", token).ok_or(WRONG)).transpose()?;
        let shown = token.as_ref().map(|token| token.to_str().map_err(|_| WRONG)).transpose()?;
        let mut headers = vec![("content-type", JSON), ("host", &self.host), ("x-amz-date", &moment)];
        headers.extend(shown.map(|token| ("x-amz-security-token", token)));
        headers.push(("x-amz-target", &target));
        let request = sigv4::Request { method: "POST", path: "/", query: "", headers: &headers, body };
        let authorization = sigv4::authorization(&keys, &self.scope, &request, &moment);
        let mut value = HeaderValue::try_from(authorization).map_err(|_| WRONG)?;
        value.set_sensitive(true);
        let mut ask = Ask::new(Method::POST, "/")
            .header(http::header::AUTHORIZATION, value)
            .header(DATE, HeaderValue::try_from(moment).map_err(|_| WRONG)?)
            .header(TARGET, HeaderValue::try_from(target).map_err(|_| WRONG)?)
            .body(JSON, Zeroizing::new(body.to_vec()));
        if let Some(token) = token {
            ask = ask.header(TOKEN, token);
        }
        Ok((number, self.far.ask(ask).await?))
    }
}

/// China has a domain of its own.
fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

/// What a failure means that says the same in every service. A service names it in the body, whatever the status is.
fn judged(answer: ErrandAnswer) -> Result<Answered, BackendFailure> {
    if answer.status == 200 {
        return Ok(Answered::Done(answer));
    }
    let named = serde_json::from_slice::<Named>(&answer.body).ok();
    // Some put the name of their model before it, and some a colon and more behind it.
    let kind = named.as_ref().map_or("", |named| named.kind.rsplit('#').next().unwrap_or_default());
    let kind = kind.split(':').next().unwrap_or_default();
    Err(match kind {
        "AccessDeniedException"
        | "AccessDenied"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "OptInRequired"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => BackendFailure::Denied,
        "LimitExceededException"
        | "RequestLimitExceeded"
        | "ThrottlingException"
        | "Throttling"
        | "TooManyRequestsException" => BackendFailure::Throttled(far::patience(answer.retry_after)),
        "" => far::failure_of(&answer).unwrap_or(BackendFailure::Malformed("AWS answered without naming what failed")),
        _ if answer.status >= 500 => BackendFailure::Unreachable,
        other => return Ok(Answered::Failed(other.to_owned())),
    })
}

#[cfg(test)]
mod tests;
