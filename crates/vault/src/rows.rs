//! Every statement of the vault. What is secret goes in and comes out sealed, and only as bytes.

use lockgate_store::Statement;

/// All of them, for the test that prepares each on both engines.
pub const STATEMENTS: &[&Statement] = &[
    &CONNECTION_ATTACH,
    &CONNECTION_DEGRADE,
    &CONNECTIONS_DEPENDENT,
    &CREDENTIALS_ALL,
    &CREDENTIALS_COUNT,
    &CREDENTIALS_SINCE,
    &CREDENTIAL_INSERT,
    &CREDENTIAL_LIST,
    &CREDENTIAL_NAMED,
    &CREDENTIAL_PROMOTE,
    &CREDENTIAL_READ,
    &CREDENTIAL_REVOKE,
    &KEYS_ALL,
    &KEYS_COUNTED,
    &KEYS_MISSING,
    &KEYS_OF,
    &KEYS_OTHERWISE,
    &KEYS_SINCE,
    &KEY_INSERT,
    &KEY_REWRAP,
    &VERSIONS_OF,
    &VERSIONS_REVOKE,
    &VERSION_INSERT,
    &VERSION_MARK_CURRENT,
    &VERSION_MARK_PREVIOUS,
];

/// Rows of one page of a snapshot: enough to be quick, too few to be felt in memory.
pub(crate) const PAGE_ROWS: i64 = 4_000;

/// All tenants' keys behind one, for the snapshot.
pub(crate) static KEYS_ALL: Statement = Statement::house(
    "vault.keys_all",
    "SELECT tenant, version, root_key, wrapped FROM tenant_keys WHERE (tenant, version) > ($1, $2) \
     ORDER BY tenant, version LIMIT $3",
);

/// All tenants' keys that changed after an epoch, for the snapshot.
pub(crate) static KEYS_SINCE: Statement = Statement::house(
    "vault.keys_since",
    "SELECT tenant, version, root_key, wrapped FROM tenant_keys WHERE changed > $1 ORDER BY changed, tenant, version",
);

/// How many tenants' keys each root key wraps, by its name.
pub(crate) static KEYS_COUNTED: Statement = Statement::house(
    "vault.keys_counted",
    "SELECT root_key, COUNT(*) FROM tenant_keys GROUP BY root_key ORDER BY root_key",
);

/// Tenants' keys behind one that another root key than this one wraps.
pub(crate) static KEYS_OTHERWISE: Statement = Statement::house(
    "vault.keys_otherwise",
    "SELECT tenant, version, root_key, wrapped FROM tenant_keys WHERE root_key <> $1 AND (tenant, version) > ($2, $3) \
     ORDER BY tenant, version LIMIT $4",
);

/// Tenants that changed after an epoch and have no key, behind one tenant.
pub(crate) static KEYS_MISSING: Statement = Statement::house(
    "vault.keys_missing",
    "SELECT t.tenant FROM tenants t WHERE t.changed > $1 AND t.tenant > $2 \
     AND NOT EXISTS (SELECT 1 FROM tenant_keys k WHERE k.tenant = t.tenant) ORDER BY t.tenant LIMIT $3",
);

/// One tenant's keys.
pub(crate) static KEYS_OF: Statement = Statement::tenant(
    "vault.keys_of",
    "SELECT tenant, version, root_key, wrapped FROM tenant_keys WHERE tenant = $1 ORDER BY version",
);

/// A new key; whoever comes second leaves the first one's.
pub(crate) static KEY_INSERT: Statement = Statement::tenant(
    "vault.key_insert",
    "INSERT INTO tenant_keys (tenant, version, root_key, wrapped, created_at, changed) \
     VALUES ($1, $2, $3, $4, $5, (SELECT value FROM house WHERE name = 'epoch')) \
     ON CONFLICT (tenant, version) DO NOTHING",
);

/// The same key under another root key.
pub(crate) static KEY_REWRAP: Statement = Statement::tenant(
    "vault.key_rewrap",
    "UPDATE tenant_keys SET root_key = $4, wrapped = $5, changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND version = $2 AND root_key = $3",
);

/// All tenants' credentials behind one, with their current version's sealed value, for the snapshot.
pub(crate) static CREDENTIALS_ALL: Statement = Statement::house(
    "vault.credentials_all",
    "SELECT c.tenant, c.credential, c.status, c.expires_at, v.version, v.sealed, c.changed FROM credentials c \
     JOIN credential_versions v ON v.tenant = c.tenant AND v.credential = c.credential AND v.version = c.current_version \
     WHERE (c.tenant, c.credential) > ($1, $2) ORDER BY c.tenant, c.credential LIMIT $3",
);

/// The same of those that changed after an epoch.
pub(crate) static CREDENTIALS_SINCE: Statement = Statement::house(
    "vault.credentials_since",
    "SELECT c.tenant, c.credential, c.status, c.expires_at, v.version, v.sealed, c.changed FROM credentials c \
     JOIN credential_versions v ON v.tenant = c.tenant AND v.credential = c.credential AND v.version = c.current_version \
     WHERE c.changed > $1 ORDER BY c.changed, c.tenant, c.credential",
);

/// How many credentials there are.
pub(crate) static CREDENTIALS_COUNT: Statement =
    Statement::tenant("vault.credentials_count", "SELECT COUNT(*) FROM credentials WHERE tenant = $1");

/// A new credential.
pub(crate) static CREDENTIAL_INSERT: Statement = Statement::tenant(
    "vault.credential_insert",
    "INSERT INTO credentials (tenant, credential, name, owner, sensitivity, cadence_days, expires_at, status, \
     current_version, created_at, changed) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, 'active', $8, $9, (SELECT value FROM house WHERE name = 'epoch'))",
);

/// A new version of a credential.
pub(crate) static VERSION_INSERT: Statement = Statement::tenant(
    "vault.version_insert",
    "INSERT INTO credential_versions (tenant, credential, version, sealed, fingerprint, status, created_at, changed) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, (SELECT value FROM house WHERE name = 'epoch'))",
);

/// Gives a connection a credential in the place of this one, or of none (an empty text).
pub(crate) static CONNECTION_ATTACH: Statement = Statement::tenant(
    "vault.connection_attach",
    "UPDATE connections SET credential = $3, status = 'active', reason = NULL, \
     changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND connection = $2 AND status <> 'retired' AND COALESCE(credential, '') = $4",
);

/// Connections that use a credential and are not retired.
pub(crate) static CONNECTIONS_DEPENDENT: Statement = Statement::tenant(
    "vault.connections_dependent",
    "SELECT connection FROM connections \
     WHERE tenant = $1 AND credential = $2 AND status <> 'retired' ORDER BY connection",
);

/// Stops every connection that uses a credential.
pub(crate) static CONNECTION_DEGRADE: Statement = Statement::tenant(
    "vault.connection_degrade",
    "UPDATE connections SET status = 'degraded', health = 'unhealthy', reason = $3, \
     changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND credential = $2 AND status <> 'retired'",
);

/// One credential's metadata.
pub(crate) static CREDENTIAL_READ: Statement = Statement::tenant(
    "vault.credential_read",
    "SELECT c.credential, c.name, c.owner, c.sensitivity, c.cadence_days, c.expires_at, c.status, \
     c.current_version, c.created_at, v.fingerprint, v.created_at FROM credentials c \
     JOIN credential_versions v ON v.tenant = c.tenant AND v.credential = c.credential AND v.version = c.current_version \
     WHERE c.tenant = $1 AND c.credential = $2",
);

/// Which credential has a name.
pub(crate) static CREDENTIAL_NAMED: Statement =
    Statement::tenant("vault.credential_named", "SELECT credential FROM credentials WHERE tenant = $1 AND name = $2");

/// A page of credentials' metadata, by identifier.
pub(crate) static CREDENTIAL_LIST: Statement = Statement::tenant(
    "vault.credential_list",
    "SELECT c.credential, c.name, c.owner, c.sensitivity, c.cadence_days, c.expires_at, c.status, \
     c.current_version, c.created_at, v.fingerprint, v.created_at FROM credentials c \
     JOIN credential_versions v ON v.tenant = c.tenant AND v.credential = c.credential AND v.version = c.current_version \
     WHERE c.tenant = $1 AND c.credential > $2 ORDER BY c.credential LIMIT $3",
);

/// A credential's versions, newest first, without what is sealed.
pub(crate) static VERSIONS_OF: Statement = Statement::tenant(
    "vault.versions_of",
    "SELECT version, fingerprint, status, created_at, destroyed_at FROM credential_versions \
     WHERE tenant = $1 AND credential = $2 ORDER BY version DESC",
);

/// Moves an active credential from one current version to another, and sets its expiry.
pub(crate) static CREDENTIAL_PROMOTE: Statement = Statement::tenant(
    "vault.credential_promote",
    "UPDATE credentials SET current_version = $4, expires_at = $5, \
     changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND credential = $2 AND current_version = $3 AND status = 'active'",
);

/// The version that was current becomes the previous one.
pub(crate) static VERSION_MARK_PREVIOUS: Statement = Statement::tenant(
    "vault.version_mark_previous",
    "UPDATE credential_versions SET status = 'previous', changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND credential = $2 AND version = $3 AND status = 'current'",
);

/// A staged or previous version becomes the current one.
pub(crate) static VERSION_MARK_CURRENT: Statement = Statement::tenant(
    "vault.version_mark_current",
    "UPDATE credential_versions SET status = 'current', changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND credential = $2 AND version = $3 AND status IN ('staged', 'previous')",
);

/// Ends a credential.
pub(crate) static CREDENTIAL_REVOKE: Statement = Statement::tenant(
    "vault.credential_revoke",
    "UPDATE credentials SET status = 'revoked', changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND credential = $2 AND status = 'active'",
);

/// Ends a credential's versions.
pub(crate) static VERSIONS_REVOKE: Statement = Statement::tenant(
    "vault.versions_revoke",
    "UPDATE credential_versions SET status = 'revoked', changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND credential = $2 AND status <> 'destroyed'",
);
