//! The settlement: what became of a delivery, its try, its endpoint's health and its record, in one change.

use std::time::Duration;

use lockgate_audit::Deed;
use lockgate_store::{Applied, ApplyFailure, Change, values};
use lockgate_vocabulary::{Fault, Timestamp};

use crate::courier::Inner;
use crate::deliver::rows;
use crate::judge::{Attempt, Cause, Judged};
use crate::lease::Leased;
use crate::pause::{self, Reason};
use crate::push::Tried;
use crate::subscription::Subscription;

/// How long to wait before a settlement is tried again that the store did not take.
const RETRY: Duration = Duration::from_secs(1);

/// Settles a try, again and again until the store takes it or the lease is over. What is not settled by then
/// is tried again under another lease, with the same identifier.
pub(crate) async fn settle(inner: &Inner, subscription: &Subscription, leased: &Leased, tried: &Tried, judged: Judged) {
    let ill = loop {
        let now = inner.clock.now();
        let failure = match inner.store.apply(change(inner, subscription, leased, tried, judged, now)).await {
            Ok(applied) => break since(&applied),
            Err(ApplyFailure::Unmet { .. }) => {
                tracing::warn!(delivery = %leased.delivery, "a try came to its end after its lease had");
                return;
            }
            Err(failure) => failure,
        };
        tracing::error!(%failure, delivery = %leased.delivery, "a try could not be settled yet");
        if now.after(RETRY) >= leased.until {
            return;
        }
        inner.clock.sleep(RETRY).await;
    };
    let reason = match (judged, ill) {
        (Judged::Gone { .. }, _) => Reason::Gone,
        (_, Ok(Some((failures, failing_since)))) if is_lost(inner, failures, failing_since) => Reason::Failing,
        (_, Err(fault)) => return tracing::error!(%fault, "an endpoint's failures cannot be read"),
        _ => return,
    };
    if let Err(fault) = pause::pause(inner, subscription, reason, &tried.attempt).await {
        tracing::error!(%fault, subscription = %subscription.id, "a subscription could not be paused");
    }
}

fn change(
    inner: &Inner,
    subscription: &Subscription,
    leased: &Leased,
    tried: &Tried,
    judged: Judged,
    now: Timestamp,
) -> Change {
    let (code, attempt) = (tried.attempt.code(), &tried.attempt);
    let cause = match judged {
        Judged::Dead { cause } => Some(cause.as_str()),
        Judged::Gone { at: None } => Some(Cause::Endpoint.as_str()),
        Judged::Delivered | Judged::Again { .. } | Judged::Gone { at: Some(_) } => None,
    };
    let (state, due_at, action) = match judged {
        Judged::Delivered => ("delivered", None, Some("delivery.deliver")),
        Judged::Again { at } | Judged::Gone { at: Some(at) } => ("waiting", Some(at), None),
        Judged::Dead { .. } | Judged::Gone { at: None } => ("dead", None, Some("delivery.dead")),
    };
    let ended_at = action.map(|_| now);
    let forget_at = action.map(|_| now.after(subscription.onward.keep));
    let took = i64::try_from(tried.took.as_micros()).unwrap_or(i64::MAX);
    let change = Change::of(leased.tenant)
        .step(&rows::SETTLE, values![leased.delivery, leased.until, state, due_at, ended_at, cause, code, forget_at])
        .expecting(1)
        .step(
            &rows::ATTEMPT_INSERT,
            values![leased.delivery, leased.tries, attempt.outcome(), attempt.status(), code, took, now],
        );
    let change = match (judged, attempt) {
        (Judged::Delivered, _) => change.step(&rows::ENDPOINT_WELL, values![subscription.id]),
        // What we could not do says nothing of the endpoint.
        (_, Attempt::Broken(_) | Attempt::Unfit(_)) => change,
        _ => change.step(&rows::ENDPOINT_ILL, values![subscription.id, now]),
    };
    let Some(action) = action else { return change };
    let mut deed = Deed::by_house(Some(leased.tenant), action, leased.delivery)
        .with("subscription", subscription.id.to_string())
        .with("tries", i64::from(leased.tries));
    if let (Some(cause), Some(code)) = (cause, code) {
        deed = deed.with("cause", cause).with("code", code);
    }
    let (record, recording) = inner.audit.step(&deed);
    change.step(record, recording)
}

/// How many failures the endpoint has had in a row, and since when, where the change counted one.
fn since(applied: &Applied) -> Result<Option<(i64, Timestamp)>, Fault> {
    // Of all steps that one alone returns rows.
    let Some(row) = applied.rows.iter().flatten().next() else { return Ok(None) };
    Ok(Some((row.int(0)?, row.moment(1)?)))
}

fn is_lost(inner: &Inner, failures: i64, failing_since: Timestamp) -> bool {
    let long = inner.clock.now().since(failing_since) >= inner.config.pause_after;
    long && failures >= i64::from(inner.config.pause_failures)
}
