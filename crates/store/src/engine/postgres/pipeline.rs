//! Several messages on the line before the first answer is awaited.
//!
//! The driver sends a request when its future is first polled and matches answers by their order, so
//! polling each once, in order, is all that pipelining takes.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// A request that is on the line.
pub(super) enum Launched<'a, T> {
    Away(Pin<Box<dyn Future<Output = T> + Send + 'a>>),
    Landed(T),
}

/// Puts a request on the line.
pub(super) async fn launch<'a, T>(request: impl Future<Output = T> + Send + 'a) -> Launched<'a, T> {
    let mut request = Box::pin(request);
    let early = poll_fn(|context| {
        Poll::Ready(match request.as_mut().poll(context) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        })
    });
    match early.await {
        Some(answer) => Launched::Landed(answer),
        None => Launched::Away(request),
    }
}

impl<T> Launched<'_, T> {
    /// Waits for the answer.
    pub(super) async fn land(self) -> T {
        match self {
            Self::Away(request) => request.await,
            Self::Landed(answer) => answer,
        }
    }
}
