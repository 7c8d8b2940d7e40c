//! Reading a caller's body whole before any vendor is called.
//!
//! A vendor's connection is not held open by a slow caller, a body that is too large is refused before
//! anything was sent, and a retry has something to repeat. Bytes are counted as they are read: what a
//! caller announces only makes a refusal come sooner.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_lc_rs::digest;
use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::combinators::BoxBody;
use lockgate_vocabulary::limit::BODY_IN_MEMORY;
use lockgate_vocabulary::{Refusal, Stop};

use super::body::{Body, BoxError};
use super::overriding::FormScan;
use super::spool::{Spooler, Spooling};
use crate::alarm::Alarm;
use crate::refusal::EgressRefusal;

/// How much is read and how long that may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes at the most.
    pub(crate) most_bytes: u64,
    /// How long nothing may come.
    pub(crate) stall: Duration,
    /// When the whole call is over, on [`lockgate_vocabulary::Clock::elapsed`].
    pub(crate) end: Duration,
}

impl Body {
    /// The body read whole: empty, in memory or spooled.
    pub(crate) async fn gather(
        self,
        limits: Limits,
        scan: Option<FormScan>,
        spooler: Spooler<'_>,
        alarm: &mut Alarm,
    ) -> Result<Self, Stop> {
        if self.length().is_some_and(|length| length > limits.most_bytes) {
            return Err(EgressRefusal::BodyTooLarge.into());
        }
        match self {
            Self::Streaming(source) => Gathering { source, limits, scan, alarm, read: 0 }.run(spooler).await,
            whole => Ok(whole),
        }
    }
}

struct Gathering<'a> {
    source: BoxBody<Bytes, BoxError>,
    limits: Limits,
    scan: Option<FormScan>,
    alarm: &'a mut Alarm,
    read: u64,
}

impl Gathering<'_> {
    async fn run(mut self, spooler: Spooler<'_>) -> Result<Body, Stop> {
        let Some(first) = self.next().await? else { return Ok(Body::Empty) };
        // Most bodies are one piece, which is then not copied.
        if first.len() <= BODY_IN_MEMORY && self.source.is_end_stream() {
            self.scanned(None)?;
            return Ok(Body::from(first));
        }
        let mut buffered = BytesMut::from(first);
        while buffered.len() <= BODY_IN_MEMORY {
            match self.next().await? {
                Some(piece) => buffered.extend_from_slice(&piece),
                None => return Ok(Body::from(buffered.freeze())),
            }
        }
        let mut spooling = spooler.begin().await?;
        spooling.push(&buffered).await?;
        drop(buffered);
        self.spool(spooling).await
    }

    async fn spool(mut self, mut spooling: Spooling) -> Result<Body, Stop> {
        while let Some(piece) = self.next().await? {
            spooling.push(&piece).await?;
        }
        Ok(Body::Spooled(spooling.finish().await?))
    }

    /// The next piece, counted.
    async fn next(&mut self) -> Result<Option<Bytes>, Stop> {
        let until = self.alarm.now().saturating_add(self.limits.stall).min(self.limits.end);
        let source = &mut self.source;
        let piece = self.alarm.race(until, std::future::poll_fn(|cx| poll_data(source, cx))).await;
        let piece = match piece {
            Ok(None) => {
                self.scanned(None)?;
                return Ok(None);
            }
            Ok(Some(Ok(piece))) => piece,
            Ok(Some(Err(error))) => return Err(broken(error)),
            Err(_) => return Err(EgressRefusal::BodyStalled.into()),
        };
        self.read = self.read.saturating_add(piece.len() as u64);
        if self.read > self.limits.most_bytes {
            return Err(EgressRefusal::BodyTooLarge.into());
        }
        self.scanned(Some(&piece))?;
        Ok(Some(piece))
    }

    /// Looks through the next bytes of a form, or at its end.
    fn scanned(&mut self, piece: Option<&[u8]>) -> Result<(), Refusal> {
        let Some(scan) = &mut self.scan else { return Ok(()) };
        let found = match piece {
            Some(piece) => scan.feed(piece),
            None => scan.end(),
        };
        found.map_or(Ok(()), |name| Err(EgressRefusal::BodyOverride.refuse().detail(name)))
    }
}

/// The next data of a body. Trailers are not passed on, so they end it.
fn poll_data(source: &mut BoxBody<Bytes, BoxError>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
    let frame = std::task::ready!(Pin::new(source).poll_frame(cx));
    Poll::Ready(match frame {
        Some(Ok(frame)) => frame.into_data().ok().map(Ok),
        Some(Err(error)) => Some(Err(error)),
        None => None,
    })
}

/// The door's own refusal goes on as it is.
fn broken(error: BoxError) -> Stop {
    match error.downcast::<Refusal>() {
        Ok(refusal) => Stop::Refused(*refusal),
        Err(_) => EgressRefusal::BodyBroken.into(),
    }
}

/// The digest of a body that is in memory.
pub(crate) fn digest_of(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests;
