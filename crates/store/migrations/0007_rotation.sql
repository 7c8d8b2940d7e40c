-- Rotations in steps. A row is one version on its way into use: 'staged' (taken in), 'verifying' (the vendor is
-- being asked, until `lease_until`), 'verified' or 'failed', then 'finished' (in use); 'restored' is a version that
-- was gone back to. `finish_at` is from when on it is finished by itself, `due_at` when a worker looks at it next.
-- `unverified` says that it was put to use without asking the vendor. `code` and `status` tell why it failed.
CREATE TABLE rotations (
    tenant TEXT NOT NULL,
    credential TEXT NOT NULL,
    version BIGINT NOT NULL,
    state TEXT NOT NULL,
    unverified BIGINT NOT NULL,
    asked_by TEXT NOT NULL,
    asked_name TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    expires_at BIGINT,
    finish_at BIGINT,
    due_at BIGINT,
    lease_until BIGINT,
    tries BIGINT NOT NULL,
    code TEXT,
    status BIGINT,
    at BIGINT NOT NULL,
    PRIMARY KEY (tenant, credential, version)
);
CREATE INDEX rotations_due ON rotations (due_at) WHERE due_at IS NOT NULL;

-- What is known of a version's use, at most a minute late; since when another one is used in its place; and what
-- its status was before its credential was revoked, for coming back to it.
ALTER TABLE credential_versions ADD COLUMN last_used_at BIGINT;
ALTER TABLE credential_versions ADD COLUMN retired_at BIGINT;
ALTER TABLE credential_versions ADD COLUMN status_before TEXT;
CREATE INDEX credential_versions_alike ON credential_versions (tenant, fingerprint);

-- A credential that was revoked may be recovered until `recover_until`; then its values are destroyed. Before that
-- somebody else than who revoked it may, unless it is protected. A rotation that is due is told of once, at
-- `rotation_tell_at`, which a worker works out for whoever has a cadence or an end.
ALTER TABLE credentials ADD COLUMN purge_protected BIGINT NOT NULL DEFAULT 0;
ALTER TABLE credentials ADD COLUMN revoked_at BIGINT;
ALTER TABLE credentials ADD COLUMN revoked_by TEXT;
ALTER TABLE credentials ADD COLUMN recover_until BIGINT;
ALTER TABLE credentials ADD COLUMN compromised_at BIGINT;
ALTER TABLE credentials ADD COLUMN compromised_since BIGINT;
ALTER TABLE credentials ADD COLUMN rotation_tell_at BIGINT;
ALTER TABLE credentials ADD COLUMN rotation_told_at BIGINT;
CREATE INDEX credentials_recoverable ON credentials (recover_until) WHERE recover_until IS NOT NULL;
CREATE INDEX credentials_tell ON credentials (rotation_tell_at)
    WHERE rotation_tell_at IS NOT NULL AND rotation_told_at IS NULL;
CREATE INDEX credentials_unplanned ON credentials (tenant, credential)
    WHERE rotation_tell_at IS NULL AND status = 'active' AND COALESCE(cadence_days, expires_at) IS NOT NULL;
