//! Providers: the catalogue's, which every tenant may use, and a tenant's own.

use std::sync::Arc;

use lockgate_audit::Deed;
use lockgate_store::{Change, Row, values};
use lockgate_vocabulary::{Fault, ProviderId, Stop, Timestamp};
use serde::Serialize;

use super::{Page, PageAsk, Registry, column, rfc3339, stored};
use crate::config::Quotas;
use crate::directory::{Provider, ResolvedProvider, mixup, resolve};
use crate::refusal::AccessRefusal;
use crate::rows::{connections, providers as rows};
use crate::scope::Scope;
use crate::spec::{AuthPlacement, ConnectionSpec, ProviderSpec};
use crate::violations::Violations;

/// What is told of a tenant's own provider.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ProviderRecord {
    /// Its id.
    #[schema(value_type = String)]
    pub provider: ProviderId,
    /// What it is.
    pub spec: ProviderSpec,
    /// `active` or `retired`.
    pub status: String,
    /// When it was created.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    #[serde(skip)]
    changed: i64,
}

/// A provider that a tenant may use, whosever it is.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(tag = "origin", rename_all = "lowercase")]
pub enum ListedProvider {
    /// The catalogue's.
    Catalog {
        /// What it is.
        spec: ProviderSpec,
    },
    /// The tenant's own.
    Own(ProviderRecord),
}

fn read(row: &Row) -> Result<ProviderRecord, Fault> {
    Ok(ProviderRecord {
        provider: row.parsed(0)?,
        spec: stored(row.text(2)?)?,
        status: row.text(3)?.to_owned(),
        created_at: row.moment(4)?,
        changed: row.int(5)?,
    })
}

/// Resolves a provider, or says what is wrong with it.
fn checked(spec: &ProviderSpec) -> Result<ResolvedProvider, Stop> {
    let mut wrong = Violations::default();
    let resolved = resolve::provider(spec.clone(), &mut wrong).filter(|_| wrong.is_empty());
    resolved.ok_or_else(|| wrong.refuse().into())
}

impl Registry<'_> {
    /// Writes down a provider of the tenant's own. A name of the catalogue's is taken.
    pub async fn create_provider(&self, spec: ProviderSpec) -> Result<ProviderRecord, Stop> {
        self.demand(Scope::ProvidersWrite)?;
        let resolved = checked(&spec)?;
        if self.access.catalog().vendor(spec.name.as_str()).is_some() {
            return Err(AccessRefusal::NameTaken.into());
        }
        self.access.demand_unmixed(self.tenant(), &resolved.provider)?;
        let written = column(&spec)?;
        self.demand_room(&rows::COUNT, self.access.quotas().providers, "providers").await?;
        self.demand_bytes(written.len(), 0).await?;
        let id = ProviderId::generate(self.clock(), self.entropy());
        let deed =
            self.deed("provider.create", id).with("name", spec.name.as_str()).with("base_url", spec.base_url.as_str());
        let deed = with_token(deed, &spec);
        let row = values![id, &spec.name, written, self.now()];
        self.apply(Change::of(self.tenant()).step(&rows::INSERT, row), &deed).await?;
        self.provider_of(&id.to_string()).await
    }

    /// Every node holds every specification in memory, so a tenant's have a size together.
    async fn demand_bytes(&self, new: usize, old: usize) -> Result<(), Stop> {
        let held = self.one(&rows::COUNT, Vec::new()).await?.int(1)?;
        Ok(Quotas::demand_bytes(held, (new, old), self.access.quotas().provider_bytes)?)
    }

    /// Lists the tenant's own providers. The catalogue's are in [`Access::catalog`](crate::Access::catalog).
    pub async fn providers(&self, ask: &PageAsk) -> Result<Page<ProviderRecord>, Stop> {
        self.demand(Scope::ConnectionsRead)?;
        let rows = self.read(&rows::PAGE, values![ask.behind::<ProviderId>()?, ask.rows()?]).await?;
        ask.page(&rows, read, |provider| provider.provider.to_string())
    }

    /// Lists every provider that the tenant may use: its own, then the catalogue's by name. A cursor is the id of
    /// one of its own or, once those are all shown, a name of the catalogue.
    pub async fn listed_providers(&self, ask: &PageAsk) -> Result<Page<ListedProvider>, Stop> {
        let catalog = self.access.catalog();
        let behind = ask.cursor.as_deref().filter(|cursor| catalog.vendor(cursor).is_some());
        let own = match behind {
            Some(_) => {
                self.demand(Scope::ConnectionsRead)?;
                Page { items: Vec::new(), next: None }
            }
            None => self.providers(ask).await?,
        };
        let (room, shown) = (ask.limit()?.saturating_sub(own.items.len()), own.items.last());
        let last_own = shown.map(|last| last.provider.to_string());
        let mut items: Vec<ListedProvider> = own.items.into_iter().map(ListedProvider::Own).collect();
        if own.next.is_some() {
            return Ok(Page { items, next: own.next });
        }
        let of_catalog = catalog.vendors().map(|vendor| &vendor.spec);
        let mut rest = of_catalog.filter(|spec| behind.is_none_or(|behind| spec.name.as_str() > behind)).peekable();
        let mut next = last_own;
        for spec in rest.by_ref().take(room) {
            next = Some(spec.name.as_str().to_owned());
            items.push(ListedProvider::Catalog { spec: ProviderSpec::clone(spec) });
        }
        let next = rest.peek().and(next);
        Ok(Page { items, next })
    }

    /// Shows a provider: the tenant's own by id or name, or the catalogue's by name.
    pub async fn provider(&self, id_or_name: &str) -> Result<ListedProvider, Stop> {
        self.demand(Scope::ConnectionsRead)?;
        match (self.provider_of(id_or_name).await, self.access.catalog().vendor(id_or_name)) {
            (Err(Stop::Refused(_)), Some(vendor)) => {
                Ok(ListedProvider::Catalog { spec: ProviderSpec::clone(&vendor.spec) })
            }
            (own, _) => own.map(ListedProvider::Own),
        }
    }

    async fn provider_of(&self, id_or_name: &str) -> Result<ProviderRecord, Stop> {
        let row = match id_or_name.parse::<ProviderId>() {
            Ok(id) => self.one(&rows::ONE, values![id]).await?,
            Err(_) if id_or_name.contains('\0') => return Err(AccessRefusal::ObjectUnknown.into()),
            Err(_) => self.one(&rows::NAMED, values![id_or_name]).await?,
        };
        Ok(read(&row)?)
    }

    /// The provider that a connection names: the tenant's own, which has its id, or the catalogue's. The
    /// snapshot looks in the same order.
    pub(super) async fn usable_provider(&self, name: &str) -> Result<Option<Arc<ResolvedProvider>>, Stop> {
        let own = match self.provider_of(name).await {
            Ok(own) => Some(own).filter(|own| own.status == "active" && own.spec.name.as_str() == name),
            Err(Stop::Refused(_)) => None,
            Err(fault) => return Err(fault),
        };
        let Some(own) = own else {
            return Ok(self.access.catalog().vendor(name).map(|vendor| Arc::clone(&vendor.resolved)));
        };
        // What is stored was checked when it came in; where it no longer holds, it is as good as none.
        let Ok(resolved) = checked(&own.spec) else { return Ok(None) };
        let provider = Provider { id: Some(own.provider), ..Provider::clone(&resolved.provider) };
        Ok(Some(Arc::new(ResolvedProvider { provider: Arc::new(provider), ..resolved })))
    }

    /// Changes a provider, by id or name; its name stays. Refused where a connection would break by it.
    pub async fn change_provider(&self, id_or_name: &str, spec: ProviderSpec) -> Result<ProviderRecord, Stop> {
        self.demand(Scope::ProvidersWrite)?;
        let old = self.provider_of(id_or_name).await?;
        if old.status != "active" {
            return Err(AccessRefusal::StatusConflict.into());
        }
        let mut wrong = Violations::default();
        wrong.check(spec.name == old.spec.name, "/name", "a provider's name stays");
        wrong.done()?;
        let resolved = checked(&spec)?;
        // What is stored may have been written before a rule, so it is compared as it stands.
        if !mixup::is_no_worse(&old.spec.auth, &spec.auth) {
            self.access.demand_unmixed(self.tenant(), &resolved.provider)?;
        }
        self.check_connections(&resolved, &spec).await?;
        let deed = self.deed("provider.change", old.provider).with("base_url", spec.base_url.as_str());
        let deed = with_token(deed, &spec);
        let written = column(&spec)?;
        self.demand_bytes(written.len(), column(&old.spec)?.len()).await?;
        let change = Change::of(self.tenant())
            .step(&rows::UPDATE, values![old.provider, written, old.changed])
            .expecting(1)
            .step(&connections::TOUCH_OF_PROVIDER, values![&spec.name]);
        self.apply(change, &deed).await?;
        self.provider_of(&old.provider.to_string()).await
    }

    async fn check_connections(&self, provider: &ResolvedProvider, spec: &ProviderSpec) -> Result<(), Stop> {
        let mut broken = Vec::new();
        for row in self.read(&connections::OF_PROVIDER, values![&spec.name]).await? {
            let mut wrong = Violations::default();
            resolve::connection(stored::<ConnectionSpec>(row.text(1)?)?, provider, &mut wrong);
            if !wrong.is_empty() {
                broken.push(row.text(0)?.to_owned());
            }
        }
        if broken.is_empty() {
            return Ok(());
        }
        broken.truncate(10);
        let detail = format!("It would break connections: {}.", broken.join(", "));
        Err(AccessRefusal::StatusConflict.refuse().detail(detail).into())
    }

    /// Retires a provider that no connection uses any more.
    pub async fn retire_provider(&self, id_or_name: &str) -> Result<ProviderRecord, Stop> {
        self.demand(Scope::ProvidersWrite)?;
        let old = self.provider_of(id_or_name).await?;
        let deed = self.deed("provider.retire", old.provider);
        let change = Change::of(self.tenant()).step(&rows::RETIRE, values![&old.spec.name]).expecting(1);
        self.apply(change, &deed).await?;
        self.provider_of(&old.provider.to_string()).await
    }
}

/// Where clients' secrets are shown and persons are sent stands in the record.
fn with_token(deed: Deed, spec: &ProviderSpec) -> Deed {
    match &spec.auth {
        AuthPlacement::OAuth(token) => {
            let deed = deed.with("token_url", token.token_url.as_str());
            let Some(authorization) = &token.authorization else { return deed };
            let deed = deed.with("authorization_url", authorization.url.as_str());
            if authorization.danger_shared_endpoints { deed.with("danger_shared_endpoints", true) } else { deed }
        }
        _ => deed,
    }
}
