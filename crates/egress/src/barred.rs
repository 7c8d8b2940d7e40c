//! A call that may not leave now: refused, unless its endpoint declares what stands in for a vendor that is
//! down, or its caller takes an operation until the vendor's limit opens again.
//!
//! Such a call is a run like any other: its record is open before anything is told, and before it waits.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use lockgate_traffic::{Permit, TrafficRefusal};
use lockgate_vocabulary::Stop;

use crate::alarm::Alarm;
use crate::call::within;
use crate::egress::Inner;
use crate::ending::refused;
use crate::order::Order;
use crate::reply::Reply;
use crate::run::{Granted, Run};
use crate::{fallback, operation};

/// The end, or the beginning in the background, of a call whose record is not open yet. What is neither is
/// the door's to record.
pub(crate) async fn before(
    inner: &Arc<Inner>,
    granted: Granted,
    permit: Permit,
    mut alarm: Alarm,
    stop: Stop,
) -> Result<Reply, Stop> {
    let stands_in = granted.grant.endpoint().fallback.is_some() && fallback::keeps_in(&stop);
    let goes_on = until_the_window(&granted.order, &stop).is_some();
    if granted.order.dry_run || !(stands_in || goes_on) {
        return Err(stop);
    }
    let opening = inner.parts.audit.open_run(inner.facts(&granted.grant, &granted.order));
    let opened = within(&mut alarm, granted.end, pin!(opening)).await?;
    let run = Run::begin(Arc::clone(inner), granted, opened, alarm);
    Ok(held_back(run, permit, stop).await)
}

/// The same of a run whose next attempt was not let in.
pub(crate) async fn held_back(run: Box<Run>, permit: Permit, stop: Stop) -> Reply {
    let may_go_on = run.operation.is_none() && !run.is_doubtful();
    let wait = until_the_window(&run.order, &stop).filter(|wait| may_go_on && operation::may_wait(&run, *wait));
    if let Some(wait) = wait {
        return behind(run, permit, wait).await;
    }
    match fallback::declared(&run).filter(|_| fallback::keeps_in(&stop)) {
        Some(fallback) => fallback::give(run, permit, &stop, fallback).await,
        None => refused(run, permit, stop).await,
    }
}

/// How long the vendor's limit stays used up, where the caller takes an operation until then.
fn until_the_window(order: &Order, stop: &Stop) -> Option<Duration> {
    match stop {
        Stop::Refused(refusal) if order.respond_async && refusal.info() == TrafficRefusal::VendorLimited.info() => {
            refusal.wait()
        }
        Stop::Refused(_) | Stop::Fault(_) => None,
    }
}

/// Lets a run go on behind an operation, where its tenant has room for one more.
pub(crate) async fn behind(run: Box<Run>, permit: Permit, wait: Duration) -> Reply {
    match operation::place(Arc::clone(&run.inner), run.grant.caller().tenant(), wait).await {
        Ok(place) => operation::accept(run, permit, wait, place).await,
        Err(stop) => refused(run, permit, stop).await,
    }
}
