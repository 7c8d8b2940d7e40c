//! The operators' listener: metrics here, all else in the room `admin`.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use lockgate_access::scope::Scope;
use lockgate_admin::{Admin, AdminBody};
use lockgate_vocabulary::{Arrival, Clock, Entropy, Listener, TraceContext};

use crate::assemble::{Rooms, Seams};
use crate::doors::{Door, DoorBody};
use crate::telemetry::Metrics;

use super::scrape::Guard;

/// The media type of OpenMetrics' text form.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What answers operators.
#[derive(Clone)]
pub(super) struct OperatorSide {
    admin: Admin,
    door: Arc<Door>,
    metrics: Arc<Metrics>,
    scrape: Guard,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// Whether operators are served, or only whoever asks how the process is.
    administers: bool,
}

/// Bytes of the house's own; nothing of a vendor's comes to this side.
fn plain(body: DoorBody) -> Either<Full<Bytes>, AdminBody> {
    match body {
        DoorBody::Whole(bytes) => Either::Left(Full::from(bytes)),
        DoorBody::Reply(_) => Either::Left(Full::default()),
    }
}

impl OperatorSide {
    pub(super) fn of(rooms: &Rooms, seams: &Seams, scrape: Guard, administers: bool) -> Self {
        let (admin, door, metrics) = (rooms.admin.clone(), rooms.door.clone(), rooms.metrics.clone());
        Self { admin, door, metrics, scrape, clock: seams.clock.clone(), entropy: seams.entropy.clone(), administers }
    }

    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Response<Either<Full<Bytes>, AdminBody>> {
        let told = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
        let trace = told
            .and_then(|text| TraceContext::join(text, &*self.entropy))
            .unwrap_or_else(|| TraceContext::start(&*self.entropy));
        let arrival = Arrival { peer, listener: Listener::Admin, at: self.clock.now(), trace };
        if request.uri().path() == "/metrics" && request.method() == Method::GET {
            let token = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
            if !self.scrape.lets_in(token)
                && let Err(refused) = self.admin.demand(request.headers(), &arrival, Scope::AuditRead).await
            {
                return refused.map(Either::Right);
            }
            return self.figures().await;
        }
        if let Some(health) = self.health(&request).await {
            return health;
        }
        if !self.administers {
            return self.door.nowhere(&arrival).map(plain);
        }
        self.admin.answer(request, arrival).await.map(Either::Right)
    }

    /// Processes without a door are asked here how they are.
    async fn health(&self, request: &Request<Incoming>) -> Option<Response<Either<Full<Bytes>, AdminBody>>> {
        if request.method() != Method::GET {
            return None;
        }
        let told = match request.uri().path() {
            "/healthz" => self.door.healthy(),
            "/readyz" => self.door.ready().await,
            _ => return None,
        };
        Some(told.map(plain))
    }

    async fn figures(&self) -> Response<Either<Full<Bytes>, AdminBody>> {
        self.metrics.stands(self.door.audit.waiting(), self.door.audit.rows_set_aside(), self.door.is_ready().await);
        let (traffic, lines) = (&self.door.traffic, self.door.egress.idle_lines());
        self.metrics.stands_outward(traffic.census(), lines, traffic.unchecked());
        let mut response = Response::new(Either::Left(Full::from(self.metrics.text())));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(OPENMETRICS));
        response
    }
}
