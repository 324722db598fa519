-- Full text in one spelling: without accents, and in pieces where a script has no spaces (see store/spelling.py).
-- What it reads is stored, so that any SQLite can rebuild the index. `spelling(text)` is there for this script alone.

ALTER TABLE chunks ADD COLUMN spelled TEXT;  -- NULL where the text itself will do
UPDATE chunks SET spelled = spelling(text) WHERE spelling(text) IS NOT NULL;
ALTER TABLE chunks ADD COLUMN words TEXT AS (coalesce(spelled, text)) VIRTUAL;

DROP TRIGGER chunks_words_in;
DROP TRIGGER chunks_words_out;
DROP TRIGGER chunks_words_change;
DROP TABLE chunks_fts;

-- Marks are parts of words: without them, words of India would fall apart at their vowels.
CREATE VIRTUAL TABLE chunks_fts USING fts5 (
    words, content = 'chunks', content_rowid = 'id',
    tokenize = "porter unicode61 remove_diacritics 2 categories 'L* N* Co Mn Mc'"
);
INSERT INTO chunks_fts (chunks_fts, rank) VALUES ('secure-delete', 1);
INSERT INTO chunks_fts (chunks_fts) VALUES ('rebuild');
INSERT INTO chunks_fts (chunks_fts) VALUES ('optimize');

-- The terms of the index, which are stems. It is a view of the index and holds nothing itself.
CREATE VIRTUAL TABLE chunks_terms USING fts5vocab (chunks_fts, row);

CREATE TRIGGER chunks_words_in AFTER INSERT ON chunks BEGIN
    INSERT INTO chunks_fts (rowid, words) VALUES (new.id, new.words);
END;
CREATE TRIGGER chunks_words_out AFTER DELETE ON chunks BEGIN
    INSERT INTO chunks_fts (chunks_fts, rowid, words) VALUES ('delete', old.id, old.words);
END;
CREATE TRIGGER chunks_words_change AFTER UPDATE OF text, spelled ON chunks BEGIN
    INSERT INTO chunks_fts (chunks_fts, rowid, words) VALUES ('delete', old.id, old.words);
    INSERT INTO chunks_fts (rowid, words) VALUES (new.id, new.words);
END;
