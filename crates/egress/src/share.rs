//! What tenants hold of something, and how much of it each may hold.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lockgate_vocabulary::TenantId;

/// Counts for each tenant, none beyond the same bound.
pub struct Shares {
    each: u64,
    /// Whether all tenants have it together.
    together: bool,
    held: Mutex<HashMap<TenantId, u64>>,
}

/// What is held, until it is dropped.
pub struct Share {
    of: Arc<Shares>,
    tenant: TenantId,
    amount: u64,
}

impl Shares {
    /// So much for each tenant.
    pub fn new(each: u64) -> Arc<Self> {
        Arc::new(Self { each, together: false, held: Mutex::default() })
    }

    /// So much of the tenant's, where it has so much left.
    pub fn take(self: &Arc<Self>, tenant: TenantId, amount: u64) -> Option<Share> {
        let tenant = self.holder(tenant);
        self.add(tenant, amount).then(|| Share { of: Arc::clone(self), tenant, amount })
    }

    /// So much for all together.
    pub fn of_all(all: u64) -> Arc<Self> {
        Arc::new(Self { each: all, together: true, held: Mutex::default() })
    }

    /// Nothing yet, to be grown.
    pub fn none(self: &Arc<Self>, tenant: TenantId) -> Share {
        Share { of: Arc::clone(self), tenant: self.holder(tenant), amount: 0 }
    }

    fn holder(&self, tenant: TenantId) -> TenantId {
        if self.together { TenantId::from_u128(0) } else { tenant }
    }

    fn add(&self, tenant: TenantId, amount: u64) -> bool {
        let mut held = self.held();
        let before = held.get(&tenant).copied().unwrap_or_default();
        let after = before.saturating_add(amount);
        let fits = after <= self.each;
        if fits {
            held.insert(tenant, after);
        }
        fits
    }

    fn held(&self) -> MutexGuard<'_, HashMap<TenantId, u64>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Holds so much more, where the tenant has so much left.
    pub fn grow(&mut self, amount: u64) -> bool {
        let grown = self.of.add(self.tenant, amount);
        if grown {
            self.amount = self.amount.saturating_add(amount);
        }
        grown
    }

    /// Holds so much in all, where the tenant has so much left.
    pub fn grow_to(&mut self, amount: u64) -> bool {
        let more = amount.saturating_sub(self.amount);
        more == 0 || self.grow(more)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.of.held();
        let left = held.get(&self.tenant).copied().unwrap_or_default().saturating_sub(self.amount);
        if left == 0 {
            held.remove(&self.tenant);
        } else {
            held.insert(self.tenant, left);
        }
    }
}

#[cfg(test)]
mod tests;
