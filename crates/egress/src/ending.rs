//! How a run ends: in an answer, in a stop, behind an operation, or in doubt.
//!
//! Each ending settles three things in one place: the record, the idempotency key, and what the caller is
//! told. A key is freed only where nothing was done; it is kept with what the vendor definitely said.

use std::time::Duration;

use http::StatusCode;
use lockgate_audit::Outcome;
use lockgate_traffic::Permit;
use lockgate_vocabulary::{Fault, Refusal, RunId, Stop};

use crate::answer::{self, Content, Setback};
use crate::call::Proofs;
use crate::idempotency::Claim;
use crate::kept::Kept;
use crate::refusal::EgressRefusal;
use crate::reply::{Answer, Reply, ReplyBody};
use crate::retry::{Trouble, Verdict};
use crate::run::Run;
use crate::{barred, fallback, operation};

/// The answer on its way to the caller. `keep` says whether it stands for the idempotency key from now on.
pub(crate) async fn deliver(mut run: Box<Run>, proofs: Proofs, content: Content, keep: bool) -> Reply {
    let Content { status, headers, first, flow } = content;
    run.settled();
    if let Some(claim) = run.claim.take() {
        let kept = match &flow {
            Some(_) => Kept::TooLarge,
            None => Kept::answer(status, headers.clone(), first.clone(), run.inner.kept_answer_bytes),
        };
        settle(claim, run.id(), keep.then_some(&kept)).await;
    }
    let id = run.id();
    let body = ReplyBody::of_run(first, flow, run, proofs.passage);
    Reply::answered(id, proofs.permit, Answer { status, headers, body, operation: None })
}

/// The end of a run that is not tried again.
pub(crate) async fn give_up(mut run: Box<Run>, proofs: Proofs, setback: Setback, verdict: Verdict) -> Reply {
    let wanted = run.order.respond_async && run.operation.is_none();
    if let Verdict::Later(wait) = verdict
        && wanted
        && operation::may_wait(&run, wait)
    {
        drop(proofs.passage);
        run.count_retry();
        return barred::behind(run, proofs.permit, wait).await;
    }
    if let Some(fallback) = fallback::after(&run, &setback) {
        return fallback::give_after(run, proofs.permit, setback, fallback).await;
    }
    let Setback { trouble, mut stop, exchange, .. } = setback;
    // What broke here says nothing that could be kept of a write that may be done.
    let unheard = run.may_be_done() && matches!(stop, Stop::Fault(_));
    if run.is_doubtful() || unheard {
        return unknown(run, proofs.permit, &stop).await;
    }
    let status = exchange.as_ref().map(|exchange| exchange.head.status);
    match (verdict, exchange) {
        (Verdict::Later(wait) | Verdict::Spent(wait), _) => stop = later(stop, trouble, status, wait).into(),
        (_, Some(exchange)) => match answer::given_up(&mut run, *exchange).await {
            Ok(content) => return deliver(run, proofs, content, false).await,
            Err(failed) => stop = failed,
        },
        (_, None) => {}
    }
    let said = status.is_some() || trouble == Trouble::Invalid || run.may_be_done();
    let definite = verdict == Verdict::Never && said;
    let outcome = if trouble == Trouble::Final && !said { Outcome::Refused } else { Outcome::Failed };
    stopped(run, proofs.permit, stop, outcome, definite).await
}

/// What the caller is told who may come back later.
fn later(stop: Stop, trouble: Trouble, status: Option<StatusCode>, wait: Duration) -> Refusal {
    match (trouble, stop) {
        (Trouble::Lost | Trouble::Invalid, Stop::Refused(refusal)) => refusal.retry_after(wait),
        _ if status == Some(StatusCode::TOO_MANY_REQUESTS) => EgressRefusal::VendorLimited.refuse().retry_after(wait),
        _ => EgressRefusal::VendorUnavailable.refuse().retry_after(wait),
    }
}

/// The end of a run whose next attempt was not let in.
pub(crate) async fn refused(run: Box<Run>, permit: Permit, stop: Stop) -> Reply {
    if run.is_doubtful() {
        return unknown(run, permit, &stop).await;
    }
    stopped(run, permit, stop, Outcome::Failed, false).await
}

/// The end of a run of which nobody knows whether the vendor did it.
async fn unknown(mut run: Box<Run>, permit: Permit, why: &Stop) -> Reply {
    let reason = match why {
        Stop::Refused(refusal) => refusal.code(),
        Stop::Fault(_) => EgressRefusal::OutcomeUnknown.info().code,
    };
    run.doubt(reason).await;
    Reply::stopped(run.id(), permit, EgressRefusal::OutcomeUnknown.into())
}

/// The end of a run in a stop. `definite` says that the vendor has answered, so that the stop stands for
/// the idempotency key from now on.
async fn stopped(mut run: Box<Run>, permit: Permit, stop: Stop, outcome: Outcome, definite: bool) -> Reply {
    let (status, code) = match &stop {
        Stop::Refused(refusal) => (refusal.status(), Some(refusal.code())),
        Stop::Fault(fault) => (if fault.is_unavailable() { 503 } else { 500 }, None),
    };
    if let Some(claim) = run.claim.take() {
        let kept = match &stop {
            Stop::Refused(refusal) if definite => Some(Kept::Refused(refusal.clone())),
            Stop::Refused(_) | Stop::Fault(_) => None,
        };
        settle(claim, run.id(), kept.as_ref()).await;
    }
    run.close(outcome, Some(status), code);
    Reply::stopped(run.id(), permit, stop)
}

/// Keeps what came of an idempotency key, or frees it. Where neither works the key stays taken: nothing
/// is done twice, and the caller has its answer.
pub(crate) async fn settle(claim: Claim, run: RunId, kept: Option<&Kept>) {
    let settled: Result<(), Fault> = match kept {
        Some(kept) => claim.keep(kept).await,
        None => claim.release().await,
    };
    if let Err(fault) = settled {
        tracing::error!(%fault, %run, "what came of an idempotency key was not kept; it stays blocked");
    }
}
