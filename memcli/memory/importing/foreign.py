"""Records that others wrote: messages with ids of their own, threads by name, memories with what they tell.

Whose words a memory is has to be said, by the file or by who imports it: without that it is a document's, and not one
of the user's.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

from memcli.memory import remember
from memcli.memory.context import CORE_CHARS
from memcli.memory.form import classify
from memcli.memory.importing import fields
from memcli.memory.importing.fields import BadLine, Values
from memcli.memory.importing.records import NewBlock, NewMemory, NewMessage, NewThread
from memcli.types import Kind, Role, Trust

DEFAULT_THREAD = "imported"
TRUSTS = {  # whose words a role may say; the first of them where nothing is said
    Role.USER: (Trust.USER, Trust.DOCUMENT),
    Role.ASSISTANT: (Trust.ASSISTANT,),
    Role.TOOL: (Trust.TOOL, Trust.DOCUMENT),
    Role.SYSTEM: (Trust.DOCUMENT,),
}
_OF_EXPORTS = ("retired_at", "superseded_by")  # to keep the rest only would bring a retired memory back to life


def message(value: Values, seen: Counter[str]) -> NewMessage:
    """Return a message; one without an id is named by what it says."""
    role = fields.word(value, "role", Role)
    content = fields.text(value, "content")
    thread = fields.optional(value, "thread", fields.text) or DEFAULT_THREAD
    name = fields.optional(value, "name", fields.text)
    given = value.get("id")
    if given is not None and (isinstance(given, bool) or not isinstance(given, (str, int)) or not str(given).strip()):
        raise BadLine("id is neither a text nor a whole number")
    created_at = fields.time(value, "created_at")
    id_ = str(given) if given is not None else _made_id(value, thread, seen)
    return NewMessage(thread, fields.unicode(id_, "id"), role, content, name, created_at, trust_of(value, role))


def trust_of(value: Values, role: Role) -> Trust:
    """Return whose words a message is, as far as its role may say them."""
    trust = fields.optional(value, "trust", lambda v, key: fields.word(v, key, Trust)) or TRUSTS[role][0]
    if trust not in TRUSTS[role]:
        raise BadLine(f"what the {role} says is not in the words of a {trust}")
    return trust


def _made_id(value: Values, thread: str, seen: Counter[str]) -> str:
    """Name a message without an id by what it says, and by how often it was said before."""
    parts = [thread, *(str(value.get(key, "")) for key in ("role", "name", "created_at", "content"))]
    digest = hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    seen[digest] += 1
    return f"{digest}-{seen[digest]}" if seen[digest] > 1 else digest


def memory(value: Values, unsaid: Trust) -> NewMemory:
    """Return a memory; `unsaid` is whose words it is where the record does not say so."""
    for key in _OF_EXPORTS:
        if value.get(key) is not None:
            raise BadLine(f"a memory with {key} is not imported but from an export")
    text = remember.check_text(fields.text(value, "text"))
    told = _told(value)
    kind = None if value.get("kind", "auto") == "auto" else fields.word(value, "kind", Kind)
    return new_memory(
        text,
        kind,
        told,
        unsaid,
        id=fields.optional(value, "id", fields.id_),
        tags=fields.tags(value),
        created_at=fields.time(value, "created_at"),
        valid_from=fields.day(value, "valid_from"),
        valid_to=fields.day(value, "valid_to"),
        expires_at=fields.time(value, "expires_at"),
    )


def _told(value: Values) -> Trust | None:
    """Return whose words a record says that it is; None where it does not."""
    return fields.optional(value, "trust", lambda v, key: fields.word(v, key, Trust))


def new_memory(text: str, kind: Kind | None, told: Trust | None, unsaid: Trust, **more: Any) -> NewMemory:
    """Return a memory of a kind, or of the one that its text shows; only what the user says can be an instruction."""
    trust = told or unsaid
    found = kind or classify(text)
    lowered = found is Kind.PROCEDURAL and trust is not Trust.USER
    fields_ = {"id": None, "tags": (), "created_at": None, "valid_from": None, "valid_to": None, "expires_at": None}
    return NewMemory(
        text=text,
        kind=Kind.SEMANTIC if lowered else found,
        trust=trust,
        unsaid=told is None,
        lowered=lowered,
        **(fields_ | more),
    )


def block(value: Values, unsaid: Trust) -> NewBlock:
    """Return a core block, which is the user's, or none; `unsaid` as for a memory."""
    label, text = checked_block(value)
    if (_told(value) or unsaid) is not Trust.USER:
        raise BadLine('core memory is your own word in every context: it takes "trust": "user", or --trust user')
    return NewBlock(label, text)


def checked_block(value: Values) -> tuple[str, str]:
    """Return a core block's label and text."""
    label = remember.check_label(fields.text(value, "label"))
    text = remember.check_text(fields.text(value, "text"))
    remember.check_fits(label, text, CORE_CHARS)
    return label, text


def thread(value: Values) -> NewThread:
    """Return a thread, which is known by its name."""
    return NewThread(fields.text(value, "name"), fields.time(value, "created_at"))
