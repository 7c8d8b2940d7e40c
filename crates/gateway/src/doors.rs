//! The doors: they turn bytes into words and refusals into answers, and decide nothing.
//!
//! A request comes out of the strict reader ([`http1`]) and hyper, finds its row in `routes`, and is read
//! into an order by one of [`outbound`], [`tokens`], [`operations`], [`health`]. Whatever a room refuses
//! comes back to [`refuse`], the one place that writes it into the trail and shows it.

mod answer;
mod connect;
mod events;
mod form;
mod headers;
mod health;
pub mod http1;
mod inbound;
mod operations;
mod outbound;
mod pulled;
mod refuse;
mod tokens;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::{Request, Response, Version};
use hyper::body::Incoming;
use lockgate_access::Access;
use lockgate_audit::Audit;
use lockgate_egress::Egress;
use lockgate_egress::span::Spans;
use lockgate_store::Store;
use lockgate_traffic::Traffic;
use lockgate_vault::{Connector, Vault};
use lockgate_vocabulary::{Arrival, Clock, Entropy, Listener, TraceContext};
use lockgate_webhooks::Webhooks;

use crate::limits::Limits;
use crate::refusal::GatewayRefusal;
use crate::routes::{self, Found, Nowhere, Serves};
use crate::telemetry::Metrics;

pub use answer::DoorBody;
pub(crate) use outbound::spell;
pub(crate) use refuse::naming;

/// What the callers' door needs of the house.
pub struct Door {
    /// Who are you, and may you.
    pub access: Arc<Access>,
    /// The way out.
    pub egress: Egress,
    /// Subscriptions and deliveries.
    pub webhooks: Arc<Webhooks>,
    /// Accounts that persons connect.
    pub connector: Connector,
    /// The trail.
    pub audit: Audit,
    /// For keyed digests in records.
    pub vault: Vault,
    /// What a refused caller has left.
    pub traffic: Traffic,
    /// Whether the store is confirmed.
    pub store: Store,
    /// Whether shared counters answer, where nodes share any.
    pub limits: Option<Limits>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Whom spans are told to.
    pub spans: Spans,
    /// Whether the process was told to stop.
    pub draining: AtomicBool,
}

/// A request on its way through the door.
pub(crate) struct Visit {
    pub(crate) parts: http::request::Parts,
    pub(crate) body: Incoming,
    pub(crate) arrival: Arrival,
}

impl Door {
    /// Answers one request.
    pub async fn serve(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<DoorBody> {
        let begun = self.clock.elapsed();
        let last = request.version() != Version::HTTP_11 || request.headers().contains_key(UPGRADE);
        let (parts, body) = request.into_parts();
        let arrival = self.arrive(&parts, peer);
        // A handle on the same bytes, so that the path outlives the parts.
        let uri = parts.uri.clone();
        let (serves, mut response) = match routes::find(&parts.method, uri.path()) {
            Ok(found) => {
                let visit = Visit { parts, body, arrival };
                (Some(found.serves()), self.lead(found, visit).await)
            }
            Err(nowhere) => (None, self.lost(nowhere, &arrival)),
        };
        if last {
            // The strict reader reads nothing after such a message, so the peer is told not to send it.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let took = self.clock.elapsed().saturating_sub(begun);
        self.metrics.answered(serves, response.status().as_u16(), took);
        response
    }

    /// Says that no new work should be sent here.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    fn arrive(&self, parts: &http::request::Parts, peer: SocketAddr) -> Arrival {
        let told = parts.headers.get(headers::TRACEPARENT).and_then(|value| value.to_str().ok());
        let mut trace = told
            .and_then(|text| TraceContext::join(text, &*self.entropy))
            .unwrap_or_else(|| TraceContext::start(&*self.entropy));
        // Whoever comes after us is told that our part of the trace can be looked at.
        trace.sampled |= self.spans.records(trace.trace);
        Arrival { peer, listener: Listener::Door, at: self.clock.now(), trace }
    }

    async fn lead(&self, found: Found<'_>, visit: Visit) -> Response<DoorBody> {
        match found {
            Found::Call { connection, path } => self.call(connection, path, visit).await,
            Found::Operation(operation) => Box::pin(self.operation(operation, &visit)).await,
            Found::Connect(session) => Box::pin(self.connect(session, &visit)).await,
            Found::Callback(connection) => Box::pin(self.callback(connection, &visit)).await,
            Found::Hook(subscription) => Box::pin(self.hook(subscription, visit)).await,
            Found::Acknowledge(delivery) => Box::pin(self.acknowledge(delivery, &visit)).await,
            Found::Fixed(Serves::Deliveries) => Box::pin(self.deliveries(&visit)).await,
            Found::Fixed(Serves::Event) => Box::pin(self.event(visit)).await,
            Found::Fixed(Serves::Token | Serves::Revoke | Serves::Introspect) => {
                Box::pin(self.tokens(found.serves(), visit)).await
            }
            Found::Fixed(Serves::Metadata) => self.metadata(),
            Found::Fixed(Serves::Keys) => self.keys(),
            Found::Fixed(Serves::Ready) => self.ready().await,
            // What has a part that varies was found above.
            Found::Fixed(
                Serves::Health
                | Serves::Call
                | Serves::Operation
                | Serves::Hook
                | Serves::Acknowledge
                | Serves::Connect
                | Serves::Callback,
            ) => self.healthy(),
        }
    }

    /// Nothing is served there.
    pub(crate) fn nowhere(&self, arrival: &Arrival) -> Response<DoorBody> {
        self.lost(Nowhere::Path, arrival)
    }

    /// What is not served leads to nobody's object, so it goes into no trail; it is counted.
    fn lost(&self, nowhere: Nowhere, arrival: &Arrival) -> Response<DoorBody> {
        let refusal = match nowhere {
            Nowhere::Path => GatewayRefusal::PathUnknown,
            Nowhere::Method(_) => GatewayRefusal::MethodNotAllowed,
        };
        let mut response = self.show(&refusal.refuse().into(), arrival);
        headers::mark(response.headers_mut(), None, arrival);
        if let Nowhere::Method(allowed) = nowhere {
            response.headers_mut().insert(http::header::ALLOW, HeaderValue::from_static(allowed));
        }
        response
    }
}
