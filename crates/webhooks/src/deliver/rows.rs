//! Every statement by which deliveries are passed on.

use lockgate_store::Statement;

/// All of them, for the test that prepares each on both engines.
pub const STATEMENTS: &[&Statement] = &[
    &ATTEMPT_INSERT,
    &DUE,
    &END_SOME,
    &ENDPOINT_ILL,
    &ENDPOINT_WELL,
    &LEASE,
    &LEASE_ONE_IN_ORDER,
    &LEASE_END,
    &LEASES_LOST,
    &LEASES_OVER,
    &LEASES_RETURN,
    &LEASES_SPENT,
    &PAUSE,
    &READY_IN_ORDER,
    &RETIRED,
    &RETIRED_WAITING,
    &SETTLE,
    &WAITING_LONG,
];

/// Subscriptions of every tenant with a delivery that is due, one row each. It leaps over the index from one
/// subscription to the next, so that it costs what there are subscriptions and not what there are deliveries.
pub(crate) static DUE: Statement = Statement::house(
    "webhooks.due",
    "WITH RECURSIVE s(subscription) AS (\
     SELECT MIN(subscription) FROM deliveries WHERE state = 'waiting' \
     UNION ALL SELECT (SELECT MIN(d.subscription) FROM deliveries d \
     WHERE d.state = 'waiting' AND d.subscription > s.subscription) FROM s WHERE s.subscription IS NOT NULL) \
     SELECT due.subscription, due.tenant FROM (SELECT s.subscription, (SELECT d.tenant FROM deliveries d \
     WHERE d.subscription = s.subscription AND d.state = 'waiting' AND d.due_at <= $1 ORDER BY d.due_at LIMIT 1) AS tenant \
     FROM s WHERE s.subscription IS NOT NULL) AS due WHERE due.tenant IS NOT NULL ORDER BY due.subscription",
);

/// Leases what is due, the longest due first. One statement, so that no two nodes get the same.
pub(crate) static LEASE: Statement = Statement::tenant(
    "webhooks.lease",
    "UPDATE deliveries SET state = 'leased', lease_until = $5, tries = tries + 1 \
     WHERE tenant = $1 AND state = 'waiting' AND delivery IN (SELECT d.delivery FROM deliveries d \
     WHERE d.tenant = $1 AND d.subscription = $2 AND d.state = 'waiting' AND d.due_at <= $3 \
     ORDER BY d.due_at, d.delivery LIMIT $4) RETURNING delivery, event_type, sealed, tries",
);

/// What is due of those before which none of the same key is waiting or under way.
pub(crate) static READY_IN_ORDER: Statement = Statement::tenant(
    "webhooks.ready_in_order",
    "SELECT d.delivery FROM deliveries d \
     WHERE d.tenant = $1 AND d.subscription = $2 AND d.state = 'waiting' AND d.due_at <= $3 \
     AND NOT EXISTS (SELECT 1 FROM deliveries earlier WHERE earlier.tenant = $1 AND earlier.subscription = $2 \
     AND earlier.order_key IS NOT NULL AND earlier.order_key = d.order_key \
     AND earlier.state IN ('waiting', 'leased') AND earlier.delivery < d.delivery) \
     ORDER BY d.due_at, d.delivery LIMIT $4",
);

/// Leases one of them, where it still is one.
pub(crate) static LEASE_ONE_IN_ORDER: Statement = Statement::tenant(
    "webhooks.lease_one_in_order",
    "UPDATE deliveries SET state = 'leased', lease_until = $5, tries = tries + 1 \
     WHERE tenant = $1 AND subscription = $2 AND delivery = $3 AND state = 'waiting' AND due_at <= $4 \
     AND NOT EXISTS (SELECT 1 FROM deliveries earlier WHERE earlier.tenant = $1 AND earlier.subscription = $2 \
     AND earlier.order_key IS NOT NULL AND earlier.order_key = deliveries.order_key \
     AND earlier.state IN ('waiting', 'leased') AND earlier.delivery < deliveries.delivery) \
     RETURNING delivery, event_type, sealed, tries",
);

/// Whether a lease of any tenant's is over.
pub(crate) static LEASES_OVER: Statement = Statement::house(
    "webhooks.leases_over",
    "SELECT delivery FROM deliveries WHERE state = 'leased' AND lease_until <= $1 LIMIT 1",
);

/// Leases of any tenant's that are over and were given so often that nobody gets another.
pub(crate) static LEASES_SPENT: Statement = Statement::house(
    "webhooks.leases_spent",
    "SELECT tenant, delivery, subscription, tries, lease_until FROM deliveries \
     WHERE state = 'leased' AND lease_until <= $1 AND tries >= $2 ORDER BY lease_until LIMIT $3",
);

/// Ends one of them.
pub(crate) static LEASE_END: Statement = Statement::tenant(
    "webhooks.lease_end",
    "UPDATE deliveries SET state = 'dead', due_at = NULL, lease_until = NULL, ended_at = $4, cause = $5, code = $6, \
     forget_at = $7 WHERE tenant = $1 AND delivery = $2 AND state = 'leased' AND lease_until = $3",
);

/// Keeps the tries that were lost with a node.
pub(crate) static LEASES_LOST: Statement = Statement::house(
    "webhooks.leases_lost",
    "INSERT INTO attempts (tenant, delivery, number, outcome, took, at) \
     SELECT tenant, delivery, tries, 'lost', 0, CAST($1 AS BIGINT) FROM deliveries \
     WHERE state = 'leased' AND lease_until <= $1 AND tries < $2 \
     ON CONFLICT (tenant, delivery, number) DO NOTHING",
);

/// Gives back what a node that is gone had leased.
pub(crate) static LEASES_RETURN: Statement = Statement::house(
    "webhooks.leases_return",
    "UPDATE deliveries SET state = 'waiting', lease_until = NULL \
     WHERE state = 'leased' AND lease_until <= $1 AND tries < $2",
);

/// Says what became of a delivery, where the lease is still the one under which it was tried.
pub(crate) static SETTLE: Statement = Statement::tenant(
    "webhooks.settle",
    "UPDATE deliveries SET state = $4, due_at = $5, ended_at = $6, cause = $7, code = $8, forget_at = $9, lease_until = NULL \
     WHERE tenant = $1 AND delivery = $2 AND state = 'leased' AND lease_until = $3",
);

/// Keeps a try.
pub(crate) static ATTEMPT_INSERT: Statement = Statement::tenant(
    "webhooks.attempt_insert",
    "INSERT INTO attempts (tenant, delivery, number, outcome, status, code, took, at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (tenant, delivery, number) DO NOTHING",
);

/// Counts a failure of an endpoint's; how many there were, and since when.
pub(crate) static ENDPOINT_ILL: Statement = Statement::tenant(
    "webhooks.endpoint_ill",
    "INSERT INTO endpoints (tenant, subscription, failures, failing_since) VALUES ($1, $2, 1, $3) \
     ON CONFLICT (tenant, subscription) DO UPDATE SET failures = endpoints.failures + 1 \
     RETURNING failures, failing_since",
);

/// Forgets an endpoint's failures.
pub(crate) static ENDPOINT_WELL: Statement =
    Statement::tenant("webhooks.endpoint_well", "DELETE FROM endpoints WHERE tenant = $1 AND subscription = $2");

/// Pauses a subscription that is active.
pub(crate) static PAUSE: Statement = Statement::tenant(
    "webhooks.pause",
    "UPDATE subscriptions SET status = 'paused', reason = $3, \
     changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND subscription = $2 AND status = 'active'",
);

/// Subscriptions of every tenant for which deliveries wait, due or not, and which are not there, or not any
/// more. It leaps over the index as `DUE` does.
pub(crate) static RETIRED_WAITING: Statement = Statement::house(
    "webhooks.retired_waiting",
    "WITH RECURSIVE s(subscription) AS (\
     SELECT MIN(subscription) FROM deliveries WHERE state = 'waiting' \
     UNION ALL SELECT (SELECT MIN(d.subscription) FROM deliveries d \
     WHERE d.state = 'waiting' AND d.subscription > s.subscription) FROM s WHERE s.subscription IS NOT NULL) \
     SELECT gone.subscription, gone.tenant FROM (SELECT s.subscription, (SELECT d.tenant FROM deliveries d \
     WHERE d.subscription = s.subscription AND d.state = 'waiting' LIMIT 1) AS tenant \
     FROM s WHERE s.subscription IS NOT NULL AND NOT EXISTS (SELECT 1 FROM subscriptions known \
     WHERE known.subscription = s.subscription AND known.status <> 'retired')) AS gone \
     WHERE gone.tenant IS NOT NULL ORDER BY gone.subscription",
);

/// Deliveries behind one that wait for a subscription which is not there, or not any more.
pub(crate) static RETIRED: Statement = Statement::tenant(
    "webhooks.retired",
    "SELECT d.delivery FROM deliveries d WHERE d.tenant = $1 AND d.subscription = $2 AND d.state = 'waiting' \
     AND d.delivery > $3 \
     AND NOT EXISTS (SELECT 1 FROM subscriptions s WHERE s.tenant = $1 AND s.subscription = $2 \
     AND s.status <> 'retired') ORDER BY d.delivery LIMIT $4",
);

/// Deliveries of a subscription behind one that were received so long ago and wait still.
pub(crate) static WAITING_LONG: Statement = Statement::tenant(
    "webhooks.waiting_long",
    "SELECT delivery FROM deliveries WHERE tenant = $1 AND subscription = $2 AND state = 'waiting' \
     AND delivery > $3 AND received_at <= $4 ORDER BY delivery LIMIT $5",
);

/// Ends a subscription's deliveries from one to another that were received so long ago and wait.
pub(crate) static END_SOME: Statement = Statement::tenant(
    "webhooks.end_some",
    "UPDATE deliveries SET state = 'dead', due_at = NULL, ended_at = $6, cause = $7, code = $8, forget_at = $9 \
     WHERE tenant = $1 AND subscription = $2 AND state = 'waiting' AND delivery >= $3 AND delivery <= $4 \
     AND received_at <= $5",
);

#[cfg(test)]
mod tests;
