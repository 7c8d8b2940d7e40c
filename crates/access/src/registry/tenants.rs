//! Tenants. Only operators of the house create, list and suspend them; a tenant's own administrator
//! sees that one.

use lockgate_store::{Change, Row, values};
use lockgate_vocabulary::{Fault, Name, Stop, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use super::bootstrap::{Founding, founded};
use super::{HOUSE, MadeKey, Page, PageAsk, Patch, PrincipalRecord, Registry, grants, rfc3339};
use crate::refusal::AccessRefusal;
use crate::rows::tenants as rows;
use crate::scope::Scope;
use crate::violations::Violations;

/// A tenant that is to be created, with its first operator.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTenant {
    /// Its name.
    #[schema(value_type = String)]
    pub name: Name,
    /// The name by which an external issuer knows it.
    #[serde(default)]
    pub alias: Option<String>,
    /// The name of its first operator; `operator` by default.
    #[serde(default)]
    pub operator: Option<String>,
}

/// A change of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChangeTenant {
    /// Its name from now on.
    #[schema(value_type = Option<String>)]
    pub name: Option<Name>,
    /// The name by which an external issuer knows it.
    #[schema(value_type = Option<String>)]
    pub alias: Patch<String>,
    /// `active` or `suspended`.
    pub status: Option<String>,
}

/// What is told of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TenantRecord {
    /// Its id.
    #[schema(value_type = String)]
    pub tenant: TenantId,
    /// Its name.
    #[schema(value_type = String)]
    pub name: Name,
    /// The name by which an external issuer knows it.
    pub alias: Option<String>,
    /// `active` or `suspended`.
    pub status: String,
    /// When it was created.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    #[serde(skip)]
    changed: i64,
}

/// A tenant that was created, its first operator and that operator's key.
#[derive(Debug)]
pub struct MadeTenant {
    /// The tenant.
    pub tenant: TenantRecord,
    /// Its first operator.
    pub operator: PrincipalRecord,
    /// The operator's key; its text is shown this once.
    pub key: MadeKey,
}

pub(super) fn read(row: &Row) -> Result<TenantRecord, Fault> {
    Ok(TenantRecord {
        tenant: row.parsed(0)?,
        name: row.parsed(1)?,
        alias: row.opt_text(2)?.map(str::to_owned),
        status: row.text(3)?.to_owned(),
        created_at: row.moment(4)?,
        changed: row.int(5)?,
    })
}

/// An alias is compared with a claim of an external token, so it is plain and never looks like an id.
pub(super) fn check_alias(alias: Option<&str>, wrong: &mut Violations) {
    let Some(alias) = alias else { return };
    let fits = (1..=200).contains(&alias.len()) && alias.bytes().all(|byte| byte.is_ascii_graphic());
    wrong.check(fits, "/alias", "1 to 200 printable ASCII characters without blanks");
    wrong.check(!alias.starts_with("ten_"), "/alias", "an alias does not look like an id");
}

impl Registry<'_> {
    /// Creates a tenant with its first operator, who holds every elevated scope in it.
    pub async fn create_tenant(&self, new: NewTenant) -> Result<MadeTenant, Stop> {
        self.demand_house()?;
        let operator = new.operator.as_deref().unwrap_or("operator");
        let mut wrong = Violations::default();
        check_alias(new.alias.as_deref(), &mut wrong);
        grants::principal_name(operator, lockgate_vocabulary::PrincipalKind::Operator, &mut wrong);
        wrong.done()?;
        if new.name.as_str() == HOUSE {
            return Err(AccessRefusal::NameTaken.into());
        }
        let founding = Founding { name: new.name, alias: new.alias, operator: operator.to_owned() };
        let (tenant, operator, key, change) = founded(founding, self.clock(), self.entropy())?;
        let deed = self.deed("tenant.create", tenant).in_trail_of(Some(tenant)).with("operator", operator.to_string());
        self.apply(change, &deed).await?;
        let rows = self.access.store().read(tenant, &rows::ONE, values![]).await?;
        let record = rows.first().ok_or(Fault::violated("a tenant that was created is there"))?;
        let operator = super::principals::find(self.access.store(), tenant, &operator.to_string()).await?;
        let record = read(record)?;
        Ok(MadeTenant { tenant: record, operator, key: self.made(tenant, key).await? })
    }

    /// Lists all tenants, for operators of the house.
    pub async fn tenants(&self, ask: &PageAsk) -> Result<Page<TenantRecord>, Stop> {
        self.demand_house()?;
        let values = values![ask.behind::<TenantId>()?, ask.rows()?];
        let rows = self.access.store().survey(&rows::PAGE, values).await?;
        ask.page(&rows, read, |tenant| tenant.tenant.to_string())
    }

    /// Shows a tenant: any to operators of the house, to others their own.
    pub async fn tenant_record(&self, tenant: TenantId) -> Result<TenantRecord, Stop> {
        self.demand(Scope::TenantsAdmin)?;
        if !self.is_house() && tenant != self.tenant() {
            return Err(AccessRefusal::ObjectUnknown.into());
        }
        let rows = self.access.store().read(tenant, &rows::ONE, values![]).await?;
        let row = rows.first().ok_or(AccessRefusal::ObjectUnknown)?;
        Ok(read(row)?)
    }

    /// Changes a tenant, for operators of the house. The house itself is neither renamed nor suspended.
    pub async fn change_tenant(&self, tenant: TenantId, change: ChangeTenant) -> Result<TenantRecord, Stop> {
        self.demand_house()?;
        let old = self.tenant_record(tenant).await?;
        let mut wrong = Violations::default();
        let name = change.name.unwrap_or_else(|| old.name.clone());
        let alias = change.alias.over(old.alias);
        check_alias(alias.as_deref(), &mut wrong);
        let status = change.status.as_deref().unwrap_or(&old.status);
        grants::status(status, &["active", "suspended"], &mut wrong);
        let is_house = old.name.as_str() == HOUSE;
        wrong.check(!is_house || (name == old.name && status == "active"), "", "the house's own tenant stays as it is");
        wrong.check(is_house || name.as_str() != HOUSE, "/name", "this name is the house's own");
        wrong.done()?;
        let deed = self
            .deed("tenant.change", tenant)
            .in_trail_of(Some(tenant))
            .with("name", name.as_str())
            .with("status", status);
        let step = Change::of(tenant).step(&rows::UPDATE, values![name, alias, status, old.changed]).expecting(1);
        self.apply(step, &deed).await?;
        self.tenant_record(tenant).await
    }
}
