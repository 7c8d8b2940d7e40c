//! A call that may not leave now: refused, unless its endpoint declares what stands in for a vendor that is
//! down. Such a call is a run like any other: its record is open before anything is told.

use std::sync::Arc;
use std::time::Duration;

use lockgate_traffic::Permit;
use lockgate_vocabulary::Stop;

use crate::alarm::Alarm;
use crate::call::within;
use crate::egress::Inner;
use crate::ending::refused;
use crate::reply::Reply;
use crate::run::{Granted, Run};
use crate::{fallback, operation};

/// The end of a call whose record is not open yet. What is refused is the door's to record.
pub(crate) async fn before(
    inner: &Arc<Inner>,
    granted: Granted,
    permit: Permit,
    mut alarm: Alarm,
    stop: Stop,
) -> Result<Reply, Stop> {
    let stands_in = granted.grant.endpoint().fallback.is_some() && fallback::keeps_in(&stop);
    if granted.order.dry_run || !stands_in {
        return Err(stop);
    }
    let opening = inner.parts.audit.open_run(inner.facts(&granted.grant, &granted.order));
    let opened = within(&mut alarm, granted.end, opening).await?;
    let run = Run::begin(Arc::clone(inner), granted, opened, alarm);
    Ok(held_back(run, permit, stop).await)
}

/// The same of a run whose next attempt was not let in.
pub(crate) async fn held_back(run: Box<Run>, permit: Permit, stop: Stop) -> Reply {
    match fallback::declared(&run).filter(|_| fallback::keeps_in(&stop)) {
        Some(fallback) => fallback::give(run, permit, &stop, fallback).await,
        None => refused(run, permit, stop).await,
    }
}

/// Lets a run go on behind an operation, where its tenant has room for one more.
pub(crate) async fn behind(run: Box<Run>, permit: Permit, wait: Duration) -> Reply {
    match operation::place(Arc::clone(&run.inner), run.grant.caller().tenant(), wait).await {
        Ok(place) => operation::accept(run, permit, wait, place).await,
        Err(stop) => refused(run, permit, stop).await,
    }
}
