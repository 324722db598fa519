-- Care: what fades and what does not, beliefs that were taken back, and forgettings that are under way.

-- What the log says of columns is the name of today.
ALTER TABLE memories RENAME COLUMN strength TO times_said;
UPDATE operations SET detail = replace(detail, '"was": {"strength":', '"was": {"times_said":');

ALTER TABLE memories ADD COLUMN importance REAL NOT NULL DEFAULT 1 CHECK (importance BETWEEN 0 AND 1);
ALTER TABLE memories ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;

-- 1: what made it was undone, at `retired_at`. It stays as history until it is forgotten.
ALTER TABLE memories ADD COLUMN undone INTEGER NOT NULL DEFAULT 0;
CREATE INDEX memories_undone ON memories (text) WHERE undone = 1;

-- Times within `created_at`..`retired_at` in which a memory was not believed: it was superseded, until that was undone;
-- or it was made later than `created_at` tells, and that was undone. No key: several may begin and end in one second.
CREATE TABLE lapses (
    memory_id     TEXT NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
    since         TEXT NOT NULL,
    until         TEXT NOT NULL,
    superseded_by TEXT REFERENCES memories (id) ON DELETE SET NULL,
    valid_to      TEXT  -- as it was meanwhile
) STRICT;
CREATE INDEX lapses_by_memory ON lapses (memory_id, since);
CREATE INDEX lapses_by_successor ON lapses (superseded_by) WHERE superseded_by IS NOT NULL;

-- What a forgetting has removed and not yet cleaned out of every file; it goes with the cleaning.
CREATE TABLE forgetting (
    text  TEXT NOT NULL,
    asked INTEGER NOT NULL DEFAULT 0  -- 1: what was asked for by its words, which is to stand in no typed line
) STRICT;
