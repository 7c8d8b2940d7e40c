-- Webhooks, in and out. A subscription is one door in (a provider's deliveries) or one way out (a tenant's
-- events). Its URL alone finds its tenant, so its identifier is unique in the whole house. `verified` is the URL of
-- the endpoint that answered its challenge: another one is not pushed to.
CREATE TABLE subscriptions (
    tenant TEXT NOT NULL,
    subscription TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    direction TEXT NOT NULL CHECK (direction IN ('inbound', 'outbound')),
    spec TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    verified TEXT,
    created_at BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    PRIMARY KEY (tenant, subscription),
    UNIQUE (tenant, name)
);
CREATE INDEX subscriptions_changed ON subscriptions (changed);

-- The secrets by which a provider's deliveries are verified ('verify') and ours are signed ('sign'). One that
-- was withdrawn keeps its row and its fingerprint and loses what was sealed.
CREATE TABLE subscription_secrets (
    tenant TEXT NOT NULL,
    subscription TEXT NOT NULL,
    purpose TEXT NOT NULL CHECK (purpose IN ('verify', 'sign')),
    version BIGINT NOT NULL,
    sealed BYTEA,
    fingerprint TEXT NOT NULL,
    expires_at BIGINT,
    created_at BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    PRIMARY KEY (tenant, subscription, purpose, version),
    FOREIGN KEY (tenant, subscription) REFERENCES subscriptions (tenant, subscription)
);
CREATE INDEX subscription_secrets_changed ON subscription_secrets (changed);

-- What was heard or is to be told, with its way on: 'waiting' until it is due, 'leased' to a node, then
-- 'delivered', 'dead' or, played again, 'replayed'; 'quarantined' is heard and never passed on. What is pulled waits
-- without being due. `sealed` is the envelope: headers and raw bytes under the tenant's key. `digest` is
-- keyed, over the body. `sealed` comes last, so that what is read without it does not read through it. `key` says which secret vouched for it.
CREATE TABLE deliveries (
    tenant TEXT NOT NULL,
    delivery TEXT NOT NULL,
    subscription TEXT NOT NULL,
    state TEXT NOT NULL,
    event_type TEXT,
    provider_id TEXT,
    key BIGINT,
    digest BYTEA NOT NULL,
    size BIGINT NOT NULL,
    order_key TEXT,
    replay_of TEXT,
    tries BIGINT NOT NULL,
    due_at BIGINT,
    lease_until BIGINT,
    cause TEXT,
    code TEXT,
    received_at BIGINT NOT NULL,
    ended_at BIGINT,
    forget_at BIGINT,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (tenant, delivery)
);
CREATE INDEX deliveries_of_subscription ON deliveries (tenant, subscription, delivery);
CREATE INDEX deliveries_waiting ON deliveries (subscription, due_at) WHERE state = 'waiting';
CREATE INDEX deliveries_leased ON deliveries (lease_until) WHERE state = 'leased';
CREATE INDEX deliveries_ordered ON deliveries (tenant, subscription, order_key, delivery)
    WHERE order_key IS NOT NULL AND state IN ('waiting', 'leased');
CREATE INDEX deliveries_dead ON deliveries (tenant, delivery) WHERE state IN ('dead', 'quarantined');
CREATE INDEX deliveries_pulled ON deliveries (tenant, delivery) WHERE state = 'waiting' AND due_at IS NULL;
CREATE INDEX deliveries_forget ON deliveries (forget_at) WHERE forget_at IS NOT NULL;

-- Every try of handing a delivery on.
CREATE TABLE attempts (
    tenant TEXT NOT NULL,
    delivery TEXT NOT NULL,
    number BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    status BIGINT,
    code TEXT,
    took BIGINT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (tenant, delivery, number)
);

-- What was heard already: a keyed digest of a subscription with the provider's own identifier of a delivery,
-- or with all that was signed. `digest` is the delivery's own: the same identifier with another is a conflict.
CREATE TABLE claims (
    tenant TEXT NOT NULL,
    claim BYTEA NOT NULL,
    delivery TEXT NOT NULL,
    digest BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, claim)
);
CREATE INDEX claims_expire ON claims (expires_at);

-- How the far side of a subscription does, while it fails.
CREATE TABLE endpoints (
    tenant TEXT NOT NULL,
    subscription TEXT NOT NULL,
    failures BIGINT NOT NULL,
    failing_since BIGINT NOT NULL,
    PRIMARY KEY (tenant, subscription)
);

-- How far a way out has told the house's own events.
CREATE TABLE event_cursors (
    tenant TEXT NOT NULL,
    subscription TEXT NOT NULL,
    behind TEXT NOT NULL,
    PRIMARY KEY (tenant, subscription)
);

-- What a tenant's rules let nobody do alone. `request` is sealed.
CREATE TABLE approvals (
    tenant TEXT NOT NULL,
    approval TEXT NOT NULL,
    kind TEXT NOT NULL,
    object TEXT NOT NULL,
    request BYTEA NOT NULL,
    reason TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    state TEXT NOT NULL,
    decided_by TEXT,
    note TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    decided_at BIGINT,
    PRIMARY KEY (tenant, approval)
);
CREATE INDEX approvals_age ON approvals (created_at);
