//! How many bytes wait for each tenant, so that none whose deliveries nobody takes fills the store for all.
//!
//! The store is asked now and then; in between this node counts what it keeps itself, and never less than there
//! is of its own. Several nodes may go beyond the bound by what the others keep until they ask again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lockgate_store::{Store, values};
use lockgate_vocabulary::{Clock, Fault, Stop, TenantId};

use crate::refusal::WebhookRefusal;
use crate::rows::deliveries as rows;

/// How long the store's answer counts where the bound is near, and where it is far.
const NEAR: Duration = Duration::from_secs(15);
const FAR: Duration = Duration::from_secs(600);

/// How long it counts for each time that it took: adding up a large backlog is work.
const REST: u32 = 50;

/// When it is worth coming again.
const LATER: Duration = Duration::from_secs(60);

/// The bytes that wait.
pub(crate) struct Backlog {
    most: u64,
    known: Mutex<HashMap<TenantId, Known>>,
}

#[derive(Clone, Copy)]
struct Known {
    asked: Duration,
    took: Duration,
    bytes: u64,
}

impl Backlog {
    /// So many bytes for each tenant.
    pub(crate) fn new(most: u64) -> Self {
        Self { most, known: Mutex::default() }
    }

    /// Demands that more may wait for the tenant.
    pub(crate) async fn demand(&self, store: &Store, tenant: TenantId, clock: &dyn Clock) -> Result<(), Stop> {
        let now = clock.elapsed();
        let known = self.known().get(&tenant).copied();
        let bytes = match known.filter(|known| self.counts(known, now)) {
            Some(known) => known.bytes,
            None => self.ask(store, tenant, clock).await?,
        };
        if bytes < self.most { Ok(()) } else { Err(WebhookRefusal::WaitingFull.refuse().retry_after(LATER).into()) }
    }

    /// Counts what this node keeps.
    pub(crate) fn add(&self, tenant: TenantId, bytes: usize) {
        if let Some(known) = self.known().get_mut(&tenant) {
            known.bytes = known.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        }
    }

    fn counts(&self, known: &Known, now: Duration) -> bool {
        let age = now.saturating_sub(known.asked);
        let near = known.bytes >= self.most / 2;
        age < if near { NEAR.max(known.took.saturating_mul(REST)) } else { FAR }
    }

    async fn ask(&self, store: &Store, tenant: TenantId, clock: &dyn Clock) -> Result<u64, Fault> {
        let asked = clock.elapsed();
        let rows = store.read(tenant, &rows::WAITING_BYTES, values![]).await?;
        let told = rows.first().map(|row| row.int(0)).transpose()?.unwrap_or_default();
        let bytes = u64::try_from(told).unwrap_or_default();
        let took = clock.elapsed().saturating_sub(asked);
        self.known().insert(tenant, Known { asked, took, bytes });
        Ok(bytes)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<TenantId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
