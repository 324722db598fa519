-- Memories that memcli forms by itself: which path made one, how often it was said, what it contradicts; and operations
-- that can be undone.

ALTER TABLE memories ADD COLUMN formed_by TEXT;  -- NULL: the user asked for it; else which path of formation made it
ALTER TABLE memories ADD COLUMN strength INTEGER NOT NULL DEFAULT 1;  -- how many times it was said
ALTER TABLE memories ADD COLUMN confirmed_at TEXT;  -- when it was last said again
-- 0: the user asked for it, and it has not been compared with the others yet.
ALTER TABLE memories ADD COLUMN reconciled INTEGER NOT NULL DEFAULT 1;
CREATE INDEX memories_to_reconcile ON memories (id) WHERE reconciled = 0;

-- Contradictions that could not be decided: both are kept.
CREATE TABLE memory_conflicts (
    memory_id TEXT NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
    other_id  TEXT NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
    PRIMARY KEY (memory_id, other_id),
    CHECK (memory_id < other_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX memory_conflicts_by_other ON memory_conflicts (other_id);

-- What a person has written is not rewritten unasked.
ALTER TABLE core_blocks ADD COLUMN author TEXT NOT NULL DEFAULT 'user' CHECK (author IN ('user', 'consolidate'));

-- Core blocks as they were before an operation. Operations themselves hold no texts.
CREATE TABLE core_versions (
    operation  INTEGER NOT NULL REFERENCES operations (id) ON DELETE CASCADE,
    label      TEXT NOT NULL,
    text       TEXT,  -- NULL: there was no such block
    updated_at TEXT,
    author     TEXT,
    PRIMARY KEY (operation, label)
) STRICT, WITHOUT ROWID;
CREATE INDEX core_versions_by_label ON core_versions (label);

ALTER TABLE operations ADD COLUMN undone_at TEXT;
