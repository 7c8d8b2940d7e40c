//! The house's own errands: the seam `Errand`, under the same guard as every call.
//!
//! Only hosts that an operator configured are asked, over https, without redirects, each on a line of its
//! own. Nothing secret goes along but to the token endpoint to which a credential is bound, and to vaults of the
//! operator's.

mod paced;

use std::sync::Arc;
use std::time::Duration;

use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap,
    HeaderValue, RETRY_AFTER,
};
use http::{Method, Request, Uri};
use ipnet::IpNet;
use lockgate_vault::{DPOP, HOUSE, dpop_nonce};
use lockgate_vocabulary::{
    BoxFuture, Clock, Errand, ErrandAnswer, ErrandAsk, ErrandFailure, ErrandOrder, ErrandOwner, ErrandPost,
    ErrandPurpose, ErrandRequest, ErrandTrial, Stop,
};

use crate::alarm::{Alarm, Rang};
use crate::config::Config;
use crate::destination::{Destination, PinnedTarget, Policy, Scheme, StrictUrl};
use crate::refusal::EgressRefusal;
use crate::wire::{Once, OnceFailure, Outgoing, Trust, Whole, WireFailure};

pub use paced::PacedErrands;

/// Carries out errands of other rooms.
#[derive(Clone)]
pub struct Errands {
    inner: Arc<Inner>,
}

struct Inner {
    destination: Destination,
    policy: Policy,
    clock: Arc<dyn Clock>,
    trust: Trust,
    authorities: Option<String>,
}

impl Errands {
    /// Errands under these rules. `authorities` (PEM) are trusted instead of the system's, where given.
    pub fn new(config: &Config, destination: Destination, clock: Arc<dyn Clock>, authorities: Option<String>) -> Self {
        let policy = Policy {
            allow: None,
            danger_allow_http: config.danger_allow_http_errands,
            danger_private_networks: config.danger_errand_networks.clone(),
        };
        let trust = Trust::new(Arc::clone(&clock));
        Self { inner: Arc::new(Inner { destination, policy, clock, trust, authorities }) }
    }
}

impl Errand for Errands {
    fn run(&self, order: ErrandOrder) -> BoxFuture<Result<ErrandAnswer, ErrandFailure>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let mut alarm = Alarm::new(Arc::clone(&inner.clock));
            let until = alarm.now().saturating_add(order.within);
            let trial = match &order.ask {
                ErrandAsk::Trial(trial) => Some(trial.plain),
                _ => None,
            };
            let plain = trial == Some(true);
            let policy = inner.policy(&order.owner, plain);
            let whose = match &order.owner {
                ErrandOwner::House => HOUSE,
                ErrandOwner::Tenant(tenant, _) => *tenant,
            };
            let vetted = inner.destination.vet_url_for(whose, &order.url, &policy);
            let vetted = alarm.race(until, vetted).await.map_err(|Rang| ErrandFailure::Unreachable)?;
            let (url, target) = vetted.map_err(|stop| failure_of(&stop))?;
            if trial.is_some() && !may_be_plain(&target, &policy) {
                return Err(ErrandFailure::Refused(EgressRefusal::UrlScheme.info().code));
            }
            inner.fetch(&url, &target, order, &mut alarm, until).await
        })
    }
}

impl Inner {
    /// INVARIANT: what the house opens to its own errands is open to no URL that a tenant wrote. Otherwise a
    /// tenant could have the gateway ask around in the operator's network.
    fn policy(&self, owner: &ErrandOwner, plain: bool) -> Policy {
        match owner {
            ErrandOwner::House => self.policy.clone(),
            ErrandOwner::Tenant(_, networks) => Policy {
                allow: None,
                danger_allow_http: plain,
                danger_private_networks: networks.iter().filter_map(|(at, bits)| IpNet::new(*at, *bits).ok()).collect(),
            },
        }
    }

    async fn fetch(
        &self,
        url: &StrictUrl,
        target: &PinnedTarget,
        order: ErrandOrder,
        alarm: &mut Alarm,
        until: Duration,
    ) -> Result<ErrandAnswer, ErrandFailure> {
        // INVARIANT: whom a credential is shown to is vouched for as in a call: by whom its connection trusts, or the
        // system; a back end by whom its own section names. The authorities of errands are those of issuers.
        let authorities = match order.purpose {
            ErrandPurpose::VaultBackend | ErrandPurpose::VendorToken | ErrandPurpose::VendorTrial => {
                order.trust_pem.as_deref()
            }
            ErrandPurpose::IssuerKeys => self.authorities.as_deref(),
        };
        let tls = match target.scheme() {
            Scheme::Https => Some(self.trust.with(authorities, &order.pins, &[b"http/1.1"], order.identity.as_ref())),
            Scheme::Http => None,
        };
        let tls = tls.transpose().map_err(|failure| told(OnceFailure::Wire(failure)))?;
        let once = Once { target, tls, most_bytes: order.most_bytes, until };
        let request = request(url, order.ask).ok_or(ErrandFailure::Refused(EgressRefusal::UrlMalformed.info().code))?;
        let Whole { head, body } = once.send(request, alarm).await.map_err(told)?;
        if head.headers.contains_key(CONTENT_ENCODING) {
            return Err(told(OnceFailure::Answer(EgressRefusal::AnswerEncoding)));
        }
        if head.status.is_redirection() {
            return Err(told(OnceFailure::Answer(EgressRefusal::RedirectNotFollowed)));
        }
        Ok(ErrandAnswer {
            status: head.status.as_u16(),
            body: body.to_vec(),
            fresh_for: fresh_for(&head.headers),
            retry_after: retry_after(&head.headers),
            dpop_nonce: dpop_nonce(&head.headers),
        })
    }
}

/// What is sent in the clear stays where the connection says that it may, as in a call.
fn may_be_plain(target: &PinnedTarget, policy: &Policy) -> bool {
    let opened = &policy.danger_private_networks;
    target.scheme() == Scheme::Https
        || target.addresses().iter().all(|address| opened.iter().any(|network| network.contains(&address.ip())))
}

fn request(url: &StrictUrl, ask: ErrandAsk) -> Option<Request<Outgoing>> {
    let mut request = Request::new(Outgoing::Empty);
    *request.uri_mut() = Uri::try_from(url.path()).ok()?;
    match ask {
        ErrandAsk::Fetch => {}
        ErrandAsk::Trial(ErrandTrial { target, headers, .. }) => {
            *request.uri_mut() = Uri::from(target);
            *request.headers_mut() = headers;
        }
        ErrandAsk::Post(ErrandPost { form, authorization, dpop }) => {
            *request.method_mut() = Method::POST;
            *request.body_mut() = Outgoing::Full(form);
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
            if let Some(authorization) = authorization {
                request.headers_mut().insert(AUTHORIZATION, authorization);
            }
            if let Some(dpop) = dpop {
                request.headers_mut().insert(DPOP, dpop);
            }
        }
        ErrandAsk::Request(ErrandRequest { method, headers, body }) => {
            *request.method_mut() = method;
            *request.body_mut() = body.map_or(Outgoing::Empty, Outgoing::Full);
            request.headers_mut().extend(headers);
        }
    }
    let headers = request.headers_mut();
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.insert(http::header::USER_AGENT, crate::request::AGENT);
    Some(request)
}

fn failure_of(stop: &Stop) -> ErrandFailure {
    match stop {
        Stop::Refused(refusal) => ErrandFailure::Refused(refusal.code()),
        Stop::Fault(_) => ErrandFailure::Unreachable,
    }
}

fn told(failure: OnceFailure) -> ErrandFailure {
    match failure {
        OnceFailure::Wire(WireFailure::Identity) => ErrandFailure::Unidentified,
        OnceFailure::Wire(wire) if wire.may_pass() => ErrandFailure::Unreachable,
        OnceFailure::Wire(wire) => ErrandFailure::Refused(wire.refusal().info().code),
        OnceFailure::Answer(refusal) => ErrandFailure::Unanswered(refusal.info().code),
    }
}

/// `max-age` of `Cache-Control` (RFC 9111 section 5.2.2.1), unless it must not be kept.
fn fresh_for(headers: &HeaderMap) -> Option<Duration> {
    let mut age = None;
    for value in headers.get_all(CACHE_CONTROL) {
        for directive in value.to_str().ok()?.split(',').map(str::trim) {
            if directive.eq_ignore_ascii_case("no-store") || directive.eq_ignore_ascii_case("no-cache") {
                return Some(Duration::ZERO);
            }
            let (name, seconds) = directive.split_once('=').unwrap_or((directive, ""));
            if name.eq_ignore_ascii_case("max-age") {
                age = seconds.trim_matches('"').parse().ok().map(Duration::from_secs);
            }
        }
    }
    age
}

/// Seconds of `Retry-After` (RFC 9110 section 10.2.3); a date is not read.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests;
