//! Rows made into records. A row that does not hold to the rules any more denies: a principal that
//! may nothing, a key that proves nothing, a connection that runs nothing. The rest of the tenant goes on.

use std::sync::Arc;

use ipnet::IpNet;
use lockgate_store::Row;
use lockgate_vocabulary::{Fault, Name, PrincipalKind, TenantId};

use super::endpoint::uses;
use super::resolve::{self, ResolvedProvider};
use super::share::Shared;
use super::{
    Base, Connection, ConnectionStatus, Issuer, Key, Principal, Provider, Settings, TenantView, Use, Verifier,
};
use crate::catalog::Catalog;
use crate::scope::{Role, ScopeSet};
use crate::spec::{AuthPlacement, DeclaredUse, ProviderSpec, RateHeaders};
use crate::violations::Violations;

/// The word for what may act.
pub(crate) const ACTIVE: &str = "active";

/// Tells operators of a row that denies because it cannot be read.
fn degraded(tenant: TenantId, what: &'static str, object: &str, why: &dyn std::fmt::Display) {
    tracing::error!(%tenant, what, object, %why, "a stored record makes no sense and denies");
}

/// `tenants`: what the tenant itself says.
pub(super) fn tenant(row: &Row, old: Option<&TenantView>) -> Result<TenantView, Fault> {
    let (id, name) = (row.parsed(0)?, row.parsed(2)?);
    let mut view = old.cloned().unwrap_or_else(|| TenantView::empty(id, name));
    view.name = row.parsed(2)?;
    view.alias = row.opt_text(3)?.map(Arc::from);
    view.active = row.text(4)? == ACTIVE;
    Ok(view)
}

/// `principals`.
pub(super) fn principal(row: &Row, tenant: TenantId) -> Result<Principal, Fault> {
    let name: Arc<str> = row.text(2)?.into();
    let mut wrong = Violations::default();
    let kind = PrincipalKind::parse(row.text(3)?);
    let scopes = held(row, &mut wrong)?;
    let uses = declared(row.opt_text(6)?, &mut wrong);
    let addresses = addresses(row.opt_text(7)?, &mut wrong);
    if let Some(misfit) = kind.and_then(|kind| scopes.misfit(kind)) {
        wrong.add("/scopes", misfit);
    }
    wrong.check(kind.is_some(), "/kind", "not a kind of principal");
    let sound = wrong.is_empty();
    if !sound {
        degraded(tenant, "principal", &name, &wrong);
    }
    Ok(Principal {
        id: row.parsed(1)?,
        name,
        kind: kind.unwrap_or(PrincipalKind::Service),
        scopes: if sound { scopes } else { ScopeSet::EMPTY },
        uses,
        addresses,
        active: sound && row.text(8)? == ACTIVE,
        expires_at: row.opt_moment(9)?,
    })
}

/// What the roles and the scopes of a principal's row allow together.
fn held(row: &Row, wrong: &mut Violations) -> Result<ScopeSet, Fault> {
    let roles: Vec<Role> = wrong.take(serde_json::from_str(row.text(4)?), "/roles").unwrap_or_default();
    let scopes: ScopeSet = wrong.take(serde_json::from_str(row.text(5)?), "/scopes").unwrap_or_default();
    Ok(Role::effective(&roles, &scopes))
}

fn declared(text: Option<&str>, wrong: &mut Violations) -> Option<Arc<[Use]>> {
    let declared: Option<Vec<DeclaredUse>> = wrong.take(serde_json::from_str(text?), "/endpoints");
    // INVARIANT: what was declared and cannot be read allows nothing; only what was never declared is free.
    Some(declared.map_or_else(|| Arc::new([]) as Arc<[Use]>, |declared| uses(declared, "/endpoints", wrong)))
}

fn addresses(text: Option<&str>, wrong: &mut Violations) -> Arc<[IpNet]> {
    let Some(text) = text else { return Arc::new([]) };
    let networks: Option<Vec<IpNet>> = wrong.take(serde_json::from_str(text), "/addresses");
    networks.unwrap_or_default().into()
}

/// `keys`.
pub(super) fn key(row: &Row, tenant: TenantId) -> Result<Key, Fault> {
    let id = row.parsed(1)?;
    let mut wrong = Violations::default();
    let verifier = verifier(row)?;
    wrong.check(verifier.is_some(), "/verifier", "not what its kind of key is verified by");
    // INVARIANT: scopes that were written down and cannot be read are none, not all of the principal's.
    let scopes = row.opt_text(6)?.map(|text| wrong.take(serde_json::from_str(text), "/scopes").unwrap_or_default());
    let uses = declared(row.opt_text(7)?, &mut wrong);
    let addresses = addresses(row.opt_text(8)?, &mut wrong);
    let sound = wrong.is_empty();
    if !sound {
        degraded(tenant, "key", row.text(1)?, &wrong);
    }
    Ok(Key {
        id,
        principal: row.parsed(2)?,
        verifier: verifier.unwrap_or(Verifier::ClientKeys(r#"{"keys":[]}"#.into())),
        scopes,
        uses,
        addresses,
        expires_at: row.opt_moment(9)?,
        revoked: !sound || row.opt_moment(10)?.is_some(),
    })
}

fn verifier(row: &Row) -> Result<Option<Verifier>, Fault> {
    let digest = || row.opt_bytes(4).map(|bytes| bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()));
    Ok(match row.text(3)? {
        "api-key" => digest()?.map(Verifier::ApiKey),
        "client-secret" => digest()?.map(Verifier::ClientSecret),
        "client-jwks" => row.opt_text(5)?.map(|keys| Verifier::ClientKeys(keys.into())),
        _ => None,
    })
}

/// `issuers`.
pub(super) fn issuer(row: &Row) -> Result<Issuer, Fault> {
    Ok(Issuer {
        url: row.text(1)?.into(),
        spec: row.text(2)?.into(),
        active: row.text(3)? == ACTIVE,
        changed: epoch(row, 4)?,
    })
}

fn epoch(row: &Row, column: usize) -> Result<u64, Fault> {
    u64::try_from(row.int(column)?).map_err(|_| Fault::violated("an epoch is no negative number"))
}

/// `providers`: none where the row makes no sense or was retired, so that connections find none.
pub(super) fn provider(row: &Row, tenant: TenantId) -> Result<Option<ResolvedProvider>, Fault> {
    if row.text(4)? != ACTIVE {
        return Ok(None);
    }
    let mut wrong = Violations::default();
    let spec: Option<ProviderSpec> = wrong.take(serde_json::from_str(row.text(3)?), "");
    let resolved = spec.and_then(|spec| resolve::provider(spec, &mut wrong));
    let Some(resolved) = resolved.filter(|_| wrong.is_empty()) else {
        degraded(tenant, "provider", row.text(2)?, &wrong);
        return Ok(None);
    };
    let (id, changed) = (row.parsed(1)?, epoch(row, 5)?);
    let provider = Provider { id: Some(id), ..Provider::clone(&resolved.provider) };
    Ok(Some(ResolvedProvider { provider: Arc::new(provider), changed, ..resolved }))
}

/// What connections are resolved with.
pub(super) struct Workshop<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) shared: &'a mut Shared,
    /// The private networks to which the house's configuration lets connections be opened.
    pub(super) danger_networks: &'a [IpNet],
}

impl Workshop<'_> {
    /// `connections`.
    pub(super) fn connection(&mut self, row: &Row, view: &TenantView) -> Result<Connection, Fault> {
        let name: Name = row.parsed(2)?;
        let status = ConnectionStatus::parse(row.text(6)?);
        let provider = self.provider(row.text(3)?, view);
        let resolved = match &provider {
            Some(provider) => self.resolve(row.text(4)?, provider),
            None => Err("its provider is not there".to_owned()),
        };
        let resolved = match (resolved, status) {
            (Ok(resolved), Some(_)) => Some(resolved),
            // What was retired may have outlived its provider.
            (Err(_), Some(ConnectionStatus::Retired)) => None,
            (resolved, _) => {
                let why = resolved.err().unwrap_or_else(|| "not a status".to_owned());
                degraded(view.tenant, "connection", row.text(2)?, &why);
                None
            }
        };
        let sound = resolved.is_some();
        // What cannot be read runs nothing; what was retired stays so.
        let status = status.filter(|status| sound || *status == ConnectionStatus::Retired);
        let resolved = resolved.unwrap_or_else(nowhere);
        let provider = match provider {
            Some(provider) => Arc::clone(&provider.provider),
            None => Arc::new(nobody(name.clone())),
        };
        Ok(Connection {
            id: row.parsed(1)?,
            tenant: view.tenant,
            name,
            provider,
            status: status.unwrap_or(ConnectionStatus::Degraded),
            credential: row.opt_parsed(5)?,
            base: resolved.base,
            endpoints: resolved.endpoints,
            settings: resolved.settings,
            changed: epoch(row, 7)?,
        })
    }

    /// The tenant's own provider of this name, or the catalogue's.
    fn provider(&self, name: &str, view: &TenantView) -> Option<Arc<ResolvedProvider>> {
        let own = view.providers.get(name).cloned();
        own.or_else(|| self.catalog.vendor(name).map(|vendor| Arc::clone(&vendor.resolved)))
    }

    fn resolve(&mut self, spec: &str, provider: &ResolvedProvider) -> Result<resolve::ResolvedConnection, String> {
        let resolved = self.shared.connection(spec, provider).map_err(|wrong| wrong.to_string())?;
        let allowed = |network: &IpNet| self.danger_networks.iter().any(|allowed| allowed.contains(network));
        if resolved.settings.danger_private_networks.iter().all(allowed) {
            Ok(resolved)
        } else {
            Err("the configuration does not open its private networks".to_owned())
        }
    }
}

/// Leads nowhere and declares nothing: what stands in for settings that cannot be read.
fn nowhere() -> resolve::ResolvedConnection {
    let settings: Settings = resolve::settings(resolve::SettingsSpec::default(), &mut Violations::default());
    let base = Base { plain: false, host: "".into(), port: 0, prefix: "".into() };
    resolve::ResolvedConnection { base, endpoints: Arc::new([]), settings: Arc::new(settings) }
}

/// Stands in for a provider that is not there.
fn nobody(name: Name) -> Provider {
    Provider {
        id: None,
        name,
        auth: AuthPlacement::None,
        rate_headers: RateHeaders::default(),
        idempotency_header: None,
        headers: http::HeaderMap::new(),
        verify: None,
        two_live_credentials: None,
    }
}
