//! The body of an answer on its way to the caller.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// The body of an answer. Dropping it before its end ends the call.
#[derive(Default)]
pub struct ReplyBody {
    whole: Option<Bytes>,
}

/// The answer broke off. The door resets the stream, so that the caller does not take it for whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplyBroken {
    /// The code under which it is recorded.
    pub code: &'static str,
}

impl fmt::Display for ReplyBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

impl std::error::Error for ReplyBroken {}

impl http_body::Body for ReplyBody {
    type Data = Bytes;
    type Error = ReplyBroken;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ReplyBroken>>> {
        Poll::Ready(self.whole.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.whole.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.whole.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
