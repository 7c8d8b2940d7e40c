//! What comes of a call: the vendor's answer, a kept one, an operation to poll, or a stop that is
//! recorded already.

use std::fmt;

use http::{HeaderMap, StatusCode};
use lockgate_traffic::Permit;
use lockgate_vocabulary::{OperationId, RunId, Stop};

mod body;

pub(crate) use body::Flow;
pub use body::{ReplyBody, ReplyBroken};

/// The end of a call that was let in.
#[derive(Debug)]
pub struct Reply {
    pub(crate) run: RunId,
    pub(crate) permit: Permit,
    pub(crate) replayed: bool,
    pub(crate) fallback: bool,
    pub(crate) outcome: Result<Answer, Stop>,
}

/// What the caller gets.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// Header fields, without any that concern a connection or the gateway itself.
    pub headers: HeaderMap,
    /// The body.
    pub body: ReplyBody,
    /// The operation to poll, where the answer is that there is one.
    pub operation: Option<OperationId>,
}

impl Reply {
    pub(crate) const fn answered(run: RunId, permit: Permit, answer: Answer) -> Self {
        Self { run, permit, replayed: false, fallback: false, outcome: Ok(answer) }
    }

    pub(crate) const fn stopped(run: RunId, permit: Permit, stop: Stop) -> Self {
        Self { run, permit, replayed: false, fallback: false, outcome: Err(stop) }
    }

    /// The run that answered; for a kept answer the one that got it from the vendor.
    pub const fn run(&self) -> RunId {
        self.run
    }

    /// What tells the three headers about the rate.
    pub const fn permit(&self) -> &Permit {
        &self.permit
    }

    /// Whether it is an answer that was kept for the idempotency key.
    pub const fn replayed(&self) -> bool {
        self.replayed
    }

    /// Whether it is what the endpoint declares for a vendor that is down.
    pub const fn fallback(&self) -> bool {
        self.fallback
    }

    /// The answer, or why there is none. A stop here is in the trail as the end of its run, so the door
    /// shows it and records nothing.
    pub fn into_outcome(self) -> Result<Answer, Stop> {
        self.outcome
    }
}

/// A body is the caller's, and a header may be, so only the status is shown.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}
