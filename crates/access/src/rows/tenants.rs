//! Tenants.

use lockgate_store::Statement;

pub(crate) static INSERT: Statement = Statement::tenant(
    "tenants.insert",
    "INSERT INTO tenants (tenant, name, alias, status, created_at, changed) \
     VALUES ($1, $2, $3, 'active', $4, (SELECT value FROM house WHERE name = 'epoch'))",
);

pub(crate) static ONE: Statement = Statement::tenant(
    "tenants.one",
    "SELECT tenant, name, alias, status, created_at, changed FROM tenants WHERE tenant = $1",
);

/// For operators of the house: all tenants behind one.
pub(crate) static PAGE: Statement = Statement::house(
    "tenants.page",
    "SELECT tenant, name, alias, status, created_at, changed FROM tenants WHERE tenant > $1 ORDER BY tenant LIMIT $2",
);

/// The house's own tenant, where there is one.
pub(crate) static NAMED: Statement =
    Statement::house("tenants.named", "SELECT tenant FROM tenants WHERE name = $1 LIMIT 1");

pub(crate) static UPDATE: Statement = Statement::tenant(
    "tenants.update",
    "UPDATE tenants SET name = $2, alias = $3, status = $4, \
     changed = (SELECT value FROM house WHERE name = 'epoch') WHERE tenant = $1 AND changed = $5",
);
