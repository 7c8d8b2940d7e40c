//! Principals: services, partners, persons, agents, operators.

use ipnet::IpNet;
use lockgate_store::{Change, Row, Store, values};
use lockgate_vocabulary::{Fault, PrincipalId, PrincipalKind, Stop, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Page, PageAsk, Patch, Registry, column, grants, rfc3339, rfc3339_opt, stored, told};
use crate::refusal::AccessRefusal;
use crate::rows::principals as rows;
use crate::scope::{Role, Scope, ScopeSet};
use crate::spec::DeclaredUse;
use crate::violations::Violations;

/// Seconds of ten years: no principal is written down for longer.
const LONGEST: u64 = 10 * 366 * 24 * 3600;

/// A principal that is to be created.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPrincipal {
    /// Its name, as records show it; an agent's starts with `AI-AGENT-`.
    pub name: String,
    /// Its kind.
    #[schema(value_type = String)]
    pub kind: PrincipalKind,
    /// Its roles.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// Its scopes beside those of its roles.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Where it may call; anywhere within its scopes where absent.
    #[serde(default)]
    pub endpoints: Option<Vec<DeclaredUse>>,
    /// From where it may come; anywhere where empty.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub addresses: Vec<IpNet>,
    /// Seconds after which it may do nothing any more.
    #[serde(default)]
    pub expires_in: Option<u64>,
}

/// A change of a principal. Its name and its kind stay, since records and rules go by them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChangePrincipal {
    /// Its roles from now on.
    pub roles: Option<Vec<Role>>,
    /// Its scopes from now on.
    pub scopes: Option<Vec<String>>,
    /// Where it may call from now on.
    #[schema(value_type = Option<Vec<DeclaredUse>>)]
    pub endpoints: Patch<Vec<DeclaredUse>>,
    /// From where it may come from now on.
    #[schema(value_type = Option<Vec<String>>)]
    pub addresses: Option<Vec<IpNet>>,
    /// Seconds from now after which it may do nothing any more.
    #[schema(value_type = Option<u64>)]
    pub expires_in: Patch<u64>,
    /// `active`, `suspended`, or `retired`, which is for good.
    pub status: Option<String>,
}

impl ChangePrincipal {
    /// The names of the fields that are given.
    fn named(&self) -> String {
        let given = [
            ("roles", self.roles.is_some()),
            ("scopes", self.scopes.is_some()),
            ("endpoints", !matches!(self.endpoints, Patch::Keep)),
            ("addresses", self.addresses.is_some()),
            ("expires_in", !matches!(self.expires_in, Patch::Keep)),
            ("status", self.status.is_some()),
        ];
        let names = given.into_iter().filter_map(|(name, given)| given.then_some(name));
        names.collect::<Vec<_>>().join(",")
    }
}

/// What is told of a principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PrincipalRecord {
    /// Its id.
    #[schema(value_type = String)]
    pub principal: PrincipalId,
    /// Its name.
    pub name: String,
    /// Its kind.
    #[schema(value_type = String)]
    pub kind: PrincipalKind,
    /// Its roles.
    pub roles: Vec<Role>,
    /// Its scopes beside those of its roles.
    #[schema(value_type = String)]
    pub scopes: ScopeSet,
    /// Where it may call; anywhere within its scopes where absent.
    pub endpoints: Option<Vec<DeclaredUse>>,
    /// From where it may come; anywhere where empty.
    #[schema(value_type = Vec<String>)]
    pub addresses: Vec<IpNet>,
    /// `active`, `suspended` or `retired`.
    pub status: String,
    /// Until when.
    #[serde(serialize_with = "rfc3339_opt")]
    #[schema(value_type = Option<String>)]
    pub expires_at: Option<Timestamp>,
    /// When it was created.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    #[serde(skip)]
    changed: i64,
}

impl PrincipalRecord {
    /// What it may do at the most.
    pub fn held(&self) -> ScopeSet {
        Role::effective(&self.roles, &self.scopes)
    }
}

fn read(row: &Row) -> Result<PrincipalRecord, Fault> {
    let kind = PrincipalKind::parse(row.text(2)?);
    Ok(PrincipalRecord {
        principal: row.parsed(0)?,
        name: row.text(1)?.to_owned(),
        kind: kind.ok_or(Fault::violated("a stored kind of principal is one of the five"))?,
        roles: stored(row.text(3)?)?,
        scopes: stored(row.text(4)?)?,
        endpoints: row.opt_text(5)?.map(stored).transpose()?,
        addresses: row.opt_text(6)?.map(stored).transpose()?.unwrap_or_default(),
        status: row.text(7)?.to_owned(),
        expires_at: row.opt_moment(8)?,
        created_at: row.moment(9)?,
        changed: row.int(10)?,
    })
}

/// The tenant's principal with this id or name.
pub(super) async fn find(store: &Store, tenant: TenantId, id_or_name: &str) -> Result<PrincipalRecord, Stop> {
    let rows = match id_or_name.parse::<PrincipalId>() {
        Ok(id) => store.read(tenant, &rows::ONE, values![id]).await?,
        Err(_) if id_or_name.contains('\0') => Vec::new(),
        Err(_) => store.read(tenant, &rows::NAMED, values![id_or_name]).await?,
    };
    let row = rows.first().ok_or(AccessRefusal::ObjectUnknown)?;
    Ok(read(row)?)
}

/// When something ends that is written down for so many seconds.
fn end(now: Timestamp, expires_in: Option<u64>, wrong: &mut Violations) -> Option<Timestamp> {
    let seconds = expires_in?;
    wrong.check((1..=LONGEST).contains(&seconds), "/expires_in", "1 second to 10 years");
    Some(now.after(std::time::Duration::from_secs(seconds.min(LONGEST))))
}

impl Registry<'_> {
    /// Creates a principal.
    pub async fn create_principal(&self, new: NewPrincipal) -> Result<PrincipalRecord, Stop> {
        self.demand(Scope::TenantsAdmin)?;
        let mut wrong = Violations::default();
        grants::principal_name(&new.name, new.kind, &mut wrong);
        let scopes = grants::scopes(&new.scopes, &mut wrong);
        self.check_held(&new.roles, &scopes, new.kind, &mut wrong);
        let uses = grants::uses(new.endpoints.as_ref(), &mut wrong)?;
        let addresses = grants::addresses(&new.addresses, &mut wrong)?;
        let (now, kind) = (self.now(), new.kind.as_str());
        let expires_at = end(now, new.expires_in, &mut wrong);
        wrong.done()?;
        self.demand_room(&rows::COUNT, self.access.quotas().principals, "principals").await?;
        self.demand_use_bytes(&uses, 0).await?;
        let id = PrincipalId::generate(self.clock(), self.entropy());
        let (roles, words) = (column(&new.roles)?, column(&scopes)?);
        let deed = self
            .deed("principal.create", id)
            .with("name", new.name.as_str())
            .with("kind", kind)
            .with("scopes", Role::effective(&new.roles, &scopes).to_string());
        let row = values![id, new.name, kind, roles, words, uses, addresses, expires_at, now];
        self.apply(Change::of(self.tenant()).step(&rows::INSERT, row), &deed).await?;
        self.principal_of(&id.to_string()).await
    }

    /// Lists the tenant's principals.
    pub async fn principals(&self, ask: &PageAsk) -> Result<Page<PrincipalRecord>, Stop> {
        self.demand(Scope::TenantsAdmin)?;
        let rows = self.read(&rows::PAGE, values![ask.behind::<PrincipalId>()?, ask.rows()?]).await?;
        ask.page(&rows, read, |principal| principal.principal.to_string())
    }

    /// Shows a principal, by id or name.
    pub async fn principal(&self, id_or_name: &str) -> Result<PrincipalRecord, Stop> {
        self.demand(Scope::TenantsAdmin)?;
        self.principal_of(id_or_name).await
    }

    pub(super) async fn principal_of(&self, id_or_name: &str) -> Result<PrincipalRecord, Stop> {
        find(self.access.store(), self.tenant(), id_or_name).await
    }

    /// Changes a principal, by id or name.
    pub async fn change_principal(&self, id_or_name: &str, change: ChangePrincipal) -> Result<PrincipalRecord, Stop> {
        self.demand(Scope::TenantsAdmin)?;
        let old = self.principal_of(id_or_name).await?;
        if old.status == "retired" {
            return Err(AccessRefusal::StatusConflict.into());
        }
        let mut wrong = Violations::default();
        let named = change.named();
        let regranted = change.roles.is_some() || change.scopes.is_some();
        let roles = change.roles.unwrap_or(old.roles);
        let scopes = change.scopes.map_or(old.scopes, |words| grants::scopes(&words, &mut wrong));
        if regranted {
            self.check_held(&roles, &scopes, old.kind, &mut wrong);
        }
        let before = old.endpoints.as_ref().map(column).transpose()?.map_or(0, |uses| uses.len());
        let uses = grants::uses(change.endpoints.over(old.endpoints).as_ref(), &mut wrong)?;
        let addresses = grants::addresses(&change.addresses.unwrap_or(old.addresses), &mut wrong)?;
        let expires_at = match change.expires_in {
            Patch::Keep => old.expires_at,
            Patch::Clear => None,
            Patch::Set(seconds) => end(self.now(), Some(seconds), &mut wrong),
        };
        let status = change.status.unwrap_or(old.status);
        grants::status(&status, &["active", "suspended", "retired"], &mut wrong);
        let oneself = old.principal == self.actor().principal;
        wrong.check(!oneself || status == "active", "/status", "nobody suspends or retires themselves");
        wrong.done()?;
        self.demand_use_bytes(&uses, before).await?;
        let deed = self
            .deed("principal.change", old.principal)
            .with("status", status.as_str())
            .with("changed", named)
            .with("scopes", Role::effective(&roles, &scopes).to_string());
        let (id, roles, words) = (old.principal, column(&roles)?, column(&scopes)?);
        let deed = deed.with("endpoints_sha256", told::column_sha256(&uses));
        let deed = deed.with("addresses_sha256", told::column_sha256(&addresses));
        let row = values![id, roles, words, uses, addresses, status, expires_at, old.changed];
        self.apply(Change::of(self.tenant()).step(&rows::UPDATE, row).expecting(1), &deed).await?;
        self.principal_of(&id.to_string()).await
    }

    fn check_held(&self, roles: &[Role], scopes: &ScopeSet, kind: PrincipalKind, wrong: &mut Violations) {
        wrong.check(roles.len() <= Role::ALL.len(), "/roles", "each role once at the most");
        let held = Role::effective(roles, scopes);
        grants::check_kind(&held, kind, wrong);
        self.check_grant(&held, wrong);
    }
}
