//! Forgetting what is old: events that were told long ago, and escalations that were resolved long ago.
//!
//! A little at a time, so that no change of the store is long, however much has come together. The trail is
//! not forgotten here: it keeps what was done, these rows are there for those who act on it.

use std::time::Duration;

use lockgate_store::{Change, values};
use lockgate_vocabulary::Fault;

use crate::access::Access;
use crate::rows::{escalations, events};

/// Rows of each kind that are forgotten at once. Once a minute that is more than any house tells.
const AT_ONCE: i64 = 10_000;

const DAY: u64 = 86_400;

impl Access {
    /// Forgets what is older than the configuration keeps it. The worker calls it about once a minute.
    pub async fn forget_old(&self) -> Result<(), Fault> {
        let (now, kept) = (self.clock().now(), self.retention());
        let before = |days: u32| now.before(Duration::from_secs(u64::from(days) * DAY));
        let change = Change::house()
            .step(&events::FORGET, values![before(kept.events_days), AT_ONCE])
            .step(&escalations::FORGET, values![before(kept.escalations_days), AT_ONCE]);
        let applied = self.store().apply(change).await;
        applied.map(drop).map_err(|failure| failure.into_fault("forgetting old events and escalations"))
    }
}
