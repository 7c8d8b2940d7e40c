//! Turns at what there is little of, never more than a share of it for one tenant: look-ups of names, and work
//! that keeps a processor busy, which is done off the threads that carry calls.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use lockgate_vocabulary::{Fault, TenantId};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// Tenants that are remembered before those that wait for nothing are forgotten.
const REMEMBERED: usize = 1_024;

/// A place that is held: the tenant's own, and one of all.
pub struct Turn {
    _places: [OwnedSemaphorePermit; 2],
}

/// The places in which it is done.
pub struct Turns {
    all: Arc<Semaphore>,
    each: usize,
    tenants: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
}

impl Turns {
    /// So many places, of which one tenant has so many at the most.
    pub fn new(all: usize, each: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), each, tenants: Mutex::default() }
    }

    /// One place for each processor, of which half are one tenant's at the most; two at the least.
    pub(crate) fn of_machine() -> Self {
        let processors = std::thread::available_parallelism().map_or(2, |count| count.get().max(2));
        Self::new(processors, processors / 2)
    }

    /// Waits for a turn of the tenant's and has it done. Whoever stops waiting loses the turn, but work that
    /// has begun keeps its place until it is over.
    pub async fn run<T: Send + 'static>(
        &self,
        tenant: TenantId,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let turn = self.take(tenant).await?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(|error| Fault::broken("working beside the calls", error))
    }

    /// Waits for a turn: the tenant's own first, so that its others do not stand in everybody's line.
    pub async fn take(&self, tenant: TenantId) -> Result<Turn, Fault> {
        let closed = |error: AcquireError| Fault::broken("waiting for a turn", error);
        let own = self.of_tenant(tenant).acquire_owned().await.map_err(closed)?;
        let one = Arc::clone(&self.all).acquire_owned().await.map_err(closed)?;
        Ok(Turn { _places: [own, one] })
    }

    fn of_tenant(&self, tenant: TenantId) -> Arc<Semaphore> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if tenants.len() >= REMEMBERED {
            // Who waits or works holds another handle.
            tenants.retain(|_, own| Arc::strong_count(own) > 1);
        }
        Arc::clone(tenants.entry(tenant).or_insert_with(|| Arc::new(Semaphore::new(self.each))))
    }
}

#[cfg(test)]
mod tests;
