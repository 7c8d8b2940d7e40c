//! Subscriptions and their secrets.

use lockgate_store::Statement;

/// Rows of one page of a snapshot.
pub(crate) const PAGE_ROWS: i64 = 4_000;

/// All of every tenant's behind one, for the snapshot.
pub(crate) static SUBSCRIPTIONS_ALL: Statement = Statement::house(
    "webhooks.subscriptions_all",
    "SELECT tenant, subscription, name, spec, status FROM subscriptions WHERE (tenant, subscription) > ($1, $2) \
     ORDER BY tenant, subscription LIMIT $3",
);

/// Those of every tenant that changed after an epoch, for the snapshot.
pub(crate) static SUBSCRIPTIONS_SINCE: Statement = Statement::house(
    "webhooks.subscriptions_since",
    "SELECT tenant, subscription, name, spec, status FROM subscriptions WHERE changed > $1 \
     ORDER BY changed, tenant, subscription",
);

/// All secrets of every tenant behind one, for the snapshot.
pub(crate) static SECRETS_ALL: Statement = Statement::house(
    "webhooks.secrets_all",
    "SELECT tenant, subscription, purpose, version, sealed, expires_at FROM subscription_secrets \
     WHERE (tenant, subscription, purpose, version) > ($1, $2, $3, $4) \
     ORDER BY tenant, subscription, purpose, version LIMIT $5",
);

/// Those of every tenant that changed after an epoch, for the snapshot.
pub(crate) static SECRETS_SINCE: Statement = Statement::house(
    "webhooks.secrets_since",
    "SELECT tenant, subscription, purpose, version, sealed, expires_at FROM subscription_secrets \
     WHERE changed > $1 ORDER BY changed, tenant, subscription, purpose, version",
);

/// How many there are.
pub(crate) static COUNT: Statement =
    Statement::tenant("webhooks.subscriptions_count", "SELECT COUNT(*) FROM subscriptions WHERE tenant = $1");

/// A new one.
pub(crate) static INSERT: Statement = Statement::tenant(
    "webhooks.subscription_insert",
    "INSERT INTO subscriptions (tenant, subscription, name, direction, spec, status, created_at, changed) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, (SELECT value FROM house WHERE name = 'epoch'))",
);

/// A page, by identifier.
pub(crate) static PAGE: Statement = Statement::tenant(
    "webhooks.subscriptions_page",
    "SELECT subscription, name, spec, status, reason, created_at, changed, verified FROM subscriptions \
     WHERE tenant = $1 AND subscription > $2 ORDER BY subscription LIMIT $3",
);

/// One, by identifier.
pub(crate) static ONE: Statement = Statement::tenant(
    "webhooks.subscription_one",
    "SELECT subscription, name, spec, status, reason, created_at, changed, verified FROM subscriptions \
     WHERE tenant = $1 AND subscription = $2",
);

/// One, by name.
pub(crate) static NAMED: Statement = Statement::tenant(
    "webhooks.subscription_named",
    "SELECT subscription, name, spec, status, reason, created_at, changed, verified FROM subscriptions \
     WHERE tenant = $1 AND name = $2",
);

/// Changes one that is as it was read.
pub(crate) static UPDATE: Statement = Statement::tenant(
    "webhooks.subscription_update",
    "UPDATE subscriptions SET spec = $3, status = $4, reason = $5, \
     changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND subscription = $2 AND changed = $6 AND status <> 'retired'",
);

/// Says what came of an endpoint's challenge, where the subscription is as it was when it was asked.
pub(crate) static CHALLENGED: Statement = Statement::tenant(
    "webhooks.subscription_challenged",
    "UPDATE subscriptions SET status = $3, reason = $4, verified = COALESCE($5, verified), \
     changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND subscription = $2 AND status = 'pending' AND changed = $6",
);

/// Holds a subscription while one of its secrets is changed.
pub(crate) static TOUCH: Statement = Statement::tenant(
    "webhooks.subscription_touch",
    "UPDATE subscriptions SET changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND subscription = $2 AND changed = $3",
);

/// Lets what waits to be fetched be handed on from now on, after the way was changed.
pub(crate) static NOW_HANDED_ON: Statement = Statement::tenant(
    "webhooks.deliveries_handed_on",
    "UPDATE deliveries SET due_at = $3 WHERE tenant = $1 AND subscription = $2 AND state = 'waiting' AND due_at IS NULL",
);

/// Lets what waits to be handed on be fetched from now on, after the way was changed.
pub(crate) static NOW_FETCHED: Statement = Statement::tenant(
    "webhooks.deliveries_fetched",
    "UPDATE deliveries SET due_at = NULL \
     WHERE tenant = $1 AND subscription = $2 AND state = 'waiting' AND due_at IS NOT NULL",
);

/// How many ways out there are.
pub(crate) static WAYS_OUT: Statement = Statement::tenant(
    "webhooks.ways_out",
    "SELECT COUNT(*) FROM subscriptions WHERE tenant = $1 AND direction = 'outbound' AND status <> 'retired'",
);

/// A subscription's secrets, without what is sealed.
pub(crate) static SECRETS_OF: Statement = Statement::tenant(
    "webhooks.secrets_of",
    "SELECT purpose, version, fingerprint, expires_at, created_at, sealed IS NOT NULL FROM subscription_secrets \
     WHERE tenant = $1 AND subscription = $2 ORDER BY purpose, version DESC",
);

/// Adds a secret. Whoever takes the same version at the same time comes second.
pub(crate) static SECRET_ADD: Statement = Statement::tenant(
    "webhooks.secret_add",
    "INSERT INTO subscription_secrets (tenant, subscription, purpose, version, sealed, fingerprint, expires_at, \
     created_at, changed) VALUES ($1, $2, $3, $4, $5, $6, NULL, $7, (SELECT value FROM house WHERE name = 'epoch'))",
);

/// Lets the secrets of a purpose end that are older than a version and do not end sooner.
pub(crate) static SECRET_ENDS: Statement = Statement::tenant(
    "webhooks.secret_ends",
    "UPDATE subscription_secrets SET expires_at = $5, changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND subscription = $2 AND purpose = $3 AND version < $4 AND sealed IS NOT NULL \
     AND (expires_at IS NULL OR expires_at > $5)",
);

/// Withdraws a secret: what was sealed is gone, that it was there stays.
pub(crate) static SECRET_WITHDRAW: Statement = Statement::tenant(
    "webhooks.secret_withdraw",
    "UPDATE subscription_secrets SET sealed = NULL, expires_at = $5, \
     changed = (SELECT value FROM house WHERE name = 'epoch') \
     WHERE tenant = $1 AND subscription = $2 AND purpose = $3 AND version = $4 AND sealed IS NOT NULL",
);
