-- A row of the outbox shows that it is ours: `mac` is over its identifier and its body. One that does not
-- is set aside at `aside_at` and never appended. Rows that wait from before this have none.
ALTER TABLE outbox ADD COLUMN mac BYTEA;
ALTER TABLE outbox ADD COLUMN aside_at BIGINT;
CREATE INDEX outbox_aside ON outbox (aside_at) WHERE aside_at IS NOT NULL;
