//! Every statement of the vault. What is secret goes in and comes out sealed, and only as bytes.

mod connect;

use lockgate_store::Statement;

pub(crate) use connect::{
    CONNECTION_CONNECT, CREDENTIAL_LEFT, CREDENTIAL_SERIES, SERIES_READ, SESSION_BEGIN, SESSION_END, SESSION_FIND,
    SESSION_INSERT, SESSION_READ, SESSION_REDEEM, SESSION_RETURN, SESSIONS_COUNT, SESSIONS_EMPTY, SESSIONS_FORGET,
    TOKENS_CONNECT, TOKENS_END, TOKENS_KEEP, TOKENS_LEASE, TOKENS_READ, TOKENS_RELEASE,
};

/// All of them, for the test that prepares each on both engines.
pub const STATEMENTS: &[&Statement] = &[
    &CONNECTIONS_DEPENDENT,
    &CONNECTIONS_REVIVE,
    &CONNECTIONS_WAITING,
    &CONNECTION_ATTACH,
    &CONNECTION_CONNECT,
    &CONNECTION_DEGRADE,
    &CONNECTION_PEND,
    &CREDENTIALS_ALIKE,
    &CREDENTIALS_ALL,
    &CREDENTIALS_COUNT,
    &CREDENTIALS_SINCE,
    &CREDENTIALS_TELLABLE,
    &CREDENTIALS_UNPLANNED,
    &CREDENTIALS_USED,
    &CREDENTIAL_COMPROMISE,
    &CREDENTIAL_INSERT,
    &CREDENTIAL_LEFT,
    &CREDENTIAL_LIST,
    &CREDENTIAL_NAMED,
    &CREDENTIAL_PLAN,
    &CREDENTIAL_PROMOTE,
    &CREDENTIAL_PURGE,
    &CREDENTIAL_PURGE_AGAIN,
    &CREDENTIAL_PURGE_BEGIN,
    &CREDENTIAL_READ,
    &CREDENTIAL_RECOVER,
    &CREDENTIAL_REVOKE,
    &CREDENTIAL_SERIES,
    &CREDENTIAL_STANDS,
    &CREDENTIAL_TOLD,
    &KEYS_AGED,
    &KEYS_ALL,
    &KEYS_COUNTED,
    &KEYS_MISSING,
    &KEYS_OF,
    &KEYS_OTHERWISE,
    &KEYS_SINCE,
    &KEY_INSERT,
    &KEY_REWRAP,
    &SERIES_READ,
    &SESSIONS_COUNT,
    &SESSIONS_EMPTY,
    &SESSIONS_FORGET,
    &SESSION_BEGIN,
    &SESSION_END,
    &SESSION_FIND,
    &SESSION_INSERT,
    &SESSION_READ,
    &SESSION_REDEEM,
    &SESSION_RETURN,
    &TOKENS_CONNECT,
    &TOKENS_END,
    &TOKENS_KEEP,
    &TOKENS_LEASE,
    &TOKENS_READ,
    &TOKENS_RELEASE,
    &RECOVERIES_OVER,
    &ROTATIONS_DUE,
    &ROTATIONS_OF,
    &ROTATIONS_STOP,
    &ROTATION_BEGIN,
    &ROTATION_FINISH,
    &ROTATION_FORCE,
    &ROTATION_GIVE_UP,
    &ROTATION_INSERT,
    &ROTATION_OF,
    &ROTATION_SETTLE,
    &VERSIONS_DESTROY,
    &VERSIONS_OF,
    &VERSIONS_RESTORE,
    &VERSIONS_REVOKE,
    &VERSION_DESTROY,
    &VERSION_INSERT,
    &VERSION_MARK_CURRENT,
    &VERSION_MARK_PREVIOUS,
    &VERSION_SEALED,
    &VERSION_USED,
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

/// Of each tenant behind one: `tenant`, the version of its newest key and when that was made.
pub(crate) static KEYS_AGED: Statement = Statement::house(
    "vault.keys_aged",
    "SELECT tenant, MAX(version), MAX(created_at) FROM tenant_keys WHERE tenant > $1 GROUP BY tenant \
     ORDER BY tenant LIMIT $2",
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
    "SELECT c.tenant, c.credential, c.status, c.expires_at, v.version, v.sealed, c.changed, c.series FROM credentials c \
     JOIN credential_versions v ON v.tenant = c.tenant AND v.credential = c.credential AND v.version = c.current_version \
     WHERE (c.tenant, c.credential) > ($1, $2) ORDER BY c.tenant, c.credential LIMIT $3",
);

/// The same of those that changed after an epoch.
pub(crate) static CREDENTIALS_SINCE: Statement = Statement::house(
    "vault.credentials_since",
    "SELECT c.tenant, c.credential, c.status, c.expires_at, v.version, v.sealed, c.changed, c.series FROM credentials c \
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
     current_version, created_at, purge_protected, changed) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, 'active', $8, $9, $10, (SELECT value FROM house WHERE name = 'epoch'))",
);

/// Touches a credential that is active, and no other.
pub(crate) static CREDENTIAL_STANDS: Statement = Statement::tenant(
    "vault.credential_stands",
    "UPDATE credentials SET status = status WHERE tenant = $1 AND credential = $2 AND status = 'active'",
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
    "UPDATE connections SET credential = $3, status = $5, reason = NULL, \
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
     c.current_version, c.created_at, v.fingerprint, v.created_at, c.purge_protected, c.revoked_at, c.revoked_by, \
     c.recover_until, c.compromised_at, c.compromised_since, c.rotation_told_at FROM credentials c \
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
     c.current_version, c.created_at, v.fingerprint, v.created_at, c.purge_protected, c.revoked_at, c.revoked_by, \
     c.recover_until, c.compromised_at, c.compromised_since, c.rotation_told_at FROM credentials c \
     JOIN credential_versions v ON v.tenant = c.tenant AND v.credential = c.credential AND v.version = c.current_version \
     WHERE c.tenant = $1 AND c.credential > $2 ORDER BY c.credential LIMIT $3",
);

/// A credential's versions, newest first, without what is sealed.
pub(crate) static VERSIONS_OF: Statement = Statement::tenant(
    "vault.versions_of",
    "SELECT version, fingerprint, status, created_at, destroyed_at, last_used_at, retired_at FROM credential_versions \
     WHERE tenant = $1 AND credential = $2 ORDER BY version DESC",
);

/// Moves an active credential from one current version to another, and sets its expiry.
pub(crate) static CREDENTIAL_PROMOTE: Statement = Statement::tenant(
    "vault.credential_promote",
    "UPDATE credentials SET current_version = $4, expires_at = $5, \
     rotation_tell_at = NULL, rotation_told_at = NULL, changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND credential = $2 AND current_version = $3 AND status = 'active'",
);

/// The version that was current becomes the previous one.
pub(crate) static VERSION_MARK_PREVIOUS: Statement = Statement::tenant(
    "vault.version_mark_previous",
    "UPDATE credential_versions SET status = 'previous', retired_at = $4, changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND credential = $2 AND version = $3 AND status = 'current'",
);

/// A version with this status (`staged` or `previous`) becomes the current one.
pub(crate) static VERSION_MARK_CURRENT: Statement = Statement::tenant(
    "vault.version_mark_current",
    "UPDATE credential_versions SET status = 'current', retired_at = NULL, \
     changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND credential = $2 AND version = $3 AND status = $4",
);

/// Ends a credential.
pub(crate) static CREDENTIAL_REVOKE: Statement = Statement::tenant(
    "vault.credential_revoke",
    "UPDATE credentials SET status = 'revoked', revoked_at = $3, revoked_by = $4, recover_until = $5, \
     changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND credential = $2 AND status = 'active'",
);

/// Ends a credential's versions.
pub(crate) static VERSIONS_REVOKE: Statement = Statement::tenant(
    "vault.versions_revoke",
    "UPDATE credential_versions SET status_before = status, status = 'revoked', changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND credential = $2 AND status <> 'destroyed'",
);

/// The sealed value of one version, with its status.
pub(crate) static VERSION_SEALED: Statement = Statement::tenant(
    "vault.version_sealed",
    "SELECT sealed, status FROM credential_versions WHERE tenant = $1 AND credential = $2 AND version = $3",
);

/// Destroys a version that is out of use since a moment and was not used since another.
pub(crate) static VERSION_DESTROY: Statement = Statement::tenant(
    "vault.version_destroy",
    "UPDATE credential_versions SET sealed = NULL, status = 'destroyed', destroyed_at = $4, \
     changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND credential = $2 AND version = $3 AND status IN ('staged', 'previous') \
     AND COALESCE(last_used_at, 0) < $5 AND COALESCE(retired_at, 0) <= $6",
);

/// Notes when a version was used last; what is known already stays where it is later. Of any tenant's.
pub(crate) static VERSION_USED: Statement = Statement::house(
    "vault.version_used",
    "UPDATE credential_versions SET last_used_at = $4 \
     WHERE tenant = $1 AND credential = $2 AND version = $3 AND COALESCE(last_used_at, 0) < $4",
);

/// When each credential of a range was used last, and which version of it.
pub(crate) static CREDENTIALS_USED: Statement = Statement::tenant(
    "vault.credentials_used",
    "SELECT credential, version, last_used_at FROM credential_versions \
     WHERE tenant = $1 AND credential > $2 AND credential <= $3 AND last_used_at IS NOT NULL \
     ORDER BY credential, last_used_at, version",
);

/// Credentials of a range whose value in use, or staged, another credential has as well.
pub(crate) static CREDENTIALS_ALIKE: Statement = Statement::tenant(
    "vault.credentials_alike",
    "SELECT DISTINCT a.credential, b.credential FROM credential_versions a \
     JOIN credential_versions b ON b.tenant = a.tenant AND b.fingerprint = a.fingerprint \
     WHERE a.tenant = $1 AND a.credential > $2 AND a.credential <= $3 AND b.credential <> a.credential \
     AND a.status IN ('current', 'staged') AND b.status IN ('current', 'staged') \
     ORDER BY a.credential, b.credential LIMIT 1000",
);

/// A rotation that begins, or one that is over in the same change.
pub(crate) static ROTATION_INSERT: Statement = Statement::tenant(
    "vault.rotation_insert",
    "INSERT INTO rotations (tenant, credential, version, state, unverified, asked_by, asked_name, asked_at, \
     expires_at, finish_at, due_at, tries, at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, 0, $8) \
     ON CONFLICT (tenant, credential, version) DO UPDATE SET state = $4, unverified = $5, asked_by = $6, \
     asked_name = $7, asked_at = $8, expires_at = $9, finish_at = $10, due_at = $10, code = NULL, status = NULL, at = $8",
);

/// The vendor is about to be asked, unless somebody asks it just now.
pub(crate) static ROTATION_BEGIN: Statement = Statement::tenant(
    "vault.rotation_begin",
    "UPDATE rotations SET state = 'verifying', tries = tries + 1, lease_until = $4, due_at = $4, at = $5, \
     code = NULL, status = NULL \
     WHERE tenant = $1 AND credential = $2 AND version = $3 \
     AND state IN ('staged', 'verifying', 'verified', 'failed') AND COALESCE(lease_until, 0) <= $5 AND tries = $6",
);

/// What the vendor said, of the try that asked it; one that did not get to asking is not counted.
pub(crate) static ROTATION_SETTLE: Statement = Statement::tenant(
    "vault.rotation_settle",
    "UPDATE rotations SET state = $5, code = $6, status = $7, at = $8, lease_until = NULL, due_at = $9, \
     tries = tries - $10 \
     WHERE tenant = $1 AND credential = $2 AND version = $3 AND state = 'verifying' AND tries = $4",
);

/// A rotation that passed is in use.
pub(crate) static ROTATION_FINISH: Statement = Statement::tenant(
    "vault.rotation_finish",
    "UPDATE rotations SET state = 'finished', at = $5, due_at = NULL \
     WHERE tenant = $1 AND credential = $2 AND version = $3 AND state = 'verified' AND tries = $4",
);

/// A rotation is in use without having been tried.
pub(crate) static ROTATION_FORCE: Statement = Statement::tenant(
    "vault.rotation_force",
    "UPDATE rotations SET state = 'finished', unverified = 1, at = $4, due_at = NULL \
     WHERE tenant = $1 AND credential = $2 AND version = $3 AND state IN ('staged', 'failed')",
);

/// A rotation that nobody goes on with by itself any more.
pub(crate) static ROTATION_GIVE_UP: Statement = Statement::tenant(
    "vault.rotation_give_up",
    "UPDATE rotations SET state = 'failed', code = $4, at = $5, lease_until = NULL, due_at = NULL \
     WHERE tenant = $1 AND credential = $2 AND version = $3 AND state <> 'finished' AND state <> 'restored'",
);

/// No worker looks at a credential's rotations any more.
pub(crate) static ROTATIONS_STOP: Statement = Statement::tenant(
    "vault.rotations_stop",
    "UPDATE rotations SET due_at = NULL WHERE tenant = $1 AND credential = $2 AND due_at IS NOT NULL",
);

/// One rotation.
pub(crate) static ROTATION_OF: Statement = Statement::tenant(
    "vault.rotation_of",
    "SELECT credential, version, state, unverified, asked_by, asked_name, asked_at, expires_at, finish_at, tries, \
     code, status, at FROM rotations WHERE tenant = $1 AND credential = $2 AND version = $3",
);

/// The rotations of each credential of a range, the newest last.
pub(crate) static ROTATIONS_OF: Statement = Statement::tenant(
    "vault.rotations_of",
    "SELECT credential, version, state, unverified, asked_by, asked_name, asked_at, expires_at, finish_at, tries, \
     code, status, at FROM rotations WHERE tenant = $1 AND credential > $2 AND credential <= $3 \
     ORDER BY credential, at, version",
);

/// Rotations that a worker looks at now, of all tenants.
pub(crate) static ROTATIONS_DUE: Statement = Statement::house(
    "vault.rotations_due",
    "SELECT tenant, credential, version FROM rotations WHERE due_at <= $1 ORDER BY due_at LIMIT $2",
);

/// Credentials of all tenants for which nobody has worked out when their rotation is to be told of.
pub(crate) static CREDENTIALS_UNPLANNED: Statement = Statement::house(
    "vault.credentials_unplanned",
    "SELECT c.tenant, c.credential, c.cadence_days, c.expires_at, v.created_at, c.current_version FROM credentials c \
     JOIN credential_versions v ON v.tenant = c.tenant AND v.credential = c.credential AND v.version = c.current_version \
     WHERE c.rotation_tell_at IS NULL AND c.status = 'active' AND COALESCE(c.cadence_days, c.expires_at) IS NOT NULL \
     LIMIT $1",
);

/// When a credential's rotation is to be told of.
pub(crate) static CREDENTIAL_PLAN: Statement = Statement::tenant(
    "vault.credential_plan",
    "UPDATE credentials SET rotation_tell_at = $4 WHERE tenant = $1 AND credential = $2 AND current_version = $3",
);

/// Credentials of all tenants whose rotation is due and was not told of.
pub(crate) static CREDENTIALS_TELLABLE: Statement = Statement::house(
    "vault.credentials_tellable",
    "SELECT tenant, credential, name, owner, current_version FROM credentials \
     WHERE rotation_tell_at <= $1 AND rotation_told_at IS NULL AND status = 'active' \
     ORDER BY rotation_tell_at LIMIT $2",
);

/// That a credential's rotation is due was told.
pub(crate) static CREDENTIAL_TOLD: Statement = Statement::tenant(
    "vault.credential_told",
    "UPDATE credentials SET rotation_told_at = $4 \
     WHERE tenant = $1 AND credential = $2 AND current_version = $3 AND rotation_told_at IS NULL AND status = 'active'",
);

/// Brings a revoked credential back while it may be, unless it was compromised.
pub(crate) static CREDENTIAL_RECOVER: Statement = Statement::tenant(
    "vault.credential_recover",
    "UPDATE credentials SET status = 'active', revoked_at = NULL, revoked_by = NULL, recover_until = NULL, \
     changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND credential = $2 AND status = 'revoked' AND recover_until > $3 AND compromised_at IS NULL",
);

/// Gives a recovered credential's versions the status back that they had.
pub(crate) static VERSIONS_RESTORE: Statement = Statement::tenant(
    "vault.versions_restore",
    "UPDATE credential_versions SET status = status_before, status_before = NULL, \
     changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND credential = $2 AND status = 'revoked' AND status_before IS NOT NULL",
);

/// Connections that are degraded for a reason and have no other credential.
pub(crate) static CONNECTIONS_WAITING: Statement = Statement::tenant(
    "vault.connections_waiting",
    "SELECT connection FROM connections WHERE tenant = $1 AND credential = $2 AND status = 'degraded' AND reason = $3 \
     ORDER BY connection",
);

/// One of them waits for a person, since nobody's account is connected any more.
pub(crate) static CONNECTION_PEND: Statement = Statement::tenant(
    "vault.connection_pend",
    "UPDATE connections SET status = 'pending', health = 'unknown', reason = NULL, \
     changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND connection = $2 AND credential = $3 AND status = 'degraded' AND reason = $4",
);

/// Lets those run again.
pub(crate) static CONNECTIONS_REVIVE: Statement = Statement::tenant(
    "vault.connections_revive",
    "UPDATE connections SET status = 'active', health = 'unknown', reason = NULL, \
     changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND credential = $2 AND status = 'degraded' AND reason = $3",
);

/// A revoked credential has no value any more.
pub(crate) static CREDENTIAL_PURGE: Statement = Statement::tenant(
    "vault.credential_purge",
    "UPDATE credentials SET status = 'purged', recover_until = NULL, \
     changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND credential = $2 AND status IN ('revoked', 'purging')",
);

/// Who goes on with a purge when it is due, and when it is due again: one at a time. No snapshot needs that.
pub(crate) static CREDENTIAL_PURGE_AGAIN: Statement = Statement::tenant(
    "vault.credential_purge_again",
    "UPDATE credentials SET recover_until = $3 \
     WHERE tenant = $1 AND credential = $2 AND status = 'purging' AND recover_until <= $4",
);

/// A revoked credential's values are being destroyed; `recover_until` is from then on when that is gone on with.
pub(crate) static CREDENTIAL_PURGE_BEGIN: Statement = Statement::tenant(
    "vault.credential_purge_begin",
    "UPDATE credentials SET status = 'purging', recover_until = $3, \
     changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND credential = $2 AND status = 'revoked'",
);

/// Destroys every version of a credential.
pub(crate) static VERSIONS_DESTROY: Statement = Statement::tenant(
    "vault.versions_destroy",
    "UPDATE credential_versions SET sealed = NULL, status = 'destroyed', destroyed_at = $3, \
     changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND credential = $2 AND status <> 'destroyed'",
);

/// Revoked credentials of all tenants that may not be recovered any more, or whose values are being destroyed.
pub(crate) static RECOVERIES_OVER: Statement = Statement::house(
    "vault.recoveries_over",
    "SELECT tenant, credential FROM credentials WHERE recover_until <= $1 AND status IN ('revoked', 'purging') \
     ORDER BY recover_until LIMIT $2",
);

/// A credential is known to others, since a moment.
pub(crate) static CREDENTIAL_COMPROMISE: Statement = Statement::tenant(
    "vault.credential_compromise",
    "UPDATE credentials SET compromised_at = COALESCE(compromised_at, $3), compromised_since = $4, \
     changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND credential = $2",
);
