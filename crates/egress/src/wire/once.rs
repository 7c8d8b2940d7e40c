//! One exchange on a line of its own, read whole: for what the house itself asks.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, Uri, response};
use http_body::Body as _;
use hyper::body::Incoming;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use zeroize::Zeroizing;

use super::dial::dial;
use super::failure::WireFailure;
use super::line::{Sender, causes, wire};
use super::outgoing::Outgoing;
use super::tls;
use crate::alarm::{Alarm, Rang};
use crate::destination::PinnedTarget;
use crate::refusal::EgressRefusal;

/// Where to, how, and within which limits.
pub(crate) struct Once<'a> {
    pub(crate) target: &'a PinnedTarget,
    /// With HTTP/1.1 as its only protocol; none speaks in the clear.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) most_bytes: usize,
    pub(crate) until: Duration,
}

/// An answer with its whole body.
pub(crate) struct Whole {
    pub(crate) head: response::Parts,
    pub(crate) body: Bytes,
}

/// Why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnceFailure {
    /// No line came about.
    Wire(WireFailure),
    /// What came was not an answer within the limits.
    Answer(EgressRefusal),
}

impl Once<'_> {
    /// Sends the request and reads the answer.
    pub(crate) async fn send(&self, mut request: Request<Outgoing>, alarm: &mut Alarm) -> Result<Whole, OnceFailure> {
        let dialled = dial(self.target, alarm, self.until).await.map_err(OnceFailure::Wire)?;
        let name = ServerName::try_from(self.target.server_name().to_owned());
        let name = name.map_err(|_| OnceFailure::Wire(WireFailure::Tls))?;
        let host = HeaderValue::from_str(self.target.authority());
        let host = host.map_err(|_| OnceFailure::Wire(WireFailure::Tls))?;
        request.headers_mut().insert(HOST, host);
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
        let born = alarm.now();
        let reading = async {
            let wired = wire(dialled, self.tls.clone(), name, born).await.map_err(OnceFailure::Wire)?;
            let Sender::One(mut one) = wired.sender else { return Err(OnceFailure::Wire(WireFailure::Tls)) };
            let answer = one.send_request(request).await.map_err(|error| reason(&error))?;
            let (head, body) = answer.into_parts();
            let body = read(body, self.most_bytes).await.map_err(OnceFailure::Answer)?;
            Ok(Whole { head, body })
        };
        match alarm.race(self.until, reading).await {
            Ok(whole) => whole,
            Err(Rang) => Err(OnceFailure::Answer(EgressRefusal::AnswerTimeout)),
        }
    }
}

fn reason(error: &hyper::Error) -> OnceFailure {
    if causes(error).any(tls::is_identity_refused) {
        return OnceFailure::Wire(WireFailure::Identity);
    }
    OnceFailure::Answer(if error.is_parse() { EgressRefusal::AnswerHead } else { EgressRefusal::VendorReset })
}

/// Reads the body into one buffer that wipes itself: it may be an answer with a secret in it. One that is outgrown is
/// wiped as well.
async fn read(mut body: Incoming, most: usize) -> Result<Bytes, EgressRefusal> {
    let announced = body.size_hint().lower();
    if announced > most as u64 {
        return Err(EgressRefusal::AnswerTooLarge);
    }
    let mut whole = Zeroizing::new(Vec::with_capacity(usize::try_from(announced).unwrap_or(0)));
    loop {
        let frame = std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await;
        match frame {
            None => return Ok(Bytes::from_owner(whole)),
            Some(Err(_)) => return Err(EgressRefusal::AnswerTruncated),
            Some(Ok(frame)) => {
                let data = frame.into_data().unwrap_or_default();
                let length = whole.len().saturating_add(data.len());
                if length > most {
                    return Err(EgressRefusal::AnswerTooLarge);
                }
                if length > whole.capacity() {
                    let mut larger = Zeroizing::new(Vec::with_capacity(length.saturating_mul(2).min(most)));
                    larger.extend_from_slice(&whole);
                    whole = larger;
                }
                whole.extend_from_slice(&data);
            }
        }
    }
}
