-- Care: what fades and what does not, beliefs that were taken back, and forgettings that are under way.

-- What the log says of columns is the name of today.
ALTER TABLE memories RENAME COLUMN strength TO times_said;
UPDATE operations SET detail = replace(detail, '"was": {"strength":', '"was": {"times_said":');

ALTER TABLE memories ADD COLUMN importance REAL NOT NULL DEFAULT 1 CHECK (importance BETWEEN 0 AND 1);
ALTER TABLE memories ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;

-- 1: what made it was undone, at `retired_at`. It stays as history until it is forgotten.
ALTER TABLE memories ADD COLUMN undone INTEGER NOT NULL DEFAULT 0;

-- Times during which a memory was superseded, until that was undone: it is believed again.
CREATE TABLE lapses (
    memory_id     TEXT NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
    since         TEXT NOT NULL,
    until         TEXT NOT NULL,
    superseded_by TEXT REFERENCES memories (id) ON DELETE SET NULL,
    valid_to      TEXT,  -- as it was meanwhile
    PRIMARY KEY (memory_id, since, until)
) STRICT, WITHOUT ROWID;
CREATE INDEX lapses_by_successor ON lapses (superseded_by) WHERE superseded_by IS NOT NULL;

-- What a forgetting has removed and not yet cleaned out of every file; it goes with the cleaning.
CREATE TABLE forgetting (
    text TEXT NOT NULL
) STRICT;
