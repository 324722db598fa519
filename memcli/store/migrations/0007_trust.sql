-- Trust: only the user's own words say how to act. What others said to do is a fact about what they said.

-- Threads that had it among their rules begin with a new prefix, and notes that did not say whose words they quote go.
UPDATE threads SET prefix = NULL WHERE EXISTS (
    SELECT 1 FROM memories AS m WHERE m.kind = 'procedural' AND m.trust != 'user' AND instr(threads.prefix, m.id)
);
DELETE FROM recalled WHERE item_id IN (SELECT id FROM memories WHERE trust != 'user');
-- Running summaries quoted documents among what the user had told. They are made anew from the messages.
DELETE FROM summaries;
UPDATE threads SET prefix = NULL WHERE window_start > 0;

UPDATE memories SET kind = 'semantic' WHERE kind = 'procedural' AND trust != 'user';

CREATE TRIGGER memories_rule_in BEFORE INSERT ON memories WHEN new.kind = 'procedural' AND new.trust != 'user' BEGIN
    SELECT RAISE(ABORT, 'only the user''s own words say how to act');
END;
CREATE TRIGGER memories_rule_change BEFORE UPDATE OF kind, trust ON memories
WHEN new.kind = 'procedural' AND new.trust != 'user' BEGIN
    SELECT RAISE(ABORT, 'only the user''s own words say how to act');
END;
