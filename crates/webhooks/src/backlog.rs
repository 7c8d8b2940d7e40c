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

/// How long it counts for each time that it took, and the longest: adding up a large backlog is work.
const REST: u32 = 50;
const REST_MOST: Duration = Duration::from_secs(300);

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
    /// Whether somebody asks already: the others go by what is known.
    asking: bool,
}

/// That somebody asks, until it is dropped.
struct Asking<'a> {
    of: &'a Backlog,
    tenant: TenantId,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if let Some(known) = self.of.known().get_mut(&self.tenant) {
            known.asking = false;
        }
    }
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
        known.asking || age < if near { NEAR.max(known.took.saturating_mul(REST).min(REST_MOST)) } else { FAR }
    }

    async fn ask(&self, store: &Store, tenant: TenantId, clock: &dyn Clock) -> Result<u64, Fault> {
        let asked = clock.elapsed();
        let before = {
            let mut all = self.known();
            let known = all.entry(tenant).or_insert(Known { asked, took: Duration::ZERO, bytes: 0, asking: true });
            known.asking = true;
            known.bytes
        };
        let asking = Asking { of: self, tenant };
        let rows = store.read(tenant, &rows::WAITING_BYTES, values![]).await?;
        let told = rows.first().map(|row| row.int(0)).transpose()?.unwrap_or_default();
        let bytes = u64::try_from(told).unwrap_or_default();
        let took = clock.elapsed().saturating_sub(asked);
        let mut all = self.known();
        // What was kept while the store added up may not be in its sum.
        let kept = all.get(&tenant).map_or(0, |known| known.bytes.saturating_sub(before));
        let bytes = bytes.saturating_add(kept);
        all.insert(tenant, Known { asked, took, bytes, asking: false });
        drop(all);
        drop(asking);
        Ok(bytes)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<TenantId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
