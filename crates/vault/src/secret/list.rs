//! Metadata of credentials, each reading of it recorded first.

use std::collections::HashMap;

use lockgate_access::AccessRefusal;
use lockgate_access::scope::Scope;
use lockgate_audit::Deed;
use lockgate_store::values;
use lockgate_vocabulary::limit::PAGE_MOST;
use lockgate_vocabulary::{CredentialId, Fault, Name, Stop, TenantId};
use serde::Serialize;

use super::attempt::RotationView;
use super::record::{BackendOf, version_of};
use super::{Act, CredentialView, Custodian, VersionView};
use crate::custody::BackendView;
use crate::rows;

/// A page of credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The credentials, by their id.
    pub items: Vec<CredentialView>,
    /// After which credential the next page starts, where there is one.
    pub next: Option<CredentialId>,
}

impl Custodian {
    /// A page of the tenant's credentials, of at most 1,000.
    pub async fn list(&self, act: Act<'_>, after: Option<CredentialId>, limit: u32) -> Result<Listed, Stop> {
        let tenant = self.demand(act, Scope::ConnectionsRead)?;
        if !(1..=PAGE_MOST).contains(&limit) {
            return Err(AccessRefusal::PageTooLarge.into());
        }
        let deed = Deed::new(act.caller.actor(), act.trace, "credential.list", tenant);
        self.audit.record(deed).await?;
        // One more than asked for tells whether there is another page.
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let store = &self.vault.inner.store;
        let rows = store.read(tenant, &rows::CREDENTIAL_LIST, values![after, i64::from(limit) + 1]).await?;
        let mut items = rows.iter().map(CredentialView::read).collect::<Result<Vec<_>, Fault>>()?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| last.id);
        self.complete(tenant, &mut items).await?;
        Ok(Listed { items, next })
    }

    /// One credential and its versions.
    pub async fn show(&self, act: Act<'_>, id: CredentialId) -> Result<(CredentialView, Vec<VersionView>), Stop> {
        let tenant = self.demand(act, Scope::ConnectionsRead)?;
        let deed = Deed::new(act.caller.actor(), act.trace, "credential.read", id);
        self.audit.record(deed).await?;
        let credential = self.credential(tenant, id).await?;
        Ok((credential, self.versions(tenant, id).await?))
    }

    /// Which credential has this name, for who may read or change credentials. It tells the id alone, so
    /// the act that follows is what is recorded.
    pub async fn named(&self, act: Act<'_>, name: &str) -> Result<CredentialId, Stop> {
        let tenant =
            self.demand(act, Scope::CredentialsRotate).or_else(|_| self.demand(act, Scope::ConnectionsRead))?;
        let name = name.parse::<Name>().map_err(|_| AccessRefusal::ObjectUnknown)?;
        let rows = self.vault.inner.store.read(tenant, &rows::CREDENTIAL_NAMED, values![name]).await?;
        Ok(rows.first().ok_or(AccessRefusal::ObjectUnknown)?.parsed(0)?)
    }

    /// Adds to credentials, which are in the order of their ids, what stands elsewhere than in their rows: their last
    /// rotation, their last use, with whom they share their value, and which vault keeps it.
    pub(super) async fn complete(&self, tenant: TenantId, items: &mut [CredentialView]) -> Result<(), Fault> {
        let (Some(first), Some(last)) = (items.first(), items.last()) else { return Ok(()) };
        // What is asked for lies behind the first text and not behind the last.
        let before = CredentialId::from_u128(first.id.as_u128().saturating_sub(1));
        let range = || values![before, last.id];
        let store = &self.vault.inner.store;
        let rotations = store.read(tenant, &rows::ROTATIONS_OF, range()).await?;
        let rotations = rotations.iter().map(RotationView::read).collect::<Result<Vec<_>, Fault>>()?;
        let used = store.read(tenant, &rows::CREDENTIALS_USED, range()).await?;
        let alike = store.read(tenant, &rows::CREDENTIALS_ALIKE, range()).await?;
        let now = self.now();
        let mut by_id: HashMap<CredentialId, &mut CredentialView> =
            items.iter_mut().map(|each| (each.id, each)).collect();
        for rotation in rotations {
            if let Some(view) = by_id.get_mut(&rotation.credential) {
                view.last_rotation = Some(rotation);
            }
        }
        for row in &used {
            if let Some(view) = by_id.get_mut(&row.parsed::<CredentialId>(0)?) {
                view.last_used_version = Some(version_of(row.int(1)?)?);
                view.last_used_at = row.opt_moment(2)?;
            }
        }
        for row in &alike {
            if let Some(view) = by_id.get_mut(&row.parsed::<CredentialId>(0)?) {
                view.shared_with.push(row.parsed(1)?);
            }
        }
        for view in by_id.into_values() {
            self.locate(tenant, view);
            view.rotation_due &= view.is_active();
            view.rotation_due |= view.is_active() && view.rotation_due_at.is_some_and(|due| due <= now);
        }
        Ok(())
    }

    /// Says which vault keeps the credential's values, while it has any.
    fn locate(&self, tenant: TenantId, view: &mut CredentialView) {
        if view.status == "purged" {
            return;
        }
        let Some(found) = self.vault.inner.whereabouts(tenant, view.id) else { return };
        view.backend = Some(BackendOf { name: found.name, kind: found.kind });
        view.fetched_at = found.fetched_at;
    }

    /// Every other vault that the house names, and whether it would answer now. Whoever may read how connections are
    /// set up may: a credential is given to one of them by its name.
    pub async fn backends(&self, act: Act<'_>) -> Result<Vec<BackendView>, Stop> {
        let tenant = self.demand(act, Scope::ConnectionsRead)?;
        self.audit.record(Deed::new(act.caller.actor(), act.trace, "backend.list", tenant)).await?;
        Ok(self.vault.inner.backends().await)
    }

    /// A credential's versions, newest first.
    pub(super) async fn versions(&self, tenant: TenantId, id: CredentialId) -> Result<Vec<VersionView>, Fault> {
        let rows = self.vault.inner.store.read(tenant, &rows::VERSIONS_OF, values![id]).await?;
        rows.iter().map(VersionView::read).collect()
    }
}
