//! API keys and clients' keys. Nothing here reads a verifier: that is the snapshot's alone.

use lockgate_store::Statement;

pub(crate) static COUNT: Statement = Statement::tenant("keys.count", "SELECT COUNT(*) FROM keys WHERE tenant = $1");

/// Bytes of the declared uses of keys and principals together.
pub(crate) static USE_BYTES: Statement = Statement::tenant(
    "keys.use_bytes",
    "SELECT (SELECT COALESCE(SUM(LENGTH(endpoints)), 0) FROM keys WHERE tenant = $1) \
     + (SELECT COALESCE(SUM(LENGTH(endpoints)), 0) FROM principals WHERE tenant = $1)",
);

pub(crate) static INSERT: Statement = Statement::tenant(
    "keys.insert",
    "INSERT INTO keys (tenant, key, principal, kind, verifier, jwks, scopes, endpoints, addresses, expires_at, \
     created_at, changed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, \
     (SELECT value FROM house WHERE name = 'epoch'))",
);

pub(crate) static ONE: Statement = Statement::tenant(
    "keys.one",
    "SELECT key, principal, kind, scopes, endpoints, addresses, expires_at, revoked_at, created_at \
     FROM keys WHERE tenant = $1 AND key = $2",
);

pub(crate) static PAGE: Statement = Statement::tenant(
    "keys.page",
    "SELECT key, principal, kind, scopes, endpoints, addresses, expires_at, revoked_at, created_at \
     FROM keys WHERE tenant = $1 AND key > $2 ORDER BY key LIMIT $3",
);

pub(crate) static PAGE_OF: Statement = Statement::tenant(
    "keys.page_of",
    "SELECT key, principal, kind, scopes, endpoints, addresses, expires_at, revoked_at, created_at \
     FROM keys WHERE tenant = $1 AND key > $2 AND principal = $4 ORDER BY key LIMIT $3",
);

pub(crate) static LIVE_OF_CLIENT: Statement = Statement::tenant(
    "keys.live_of_client",
    "SELECT COUNT(*) FROM keys WHERE tenant = $1 AND principal = $2 AND kind <> 'api-key' \
     AND revoked_at IS NULL AND expires_at > $3",
);

pub(crate) static REVOKE: Statement = Statement::tenant(
    "keys.revoke",
    "UPDATE keys SET revoked_at = $3, changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND key = $2 AND revoked_at IS NULL",
);
