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
