//! The body of a request on its way to the vendor.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use lockgate_vocabulary::Fault;

use crate::order::{Body, SpoolReader};

/// A body that is sent. It can be made anew for every attempt.
pub(crate) enum Outgoing {
    /// Nothing.
    Empty,
    /// Bytes in memory.
    Full(Bytes),
    /// A sealed spool.
    Spool(Box<SpoolReader>),
}

impl Outgoing {
    /// The body of a gathered order.
    pub(crate) fn of(body: &Body) -> Result<Self, Fault> {
        match body {
            Body::Empty => Ok(Self::Empty),
            Body::Buffered(bytes) => Ok(Self::Full(bytes.clone())),
            Body::Spooled(spool) => Ok(Self::Spool(Box::new(spool.reader()))),
            Body::Streaming(_) => Err(Fault::violated("a body is read whole before it is sent")),
        }
    }
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Spool(reader) => reader.poll_next(cx).map(|piece| piece.map(|piece| piece.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Spool(reader) => SizeHint::with_exact(reader.left()),
        }
    }
}
