//! New keys for tenants, for when those so far may be known to others.
//!
//! A tenant's newest key seals from then on; the ones before stay for what they sealed. So what was read with them
//! stays read: what is secret in it has to be made anew where it comes from, and is sealed by the new key then.

use lockgate_audit::{Audit, Deed};
use lockgate_store::{ApplyFailure, Change, Row, values};
use lockgate_vocabulary::{Fault, Secret, Stop, TenantId, Timestamp};

use super::{HOUSE, Vault, label};
use crate::rows;

/// What came of making new keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rekeyed {
    /// How many keys were made.
    pub made: u64,
    /// How many tenants were left out, since their newest key is not older.
    pub left: u64,
}

impl Vault {
    /// Makes a key for each tenant whose newest one was made before this moment, or for one of them alone. The house
    /// counts as a tenant. Where neither one was made nor one left out, the tenant has none.
    ///
    /// Each is a change of its own that is recorded with it, so where it is broken off, the same moment makes the rest
    /// and no second one.
    pub async fn rekey(&self, only: Option<TenantId>, before: Timestamp, audit: &Audit) -> Result<Rekeyed, Stop> {
        let (mut done, mut behind) = (Rekeyed::default(), String::new());
        loop {
            let page = values![&behind, rows::PAGE_ROWS];
            let page = self.inner.store.survey(&rows::KEYS_AGED, page).await?;
            for row in &page {
                if only.is_some_and(|only| row.parsed(0).is_ok_and(|tenant: TenantId| tenant != only)) {
                    continue;
                }
                let made = if row.moment(2)? < before { self.rekey_one(row, audit).await? } else { 0 };
                done.made += made;
                done.left += 1 - made;
            }
            let Some(last) = page.last() else { return Ok(done) };
            last.text(0)?.clone_into(&mut behind);
        }
    }

    /// How many keys were made: one, or none where another node was first.
    async fn rekey_one(&self, row: &Row, audit: &Audit) -> Result<u64, Fault> {
        let (tenant, version) = (row.parsed(0)?, row.int(1)?.saturating_add(1));
        let mut material = vec![0; 32];
        self.inner.entropy.fill(&mut material);
        let wrapped = self.inner.root_key.wrap(label(tenant, version), Secret::new(material)).await?;
        let trail = (tenant != HOUSE).then_some(tenant);
        let deed = Deed::by_house(trail, "vault.key.made", &wrapped.root_key).with("version", version);
        let (statement, recorded) = audit.step(&deed);
        let change = Change::of(tenant)
            .raising_epoch()
            .step(&rows::KEY_INSERT, values![version, wrapped.root_key, wrapped.bytes, self.inner.clock.now()])
            .expecting(1)
            .step(statement, recorded);
        match self.inner.store.apply(change).await {
            Ok(_) => Ok(1),
            Err(ApplyFailure::Unmet { .. }) => Ok(0),
            Err(failure) => Err(failure.into_fault("keeping a tenant's new key")),
        }
    }
}

#[cfg(test)]
mod tests;
