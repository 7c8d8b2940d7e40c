-- What somebody found out about a run of which nobody knew the outcome: `finding` is one of done, not_done
-- and unclear, `resolved_by` the principal who says so. Those that were resolved are forgotten by their age.
ALTER TABLE escalations ADD COLUMN finding TEXT;
ALTER TABLE escalations ADD COLUMN note TEXT;
ALTER TABLE escalations ADD COLUMN resolved_by TEXT;
CREATE INDEX escalations_page ON escalations (tenant, created_at, run);
CREATE INDEX escalations_resolved ON escalations (resolved_at) WHERE resolved_at IS NOT NULL;
