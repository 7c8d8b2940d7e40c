//! Statements about accounts that persons connect, and about the tokens that vendors gave.

use lockgate_store::Statement;

/// A connection whose account was connected by a person runs.
pub(crate) static CONNECTION_CONNECT: Statement = Statement::tenant(
    "vault.connection_connect",
    "UPDATE connections SET status = 'active', reason = NULL, \
     changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND connection = $2 AND credential = $3 AND status <> 'retired'",
);

/// A person connected the account of an active credential: what was had before is of no use.
pub(crate) static CREDENTIAL_SERIES: Statement = Statement::tenant(
    "vault.credential_series",
    "UPDATE credentials SET series = series + 1, changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND credential = $2 AND series = $3 AND status = 'active'",
);

/// The account of a credential was disconnected, whatever the credential is by now.
pub(crate) static CREDENTIAL_LEFT: Statement = Statement::tenant(
    "vault.credential_left",
    "UPDATE credentials SET series = series + 1, changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND credential = $2 AND series = $3",
);

/// How often the account of an active credential was connected.
pub(crate) static SERIES_READ: Statement = Statement::tenant(
    "vault.series_read",
    "SELECT series FROM credentials WHERE tenant = $1 AND credential = $2 AND status = 'active'",
);

/// The tokens of a credential.
pub(crate) static TOKENS_READ: Statement = Statement::tenant(
    "vault.tokens_read",
    "SELECT series, number, version, state, had_at, ends_at, asked_at, leased_until, fence, tries, rest_until, subject, \
     scope, sealed FROM vendor_tokens WHERE tenant = $1 AND credential = $2",
);

/// Says that a node is about to ask for tokens, unless somebody else did so since the row was read.
pub(crate) static TOKENS_LEASE: Statement = Statement::tenant(
    "vault.tokens_lease",
    "INSERT INTO vendor_tokens (tenant, credential, series, number, version, state, asked_at, leased_until, fence) \
     VALUES ($1, $2, $3, 0, $4, 'none', $5, $6, 1) \
     ON CONFLICT (tenant, credential) DO UPDATE SET asked_at = COALESCE(vendor_tokens.asked_at, excluded.asked_at), \
     leased_until = excluded.leased_until, fence = vendor_tokens.fence + 1 \
     WHERE vendor_tokens.fence = $7 AND COALESCE(vendor_tokens.leased_until, 0) <= $5",
);

/// Keeps what a vendor answered with, unless something else was kept or the account disconnected meanwhile.
pub(crate) static TOKENS_KEEP: Statement = Statement::tenant(
    "vault.tokens_keep",
    "UPDATE vendor_tokens SET number = number + 1, version = $5, had_at = $6, ends_at = $7, scope = $8, sealed = $9, \
     state = 'held', asked_at = NULL, leased_until = NULL, tries = 0, rest_until = NULL, code = NULL \
     WHERE tenant = $1 AND credential = $2 AND series = $3 AND number = $4",
);

/// Ends a lease that brought nothing. What stands in `asked_at` says whether nobody knows what came of it.
pub(crate) static TOKENS_RELEASE: Statement = Statement::tenant(
    "vault.tokens_release",
    "UPDATE vendor_tokens SET asked_at = $6, tries = $7, rest_until = $8, code = $9, leased_until = NULL \
     WHERE tenant = $1 AND credential = $2 AND fence = $3 AND series = $4 AND number = $5",
);

/// There are no tokens any more: the vendor ended them ('ended'), or the account was disconnected ('none').
pub(crate) static TOKENS_END: Statement = Statement::tenant(
    "vault.tokens_end",
    "UPDATE vendor_tokens SET series = $8, number = number + 1, state = $6, sealed = NULL, had_at = NULL, \
     ends_at = NULL, asked_at = NULL, leased_until = NULL, tries = 0, rest_until = NULL, subject = NULL, scope = NULL, \
     code = $7 WHERE tenant = $1 AND credential = $2 AND fence = $3 AND series = $4 AND number = $5",
);

/// The first tokens of an account that a person connected, by whoever has the lease.
pub(crate) static TOKENS_CONNECT: Statement = Statement::tenant(
    "vault.tokens_connect",
    "UPDATE vendor_tokens SET series = $4, number = 1, version = $5, state = 'held', had_at = $6, ends_at = $7, \
     subject = $8, scope = $9, sealed = $10, asked_at = NULL, leased_until = NULL, tries = 0, rest_until = NULL, \
     code = NULL WHERE tenant = $1 AND credential = $2 AND fence = $3",
);

/// How many connect sessions of a tenant are not over.
pub(crate) static SESSIONS_COUNT: Statement = Statement::tenant(
    "vault.sessions_count",
    "SELECT COUNT(*) FROM connect_sessions WHERE tenant = $1 AND expires_at > $2 AND ended_at IS NULL",
);

/// Forgets connect sessions that were over before this moment.
pub(crate) static SESSIONS_FORGET: Statement =
    Statement::house("vault.sessions_forget", "DELETE FROM connect_sessions WHERE expires_at < $1");

/// Takes what was sealed out of connect sessions whose time is up.
pub(crate) static SESSIONS_EMPTY: Statement = Statement::house(
    "vault.sessions_empty",
    "UPDATE connect_sessions SET answer = NULL, verifier = NULL WHERE expires_at < $1 AND verifier IS NOT NULL",
);

/// A new connect session.
pub(crate) static SESSION_INSERT: Statement = Statement::tenant(
    "vault.session_insert",
    "INSERT INTO connect_sessions (tenant, session, connection, credential, series, opened_by, subject, replaces, \
     return_to, binding, state, created_at, expires_at, verifier) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'open', $11, $12, $13)",
);

/// Whose connect session it is: its link alone says so.
pub(crate) static SESSION_FIND: Statement =
    Statement::house("vault.session_find", "SELECT tenant FROM connect_sessions WHERE session = $1");

/// One connect session.
pub(crate) static SESSION_READ: Statement = Statement::tenant(
    "vault.session_read",
    "SELECT session, connection, credential, opened_by, subject, return_to, binding, state, browser, confirm, code, \
     created_at, expires_at, ended_at, verifier, answer, series, replaces FROM connect_sessions \
     WHERE tenant = $1 AND session = $2",
);

/// A browser begins; only one ever does.
pub(crate) static SESSION_BEGIN: Statement = Statement::tenant(
    "vault.session_begin",
    "UPDATE connect_sessions SET state = 'begun', browser = $3 WHERE tenant = $1 AND session = $2 AND state = 'open'",
);

/// The browser came back from the vendor with a code.
pub(crate) static SESSION_RETURN: Statement = Statement::tenant(
    "vault.session_return",
    "UPDATE connect_sessions SET state = 'returned', confirm = $3, answer = $4 \
     WHERE tenant = $1 AND session = $2 AND state = 'begun'",
);

/// The code is about to be redeemed; that is done once.
pub(crate) static SESSION_REDEEM: Statement = Statement::tenant(
    "vault.session_redeem",
    "UPDATE connect_sessions SET state = 'redeeming', answer = NULL, verifier = NULL \
     WHERE tenant = $1 AND session = $2 AND state = 'returned'",
);

/// A connect session is over: 'done', or 'failed' with a code. What was sealed goes.
pub(crate) static SESSION_END: Statement = Statement::tenant(
    "vault.session_end",
    "UPDATE connect_sessions SET state = $3, code = $4, ended_at = $5, answer = NULL, verifier = NULL, confirm = NULL \
     WHERE tenant = $1 AND session = $2 AND state = $6",
);
