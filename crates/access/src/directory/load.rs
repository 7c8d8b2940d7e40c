//! Loading the snapshot from the store: all of it once, then what changed.
//!
//! A load reads the epoch first and the rows after it, so it never misses a row of an epoch that it
//! claims to show; rows of later changes that it happens to see are read again with their own epoch.

use std::collections::HashMap;
use std::sync::Arc;

use ipnet::IpNet;
use lockgate_store::{Row, Store, Value, values};
use lockgate_vocabulary::{Clock, Fault, TenantId, Timestamp};

use super::decode::{self, Workshop};
use super::share::Shared;
use super::{Directory, TenantView};
use crate::catalog::Catalog;
use crate::rows::directory::{CONNECTIONS, ISSUERS, KEYS, PAGE_ROWS, PRINCIPALS, PROVIDERS, REVOKED, Source, TENANTS};

/// Reads snapshots.
pub(super) struct Loader {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) catalog: Catalog,
    pub(super) danger_networks: Box<[IpNet]>,
    pub(super) shared: Shared,
}

/// The snapshot under construction: what the old one had, and the views that are written anew.
struct Draft {
    directory: Directory,
    /// Views that differ from the old snapshot's. The rest is shared with it.
    views: HashMap<TenantId, TenantView>,
    now: Timestamp,
}

/// Which rows a load reads.
#[derive(Clone, Copy)]
enum Span {
    All,
    /// Those that changed after the one epoch and not after the other.
    Since(u64, u64),
}

impl Loader {
    /// The snapshot at the store's epoch; none where the old one shows it already.
    pub(super) async fn load(&mut self, old: Option<&Directory>) -> Result<Option<Directory>, Fault> {
        let epoch = self.store.confirm_epoch().await?;
        let span = match old {
            Some(old) if old.epoch >= epoch => return Ok(None),
            Some(old) => Span::Since(old.epoch, epoch),
            None => Span::All,
        };
        let directory = old.cloned().unwrap_or_default();
        let mut draft = Draft { directory, views: HashMap::new(), now: self.clock.now() };
        self.rows(&TENANTS, span, |row| draft.tenant(row)).await?;
        self.rows(&PRINCIPALS, span, |row| draft.principal(row)).await?;
        self.rows(&KEYS, span, |row| draft.key(row)).await?;
        self.rows(&REVOKED, span, |row| draft.revoked(row)).await?;
        self.rows(&ISSUERS, span, |row| draft.issuer(row)).await?;
        self.rows(&PROVIDERS, span, |row| draft.provider(row)).await?;
        self.connections(span, &mut draft).await?;
        self.shared.sweep();
        Ok(Some(draft.finish(epoch)))
    }

    async fn connections(&mut self, span: Span, draft: &mut Draft) -> Result<(), Fault> {
        let mut shared = std::mem::take(&mut self.shared);
        let mut workshop =
            Workshop { catalog: &self.catalog, shared: &mut shared, danger_networks: &self.danger_networks };
        let read = self.rows(&CONNECTIONS, span, |row| draft.connection(row, &mut workshop)).await;
        self.shared = shared;
        read
    }

    /// Hands each row on, page by page, so that never more than a page of them is in memory.
    async fn rows(
        &self,
        source: &Source,
        span: Span,
        mut take: impl FnMut(&Row) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if let Span::Since(after, until) = span {
            let rows = self.store.survey(source.since, values![epoch(after)?, epoch(until)?]).await?;
            return rows.iter().try_for_each(take);
        }
        let mut behind = (String::new(), String::new());
        loop {
            let arguments: Vec<Value> = values![behind.0.as_str(), behind.1.as_str(), PAGE_ROWS];
            let rows = self.store.survey(source.all, arguments).await?;
            rows.iter().try_for_each(&mut take)?;
            let Some(last) = rows.last().filter(|_| rows.len() as i64 == PAGE_ROWS) else { return Ok(()) };
            behind = (last.text(0)?.to_owned(), last.text(1)?.to_owned());
        }
    }
}

fn epoch(value: u64) -> Result<i64, Fault> {
    i64::try_from(value).map_err(|_| Fault::violated("an epoch fits a column"))
}

impl Draft {
    /// The view that a row belongs to. A row of a tenant that is not there yet was written after the
    /// tenants were read; it comes again with the next load.
    fn view(&mut self, tenant: TenantId) -> Option<&mut TenantView> {
        if !self.views.contains_key(&tenant) {
            let old = self.directory.tenants.get(&tenant)?;
            self.views.insert(tenant, TenantView::clone(old));
        }
        self.views.get_mut(&tenant)
    }

    fn tenant(&mut self, row: &Row) -> Result<(), Fault> {
        let id: TenantId = row.parsed(0)?;
        let old = self.directory.tenants.get(&id).cloned();
        // Where another tenant's row came first that took the alias over, it is that tenant's.
        if let Some(alias) = old.as_ref().and_then(|old| old.alias.as_ref())
            && self.directory.aliases.get(alias) == Some(&id)
        {
            self.directory.aliases.remove(alias);
        }
        let view = decode::tenant(row, old.as_deref())?;
        if let Some(alias) = &view.alias {
            self.directory.aliases.insert(Arc::clone(alias), id);
        }
        self.views.insert(id, view);
        Ok(())
    }

    fn principal(&mut self, row: &Row) -> Result<(), Fault> {
        let Some(view) = self.view(row.parsed(0)?) else { return Ok(()) };
        let principal = Arc::new(decode::principal(row, view.tenant)?);
        if let Some(old) = view.principals.insert(principal.id, Arc::clone(&principal)) {
            view.principal_names.remove(&old.name);
        }
        view.principal_names.insert(Arc::clone(&principal.name), principal.id);
        Ok(())
    }

    fn key(&mut self, row: &Row) -> Result<(), Fault> {
        let Some(view) = self.view(row.parsed(0)?) else { return Ok(()) };
        let key = Arc::new(decode::key(row, view.tenant)?);
        let (id, tenant) = (key.id, view.tenant);
        view.keys.insert(id, key);
        self.directory.keys.insert(id, tenant);
        Ok(())
    }

    fn revoked(&mut self, row: &Row) -> Result<(), Fault> {
        let (now, until) = (self.now, row.moment(2)?);
        let Some(view) = self.view(row.parsed(0)?) else { return Ok(()) };
        if until > now {
            view.revoked.insert(row.text(1)?.into(), until);
        }
        Ok(())
    }

    fn issuer(&mut self, row: &Row) -> Result<(), Fault> {
        let Some(view) = self.view(row.parsed(0)?) else { return Ok(()) };
        let issuer = Arc::new(decode::issuer(row)?);
        view.issuers.insert(Arc::clone(&issuer.url), issuer);
        Ok(())
    }

    fn provider(&mut self, row: &Row) -> Result<(), Fault> {
        let Some(view) = self.view(row.parsed(0)?) else { return Ok(()) };
        match decode::provider(row, view.tenant)? {
            Some(provider) => drop(view.providers.insert(row.parsed(2)?, Arc::new(provider))),
            None => drop(view.providers.remove(row.text(2)?)),
        }
        Ok(())
    }

    fn connection(&mut self, row: &Row, workshop: &mut Workshop<'_>) -> Result<(), Fault> {
        let Some(view) = self.view(row.parsed(0)?) else { return Ok(()) };
        let connection = Arc::new(workshop.connection(row, view)?);
        if let Some(old) = view.connections.insert(connection.id, Arc::clone(&connection)) {
            view.names.remove(&old.name);
        }
        view.names.insert(connection.name.clone(), connection.id);
        Ok(())
    }

    fn finish(mut self, epoch: u64) -> Directory {
        for (tenant, mut view) in self.views {
            let now = self.now;
            view.revoked.retain(|_, until| *until > now);
            self.directory.tenants.insert(tenant, Arc::new(view));
        }
        self.directory.epoch = epoch;
        self.directory
    }
}

#[cfg(test)]
mod tests;
