//! Events of the governance side.

use lockgate_store::Statement;

pub(crate) static INSERT: Statement = Statement::tenant(
    "events.insert",
    "INSERT INTO events (tenant, event, type, body, created_at) VALUES ($1, $2, $3, $4, $5)",
);

pub(crate) static PAGE: Statement = Statement::tenant(
    "events.page",
    "SELECT event, body, created_at FROM events WHERE tenant = $1 AND event > $2 ORDER BY event LIMIT $3",
);

/// Forgets some of every tenant's that are old enough.
pub(crate) static FORGET: Statement = Statement::house(
    "events.forget",
    "DELETE FROM events WHERE (tenant, event) IN \
     (SELECT tenant, event FROM events WHERE created_at <= $1 ORDER BY created_at LIMIT $2)",
);
