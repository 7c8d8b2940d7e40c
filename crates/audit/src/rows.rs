//! Every SQL statement of this room: the outbox, and what the store remembers of a log.

use lockgate_store::Statement;

/// Keeps an act in a tenant's change.
pub static PUT: Statement = Statement::tenant(
    "outbox.put",
    "INSERT INTO outbox (tenant, entry, body, created_at, mac) VALUES ($1, $2, $3, $4, $5)",
);

/// Keeps an act in a change that is not one tenant's.
pub static PUT_FOR_HOUSE: Statement = Statement::house(
    "outbox.put_for_house",
    "INSERT INTO outbox (tenant, entry, body, created_at, mac) VALUES ('house', $1, $2, $3, $4)",
);

/// Rows of one node that are not in its log yet, oldest first. `$1` is how their bodies begin. On SQLite a
/// column of texts may hold bytes, which are behind every text: such a row is nobody's.
pub static WAITING: Statement = Statement::house(
    "outbox.waiting",
    "SELECT tenant, entry, body, mac FROM outbox WHERE appended_at IS NULL AND aside_at IS NULL \
     AND tenant < '~' AND entry < '~' AND substr(body, 1, length(CAST($1 AS TEXT))) = CAST($1 AS TEXT) ORDER BY created_at, entry LIMIT $2",
);

/// Notes that a row is in the log.
pub static MARK: Statement = Statement::house(
    "outbox.mark",
    "UPDATE outbox SET appended_at = $3 WHERE tenant = $1 AND entry = $2 AND appended_at IS NULL",
);

/// Sets a row aside that is not ours: it is not looked at again.
pub static SET_ASIDE: Statement = Statement::house(
    "outbox.set_aside",
    "UPDATE outbox SET aside_at = $3 WHERE tenant = $1 AND entry = $2 AND aside_at IS NULL",
);

/// How many rows were set aside.
pub static ASIDE: Statement =
    Statement::house("outbox.aside", "SELECT COUNT(*) FROM outbox WHERE aside_at IS NOT NULL");

/// How many rows are in no log though they should be, and how old the oldest is.
pub static OVERDUE: Statement = Statement::house(
    "outbox.overdue",
    "SELECT COUNT(*), MIN(created_at) FROM outbox WHERE appended_at IS NULL AND aside_at IS NULL \
     AND created_at < $1",
);

/// Removes rows that have been in the log for long.
pub static FORGET: Statement =
    Statement::house("outbox.forget", "DELETE FROM outbox WHERE appended_at IS NOT NULL AND appended_at < $1");

/// Remembers a log's checkpoint, unless a later one is remembered already.
pub static REMEMBER: Statement = Statement::house(
    "checkpoints.remember",
    "INSERT INTO checkpoints (origin, size, note, told_at) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (origin) DO UPDATE SET size = excluded.size, note = excluded.note, told_at = excluded.told_at \
     WHERE checkpoints.size < excluded.size",
);

/// Remembers a log's checkpoint in the place of whatever was remembered: a loss was accepted.
pub static REMEMBER_INSTEAD: Statement = Statement::house(
    "checkpoints.remember_instead",
    "INSERT INTO checkpoints (origin, size, note, told_at) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (origin) DO UPDATE SET size = excluded.size, note = excluded.note, told_at = excluded.told_at",
);

/// What is remembered of a log.
pub static REMEMBERED: Statement =
    Statement::house("checkpoints.remembered", "SELECT note FROM checkpoints WHERE origin = $1");

/// Other logs whose end has moved since then. What is remembered of a log changes with its size alone.
pub static REMEMBERED_SINCE: Statement = Statement::house(
    "checkpoints.remembered_since",
    "SELECT origin, told_at FROM checkpoints WHERE origin <> $1 AND told_at >= $2 ORDER BY origin LIMIT 1000",
);

/// All of them, for the tests that check and prepare every statement.
pub static ALL: &[&Statement] = &[
    &PUT,
    &PUT_FOR_HOUSE,
    &WAITING,
    &MARK,
    &SET_ASIDE,
    &ASIDE,
    &OVERDUE,
    &FORGET,
    &REMEMBER,
    &REMEMBER_INSTEAD,
    &REMEMBERED,
    &REMEMBERED_SINCE,
];
