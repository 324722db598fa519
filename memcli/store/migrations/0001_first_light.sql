-- The first schema. Times are UTC ISO text, so they sort; lists are JSON.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE migrations (
    number     INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    applied_at TEXT NOT NULL,
    created_by TEXT NOT NULL
) STRICT;

CREATE TABLE threads (
    id           TEXT PRIMARY KEY,
    name         TEXT UNIQUE,
    created_at   TEXT NOT NULL,
    updated_at   TEXT NOT NULL,
    prefix       TEXT,                       -- the frozen system segments, JSON
    window_start INTEGER NOT NULL DEFAULT 0  -- seq of the first message that is still in the window
) STRICT;

CREATE TABLE messages (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    thread_id   TEXT NOT NULL REFERENCES threads (id) ON DELETE CASCADE,
    role        TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant', 'tool')),
    name        TEXT,
    content     TEXT NOT NULL,
    trust       TEXT NOT NULL CHECK (trust IN ('user', 'assistant', 'document', 'tool')),
    created_at  TEXT NOT NULL,
    external_id TEXT,
    model       TEXT,
    tokens      BLOB NOT NULL DEFAULT x'',   -- little-endian int32
    interrupted INTEGER NOT NULL DEFAULT 0,
    UNIQUE (thread_id, external_id)
) STRICT;
CREATE INDEX messages_by_thread ON messages (thread_id, seq);
CREATE INDEX messages_by_time ON messages (created_at, id);
CREATE INDEX messages_by_name ON messages (name) WHERE name IS NOT NULL;

CREATE TABLE memories (
    id            TEXT PRIMARY KEY,
    kind          TEXT NOT NULL CHECK (kind IN ('episodic', 'semantic', 'procedural')),
    text          TEXT NOT NULL,
    trust         TEXT NOT NULL CHECK (trust IN ('user', 'assistant', 'document', 'tool')),
    created_at    TEXT NOT NULL,
    retired_at    TEXT,
    superseded_by TEXT REFERENCES memories (id) ON DELETE SET NULL,
    valid_from    TEXT,
    valid_to      TEXT,
    expires_at    TEXT
) STRICT;
CREATE INDEX memories_by_successor ON memories (superseded_by) WHERE superseded_by IS NOT NULL;

CREATE TABLE memory_tags (
    memory_id TEXT NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
    tag       TEXT NOT NULL,
    PRIMARY KEY (memory_id, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX memory_tags_by_tag ON memory_tags (tag);

CREATE TABLE memory_sources (
    memory_id  TEXT NOT NULL REFERENCES memories (id) ON DELETE CASCADE,
    message_id TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    start      INTEGER NOT NULL,
    "end"      INTEGER NOT NULL,
    PRIMARY KEY (memory_id, message_id, start, "end")
) STRICT, WITHOUT ROWID;
CREATE INDEX memory_sources_by_message ON memory_sources (message_id);

CREATE TABLE core_blocks (
    label      TEXT PRIMARY KEY,
    text       TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;

-- The notes that stood before a user message, as the model saw them.
CREATE TABLE recalled (
    message_id TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    position   INTEGER NOT NULL,
    item_id    TEXT NOT NULL,
    kind       TEXT NOT NULL,
    line       TEXT NOT NULL,
    score      REAL NOT NULL,
    why        TEXT NOT NULL,
    PRIMARY KEY (message_id, position)
) STRICT;
CREATE INDEX recalled_by_item ON recalled (item_id);

CREATE TABLE formation_queue (
    message_id   TEXT PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
    queued_at    TEXT NOT NULL,
    leased_by    TEXT,
    leased_until TEXT,
    attempts     INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Append-only, and holds ids only: a text in here would have to be chased when it is forgotten.
CREATE TABLE operations (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at     TEXT NOT NULL,
    action TEXT NOT NULL,
    actor  TEXT NOT NULL,
    items  TEXT NOT NULL,
    detail TEXT
) STRICT;
CREATE INDEX operations_by_action ON operations (action, id);

-- The indexed pieces. Their full text and their vector follow them by triggers, and they follow their owner,
-- so nothing that is deleted can stay findable. (The vectors' trigger comes with their table: see index.adopt.)
CREATE TABLE chunks (
    id         INTEGER PRIMARY KEY,
    owner      TEXT NOT NULL CHECK (owner IN ('message', 'memory')),
    owner_id   TEXT NOT NULL,
    position   INTEGER NOT NULL,
    start      INTEGER NOT NULL,
    "end"      INTEGER NOT NULL,
    text       TEXT NOT NULL,
    has_vector INTEGER NOT NULL DEFAULT 0,
    UNIQUE (owner, owner_id, position)
) STRICT;
CREATE INDEX chunks_without_vector ON chunks (id) WHERE has_vector = 0;

CREATE VIRTUAL TABLE chunks_fts USING fts5 (
    text, content = 'chunks', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2'
);
-- Without this, deleted terms stay readable in the index until its segments happen to merge.
INSERT INTO chunks_fts (chunks_fts, rank) VALUES ('secure-delete', 1);

CREATE TRIGGER chunks_words_in AFTER INSERT ON chunks BEGIN
    INSERT INTO chunks_fts (rowid, text) VALUES (new.id, new.text);
END;
CREATE TRIGGER chunks_words_out AFTER DELETE ON chunks BEGIN
    INSERT INTO chunks_fts (chunks_fts, rowid, text) VALUES ('delete', old.id, old.text);
END;
CREATE TRIGGER chunks_words_change AFTER UPDATE OF text ON chunks BEGIN
    INSERT INTO chunks_fts (chunks_fts, rowid, text) VALUES ('delete', old.id, old.text);
    INSERT INTO chunks_fts (rowid, text) VALUES (new.id, new.text);
END;
CREATE TRIGGER messages_chunks_out AFTER DELETE ON messages BEGIN
    DELETE FROM chunks WHERE owner = 'message' AND owner_id = old.id;
END;
CREATE TRIGGER memories_chunks_out AFTER DELETE ON memories BEGIN
    DELETE FROM chunks WHERE owner = 'memory' AND owner_id = old.id;
END;
