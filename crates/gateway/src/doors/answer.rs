//! The bodies of the door's answers: none, bytes, or what comes from a vendor.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use lockgate_egress::{ReplyBody, ReplyBroken};

use crate::problem::Problem;

/// The body of an answer.
#[expect(clippy::large_enum_variant, reason = "a box for each answer would cost more than the room it saves")]
pub enum DoorBody {
    /// Bytes, and none once they were given.
    Whole(Bytes),
    /// What comes from a vendor.
    Reply(ReplyBody),
}

impl Body for DoorBody {
    type Data = Bytes;
    type Error = ReplyBroken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ReplyBroken>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Reply(reply) => Pin::new(reply).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Reply(reply) => reply.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Reply(reply) => reply.size_hint(),
        }
    }
}

/// A refusal or a fault as an answer.
pub(super) fn problem(problem: Problem) -> Response<DoorBody> {
    let mut response = Response::new(DoorBody::Whole(problem.body.into()));
    *response.status_mut() = problem.status;
    *response.headers_mut() = problem.headers;
    response
}

/// An answer of our own in JSON.
pub(super) fn json(status: StatusCode, body: impl Into<Bytes>, cache: &'static str) -> Response<DoorBody> {
    let mut response = Response::new(DoorBody::Whole(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}
