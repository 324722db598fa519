"""The one file: SQLite with sqlite-vec and FTS5. Rows in, records out; no ranking and no model here."""
