-- The last checkpoint of each log that somebody else than the log's own directory remembers, so that a
-- log that was cut back or is gone is noticed. It belongs to the house: `origin` is the log's identity,
-- `note` the signed note, `size` how many entries it covers.
CREATE TABLE checkpoints (
    origin TEXT NOT NULL PRIMARY KEY,
    size BIGINT NOT NULL,
    note TEXT NOT NULL,
    told_at BIGINT NOT NULL
);
