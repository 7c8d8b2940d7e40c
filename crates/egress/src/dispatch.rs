//! The story of a message that the house hands to an endpoint which a tenant declared, such as a webhook.
//!
//! Nobody calls here, so there is no grant and no credential: what goes along is what its sender composed.
//! The guard is that of every call: the destination is vetted for each message, redirects are not followed,
//! and only what was vetted is dialled or spoken to again. Whether and when it is tried again is its
//! sender's decision; here a message is sent once, or once more where a line that waited had been closed.
//!
//! In reading order: [`endpoint`] (where to), this story, [`heard`] (what is read of the answer).

mod endpoint;
mod heard;

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode};
use lockgate_vocabulary::TenantId;

use crate::alarm::{Alarm, Rang};
use crate::destination::PinnedTarget;
use crate::egress::Egress;
use crate::refusal::EgressRefusal;
use crate::request::AGENT;
use crate::wire::{Exchange, Outgoing};

pub use endpoint::{Endpoint, EndpointParts};

use heard::Heard;

const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// Fields that belong to the connection and not to the message (RFC 9110 section 7.6.1), and those that are
/// written here.
const OURS: &[HeaderName] = &[
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::USER_AGENT,
];

/// A message.
#[derive(Debug, Clone)]
pub struct Dispatch {
    /// What goes along, besides what every request of the house's has.
    pub headers: HeaderMap,
    /// The bytes, as they are sent.
    pub body: Bytes,
    /// How long the whole may take, from the look-up of the name to the end of the answer.
    pub within: Duration,
}

/// An answer came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatched {
    /// Its status. A redirect is one like any other.
    pub status: StatusCode,
    /// How long it asks to be left alone.
    pub retry_after: Option<Duration>,
    /// What was read of its body, never decoded: 64 KiB at the most, and what came in time.
    pub body: Bytes,
    /// How long it all took.
    pub took: Duration,
}

/// No answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DispatchFailure {
    /// Why.
    pub refusal: EgressRefusal,
    /// How long it all took.
    pub took: Duration,
}

impl DispatchFailure {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        self.refusal.info().code
    }

    /// Whether it says nothing of the endpoint: the house had no room to ask.
    pub const fn is_ours(&self) -> bool {
        matches!(self.refusal, EgressRefusal::NameBusy)
    }
}

impl Egress {
    /// Hands a message to an endpoint of the tenant's.
    pub async fn dispatch(
        &self,
        tenant: TenantId,
        endpoint: &Endpoint,
        dispatch: Dispatch,
    ) -> Result<Dispatched, DispatchFailure> {
        let mut alarm = Alarm::new(self.inner.parts.clock.clone());
        let started = alarm.now();
        let until = started.saturating_add(dispatch.within);
        let outcome = self.exchange(tenant, endpoint, dispatch, &mut alarm, until).await;
        let heard = match outcome {
            Ok(exchange) => Ok(heard::read(exchange, &mut alarm, until, self.inner.parts.clock.now()).await),
            Err(refusal) => Err(refusal),
        };
        let took = alarm.now().saturating_sub(started);
        match heard {
            Ok(Heard { status, retry_after, body }) => Ok(Dispatched { status, retry_after, body, took }),
            Err(refusal) => Err(DispatchFailure { refusal, took }),
        }
    }

    /// Sends it and waits for the head of the answer.
    async fn exchange(
        &self,
        tenant: TenantId,
        endpoint: &Endpoint,
        dispatch: Dispatch,
        alarm: &mut Alarm,
        until: Duration,
    ) -> Result<Exchange, EgressRefusal> {
        let parts = &self.inner.parts;
        let vetted = parts.destination.vet_declared(tenant, endpoint.url().clone(), endpoint.policy());
        let target = alarm.race(until, vetted).await.map_err(|Rang| EgressRefusal::NameTimeout)??;
        let mut fresh = false;
        loop {
            let reached = self.inner.wire.reach_endpoint((tenant, endpoint), &target, fresh, alarm, until).await;
            let line = reached.map_err(|failure| failure.refusal())?;
            let request = request(endpoint, &target, &dispatch).ok_or(EgressRefusal::TargetMalformed)?;
            match line.send(request, alarm, until).await {
                Ok(exchange) => return Ok(exchange),
                // A line that waited is often closed just as it is used. A message may be told apart by its
                // receiver when it comes twice, so nobody waits for the next attempt on that account.
                Err(lost) if lost.reused && !fresh && lost.refusal == EgressRefusal::VendorReset => fresh = true,
                Err(lost) => return Err(lost.refusal),
            }
        }
    }
}

fn request(endpoint: &Endpoint, target: &PinnedTarget, dispatch: &Dispatch) -> Option<Request<Outgoing>> {
    let mut request = Request::new(Outgoing::Full(dispatch.body.clone()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = endpoint.uri(target)?;
    let headers = request.headers_mut();
    headers.clone_from(&dispatch.headers);
    for ours in OURS {
        headers.remove(ours);
    }
    headers.insert(header::USER_AGENT, AGENT);
    headers.insert(header::ACCEPT_ENCODING, IDENTITY);
    Some(request)
}

#[cfg(test)]
mod tests;
