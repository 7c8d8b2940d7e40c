//! What the room does by itself: it forgets what is over, and tells the gateway's own events.

use std::sync::{Arc, Weak};
use std::time::Duration;

use lockgate_store::{Change, values};
use lockgate_vocabulary::{Clock, Fault};

use crate::rows::{approvals, deliveries as rows};
use crate::webhooks::Webhooks;

/// How often own events are told.
const TICK: Duration = Duration::from_secs(1);

/// How often what is over is forgotten, in ticks.
const FORGETTING: u32 = 15;

/// Rows of one kind that are forgotten at once.
const SOME: i64 = 500;

/// How long an approval is kept.
const APPROVALS_KEPT: Duration = Duration::from_secs(90 * 86_400);

impl Webhooks {
    /// Starts what the room does by itself. It ends when the room is dropped.
    pub fn start(self: &Arc<Self>) {
        tokio::spawn(look_after(Arc::downgrade(self), Arc::clone(&self.clock)));
    }

    /// Forgets some of what is over.
    pub async fn forget(&self) -> Result<(), Fault> {
        let now = self.clock.now();
        let change = Change::house()
            .step(&rows::CLAIMS_FORGET, values![now, SOME])
            .step(&rows::ATTEMPTS_FORGET, values![now, SOME])
            .step(&rows::FORGET, values![now, SOME])
            .step(&approvals::FORGET, values![now.before(APPROVALS_KEPT), SOME]);
        self.store.apply(change).await.map(drop).map_err(|failure| failure.into_fault("forgetting deliveries"))
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
        if ticks.is_multiple_of(FORGETTING)
            && let Err(fault) = room.forget().await
        {
            tracing::warn!(%fault, "what is over was not forgotten");
        }
    }
}
