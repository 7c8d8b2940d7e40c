-- The first schema. One text for both engines.
--
-- Identifiers are TEXT, times are BIGINT microseconds, JSON is TEXT, and what is sealed or hashed is
-- BYTEA. A table with a column `tenant` belongs to tenants: it is first in the key, and on PostgreSQL
-- row security is put on it (engine/postgres/walls.sql). `changed` is the epoch at which a row last
-- changed; snapshots reload what changed after theirs.

-- The house's own numbers. 'epoch' rises with every change that a snapshot must learn of.
CREATE TABLE house (
    name TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO house (name, value) VALUES ('epoch', 1);

CREATE TABLE tenants (
    tenant TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    alias TEXT UNIQUE,
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    changed BIGINT NOT NULL
);
CREATE INDEX tenants_changed ON tenants (changed);

CREATE TABLE principals (
    tenant TEXT NOT NULL,
    principal TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    roles TEXT NOT NULL,
    scopes TEXT NOT NULL,
    endpoints TEXT,
    addresses TEXT,
    status TEXT NOT NULL,
    expires_at BIGINT,
    created_at BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    PRIMARY KEY (tenant, principal),
    UNIQUE (tenant, name)
);
CREATE INDEX principals_changed ON principals (changed);

-- An API key alone finds its tenant, so its identifier is unique in the whole house.
CREATE TABLE keys (
    tenant TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE,
    principal TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('api-key', 'client-secret', 'client-jwks')),
    verifier BYTEA,
    jwks TEXT,
    scopes TEXT,
    endpoints TEXT,
    addresses TEXT,
    expires_at BIGINT,
    revoked_at BIGINT,
    created_at BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    PRIMARY KEY (tenant, key),
    FOREIGN KEY (tenant, principal) REFERENCES principals (tenant, principal)
);
CREATE INDEX keys_changed ON keys (changed);
CREATE INDEX keys_of_principal ON keys (tenant, principal);

-- The keys that sign the house's own tokens.
CREATE TABLE signing_keys (
    kid TEXT NOT NULL PRIMARY KEY,
    alg TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    public TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    retires_at BIGINT,
    changed BIGINT NOT NULL
);
CREATE INDEX signing_keys_changed ON signing_keys (changed);

CREATE TABLE revoked_tokens (
    tenant TEXT NOT NULL,
    jti TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    PRIMARY KEY (tenant, jti)
);
CREATE INDEX revoked_tokens_changed ON revoked_tokens (changed);
CREATE INDEX revoked_tokens_expire ON revoked_tokens (expires_at);

CREATE TABLE issuers (
    tenant TEXT NOT NULL,
    issuer TEXT NOT NULL,
    spec TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    PRIMARY KEY (tenant, issuer)
);
CREATE INDEX issuers_changed ON issuers (changed);

CREATE TABLE providers (
    tenant TEXT NOT NULL,
    provider TEXT NOT NULL,
    name TEXT NOT NULL,
    spec TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    PRIMARY KEY (tenant, provider),
    UNIQUE (tenant, name)
);
CREATE INDEX providers_changed ON providers (changed);

CREATE TABLE connections (
    tenant TEXT NOT NULL,
    connection TEXT NOT NULL,
    name TEXT NOT NULL,
    provider TEXT NOT NULL,
    spec TEXT NOT NULL,
    credential TEXT,
    status TEXT NOT NULL,
    health TEXT NOT NULL,
    reason TEXT,
    created_at BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    PRIMARY KEY (tenant, connection),
    UNIQUE (tenant, name)
);
CREATE INDEX connections_changed ON connections (changed);
CREATE INDEX connections_with_credential ON connections (tenant, credential);

CREATE TABLE credentials (
    tenant TEXT NOT NULL,
    credential TEXT NOT NULL,
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    sensitivity TEXT NOT NULL,
    cadence_days BIGINT,
    expires_at BIGINT,
    status TEXT NOT NULL,
    current_version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    PRIMARY KEY (tenant, credential),
    UNIQUE (tenant, name)
);
CREATE INDEX credentials_changed ON credentials (changed);

-- A destroyed version keeps its row and its fingerprint and loses what was sealed.
CREATE TABLE credential_versions (
    tenant TEXT NOT NULL,
    credential TEXT NOT NULL,
    version BIGINT NOT NULL,
    sealed BYTEA,
    fingerprint TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    destroyed_at BIGINT,
    changed BIGINT NOT NULL,
    PRIMARY KEY (tenant, credential, version),
    FOREIGN KEY (tenant, credential) REFERENCES credentials (tenant, credential)
);
CREATE INDEX credential_versions_changed ON credential_versions (changed);

CREATE TABLE tenant_keys (
    tenant TEXT NOT NULL,
    version BIGINT NOT NULL,
    root_key TEXT NOT NULL,
    wrapped BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    PRIMARY KEY (tenant, version)
);
CREATE INDEX tenant_keys_changed ON tenant_keys (changed);

-- Answers that are given again for the same key; bound to the caller, the connection and the body.
CREATE TABLE idempotency (
    tenant TEXT NOT NULL,
    caller TEXT NOT NULL,
    connection TEXT NOT NULL,
    key_digest BYTEA NOT NULL,
    request_digest BYTEA NOT NULL,
    state TEXT NOT NULL,
    run TEXT NOT NULL,
    answer BYTEA,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, caller, connection, key_digest)
);
CREATE INDEX idempotency_expire ON idempotency (expires_at);

-- Calls that are answered later. A node holds one by a lease; another may take it when that is over.
CREATE TABLE operations (
    tenant TEXT NOT NULL,
    operation TEXT NOT NULL,
    principal TEXT NOT NULL,
    run TEXT NOT NULL,
    state TEXT NOT NULL,
    request BYTEA NOT NULL,
    answer BYTEA,
    tries BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    lease_until BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, operation)
);
CREATE INDEX operations_due ON operations (state, due_at);
CREATE INDEX operations_expire ON operations (expires_at);

-- Audit entries made inside a change; a relay appends each to the log exactly once.
CREATE TABLE outbox (
    tenant TEXT NOT NULL,
    entry TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    appended_at BIGINT,
    PRIMARY KEY (tenant, entry)
);
CREATE INDEX outbox_waiting ON outbox (created_at, entry) WHERE appended_at IS NULL;
CREATE INDEX outbox_appended ON outbox (appended_at) WHERE appended_at IS NOT NULL;

-- CloudEvents for the governance side.
CREATE TABLE events (
    tenant TEXT NOT NULL,
    event TEXT NOT NULL,
    type TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, event)
);
CREATE INDEX events_age ON events (created_at);

-- Runs whose outcome nobody knows, until somebody has looked.
CREATE TABLE escalations (
    tenant TEXT NOT NULL,
    run TEXT NOT NULL,
    connection TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    resolved_at BIGINT,
    PRIMARY KEY (tenant, run)
);
CREATE INDEX escalations_open ON escalations (tenant, created_at) WHERE resolved_at IS NULL;
