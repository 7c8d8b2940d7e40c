//! What a caller gets in the vendor's place while the vendor is down.
//!
//! Only a read has one, and only the vendor's own failing leads to it: what we hold back, forbid or do not
//! trust is refused as ever. The record stays honest: the run failed, under the code of the failure, and says
//! that something stood in. No idempotency key stands for it, and no operation ends in it: whoever waits for
//! later wants the vendor's answer.

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap};
use lockgate_access::directory::Fallback;
use lockgate_audit::Outcome;
use lockgate_traffic::{Permit, TrafficRefusal};
use lockgate_vocabulary::Stop;

use crate::answer::{self, Setback};
use crate::ending::settle;
use crate::refusal::EgressRefusal;
use crate::reply::{Answer, Reply, ReplyBody};
use crate::retry::Trouble;
use crate::run::Run;

/// What stands in for the vendor of this run, if anything may.
pub(crate) fn declared(run: &Run) -> Option<Fallback> {
    let may = !run.is_write() && run.operation.is_none() && !run.order.dry_run;
    run.grant.endpoint().fallback.as_ref().filter(|_| may).cloned()
}

/// Whether a call that may not leave is kept in by what says that the vendor is down.
pub(crate) fn keeps_in(stop: &Stop) -> bool {
    let down =
        [TrafficRefusal::BreakerOpen.info(), EgressRefusal::NameTimeout.info(), EgressRefusal::NameUnresolved.info()];
    matches!(stop, Stop::Refused(refusal) if down.contains(&refusal.info()))
}

/// What stands in for the vendor after an attempt that came to nothing: where it was not reached, fell silent
/// or failed. A certificate or an answer that is not accepted is no such thing, nor is a limit.
pub(crate) fn after(run: &Run, setback: &Setback) -> Option<Fallback> {
    let is_down = match (&setback.exchange, &setback.stop) {
        (Some(exchange), _) => exchange.head.status.is_server_error(),
        (None, Stop::Refused(refusal)) => {
            let down = [
                EgressRefusal::AnswerStalled.info(),
                EgressRefusal::AnswerTimeout.info(),
                EgressRefusal::AnswerTruncated.info(),
                EgressRefusal::VendorReset.info(),
                EgressRefusal::VendorTls.info(),
                EgressRefusal::VendorUnreachable.info(),
            ];
            matches!(setback.trouble, Trouble::Unsent | Trouble::Lost) && down.contains(&refusal.info())
        }
        // Our own store or disk is no vendor.
        (None, Stop::Fault(_)) => false,
    };
    declared(run).filter(|_| is_down)
}

/// Gives it after an attempt. Whatever came of that is read to its end, so that its line can be used again.
pub(crate) async fn give_after(mut run: Box<Run>, permit: Permit, setback: Setback, fallback: Fallback) -> Reply {
    if let Some(exchange) = setback.exchange {
        answer::discard(&mut run, *exchange).await;
    }
    give(run, permit, &setback.stop, fallback).await
}

/// Gives it. The run has failed, for this reason.
pub(crate) async fn give(mut run: Box<Run>, permit: Permit, why: &Stop, fallback: Fallback) -> Reply {
    let Fallback { status, media_type, body } = fallback;
    if let Some(claim) = run.claim.take() {
        settle(claim, run.id(), None).await;
    }
    let mut headers = HeaderMap::new();
    if !body.is_empty() {
        headers.insert(CONTENT_TYPE, media_type);
    }
    let body = if run.order.ask.method == Method::HEAD { Bytes::new() } else { body };
    let code = match why {
        Stop::Refused(refusal) => Some(refusal.code()),
        Stop::Fault(_) => None,
    };
    run.passed_on(body.len());
    run.stood_in();
    run.close(Outcome::Failed, Some(status.as_u16()), code);
    let answer = Answer { status, headers, body: ReplyBody::whole(body), operation: None };
    Reply { fallback: true, ..Reply::answered(run.id(), permit, answer) }
}
