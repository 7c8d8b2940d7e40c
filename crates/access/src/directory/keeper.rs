//! Keeping the snapshot up to date, and knowing whether it is.
//!
//! The keeper follows the store's epoch. A node that has not confirmed the epoch for two seconds, or
//! that knows of a newer one and does not manage to load it, lets nothing through.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use ipnet::IpNet;
use lockgate_store::{Epoch, Store};
use lockgate_vocabulary::{Clock, Fault};
use tokio::sync::{Mutex, watch};

use super::Directory;
use super::load::Loader;
use super::share::Shared;
use crate::catalog::Catalog;

/// How often the keeper looks after itself where nothing changes.
const HEARTBEAT: Duration = Duration::from_millis(250);

/// How long a snapshot may stand behind an epoch that is known. Together with the polling of the epoch
/// it keeps a revocation within a second.
const LAG_MOST: Duration = Duration::from_millis(500);

/// Holds the current snapshot.
pub(crate) struct Keeper {
    current: ArcSwap<Directory>,
    loader: Mutex<Loader>,
    epoch: Epoch,
    clock: Arc<dyn Clock>,
    /// When the snapshot was last seen to show the newest known epoch, in microseconds.
    level_at: AtomicU64,
    changed: watch::Sender<u64>,
}

impl Keeper {
    /// Loads the first snapshot.
    pub(crate) async fn open(
        store: Store,
        clock: Arc<dyn Clock>,
        catalog: Catalog,
        danger_networks: &[IpNet],
    ) -> Result<Self, Fault> {
        let epoch = store.epoch();
        let danger_networks = danger_networks.into();
        let mut loader =
            Loader { store, clock: Arc::clone(&clock), catalog, danger_networks, shared: Shared::default() };
        let first = loader.load(None).await?.unwrap_or_default();
        let changed = watch::Sender::new(first.epoch);
        let keeper = Self {
            current: ArcSwap::from_pointee(first),
            loader: Mutex::new(loader),
            epoch,
            level_at: AtomicU64::new(micros(clock.elapsed())),
            clock,
            changed,
        };
        Ok(keeper)
    }

    /// The current snapshot, for the moment. Taking it writes no shared memory.
    pub(crate) fn current(&self) -> Guard<Arc<Directory>> {
        self.current.load()
    }

    /// The current snapshot.
    pub(crate) fn current_full(&self) -> Arc<Directory> {
        self.current.load_full()
    }

    /// Told of every new snapshot's epoch.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Loads what changed. Whoever comes while another loads waits for it and finds less left to do.
    pub(crate) async fn refresh(&self) -> Result<(), Fault> {
        let mut loader = self.loader.lock().await;
        let old = self.current.load_full();
        if let Some(new) = loader.load(Some(&old)).await? {
            let epoch = new.epoch;
            self.current.store(Arc::new(new));
            self.changed.send_replace(epoch);
        }
        self.note_level();
        Ok(())
    }

    /// Whether the snapshot may be relied upon: the epoch is confirmed, and the snapshot shows it or has
    /// been behind for a moment only.
    pub(crate) fn is_fresh(&self) -> bool {
        if !self.epoch.is_confirmed() {
            return false;
        }
        if self.is_level() {
            return true;
        }
        let level_at = Duration::from_micros(self.level_at.load(Ordering::Acquire));
        self.clock.elapsed().saturating_sub(level_at) <= LAG_MOST
    }

    fn is_level(&self) -> bool {
        self.current.load().epoch >= self.epoch.value()
    }

    fn note_level(&self) {
        if self.is_level() {
            self.level_at.store(micros(self.clock.elapsed()), Ordering::Release);
        }
    }

    /// Follows the store's epoch for as long as the receiver's other end lives.
    pub(crate) async fn follow(self: Arc<Self>, mut gone: watch::Receiver<()>) {
        let mut epoch = self.epoch.clone();
        loop {
            tokio::select! {
                raised = epoch.changed() => if raised.is_none() { return },
                () = self.clock.sleep(HEARTBEAT) => {}
                _ = gone.changed() => return,
            }
            if self.is_level() {
                self.note_level();
            } else if let Err(fault) = self.refresh().await {
                tracing::error!(%fault, "the directory was not loaded anew");
                // The next heartbeat tries again; a store that is away is not asked without pause.
                self.clock.sleep(HEARTBEAT).await;
            }
        }
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
