//! How many bytes of kept answers each tenant has, so that none fills the store for all.
//!
//! The store is asked now and then; in between this node counts what it keeps itself. So several nodes may
//! go beyond the bound by what each keeps in that time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lockgate_store::Store;
use lockgate_vocabulary::{Stop, TenantId};

use crate::refusal::EgressRefusal;
use crate::rows;

/// How long what the store told is relied upon.
const KNOWN_FOR: Duration = Duration::from_secs(15);

/// When it is worth asking again: what is kept is forgotten little by little.
const FULL_FOR: Duration = Duration::from_secs(60);

/// The bytes that tenants have kept.
pub(crate) struct KeptRoom {
    most: u64,
    known: Mutex<HashMap<TenantId, Known>>,
}

#[derive(Clone, Copy)]
struct Known {
    asked: Duration,
    bytes: u64,
}

impl KeptRoom {
    /// So many bytes for each tenant.
    pub(crate) fn new(most: u64) -> Self {
        Self { most, known: Mutex::default() }
    }

    /// Demands that the tenant may keep more.
    pub(crate) async fn demand(&self, store: &Store, tenant: TenantId, now: Duration) -> Result<(), Stop> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&tenant).copied();
        let bytes = match known.filter(|known| now.saturating_sub(known.asked) < KNOWN_FOR) {
            Some(known) => known.bytes,
            None => {
                let rows = store.read(tenant, &rows::KEPT_BYTES, Vec::new()).await?;
                let told = rows.first().map(|row| row.int(0)).transpose()?.unwrap_or_default();
                let bytes = u64::try_from(told).unwrap_or_default();
                let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                all.insert(tenant, Known { asked: now, bytes });
                bytes
            }
        };
        if bytes < self.most {
            Ok(())
        } else {
            Err(EgressRefusal::IdempotencyFull.refuse().retry_after(FULL_FOR).into())
        }
    }

    /// Counts what this node keeps.
    pub(crate) fn add(&self, tenant: TenantId, bytes: usize) {
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&tenant) {
            known.bytes = known.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        }
    }
}
