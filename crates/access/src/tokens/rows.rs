//! Every SQL statement of our own tokens: signing keys, revocations, assertions that were used.

use lockgate_store::Statement;

/// Keys that are published: `kid, alg, sealed, status, retires_at, created_at`.
pub(crate) static SIGNING_KEYS: Statement = Statement::house(
    "tokens.signing_keys",
    "SELECT kid, alg, sealed, status, retires_at, created_at FROM signing_keys WHERE status <> 'retired' ORDER BY kid",
);

/// `kid, alg, sealed, public, status, created_at`.
pub(crate) static SIGNING_KEY_ADD: Statement = Statement::house(
    "tokens.signing_key_add",
    "INSERT INTO signing_keys (kid, alg, sealed, public, status, created_at, retires_at, changed) \
     VALUES ($1, $2, $3, $4, $5, $6, NULL, (SELECT value FROM house WHERE name = 'epoch'))",
);

/// Touches one row where no key has this status. The epoch was raised before in the same change, which
/// lets one node at a time through, so the row that follows is the only one.
pub(crate) static SIGNING_KEY_FIRST: Statement = Statement::house(
    "tokens.signing_key_first",
    "UPDATE house SET value = value WHERE name = 'epoch' \
     AND NOT EXISTS (SELECT 1 FROM signing_keys WHERE status = $1)",
);

/// `kid, status, retires_at, the status it had`.
pub(crate) static SIGNING_KEY_MOVE: Statement = Statement::house(
    "tokens.signing_key_move",
    "UPDATE signing_keys SET status = $2, retires_at = $3, \
     changed = (SELECT value FROM house WHERE name = 'epoch') WHERE kid = $1 AND status = $4",
);

/// `kid`, what stands in place of the private half, and the status it had: whoever takes a key away has to know what it
/// does, since another one takes the place of one that signs.
pub(crate) static SIGNING_KEY_RETIRE: Statement = Statement::house(
    "tokens.signing_key_retire",
    "UPDATE signing_keys SET status = 'retired', sealed = $2, \
     changed = (SELECT value FROM house WHERE name = 'epoch') WHERE kid = $1 AND status = $3",
);

/// The moment, and what stands in place of the private half.
pub(crate) static SIGNING_KEYS_EXPIRE: Statement = Statement::house(
    "tokens.signing_keys_expire",
    "UPDATE signing_keys SET status = 'retired', sealed = $2, \
     changed = (SELECT value FROM house WHERE name = 'epoch') WHERE status = 'retiring' AND retires_at <= $1",
);

/// `jti, expires_at`. Revoking twice changes nothing.
pub(crate) static TOKEN_REVOKE: Statement = Statement::tenant(
    "tokens.revoke",
    "INSERT INTO revoked_tokens (tenant, jti, expires_at, changed) \
     VALUES ($1, $2, $3, (SELECT value FROM house WHERE name = 'epoch')) ON CONFLICT (tenant, jti) DO NOTHING",
);

/// `digest, expires_at`: a client assertion is used, once in the whole house. No snapshot needs it, so
/// it says that it never changed.
pub(crate) static ASSERTION_USE: Statement = Statement::tenant(
    "tokens.assertion_use",
    "INSERT INTO revoked_tokens (tenant, jti, expires_at, changed) VALUES ($1, $2, $3, 0) \
     ON CONFLICT (tenant, jti) DO NOTHING",
);

/// Forgets what expired before this moment.
pub(crate) static REVOCATIONS_EXPIRE: Statement =
    Statement::house("tokens.revocations_expire", "DELETE FROM revoked_tokens WHERE expires_at < $1");
