//! `ANY /call/{connection}/{path...}`: bytes to an order, the story's reply to bytes.

use std::borrow::Cow;
use std::error::Error;

use http::Response;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use lockgate_access::authn::Presented;
use lockgate_access::template::canonical_path;
use lockgate_access::{AccessRefusal, Ask};
use lockgate_egress::span::{Span, Work, method_word};
use lockgate_egress::{Answer, Body, BoxError, Order, Reply};
use lockgate_vocabulary::{Arrival, Refusal, RunId, Stop};

use super::http1::Violation;
use super::refuse::{Refused, Shown};
use super::{Door, DoorBody, Visit, headers};
use crate::refusal::GatewayRefusal;

impl Door {
    /// Serves a call, and tells its span.
    pub(super) async fn call(&self, connection: &str, path: &str, visit: Visit) -> Response<DoorBody> {
        let run = RunId::generate(&*self.clock, &*self.entropy);
        let (trace, begun, method) = (visit.arrival.trace, visit.arrival.at, method_word(&visit.parts.method));
        let response = self.lead_out(run, connection, path, visit).await;
        if self.spans.records(trace.trace) {
            let code = response.extensions().get().map(|Shown(code)| *code);
            self.spans.tell(Span {
                trace: trace.trace,
                span: trace.span,
                parent: trace.parent,
                begun,
                ended: self.clock.now(),
                run,
                method,
                status: Some(response.status().as_u16()),
                work: Work::Call { code },
            });
        }
        response
    }

    async fn lead_out(&self, run: RunId, connection: &str, path: &str, visit: Visit) -> Response<DoorBody> {
        let Visit { parts, body, arrival } = visit;
        let (method, uri) = (parts.method.clone(), parts.uri.clone());
        let mut refused = Refused {
            door: "call",
            arrival: &arrival,
            method: &method,
            caller: None,
            run: Some(run),
            connection: Some(connection),
            target: Some((path, uri.query())),
        };
        let caller = match self.access.identify(presented(&parts.headers), &arrival).await {
            Ok(caller) => caller,
            Err(stop) => return Box::pin(self.refuse(refused, stop)).await,
        };
        refused.caller = Some(&caller);
        let order = match order(run, connection, path, parts, body, arrival.clone()) {
            Ok(order) => order,
            Err(stop) => {
                // What never becomes a call is counted here; a call is counted by its story.
                let stop = self.traffic.admit_caller(&caller).await.err().unwrap_or(stop);
                return Box::pin(self.refuse(refused, stop)).await;
            }
        };
        // On the heap: what a call holds while it waits is not moved through every layer above it.
        match Box::pin(self.egress.call(caller.clone(), order)).await {
            Ok(reply) => self.reply(reply, &arrival),
            Err(stop) => Box::pin(self.refuse(refused, stop)).await,
        }
    }

    fn reply(&self, reply: Reply, arrival: &Arrival) -> Response<DoorBody> {
        let (run, permit, replayed, fallback) = (reply.run(), *reply.permit(), reply.replayed(), reply.fallback());
        let mut response = match reply.into_outcome() {
            Ok(answer) => answered(answer),
            Err(stop) => self.show(&stop, arrival),
        };
        let fields = response.headers_mut();
        headers::mark(fields, Some(run), arrival);
        headers::tell_rate(fields, &permit);
        if replayed {
            fields.insert(headers::IDEMPOTENT_REPLAYED, http::HeaderValue::from_static("true"));
        }
        if fallback {
            self.metrics.fell_back();
            fields.insert(headers::FALLBACK, http::HeaderValue::from_static("true"));
        }
        response
    }
}

/// What a request presents.
pub(super) fn presented(headers: &http::HeaderMap) -> Presented<'_> {
    let value = |name: http::HeaderName| headers.get(name).map(http::HeaderValue::as_bytes);
    Presented { authorization: value(http::header::AUTHORIZATION), api_key: value(headers::API_KEY) }
}

fn order(
    run: RunId,
    connection: &str,
    path: &str,
    parts: http::request::Parts,
    body: Incoming,
    arrival: Arrival,
) -> Result<Order, Stop> {
    let (path, query) = spell(path, parts.uri.query())?;
    Ok(Order {
        run,
        ask: Ask { connection: connection.into(), method: parts.method, path },
        query,
        dry_run: headers::dry_run(&parts.headers)?,
        idempotency_key: headers::idempotency_key(&parts.headers),
        respond_async: headers::respond_async(&parts.headers),
        headers: headers::onward(parts.headers),
        body: Body::streaming(body.map_err(told)),
        arrival,
    })
}

/// Path and query as they are judged and sent.
pub(crate) fn spell(path: &str, query: Option<&str>) -> Result<(Box<str>, Option<Box<str>>), Refusal> {
    let spelled = ascii(path);
    let path =
        canonical_path(&spelled).map_err(|parse| AccessRefusal::PathAmbiguous.refuse().detail(parse.to_string()))?;
    Ok((path.into(), query.map(|query| ascii(query).into())))
}

/// The text with letters beyond ASCII percent-encoded (RFC 3987 section 3.1).
fn ascii(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() * 3);
    for letter in text.chars() {
        if letter.is_ascii() {
            out.push(letter);
            continue;
        }
        let mut bytes = [0u8; 4];
        for byte in letter.encode_utf8(&mut bytes).bytes() {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    Cow::Owned(out)
}

/// Why a body broke, in the words of the manual where the strict reader found it out.
fn told(error: hyper::Error) -> BoxError {
    let mut cause = error.source();
    while let Some(inner) = cause {
        let violation = inner.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(violation) = violation.and_then(|inner| inner.downcast_ref::<Violation>()) {
            return Box::new(violation.refusal().refuse().detail(violation.told()));
        }
        cause = inner.source();
    }
    Box::new(GatewayRefusal::BodyMalformed.refuse().detail("the body ended too early or came too slowly"))
}

/// A vendor's answer, or an operation to poll.
fn answered(answer: Answer) -> Response<DoorBody> {
    let mut response = Response::new(DoorBody::Reply(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    if let Some(operation) = answer.operation {
        headers::insert(response.headers_mut(), http::header::LOCATION, &format!("/operations/{operation}"));
    }
    response
}

#[cfg(test)]
mod tests;
