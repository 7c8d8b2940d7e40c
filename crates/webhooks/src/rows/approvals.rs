//! What waits until somebody else approves it.

use lockgate_store::Statement;

pub(crate) static INSERT: Statement = Statement::tenant(
    "webhooks.approval_insert",
    "INSERT INTO approvals (tenant, approval, kind, object, request, reason, requested_by, state, created_at, expires_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending', $8, $9)",
);

/// A page, the newest first.
pub(crate) static PAGE: Statement = Statement::tenant(
    "webhooks.approvals_page",
    "SELECT approval, kind, object, reason, requested_by, state, decided_by, note, created_at, expires_at, decided_at \
     FROM approvals WHERE tenant = $1 AND approval < $2 AND ($3 = '' OR state = $3) ORDER BY approval DESC LIMIT $4",
);

pub(crate) static ONE: Statement = Statement::tenant(
    "webhooks.approval_one",
    "SELECT approval, kind, object, reason, requested_by, state, decided_by, note, created_at, expires_at, decided_at, \
     request FROM approvals WHERE tenant = $1 AND approval = $2",
);

/// Decides one that waits and is not over.
pub(crate) static DECIDE: Statement = Statement::tenant(
    "webhooks.approval_decide",
    "UPDATE approvals SET state = $3, decided_by = $4, note = $5, decided_at = $6 \
     WHERE tenant = $1 AND approval = $2 AND state = 'pending' AND expires_at > $6 AND requested_by <> $4",
);

/// What was approved is done.
pub(crate) static DONE: Statement = Statement::tenant(
    "webhooks.approval_done",
    "UPDATE approvals SET state = 'done' WHERE tenant = $1 AND approval = $2 AND state = 'approved'",
);

/// Forgets some of every tenant's that are old.
pub(crate) static FORGET: Statement = Statement::house(
    "webhooks.approvals_forget",
    "DELETE FROM approvals WHERE (tenant, approval) IN \
     (SELECT tenant, approval FROM approvals WHERE created_at <= $1 ORDER BY created_at, tenant, approval LIMIT $2)",
);
