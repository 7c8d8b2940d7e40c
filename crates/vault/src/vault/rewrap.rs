//! Changing the root key, the store's side of it: which root key wraps whose key, and wrapping them anew.
//!
//! A tenant's key itself stays the same, so everything that is sealed with it stays open, and whoever got
//! hold of it once keeps it.

use std::collections::BTreeMap;

use lockgate_audit::{Audit, Deed};
use lockgate_store::{ApplyFailure, Change, Row, Store, values};
use lockgate_vocabulary::{Fault, Stop, TenantId};

use super::{HOUSE, Unusable, Vault, label, unwrapped, unwrapped_material};
use crate::rows;

/// What became of the tenants' keys that an earlier root key wrapped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rewrapped {
    /// How many were wrapped anew, by the name of the root key that had wrapped them.
    pub from: BTreeMap<String, u64>,
    /// The root key that wraps them now.
    pub to: String,
    /// Tenants that have a key which its root key does not open. It is left as it is.
    pub unopened: Vec<TenantId>,
}

impl Rewrapped {
    /// How many keys were wrapped anew.
    pub fn keys(&self) -> u64 {
        self.from.values().sum()
    }
}

/// How many tenants' keys each root key wraps, by its name. The house counts as a tenant.
pub async fn wrappings(store: &Store) -> Result<BTreeMap<String, u64>, Fault> {
    let rows = store.survey(&rows::KEYS_COUNTED, values![]).await?;
    rows.iter().map(|row| Ok((row.text(0)?.to_owned(), u64::try_from(row.int(1)?).unwrap_or_default()))).collect()
}

impl Vault {
    /// Wraps every tenant's key that an earlier root key wrapped under the current one.
    ///
    /// Each is a change of its own that is recorded with it, so whenever it is broken off, the next time
    /// goes on with the rest. What was done in all is recorded at the end.
    pub async fn rewrap(&self, audit: &Audit) -> Result<Rewrapped, Stop> {
        let current = self.inner.root_key.current();
        let mut done = Rewrapped { to: current.to_owned(), ..Rewrapped::default() };
        let (mut tenant, mut version) = (String::new(), 0);
        loop {
            let page = values![current, tenant, version, rows::PAGE_ROWS];
            let page = self.inner.store.survey(&rows::KEYS_OTHERWISE, page).await?;
            for row in &page {
                match self.rewrap_one(row, audit).await {
                    Ok(0) => {}
                    Ok(keys) => *done.from.entry(row.text(2)?.to_owned()).or_default() += keys,
                    Err(Unusable::RootKey | Unusable::Key(_)) => done.unopened.push(row.parsed(0)?),
                    Err(Unusable::Fault(fault)) => return Err(fault.into()),
                }
            }
            let Some(last) = page.last() else { break };
            (tenant, version) = (last.text(0)?.to_owned(), last.int(1)?);
        }
        for (from, keys) in &done.from {
            let keys = i64::try_from(*keys).unwrap_or(i64::MAX);
            let deed = Deed::by_house(None, "vault.rewrap", current).with("from", from.as_str()).with("keys", keys);
            audit.record(deed).await?;
        }
        Ok(done)
    }

    /// Tenants that have a key which the root key that its row names does not open.
    pub async fn unopened(&self) -> Result<Vec<TenantId>, Fault> {
        let mut unopened = Vec::new();
        let (mut tenant, mut version) = (String::new(), 0);
        loop {
            let page = values![tenant, version, rows::PAGE_ROWS];
            let page = self.inner.store.survey(&rows::KEYS_ALL, page).await?;
            for row in &page {
                match unwrapped(self.inner.root_key.as_ref(), row).await {
                    Ok(_) => {}
                    Err(Unusable::RootKey | Unusable::Key(_)) => unopened.push(row.parsed(0)?),
                    Err(Unusable::Fault(fault)) => return Err(fault),
                }
            }
            let Some(last) = page.last() else { return Ok(unopened) };
            (tenant, version) = (last.text(0)?.to_owned(), last.int(1)?);
        }
    }

    /// How many keys were wrapped anew: one, or none where another node was first.
    async fn rewrap_one(&self, row: &Row, audit: &Audit) -> Result<u64, Unusable> {
        let (tenant, version, from) = (row.parsed(0)?, row.int(1)?, row.text(2)?);
        let root_key = self.inner.root_key.as_ref();
        let material = unwrapped_material(root_key, row).await?;
        let wrapped = root_key.wrap(label(tenant, version), material).await?;
        let trail = (tenant != HOUSE).then_some(tenant);
        let deed = Deed::by_house(trail, "vault.key.rewrap", &wrapped.root_key).with("from", from);
        let (statement, recorded) = audit.step(&deed);
        let change = Change::of(tenant)
            .raising_epoch()
            .step(&rows::KEY_REWRAP, values![version, from, wrapped.root_key, wrapped.bytes])
            .expecting(1)
            .step(statement, recorded);
        match self.inner.store.apply(change).await {
            Ok(_) => Ok(1),
            Err(ApplyFailure::Unmet { .. }) => Ok(0),
            Err(failure) => Err(failure.into_fault("re-wrapping a tenant's key").into()),
        }
    }
}

#[cfg(test)]
mod tests;
