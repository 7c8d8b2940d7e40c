//! The kept answer of an earlier call with the same idempotency key.

use http::header::HeaderMap;
use lockgate_access::Grant;
use lockgate_audit::Deed;
use lockgate_traffic::Permit;
use lockgate_vocabulary::{RunId, Stop};

use crate::egress::Inner;
use crate::kept::Kept;
use crate::order::Order;
use crate::refusal::EgressRefusal;
use crate::reply::{Answer, Reply, ReplyBody};

/// The reply that was kept. That it was given again is recorded like the call itself.
pub(crate) async fn reply(
    inner: &Inner,
    grant: &Grant,
    order: &Order,
    permit: Permit,
    (run, kept): (RunId, Kept),
) -> Result<Reply, Stop> {
    let trace = order.arrival.trace.trace;
    let deed = Deed::new(grant.caller().actor(), trace, "call.replayed", run)
        .with("connection", grant.connection().id.to_string());
    inner.parts.audit.record(deed).await?;
    Ok(Reply { run, permit, replayed: true, fallback: false, outcome: outcome(kept) })
}

/// What the caller gets of what was kept.
pub(crate) fn outcome(kept: Kept) -> Result<Answer, Stop> {
    match kept {
        Kept::Answered { status, headers, body } => {
            Ok(Answer { status, operation: operation_in(&headers), headers, body: ReplyBody::whole(body) })
        }
        Kept::Refused(refusal) => Err(refusal.into()),
        Kept::TooLarge => Err(EgressRefusal::IdempotencyNotKept.into()),
    }
}

/// The operation that a kept 202 of ours leads to.
fn operation_in(headers: &HeaderMap) -> Option<lockgate_vocabulary::OperationId> {
    let location = headers.get(http::header::LOCATION)?.to_str().ok()?;
    location.strip_prefix(crate::operation::PATH)?.parse().ok()
}
