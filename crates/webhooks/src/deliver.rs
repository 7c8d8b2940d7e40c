//! The story of a delivery's way on: leased, pushed, judged, settled.
//!
//! The lease is durable before anything is sent, so that what a node does not end another takes over; the
//! settlement is one change. So a delivery arrives at least once, always under the same identifier.

pub(crate) mod rows;

use crate::courier::Inner;
use crate::judge::judge;
use crate::lease::Leased;
use crate::pace::Slot;
use crate::publish::publish;
use crate::push::push;
use crate::settle::settle;
use crate::subscription::{Subscription, Way};

pub use rows::STATEMENTS;

/// One try of a leased delivery.
pub(crate) async fn deliver(inner: &Inner, subscription: &Subscription, leased: Leased, slot: Slot) {
    // A store that took its time may have given the lease when it was nearly over.
    if inner.clock.now().after(subscription.onward.timeout) >= leased.until {
        return;
    }
    slot.begin();
    let tried = match &subscription.onward.way {
        Way::Push(endpoint) => push(inner, subscription, endpoint, &leased).await,
        Way::Publish => publish(inner, subscription, &leased).await,
        Way::Pull => return,
    };
    inner.paces.report(subscription.id, &tried.attempt);
    let (schedule, now, chance) = (&subscription.onward.schedule, inner.clock.now(), inner.chance());
    let judged = judge(&tried.attempt, leased.tries, schedule, now, chance);
    settle(inner, subscription, &leased, &tried, judged).await;
    drop(slot);
}
