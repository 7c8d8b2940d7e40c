//! How many bytes of something each tenant has in the store, so that none fills it for all.
//!
//! The store is asked now and then; in between this node counts what it adds itself. So several nodes may go
//! beyond the bound by what the others add until they ask again. It is asked once at a time for each tenant, and
//! to the end though whoever wanted to know is gone: a sum that takes longer than a caller waits would otherwise
//! never be known. Until it was told once, nothing is let in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lockgate_store::{Statement, Store};
use lockgate_vocabulary::{Clock, Fault, Refusal, Stop, TenantId};
use tokio::sync::OwnedMutexGuard;

/// How long the store's answer counts at the most for the time that it took.
const REST_MOST: Duration = Duration::from_secs(300);

/// For how long the store's answer counts.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Where at least half of the bound is used up.
    pub near: Duration,
    /// Where less is.
    pub far: Duration,
    /// Where it is near: as many times as long as the store took, up to 5 minutes. Adding up much is work.
    pub rest: u32,
}

/// A bound, and how much of it each tenant has used up.
pub struct Tally {
    most: u64,
    sum: &'static Statement,
    full: fn() -> Refusal,
    pace: Pace,
    known: Mutex<HashMap<TenantId, Arc<Known>>>,
}

#[derive(Default)]
struct Known {
    told: Mutex<Told>,
    /// Whoever has it asks.
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Clone, Copy, Default)]
struct Told {
    /// When the store was asked; none before it answered for the first time.
    asked: Option<Duration>,
    took: Duration,
    bytes: u64,
}

impl Tally {
    /// So many bytes for each tenant, of which `sum` tells the present ones; `full` is the refusal beyond it.
    pub fn new(most: u64, sum: &'static Statement, full: fn() -> Refusal, pace: Pace) -> Self {
        Self { most, sum, full, pace, known: Mutex::default() }
    }

    /// Demands that the tenant may have more.
    pub async fn demand(&self, store: &Store, tenant: TenantId, clock: &Arc<dyn Clock>) -> Result<(), Stop> {
        let known = self.of(tenant);
        let told = *known.told();
        if !self.counts(told, clock.elapsed()) {
            // Where it was told before the others go by that until it is told anew.
            let turn = match told.asked {
                None => Some(Arc::clone(&known.turn).lock_owned().await),
                Some(_) => Arc::clone(&known.turn).try_lock_owned().ok(),
            };
            if let Some(turn) = turn
                && !self.counts(*known.told(), clock.elapsed())
            {
                let asking = ask(Arc::clone(&known), turn, (store.clone(), self.sum, tenant), Arc::clone(clock));
                let asked = tokio::spawn(asking).await;
                asked.unwrap_or_else(|error| Err(Fault::broken("adding up what a tenant has", error)))?;
            }
        }
        let bytes = known.told().bytes;
        if bytes < self.most { Ok(()) } else { Err((self.full)().into()) }
    }

    /// Counts what this node adds.
    pub fn add(&self, tenant: TenantId, bytes: usize) {
        let known = self.of(tenant);
        let mut told = known.told();
        told.bytes = told.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    fn counts(&self, told: Told, now: Duration) -> bool {
        let Some(asked) = told.asked else { return false };
        let near = told.bytes >= self.most / 2;
        let rest = told.took.saturating_mul(self.pace.rest).min(REST_MOST);
        now.saturating_sub(asked) < if near { self.pace.near.max(rest) } else { self.pace.far }
    }

    fn of(&self, tenant: TenantId) -> Arc<Known> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(tenant).or_default())
    }
}

impl Known {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn ask(
    known: Arc<Known>,
    _turn: OwnedMutexGuard<()>,
    (store, sum, tenant): (Store, &'static Statement, TenantId),
    clock: Arc<dyn Clock>,
) -> Result<(), Fault> {
    let (asked, before) = (clock.elapsed(), known.told().bytes);
    let rows = store.read(tenant, sum, Vec::new()).await?;
    let sum = rows.first().map(|row| row.int(0)).transpose()?.unwrap_or_default();
    let took = clock.elapsed().saturating_sub(asked);
    let mut told = known.told();
    // What was added while the store added up may not be in its sum.
    let added = told.bytes.saturating_sub(before);
    *told = Told { asked: Some(asked), took, bytes: u64::try_from(sum).unwrap_or_default().saturating_add(added) };
    Ok(())
}

#[cfg(test)]
mod tests;
