//! Deliveries as they come in, and what was heard already.

use lockgate_store::Statement;

/// Takes a claim, unless somebody has it and it is not over.
pub(crate) static CLAIM: Statement = Statement::tenant(
    "webhooks.claim",
    "INSERT INTO claims (tenant, claim, delivery, digest, expires_at) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (tenant, claim) DO UPDATE SET \
     delivery = excluded.delivery, digest = excluded.digest, expires_at = excluded.expires_at \
     WHERE claims.expires_at <= $6",
);

/// Who has a claim, and until when.
pub(crate) static CLAIMED: Statement =
    Statement::tenant("webhooks.claimed", "SELECT delivery, digest FROM claims WHERE tenant = $1 AND claim = $2");

/// Who has a claim that is not over.
pub(crate) static HEARD: Statement = Statement::tenant(
    "webhooks.heard",
    "SELECT delivery, digest FROM claims WHERE tenant = $1 AND claim = $2 AND expires_at > $3",
);

/// Forgets some claims of every tenant that are over.
pub(crate) static CLAIMS_FORGET: Statement = Statement::house(
    "webhooks.claims_forget",
    "DELETE FROM claims WHERE (tenant, claim) IN \
     (SELECT tenant, claim FROM claims WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
);

/// Keeps a delivery.
pub(crate) static INSERT: Statement = Statement::tenant(
    "webhooks.delivery_insert",
    "INSERT INTO deliveries (tenant, delivery, subscription, state, event_type, provider_id, key, digest, size, sealed, \
     order_key, replay_of, tries, due_at, cause, code, received_at, ended_at, forget_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, $13, $14, $15, $16, $17, $18)",
);

/// How many bytes wait. By way of the tenant's subscriptions, for which there is an index of what waits.
pub(crate) static WAITING_BYTES: Statement = Statement::tenant(
    "webhooks.waiting_bytes",
    "SELECT COALESCE(CAST(SUM(size) AS BIGINT), 0) FROM deliveries WHERE tenant = $1 AND state = 'waiting' \
     AND subscription IN (SELECT subscription FROM subscriptions WHERE tenant = $1)",
);

/// What is told of a delivery; `read` in `manage/deliveries.rs` knows their order.
macro_rules! told {
    ($rest:literal) => {
        concat!(
            "SELECT delivery, subscription, state, event_type, provider_id, key, size, tries, due_at, cause, code, \
             received_at, ended_at, replay_of FROM deliveries WHERE tenant = $1 AND ",
            $rest
        )
    };
}

/// A page of a tenant's, the newest first, behind one.
pub(crate) static PAGE: Statement = Statement::tenant(
    "webhooks.deliveries_page",
    told!(
        "delivery < $2 AND ($3 = '' OR state = $3) AND ($4 = '' OR event_type = $4) AND ($5 = '' OR provider_id = $5) \
         AND received_at >= $6 AND received_at < $7 ORDER BY delivery DESC LIMIT $8"
    ),
);

/// The same of one subscription.
pub(crate) static PAGE_OF: Statement = Statement::tenant(
    "webhooks.deliveries_page_of",
    told!(
        "delivery < $2 AND ($3 = '' OR state = $3) AND ($4 = '' OR event_type = $4) AND ($5 = '' OR provider_id = $5) \
         AND received_at >= $6 AND received_at < $7 AND subscription = $8 ORDER BY delivery DESC LIMIT $9"
    ),
);

/// The same of those that were given up or put into quarantine.
pub(crate) static PAGE_DEAD: Statement = Statement::tenant(
    "webhooks.dead_letters_page",
    told!(
        "delivery < $2 AND state IN ('dead', 'quarantined') AND ($3 = '' OR cause = $3) \
         AND ($4 = '' OR event_type = $4) AND ($5 = '' OR provider_id = $5) \
         AND received_at >= $6 AND received_at < $7 AND ($8 = '' OR subscription = $8) ORDER BY delivery DESC LIMIT $9"
    ),
);

/// One.
pub(crate) static ONE: Statement = Statement::tenant("webhooks.delivery_one", told!("delivery = $2"));

/// What one holds.
pub(crate) static ENVELOPE: Statement = Statement::tenant(
    "webhooks.delivery_envelope",
    "SELECT sealed, digest, order_key FROM deliveries WHERE tenant = $1 AND delivery = $2",
);

/// Every try of one, the first one first.
pub(crate) static ATTEMPTS: Statement = Statement::tenant(
    "webhooks.delivery_attempts",
    "SELECT number, outcome, status, code, took, at FROM attempts WHERE tenant = $1 AND delivery = $2 ORDER BY number",
);

/// A page of what waits to be fetched, the oldest first, behind one: what is told of each and how large it is, so
/// that nothing is loaded that the page has no room for.
pub(crate) static PULLED: Statement = Statement::tenant(
    "webhooks.deliveries_pulled",
    "SELECT delivery, subscription, event_type, provider_id, received_at, size, replay_of FROM deliveries \
     WHERE tenant = $1 AND state = 'waiting' AND due_at IS NULL AND delivery > $2 AND ($3 = '' OR subscription = $3) \
     ORDER BY delivery LIMIT $4",
);

/// Acknowledges one that waits to be fetched.
pub(crate) static ACKNOWLEDGE: Statement = Statement::tenant(
    "webhooks.delivery_acknowledge",
    "UPDATE deliveries SET state = 'delivered', tries = tries + 1, ended_at = $3, forget_at = $4 \
     WHERE tenant = $1 AND delivery = $2 AND state = 'waiting' AND due_at IS NULL",
);

/// Ends one that waits to be fetched and cannot be opened.
pub(crate) static SPOILED: Statement = Statement::tenant(
    "webhooks.delivery_spoiled",
    "UPDATE deliveries SET state = 'dead', cause = 'pipeline', code = $3, ended_at = $4, forget_at = $5 \
     WHERE tenant = $1 AND delivery = $2 AND state = 'waiting' AND due_at IS NULL",
);

/// Takes one that was played again out of the dead letters.
pub(crate) static REPLAYED: Statement = Statement::tenant(
    "webhooks.delivery_replayed",
    "UPDATE deliveries SET state = 'replayed', forget_at = $3 \
     WHERE tenant = $1 AND delivery = $2 AND state IN ('dead', 'quarantined')",
);

/// Forgets the tries of some deliveries of every tenant whose time is over.
pub(crate) static ATTEMPTS_FORGET: Statement = Statement::house(
    "webhooks.attempts_forget",
    "DELETE FROM attempts WHERE (tenant, delivery) IN \
     (SELECT tenant, delivery FROM deliveries WHERE forget_at <= $1 ORDER BY forget_at, tenant, delivery LIMIT $2)",
);

/// Forgets some deliveries of every tenant whose time is over.
pub(crate) static FORGET: Statement = Statement::house(
    "webhooks.deliveries_forget",
    "DELETE FROM deliveries WHERE (tenant, delivery) IN \
     (SELECT tenant, delivery FROM deliveries WHERE forget_at <= $1 ORDER BY forget_at, tenant, delivery LIMIT $2)",
);

/// A subscription's deliveries of a time that are in a state, the oldest first, behind one.
pub(crate) static OF_A_TIME: Statement = Statement::tenant(
    "webhooks.deliveries_of_a_time",
    "SELECT delivery FROM deliveries WHERE tenant = $1 AND subscription = $2 AND state = $3 \
     AND received_at >= $4 AND received_at < $5 AND delivery > $6 ORDER BY delivery LIMIT $7",
);
