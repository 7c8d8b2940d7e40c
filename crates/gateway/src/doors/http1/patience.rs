//! How long a peer may keep the door waiting.
//!
//! A peer has a purse of time. Waiting for it takes from the purse; bytes that it sends or takes fill it
//! again, up to where it began. So a slow peer is served as long as it keeps a least pace on average, and
//! time in which the door itself was busy costs the peer nothing.

use std::task::{Context, Poll};
use std::time::Duration;

use lockgate_vocabulary::{BoxFuture, Clock};

/// What a peer gets for a phase of the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The purse.
    pub most: Duration,
    /// What a KiB puts back into it.
    pub per_kib: Duration,
}

/// One direction of one connection.
pub(super) struct Patience {
    terms: Terms,
    left: Duration,
    /// When the wait began that is under way.
    began: Option<Duration>,
    /// An alarm and when it goes off. It is kept while it goes off early enough: it then looks again.
    alarm: Option<(Duration, BoxFuture<()>)>,
}

impl Patience {
    pub(super) fn new(terms: Terms) -> Self {
        Self { terms, left: terms.most, began: None, alarm: None }
    }

    /// Begins a phase with other terms; does nothing if they are the same.
    pub(super) fn turn(&mut self, terms: Terms) {
        if self.terms != terms {
            (self.terms, self.left, self.began) = (terms, terms.most, None);
        }
    }

    /// Begins the phase anew.
    pub(super) fn renew(&mut self) {
        (self.left, self.began) = (self.terms.most, None);
    }

    /// So many bytes went through.
    pub(super) fn progress(&mut self, clock: &dyn Clock, bytes: usize) {
        let Some(began) = self.began.take() else { return };
        let spent = clock.elapsed().saturating_sub(began);
        let earned = self.terms.per_kib.mul_f64(bytes as f64 / 1024.0);
        self.left = (self.left.saturating_sub(spent) + earned).min(self.terms.most);
    }

    /// The peer keeps us waiting. Ready when the purse is empty; the task is woken then.
    pub(super) fn poll_spent(&mut self, clock: &dyn Clock, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let now = clock.elapsed();
            let deadline = *self.began.get_or_insert(now) + self.left;
            if now >= deadline {
                return Poll::Ready(());
            }
            if self.alarm.as_ref().is_none_or(|(at, _)| *at > deadline) {
                self.alarm = Some((deadline, clock.sleep(deadline - now)));
            }
            let Some((_, alarm)) = &mut self.alarm else { return Poll::Pending };
            std::task::ready!(alarm.as_mut().poll(cx));
            self.alarm = None;
        }
    }
}
