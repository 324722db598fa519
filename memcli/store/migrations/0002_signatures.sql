-- Signatures of the vectors: a bit for each component, set where it is positive, by which a search finds the few
-- vectors that are worth comparing exactly. 256 chunks share a row, so that reading all of them is quick: the chunk's
-- slot is its id modulo 256, and a slot of zeros is empty. The first component's bit is always set: the slot is taken.
CREATE TABLE signatures (
    block INTEGER PRIMARY KEY,  -- chunk id / 256
    bits  BLOB NOT NULL         -- 256 slots, each padded to a multiple of 8 bytes
) STRICT;

-- The way in: INSERT INTO signing VALUES (chunk id, float32 vector).
CREATE VIEW signing (chunk_id, vector) AS SELECT NULL, NULL WHERE 0;
CREATE TRIGGER signing_in INSTEAD OF INSERT ON signing BEGIN
    INSERT OR IGNORE INTO signatures VALUES (new.chunk_id / 256, zeroblob(256 * ((length(new.vector) + 252) / 256 * 8)));
    -- The vector is quantised with 1.0 for its first component and with zeros up to a multiple of 64 components.
    UPDATE signatures SET bits = CAST(
        substr(bits, 1, new.chunk_id % 256 * (length(bits) / 256))
        || vec_quantize_binary(CAST(
            x'0000803f' || substr(new.vector, 5) || zeroblob(length(bits) / 8 - length(new.vector)) AS BLOB))
        || substr(bits, (new.chunk_id % 256 + 1) * (length(bits) / 256) + 1)
    AS BLOB) WHERE block = new.chunk_id / 256;
END;

-- The way out, with the chunk: its bits are overwritten, and a row goes with the last of its chunks.
CREATE TRIGGER chunks_signature_out AFTER DELETE ON chunks WHEN old.has_vector BEGIN
    UPDATE signatures SET bits = CAST(
        substr(bits, 1, old.id % 256 * (length(bits) / 256))
        || zeroblob(length(bits) / 256)
        || substr(bits, (old.id % 256 + 1) * (length(bits) / 256) + 1)
    AS BLOB) WHERE block = old.id / 256;
    DELETE FROM signatures WHERE block = old.id / 256 AND bits = zeroblob(length(bits));
END;

-- Where there is chunks_vec:
INSERT INTO signing SELECT chunk_id, embedding FROM chunks_vec;
