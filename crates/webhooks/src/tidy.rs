//! What the room does by itself: it forgets what is over, ends what waits in vain, and tells the gateway's own
//! events.

use std::sync::{Arc, Weak};
use std::time::Duration;

use lockgate_store::{Change, values};
use lockgate_vocabulary::{Clock, Fault};

use crate::bury::Grave;
use crate::rows::{approvals, deliveries as rows};
use crate::subscription::Subscription;
use crate::webhooks::Webhooks;

/// How often own events are told.
const TICK: Duration = Duration::from_secs(1);

/// How often what is over is forgotten, and what is left of subscriptions that are gone ended, in ticks.
const FORGETTING: u32 = 15;

/// How often deliveries that waited too long are looked for, in ticks; they waited for weeks.
const EXPIRING: u32 = 3_600;

/// When that is done first, in ticks: a gateway that is started anew each hour does it too.
const EXPIRING_FIRST: u32 = 60;

/// Rows of one kind that are forgotten by one change.
const SOME: i64 = 500;

/// Changes of one kind and pass. More than that waits for the next pass: forgetting is never urgent.
const ROUNDS: usize = 40;

/// How long an approval is kept.
const APPROVALS_KEPT: Duration = Duration::from_secs(90 * 86_400);

impl Webhooks {
    /// Starts what the room does by itself. It ends when the room is dropped.
    pub fn start(self: &Arc<Self>) {
        tokio::spawn(look_after(Arc::downgrade(self), Arc::clone(&self.clock)));
    }

    /// Forgets what is over: of each kind all of it, or as much as one pass may.
    pub async fn forget(&self) -> Result<(), Fault> {
        let now = self.clock.now();
        let claims = || Change::house().step(&rows::CLAIMS_FORGET, values![now, SOME]);
        // INVARIANT: no try outlives its delivery, so both go in one change, the tries first.
        let deliveries = || {
            let tries = Change::house().step(&rows::ATTEMPTS_FORGET, values![now, SOME]);
            tries.step(&rows::FORGET, values![now, SOME])
        };
        let long_ago = now.before(APPROVALS_KEPT);
        let approvals = || Change::house().step(&approvals::FORGET, values![long_ago, SOME]);
        self.repeat(claims).await?;
        self.repeat(deliveries).await?;
        self.repeat(approvals).await
    }

    /// Applies a change until its last step finds fewer rows than it may take.
    async fn repeat(&self, change: impl Fn() -> Change) -> Result<(), Fault> {
        for _ in 0..ROUNDS {
            let applied = self.store.apply(change()).await;
            let applied = applied.map_err(|failure| failure.into_fault("forgetting deliveries"))?;
            let many = applied.touched.last().copied().unwrap_or_default();
            if i64::try_from(many).is_ok_and(|many| many < SOME) {
                break;
            }
        }
        Ok(())
    }

    /// Ends deliveries of subscriptions that are gone.
    pub async fn end_retired(&self) -> Result<(), Fault> {
        self.grave().retired().await
    }

    /// Ends deliveries that waited too long to be fetched, or for their subscription's being active.
    pub async fn end_expired(&self) -> Result<(), Fault> {
        let page = self.book.page()?;
        let all: Vec<Arc<Subscription>> = page.all().cloned().collect();
        for subscription in all {
            self.grave().expired(&subscription).await;
        }
        Ok(())
    }

    fn grave(&self) -> Grave<'_> {
        Grave { store: &self.store, audit: &self.audit, clock: &*self.clock }
    }
}

async fn look_after(room: Weak<Webhooks>, clock: Arc<dyn Clock>) {
    let mut ticks = 0u32;
    loop {
        clock.sleep(TICK).await;
        let Some(room) = room.upgrade() else { return };
        ticks = ticks.wrapping_add(1);
        if let Err(fault) = room.tell_own().await {
            tracing::warn!(%fault, "the gateway's own events were not told");
        }
        if ticks.is_multiple_of(FORGETTING) {
            warn(room.forget().await, "what is over was not forgotten");
            warn(room.end_retired().await, "deliveries of subscriptions that are gone were not ended");
        }
        if ticks % EXPIRING == EXPIRING_FIRST {
            warn(room.end_expired().await, "deliveries that waited too long were not ended");
        }
    }
}

fn warn(done: Result<(), Fault>, what: &'static str) {
    if let Err(fault) = done {
        tracing::warn!(%fault, "{what}");
    }
}
