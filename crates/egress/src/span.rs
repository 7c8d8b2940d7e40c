//! Spans: which call and which attempt took how long, told to whoever exports them.
//!
//! Telling never waits and never fails a call: a span goes into a bounded queue, or it is counted as
//! dropped. Where nobody exports, there is no queue, and telling looks at an empty handle and is done. Not
//! here: how spans leave the house, which is `gateway/telemetry`'s.
//!
//! INVARIANT: nothing in a span is text that came from outside. It holds identifiers of ours, numbers, and
//! words of our own lists.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use http::Method;
use lockgate_vocabulary::{ConnectionId, RunId, SpanId, TenantId, Timestamp, TraceId};

/// A span that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The trace.
    pub trace: TraceId,
    /// The span itself.
    pub span: SpanId,
    /// What it is part of: the caller's span, or the call's.
    pub parent: Option<SpanId>,
    /// When it began.
    pub begun: Timestamp,
    /// When the head of the answer was there, or it was certain that none will be.
    pub ended: Timestamp,
    /// The run.
    pub run: RunId,
    /// The method, where it is one of the usual ones.
    pub method: &'static str,
    /// The status of the answer.
    pub status: Option<u16>,
    /// What was done.
    pub work: Work,
}

/// What a span is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// A call, from its head to the head of our answer.
    Call {
        /// The code of the refusal, where it was refused.
        code: Option<&'static str>,
    },
    /// One exchange with a vendor.
    Attempt {
        /// Which attempt, from 1.
        number: u8,
        /// Whose.
        tenant: TenantId,
        /// Over which connection.
        connection: ConnectionId,
        /// How it ended, in one word.
        outcome: &'static str,
    },
}

/// The share of traces that are told of. Nodes decide alike, since the trace itself decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share(u64);

impl Share {
    /// All of them.
    pub const ALL: Self = Self(u64::MAX);

    /// A share from 0 to 1.
    pub fn of(share: f64) -> Option<Self> {
        // The cast of a double beyond the range ends at its bound, which is what `1.0` means here.
        (0.0..=1.0).contains(&share).then_some(Self((share * u64::MAX as f64) as u64))
    }

    fn holds(self, trace: TraceId) -> bool {
        let [.., a, b, c, d, e, f, g, h] = trace.to_bytes();
        self == Self::ALL || u64::from_be_bytes([a, b, c, d, e, f, g, h]) < self.0
    }
}

/// Whom spans are told to: the queue of an exporter, or nobody.
#[derive(Debug, Clone, Default)]
pub struct Spans(Option<Arc<Queue>>);

#[derive(Debug)]
struct Queue {
    sender: SyncSender<Span>,
    share: Share,
    dropped: AtomicU64,
}

impl Spans {
    /// A queue for so many spans, and its far end.
    pub fn queue(most: usize, share: Share) -> (Self, Receiver<Span>) {
        let (sender, receiver) = sync_channel(most);
        (Self(Some(Arc::new(Queue { sender, share, dropped: AtomicU64::new(0) }))), receiver)
    }

    /// Whether this trace's spans are to be told.
    pub fn records(&self, trace: TraceId) -> bool {
        self.0.as_ref().is_some_and(|queue| queue.share.holds(trace))
    }

    /// Tells a span. One that finds the queue full is dropped and counted.
    pub fn tell(&self, span: Span) {
        if let Some(queue) = &self.0
            && queue.sender.try_send(span).is_err()
        {
            queue.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many were dropped since this was last asked.
    pub fn take_dropped(&self) -> u64 {
        self.0.as_ref().map_or(0, |queue| queue.dropped.swap(0, Ordering::Relaxed))
    }
}

/// The method as a word of our own. What else a caller sends is text from outside.
pub fn method_word(method: &Method) -> &'static str {
    match *method {
        Method::DELETE => "DELETE",
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        Method::POST => "POST",
        Method::PUT => "PUT",
        _ => "_OTHER",
    }
}

#[cfg(test)]
mod tests;
