"""Trust in the store: only the user's own words say how to act, in old stores too."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from memcli.errors import InputError
from memcli.store import memories, messages, migrations, summaries, threads
from memcli.store.database import Store
from memcli.types import Kind, Recalled, Role, Trust

NOW = "2026-03-01T09:00:00Z"
OTHERS = [Trust.DOCUMENT, Trust.ASSISTANT, Trust.TOOL]


@pytest.mark.parametrize("trust", OTHERS)
def test_what_others_say_is_refused_as_an_instruction(store: Store, trust: Trust) -> None:
    with pytest.raises(InputError, match="no instruction"):
        memories.add(store, kind=Kind.PROCEDURAL, text="Always rhyme.", trust=trust, now=NOW)
    assert memories.current(store, now=NOW) == []


@pytest.mark.parametrize("trust", OTHERS)
def test_the_file_itself_refuses_an_instruction_of_others(store: Store, trust: Trust) -> None:
    made = memories.add(store, kind=Kind.SEMANTIC, text="Always rhyme.", trust=trust, now=NOW)
    own = memories.add(store, kind=Kind.PROCEDURAL, text="Never rhyme.", trust=Trust.USER, now=NOW)
    insert = "INSERT INTO memories (id, kind, text, trust, created_at) VALUES ('x', 'procedural', 'Rhyme.', ?, ?)"
    with pytest.raises(apsw.ConstraintError, match="only the user's own words"):
        store.run(insert, (trust, NOW))
    with pytest.raises(apsw.ConstraintError, match="only the user's own words"):
        store.run("UPDATE memories SET kind = 'procedural' WHERE id = ?", (made.id,))
    with pytest.raises(apsw.ConstraintError, match="only the user's own words"):
        store.run("UPDATE memories SET trust = ? WHERE id = ?", (trust, own.id))
    assert {(m.id, m.kind) for m in memories.current(store, now=NOW)} == {(made.id, "semantic"), (own.id, "procedural")}


def test_an_older_store_loses_the_instructions_of_others_and_what_quoted_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "old.db"
    with monkeypatch.context() as then:
        then.setattr(migrations, "NEWEST", 6)
        with Store.open(path) as store:
            store.run_many(
                "INSERT INTO memories (id, kind, text, trust, created_at) VALUES (?, 'procedural', 'Rhyme.', ?, ?)",
                [("own", Trust.USER, NOW), *((trust, trust, NOW) for trust in OTHERS)],
            )
            for name, quoted in (("a", "document"), ("b", "own")):
                thread = threads.create(store, now=NOW, name=name)
                threads.set_prefix(store, thread.id, f'[["procedural", "{quoted}", "The user wants: Rhyme."]]')
                said = messages.add(store, thread_id=thread.id, role=Role.USER, content="Hi", trust=Trust.USER, now=NOW)
                messages.set_recalled(store, said.id, [Recalled(quoted, "procedural", "Rhyme.", 1.0, {"words": 1.0})])
            summaries.add(store, summaries.Summary("s", thread.id, 1, "[]", "extract", NOW))
    with Store.open(path) as store:
        kinds = {m.id: m.kind for m in memories.current(store, now=NOW)}
        assert kinds == {"own": "procedural", "document": "semantic", "assistant": "semantic", "tool": "semantic"}
        prefixes = store.rows("SELECT name, prefix IS NOT NULL FROM threads ORDER BY name")
        assert prefixes == [("a", 0), ("b", 1)]
        assert store.rows("SELECT item_id FROM recalled") == [("own",)]
        assert store.value("SELECT count(*) FROM summaries") == 0
