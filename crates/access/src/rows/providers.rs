//! A tenant's own providers.

use lockgate_store::Statement;

pub(crate) static COUNT: Statement = Statement::tenant(
    "providers.count",
    "SELECT COUNT(*), COALESCE(SUM(LENGTH(spec)), 0) FROM providers WHERE tenant = $1",
);

pub(crate) static INSERT: Statement = Statement::tenant(
    "providers.insert",
    "INSERT INTO providers (tenant, provider, name, spec, status, created_at, changed) \
     VALUES ($1, $2, $3, $4, 'active', $5, (SELECT value FROM house WHERE name = 'epoch'))",
);

pub(crate) static ONE: Statement = Statement::tenant(
    "providers.one",
    "SELECT provider, name, spec, status, created_at, changed FROM providers WHERE tenant = $1 AND provider = $2",
);

pub(crate) static NAMED: Statement = Statement::tenant(
    "providers.named",
    "SELECT provider, name, spec, status, created_at, changed FROM providers WHERE tenant = $1 AND name = $2",
);

pub(crate) static PAGE: Statement = Statement::tenant(
    "providers.page",
    "SELECT provider, name, spec, status, created_at, changed FROM providers WHERE tenant = $1 AND provider > $2 \
     ORDER BY provider LIMIT $3",
);

pub(crate) static UPDATE: Statement = Statement::tenant(
    "providers.update",
    "UPDATE providers SET spec = $3, changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND provider = $2 AND changed = $4 AND status = 'active'",
);

/// Retires a provider that no connection uses any more.
pub(crate) static RETIRE: Statement = Statement::tenant(
    "providers.retire",
    "UPDATE providers SET status = 'retired', changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND name = $2 AND status = 'active' AND NOT EXISTS \
     (SELECT 1 FROM connections WHERE tenant = $1 AND provider = $2 AND status <> 'retired')",
);

/// Changes nothing, and touches the row only while the provider is active: what stands beside it in a
/// change holds only then, and no other change retires the provider in between.
pub(crate) static HOLD: Statement = Statement::tenant(
    "providers.hold",
    "UPDATE providers SET status = 'active' WHERE tenant = $1 AND name = $2 AND status = 'active'",
);
