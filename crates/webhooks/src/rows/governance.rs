//! The gateway's own events on their way to those who want to be told.

use lockgate_store::Statement;

/// How far a way out has told them.
pub(crate) static CURSOR: Statement =
    Statement::tenant("webhooks.cursor", "SELECT behind FROM event_cursors WHERE tenant = $1 AND subscription = $2");

/// The newest event that is there, from where a new way out begins.
pub(crate) static NEWEST: Statement = Statement::tenant(
    "webhooks.newest_event",
    "SELECT COALESCE(MAX(event), '') FROM events WHERE tenant = $1 AND created_at <= $2",
);

/// Where a way out begins. Whoever comes second leaves it.
pub(crate) static CURSOR_BEGIN: Statement = Statement::tenant(
    "webhooks.cursor_begin",
    "INSERT INTO event_cursors (tenant, subscription, behind) VALUES ($1, $2, $3) \
     ON CONFLICT (tenant, subscription) DO NOTHING",
);

/// Moves a cursor on that is where it was read.
pub(crate) static CURSOR_MOVE: Statement = Statement::tenant(
    "webhooks.cursor_move",
    "UPDATE event_cursors SET behind = $4 WHERE tenant = $1 AND subscription = $2 AND behind = $3",
);

/// Events behind a cursor that nothing earlier can join any more.
pub(crate) static EVENTS: Statement = Statement::tenant(
    "webhooks.events_behind",
    "SELECT event, type, body FROM events WHERE tenant = $1 AND event > $2 AND created_at <= $3 \
     ORDER BY event LIMIT $4",
);
