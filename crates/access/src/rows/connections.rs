//! Connections.

use lockgate_store::Statement;

pub(crate) static COUNT: Statement =
    Statement::tenant("connections.count", "SELECT COUNT(*) FROM connections WHERE tenant = $1");

/// Bytes of the specifications that have more than the usual few settings.
pub(crate) static LARGE_BYTES: Statement = Statement::tenant(
    "connections.large_bytes",
    "SELECT COALESCE(SUM(LENGTH(spec)), 0) FROM connections WHERE tenant = $1 AND LENGTH(spec) > $2",
);

pub(crate) static INSERT: Statement = Statement::tenant(
    "connections.insert",
    "INSERT INTO connections (tenant, connection, name, provider, spec, credential, status, health, reason, \
     created_at, changed) VALUES ($1, $2, $3, $4, $5, NULL, $6, 'unknown', NULL, $7, \
     (SELECT value FROM house WHERE name = 'epoch'))",
);

pub(crate) static ONE: Statement = Statement::tenant(
    "connections.one",
    "SELECT connection, name, provider, spec, credential, status, health, reason, created_at, changed \
     FROM connections WHERE tenant = $1 AND connection = $2",
);

pub(crate) static NAMED: Statement = Statement::tenant(
    "connections.named",
    "SELECT connection, name, provider, spec, credential, status, health, reason, created_at, changed \
     FROM connections WHERE tenant = $1 AND name = $2",
);

pub(crate) static PAGE: Statement = Statement::tenant(
    "connections.page",
    "SELECT connection, name, provider, spec, credential, status, health, reason, created_at, changed \
     FROM connections WHERE tenant = $1 AND connection > $2 ORDER BY connection LIMIT $3",
);

pub(crate) static UPDATE: Statement = Statement::tenant(
    "connections.update",
    "UPDATE connections SET spec = $3, credential = $4, status = $5, reason = $6, \
     changed = (SELECT value FROM house WHERE name = 'epoch') WHERE tenant = $1 AND connection = $2 AND changed = $7",
);

/// What uses a provider, so that a change of the provider does not break it unnoticed.
pub(crate) static OF_PROVIDER: Statement = Statement::tenant(
    "connections.of_provider",
    "SELECT name, spec FROM connections WHERE tenant = $1 AND provider = $2 AND status <> 'retired' ORDER BY name",
);

/// Connections are resolved with their provider, so they change when it does.
pub(crate) static TOUCH_OF_PROVIDER: Statement = Statement::tenant(
    "connections.touch_of_provider",
    "UPDATE connections SET changed = (SELECT value FROM house WHERE name = 'epoch') WHERE tenant = $1 AND provider = $2",
);

/// Touches the row only while the credential may be used: what stands beside it in a change holds only
/// then, and a revocation at the same moment waits for it.
pub(crate) static HOLD_CREDENTIAL: Statement = Statement::tenant(
    "connections.hold_credential",
    "UPDATE credentials SET status = 'active' WHERE tenant = $1 AND credential = $2 AND status = 'active'",
);

pub(crate) static CREDENTIAL: Statement =
    Statement::tenant("connections.credential", "SELECT status FROM credentials WHERE tenant = $1 AND credential = $2");

/// Touches the row only while somebody's account is connected with the credential: what stands beside it in a change
/// holds only then.
pub(crate) static HOLD_GRANT: Statement = Statement::tenant(
    "connections.hold_grant",
    "UPDATE vendor_tokens SET state = 'held' WHERE tenant = $1 AND credential = $2 AND state = 'held'",
);

pub(crate) static GRANT: Statement = Statement::tenant(
    "connections.grant",
    "SELECT 1 FROM vendor_tokens WHERE tenant = $1 AND credential = $2 AND state = 'held'",
);
