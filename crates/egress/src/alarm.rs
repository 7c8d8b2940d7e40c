//! One timer for the whole of a call.
//!
//! A call has several deadlines (the head of the answer, the next byte, the end of it all), of which one
//! is the next. The alarm sleeps until the earliest that it was ever asked for and looks again when it
//! wakes, so that a deadline which moves ahead with every byte costs nothing.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use lockgate_vocabulary::{BoxFuture, Clock};

/// A timer that is used again and again.
pub struct Alarm {
    clock: Arc<dyn Clock>,
    armed: Option<(Duration, BoxFuture<()>)>,
}

/// The deadline went by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rang;

impl Alarm {
    /// A timer by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, armed: None }
    }

    /// The clock's time, by which deadlines are told.
    pub fn now(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Ready once the deadline went by.
    pub fn poll(&mut self, cx: &mut Context<'_>, deadline: Duration) -> Poll<()> {
        loop {
            if let Some((_, sleep)) = self.armed.as_mut().filter(|(until, _)| *until <= deadline) {
                ready!(sleep.as_mut().poll(cx));
            }
            let now = self.clock.elapsed();
            if now >= deadline {
                self.armed = None;
                return Poll::Ready(());
            }
            self.armed = Some((deadline, self.clock.sleep(deadline.saturating_sub(now))));
        }
    }

    /// What the future gives, unless the deadline goes by before. The future is asked first.
    pub async fn race<F: Future>(&mut self, deadline: Duration, future: F) -> Result<F::Output, Rang> {
        let mut future = pin!(future);
        std::future::poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            self.poll(cx, deadline).map(|()| Err(Rang))
        })
        .await
    }
}

#[cfg(test)]
mod tests;
