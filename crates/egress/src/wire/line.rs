//! One connection to a vendor, and one exchange on it.
//!
//! HTTP/1.1 lines serve one exchange at a time and go back to their place when it is over; HTTP/2 lines
//! are shared. Whether anything of a failed request can have reached the vendor is told with the failure,
//! because on that hangs whether it may be sent again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::HOST;
use http::{Request, Uri, response};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use lockgate_vocabulary::Fault;
use lockgate_vocabulary::limit::HEAD_BYTES;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use super::dial::Dialled;
use super::failure::WireFailure;
use super::gauge::{Gauge, Gauged};
use super::outgoing::Outgoing;
use super::pool::Place;
use super::tls;
use crate::alarm::{Alarm, Rang};
use crate::refusal::EgressRefusal;

/// Bytes that HTTP/1.1 reads at once.
const READ_BYTES: usize = 128 * 1024;

/// Bytes of one HTTP/2 stream that may be under way before we read them.
const STREAM_WINDOW: u32 = 256 * 1024;

/// The same for all streams of a line.
const LINE_WINDOW: u32 = 2 * 1024 * 1024;

/// HTTP/2 streams that we reset and still remember.
const RESET_STREAMS: usize = 64;

/// The HTTP of a line.
pub(super) enum Sender {
    One(http1::SendRequest<Outgoing>),
    Two(http2::SendRequest<Outgoing>),
}

/// A connection with HTTP on it.
pub(super) struct Wired {
    pub(super) sender: Sender,
    pub(super) gauge: Gauge,
    pub(super) peer: SocketAddr,
    pub(super) born: Duration,
}

/// A connection that is in use.
pub(crate) struct Line {
    pub(super) wired: Wired,
    pub(super) place: Arc<Place>,
    pub(super) reused: bool,
}

/// An answer's head, the body that follows, and the line that it comes over.
pub(crate) struct Exchange {
    pub(crate) head: response::Parts,
    pub(crate) body: Incoming,
    pub(crate) line: Line,
}

/// There is no answer.
#[derive(Debug)]
pub(crate) struct Lost {
    /// Whether anything of the request can have reached the vendor.
    pub(crate) sent: bool,
    /// Why.
    pub(crate) refusal: EgressRefusal,
    /// The word for it in records.
    pub(crate) word: &'static str,
    /// Whether the line was an old one, so that a new one is likely to do better.
    pub(crate) reused: bool,
    /// Where the body could not be read by us.
    pub(crate) fault: Option<Fault>,
}

impl Line {
    /// Speaks TLS and HTTP on a fresh socket.
    pub(super) async fn open(
        dialled: Dialled,
        place: Arc<Place>,
        alarm: &mut Alarm,
        until: Duration,
    ) -> Result<Self, WireFailure> {
        let opening = wire(dialled, place.tls(), place.server_name(), alarm.now());
        let wired = alarm.race(until, opening).await.map_err(|Rang| WireFailure::Unreachable)??;
        place.share(&wired);
        Ok(Self { wired, place, reused: false })
    }

    /// The address at the far end.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.wired.peer
    }

    /// Sends a request with an absolute target and waits for the head of its answer.
    pub(crate) async fn send(
        mut self,
        mut request: Request<Outgoing>,
        alarm: &mut Alarm,
        until: Duration,
    ) -> Result<Exchange, Lost> {
        let before = self.wired.gauge.read();
        let answer = match &mut self.wired.sender {
            Sender::One(one) => {
                to_origin_form(&mut request, &self.place);
                self.wired.gauge.await_head();
                let answer = one.try_send_request(request);
                alarm.race(until, answer).await
            }
            Sender::Two(two) => {
                self.wired.gauge.begins();
                let answer = two.try_send_request(request);
                alarm.race(until, answer).await
            }
        };
        match answer {
            Ok(Ok(response)) => {
                match self.wired.sender {
                    Sender::One(_) => self.wired.gauge.has_head(),
                    Sender::Two(_) => self.wired.gauge.progresses(),
                }
                let (head, body) = response.into_parts();
                Ok(Exchange { head, body, line: self })
            }
            Ok(Err(failed)) => Err(self.lost(failed, before)),
            // What was handed over may be on its way even while we look, so it counts as sent.
            Err(Rang) => {
                let (refusal, word) = (EgressRefusal::AnswerTimeout, "timed-out");
                Err(Lost { sent: true, refusal, word, reused: self.reused, fault: None })
            }
        }
    }

    fn lost(&self, mut failed: hyper::client::conn::TrySendError<Request<Outgoing>>, before: u64) -> Lost {
        let unsent = failed.take_message().is_some();
        // The count speaks for this request alone only where the line has one at a time. The line's task
        // has ended with the failure, so nothing is written any more.
        let untouched = matches!(self.wired.sender, Sender::One(_)) && self.wired.gauge.read() == before;
        let error = failed.into_error();
        let unidentified = !self.reused && causes(&error).any(tls::is_identity_refused);
        let (refusal, word) = match unidentified {
            true => (EgressRefusal::VendorTls, "no-identity"),
            false => reason(&error, self.wired.gauge.is_spent()),
        };
        let fault = fault_in(&error);
        Lost { sent: !(unsent || untouched || unidentified), refusal, word, reused: self.reused, fault }
    }

    /// So many bytes of an answer's body were taken from it.
    pub(crate) fn delivered(&self, bytes: usize) {
        if let Sender::Two(_) = self.wired.sender {
            self.wired.gauge.delivered(bytes as u64);
        }
    }

    /// Gives the line back once its exchange is over.
    pub(crate) fn release(self, now: Duration) {
        if let Sender::One(one) = &self.wired.sender
            && !one.is_closed()
        {
            self.place.keep(self.wired, now);
        }
    }
}

/// HTTP/1.1 has the authority in `Host`; HTTP/2 takes it from the target.
fn to_origin_form(request: &mut Request<Outgoing>, place: &Place) {
    let target = request.uri().path_and_query().cloned();
    *request.uri_mut() = target.map_or_else(|| Uri::from_static("/"), Uri::from);
    request.headers_mut().insert(HOST, place.host_value());
}

/// `spent` says that the peer said too much before it answered.
fn reason(error: &hyper::Error, spent: bool) -> (EgressRefusal, &'static str) {
    if error.is_parse_too_large() || spent {
        (EgressRefusal::AnswerHeadTooLarge, "head-too-large")
    } else if error.is_parse() {
        (EgressRefusal::AnswerHead, "malformed")
    } else {
        (EgressRefusal::VendorReset, "reset")
    }
}

/// Whether it was our own body that broke.
fn fault_in(error: &hyper::Error) -> Option<Fault> {
    let inner = causes(error).find(|cause| cause.is::<Fault>())?;
    Some(Fault::unavailable("reading a spool while it was sent", inner.to_string()))
}

pub(super) fn causes(error: &hyper::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(std::error::Error::source(error), |cause| cause.source())
}

/// TLS where the origin wants it, then HTTP of the version that was agreed on.
pub(super) async fn wire(
    dialled: Dialled,
    tls: Option<Arc<ClientConfig>>,
    name: ServerName<'static>,
    born: Duration,
) -> Result<Wired, WireFailure> {
    let Dialled { stream, peer } = dialled;
    let Some(config) = tls else {
        let (stream, gauge) = Gauged::new(stream);
        return Ok(Wired { sender: one(stream).await?, gauge, peer, born });
    };
    let stream = TlsConnector::from(config).connect(name, stream).await.map_err(|error| tls::failure_of(&error))?;
    let is_two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let (stream, gauge) = Gauged::new(stream);
    let sender = if is_two { two(stream).await? } else { one(stream).await? };
    Ok(Wired { sender, gauge, peer, born })
}

async fn one<S>(stream: S) -> Result<Sender, WireFailure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    // The header count is left at hyper's own 100, which is ours too and needs no memory of its own.
    builder.max_header_size(HEAD_BYTES).max_buf_size(READ_BYTES);
    let (sender, line) = builder.handshake(TokioIo::new(stream)).await.map_err(|_| WireFailure::Tls)?;
    // How it ended is told to whoever waits for an answer on it.
    tokio::spawn(async move { drop(line.await) });
    Ok(Sender::One(sender))
}

async fn two<S>(stream: S) -> Result<Sender, WireFailure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(LINE_WINDOW)
        .max_header_list_size(u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX))
        .max_concurrent_reset_streams(RESET_STREAMS);
    let (sender, line) = builder.handshake(TokioIo::new(stream)).await.map_err(|_| WireFailure::Tls)?;
    tokio::spawn(async move { drop(line.await) });
    Ok(Sender::Two(sender))
}
