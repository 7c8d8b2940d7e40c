-- Access and refresh tokens that vendors gave, sealed, one row for each credential, so that all nodes have one token
-- and one of them asks for the next. `series` counts how often a person connected the account (0 for client
-- credentials), `number` the answers since then. A node that asks holds the lease and writes `asked_at` before it
-- does; where that stands behind an ended lease, what came of it is unknown, and before `rest_until` nobody asks again:
-- `tries` counts how often that was so. `fence` counts leases. `subject` is a keyed digest of whose account it is.
CREATE TABLE vendor_tokens (
    tenant TEXT NOT NULL,
    credential TEXT NOT NULL,
    series BIGINT NOT NULL,
    number BIGINT NOT NULL,
    version BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('none', 'held', 'ended')),
    had_at BIGINT,
    ends_at BIGINT,
    asked_at BIGINT,
    leased_until BIGINT,
    fence BIGINT NOT NULL,
    tries BIGINT NOT NULL DEFAULT 0,
    rest_until BIGINT,
    subject BYTEA,
    scope TEXT,
    code TEXT,
    sealed BYTEA,
    PRIMARY KEY (tenant, credential),
    FOREIGN KEY (tenant, credential) REFERENCES credentials (tenant, credential)
);

-- How often a person connected the account that the credential is for.
ALTER TABLE credentials ADD COLUMN series BIGINT NOT NULL DEFAULT 0;

-- A person on the way to a vendor and back: 'open' until a browser begins, 'begun' until it returns from the vendor,
-- 'returned' until whoever opened it says who it was, then 'redeeming', and 'done' or 'failed'. Its link alone finds its
-- tenant. `subject`, `browser` and `confirm` are keyed digests; `verifier` and `answer` are sealed.
CREATE TABLE connect_sessions (
    tenant TEXT NOT NULL,
    session TEXT NOT NULL UNIQUE,
    connection TEXT NOT NULL,
    credential TEXT NOT NULL,
    series BIGINT NOT NULL,
    opened_by TEXT NOT NULL,
    subject BYTEA NOT NULL,
    replaces BIGINT NOT NULL,
    return_to TEXT NOT NULL,
    binding BYTEA NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'begun', 'returned', 'redeeming', 'done', 'failed')),
    browser BYTEA,
    confirm BYTEA,
    code TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    verifier BYTEA,
    answer BYTEA,
    PRIMARY KEY (tenant, session)
);
CREATE INDEX connect_sessions_over ON connect_sessions (expires_at);
