//! Runs whose outcome nobody knew. The way out writes them down; here operators read and resolve them.

use lockgate_store::Statement;

/// The newest first, behind a place in that order.
pub(crate) static PAGE: Statement = Statement::tenant(
    "escalations.page",
    "SELECT run, connection, reason, created_at, resolved_at, finding, note, resolved_by FROM escalations \
     WHERE tenant = $1 AND (created_at < $2 OR (created_at = $2 AND run < $3)) \
     AND ($4 = 'all' OR ($4 = 'open' AND resolved_at IS NULL) OR ($4 = 'resolved' AND resolved_at IS NOT NULL)) \
     ORDER BY created_at DESC, run DESC LIMIT $5",
);

pub(crate) static ONE: Statement = Statement::tenant(
    "escalations.one",
    "SELECT run, connection, reason, created_at, resolved_at, finding, note, resolved_by FROM escalations \
     WHERE tenant = $1 AND run = $2",
);

/// Resolves one that is open.
pub(crate) static RESOLVE: Statement = Statement::tenant(
    "escalations.resolve",
    "UPDATE escalations SET resolved_at = $3, finding = $4, note = $5, resolved_by = $6 \
     WHERE tenant = $1 AND run = $2 AND resolved_at IS NULL",
);

/// Forgets some of every tenant's that were resolved long enough ago. What is open stays.
pub(crate) static FORGET: Statement = Statement::house(
    "escalations.forget",
    "DELETE FROM escalations WHERE (tenant, run) IN \
     (SELECT tenant, run FROM escalations WHERE resolved_at IS NOT NULL AND resolved_at <= $1 \
     ORDER BY resolved_at LIMIT $2)",
);
