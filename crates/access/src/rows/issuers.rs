//! External issuers.

use lockgate_store::Statement;

pub(crate) static COUNT: Statement =
    Statement::tenant("issuers.count", "SELECT COUNT(*) FROM issuers WHERE tenant = $1");

pub(crate) static INSERT: Statement = Statement::tenant(
    "issuers.insert",
    "INSERT INTO issuers (tenant, issuer, spec, status, created_at, changed) \
     VALUES ($1, $2, $3, 'active', $4, (SELECT value FROM house WHERE name = 'epoch'))",
);

pub(crate) static ONE: Statement = Statement::tenant(
    "issuers.one",
    "SELECT issuer, spec, status, created_at, changed FROM issuers WHERE tenant = $1 AND issuer = $2",
);

pub(crate) static PAGE: Statement = Statement::tenant(
    "issuers.page",
    "SELECT issuer, spec, status, created_at, changed FROM issuers WHERE tenant = $1 AND issuer > $2 \
     ORDER BY issuer LIMIT $3",
);

pub(crate) static UPDATE: Statement = Statement::tenant(
    "issuers.update",
    "UPDATE issuers SET spec = $3, status = $4, changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND issuer = $2 AND changed = $5",
);
