//! The operators' listener: metrics here, all else in the room `admin`.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use lockgate_admin::{Admin, AdminBody};
use lockgate_vocabulary::{Arrival, Clock, Entropy, Listener, TraceContext};

use crate::assemble::{Rooms, Seams};
use crate::doors::Door;
use crate::telemetry::Metrics;

/// The media type of OpenMetrics' text form.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What answers operators.
#[derive(Clone)]
pub(super) struct OperatorSide {
    admin: Admin,
    door: Arc<Door>,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl OperatorSide {
    pub(super) fn of(rooms: &Rooms, seams: &Seams) -> Self {
        let (admin, door, metrics) = (rooms.admin.clone(), rooms.door.clone(), rooms.metrics.clone());
        Self { admin, door, metrics, clock: seams.clock.clone(), entropy: seams.entropy.clone() }
    }

    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Response<Either<Full<Bytes>, AdminBody>> {
        if request.uri().path() == "/metrics" && request.method() == Method::GET {
            let audit = &self.door.audit;
            self.metrics.stands(audit.waiting(), audit.rows_set_aside(), self.door.is_ready());
            let mut response = Response::new(Either::Left(Full::from(self.metrics.text())));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(OPENMETRICS));
            return response;
        }
        let told = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
        let trace = told
            .and_then(|text| TraceContext::join(text, &*self.entropy))
            .unwrap_or_else(|| TraceContext::start(&*self.entropy));
        let arrival = Arrival { peer, listener: Listener::Admin, at: self.clock.now(), trace };
        self.admin.answer(request, arrival).await.map(Either::Right)
    }
}
