//! Every statement of the way out. What is kept of requests and answers goes in and comes out sealed.

use lockgate_store::Statement;

/// All of them, for the test that prepares each on both engines.
pub const STATEMENTS: &[&Statement] = &[
    &ESCALATION_INSERT,
    &KEPT_BYTES,
    &KEPT_FIND,
    &KEPT_FREE,
    &KEPT_INSERT,
    &KEPT_FORGET,
    &KEPT_OF_RUN_DOUBT,
    &KEPT_RELEASE,
    &KEPT_SETTLE,
    &OPERATIONS_ABANDONED,
    &OPERATIONS_FORGET,
    &OPERATION_ABANDON,
    &OPERATION_FIND,
    &OPERATION_INSERT,
    &OPERATION_OF_RUN,
    &OPERATION_RENEW,
    &OPERATION_SETTLE,
];

/// Takes an idempotency key, unless it is taken and not yet forgotten.
pub(crate) static KEPT_INSERT: Statement = Statement::tenant(
    "egress.kept_insert",
    "INSERT INTO idempotency (tenant, caller, connection, key_digest, request_digest, state, run, created_at, expires_at) \
     VALUES ($1, $2, $3, $4, $5, 'running', $6, $7, $8) \
     ON CONFLICT (tenant, caller, connection, key_digest) DO UPDATE SET \
     request_digest = excluded.request_digest, state = excluded.state, run = excluded.run, answer = NULL, \
     created_at = excluded.created_at, expires_at = excluded.expires_at \
     WHERE idempotency.expires_at <= excluded.created_at",
);

/// How many bytes of answers are kept, for idempotency keys and behind operations.
pub(crate) static KEPT_BYTES: Statement = Statement::tenant(
    "egress.kept_bytes",
    "SELECT COALESCE(SUM(LENGTH(answer)), 0) FROM \
     (SELECT answer FROM idempotency WHERE tenant = $1 UNION ALL SELECT answer FROM operations WHERE tenant = $1) AS kept",
);

/// What is kept for an idempotency key.
pub(crate) static KEPT_FIND: Statement = Statement::tenant(
    "egress.kept_find",
    "SELECT request_digest, state, run, answer, created_at FROM idempotency \
     WHERE tenant = $1 AND caller = $2 AND connection = $3 AND key_digest = $4",
);

/// Keeps what came of a run for its idempotency key.
pub(crate) static KEPT_SETTLE: Statement = Statement::tenant(
    "egress.kept_settle",
    "UPDATE idempotency SET state = $6, answer = $7 \
     WHERE tenant = $1 AND caller = $2 AND connection = $3 AND key_digest = $4 AND run = $5",
);

/// Frees an idempotency key whose run did nothing.
pub(crate) static KEPT_RELEASE: Statement = Statement::tenant(
    "egress.kept_release",
    "DELETE FROM idempotency \
     WHERE tenant = $1 AND caller = $2 AND connection = $3 AND key_digest = $4 AND run = $5",
);

/// Blocks the idempotency key of a run of which nobody knows the outcome.
pub(crate) static KEPT_OF_RUN_DOUBT: Statement = Statement::tenant(
    "egress.kept_of_run_doubt",
    "UPDATE idempotency SET state = 'unknown' WHERE tenant = $1 AND run = $2 AND state IN ('running', 'accepted')",
);

/// Frees the idempotency key of a run that did nothing, whoever took it.
pub(crate) static KEPT_FREE: Statement = Statement::tenant(
    "egress.kept_free",
    "DELETE FROM idempotency WHERE tenant = $1 AND run = $2 AND state IN ('running', 'accepted')",
);

/// Forgets idempotency keys of every tenant whose time is over.
pub(crate) static KEPT_FORGET: Statement =
    Statement::house("egress.kept_forget", "DELETE FROM idempotency WHERE expires_at <= $1");

/// Tells operators of a run of which nobody knows the outcome.
pub(crate) static ESCALATION_INSERT: Statement = Statement::tenant(
    "egress.escalation_insert",
    "INSERT INTO escalations (tenant, run, connection, reason, created_at) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (tenant, run) DO NOTHING",
);

/// A call that goes on in the background, held by this node until the lease is over.
pub(crate) static OPERATION_INSERT: Statement = Statement::tenant(
    "egress.operation_insert",
    "INSERT INTO operations (tenant, operation, principal, run, state, request, tries, due_at, lease_until, created_at, \
     expires_at) VALUES ($1, $2, $3, $4, 'waiting', $5, $6, $7, $8, $9, $10)",
);

/// One operation of a principal's.
pub(crate) static OPERATION_FIND: Statement = Statement::tenant(
    "egress.operation_find",
    "SELECT run, state, answer, due_at, created_at, expires_at, request FROM operations \
     WHERE tenant = $1 AND operation = $2 AND principal = $3",
);

/// The operation behind which a run went on, over or not.
pub(crate) static OPERATION_OF_RUN: Statement = Statement::tenant(
    "egress.operation_of_run",
    "SELECT tenant, operation, run, state, request FROM operations WHERE tenant = $1 AND run = $2",
);

/// Says where an operation is, and holds it for longer.
pub(crate) static OPERATION_RENEW: Statement = Statement::tenant(
    "egress.operation_renew",
    "UPDATE operations SET state = $3, tries = $4, due_at = $5, lease_until = $6 \
     WHERE tenant = $1 AND operation = $2 AND state IN ('waiting', 'sending')",
);

/// Ends an operation.
pub(crate) static OPERATION_SETTLE: Statement = Statement::tenant(
    "egress.operation_settle",
    "UPDATE operations SET state = $3, answer = $4, lease_until = NULL \
     WHERE tenant = $1 AND operation = $2 AND state IN ('waiting', 'sending')",
);

/// Ends an operation whose node is gone, unless somebody else did.
pub(crate) static OPERATION_ABANDON: Statement = Statement::tenant(
    "egress.operation_abandon",
    "UPDATE operations SET state = $3, lease_until = NULL \
     WHERE tenant = $1 AND operation = $2 AND state IN ('waiting', 'sending') AND lease_until <= $4",
);

/// Operations of every tenant whose node has not renewed its lease.
pub(crate) static OPERATIONS_ABANDONED: Statement = Statement::house(
    "egress.operations_abandoned",
    "SELECT tenant, operation, run, state, request FROM operations \
     WHERE state IN ('waiting', 'sending') AND lease_until <= $1 ORDER BY lease_until LIMIT 100",
);

/// Forgets operations of every tenant whose time is over.
pub(crate) static OPERATIONS_FORGET: Statement = Statement::house(
    "egress.operations_forget",
    "DELETE FROM operations WHERE expires_at <= $1 AND state NOT IN ('waiting', 'sending')",
);

#[cfg(test)]
mod tests;
