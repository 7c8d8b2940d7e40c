//! Principals.

use lockgate_store::Statement;

pub(crate) static COUNT: Statement =
    Statement::tenant("principals.count", "SELECT COUNT(*) FROM principals WHERE tenant = $1");

pub(crate) static INSERT: Statement = Statement::tenant(
    "principals.insert",
    "INSERT INTO principals (tenant, principal, name, kind, roles, scopes, endpoints, addresses, status, expires_at, \
     created_at, changed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'active', $9, $10, \
     (SELECT value FROM house WHERE name = 'epoch'))",
);

pub(crate) static ONE: Statement = Statement::tenant(
    "principals.one",
    "SELECT principal, name, kind, roles, scopes, endpoints, addresses, status, expires_at, created_at, changed \
     FROM principals WHERE tenant = $1 AND principal = $2",
);

pub(crate) static NAMED: Statement = Statement::tenant(
    "principals.named",
    "SELECT principal, name, kind, roles, scopes, endpoints, addresses, status, expires_at, created_at, changed \
     FROM principals WHERE tenant = $1 AND name = $2",
);

pub(crate) static PAGE: Statement = Statement::tenant(
    "principals.page",
    "SELECT principal, name, kind, roles, scopes, endpoints, addresses, status, expires_at, created_at, changed \
     FROM principals WHERE tenant = $1 AND principal > $2 ORDER BY principal LIMIT $3",
);

pub(crate) static UPDATE: Statement = Statement::tenant(
    "principals.update",
    "UPDATE principals SET roles = $3, scopes = $4, endpoints = $5, addresses = $6, status = $7, expires_at = $8, \
     changed = (SELECT value FROM house WHERE name = 'epoch') WHERE tenant = $1 AND principal = $2 AND changed = $9",
);
