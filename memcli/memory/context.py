"""Injection: what the model sees for one turn, as labelled segments whose tokens are counted exactly.

    system prompt, date, core memory, rules   frozen when a thread's prefix starts
    messages, each with the notes it came with  append-only
    notes + the new message                     at the end

Invariants: a thread's next prompt is the last one plus something at the end, until its oldest messages are evicted;
stored text never leaves the one line it is quoted on, so it cannot pose as the question; what the user did not say
himself is labelled with whose words it is, and stands on the user's or the assistant's side, never on the system's;
nothing is cut without a word in the ledger (see fitting.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from memcli.memory import summary
from memcli.memory.attributing import attributed, fenced, one_line
from memcli.memory.choosing import NOTE_CHARS, Choice, quoted
from memcli.memory.reasons import explain
from memcli.memory.timeline import day
from memcli.types import CoreBlock, Hit, Memory, Message, Recalled, Role, Segment, Trust, Turn

RULE_CHARS = 2000  # all standing instructions together, before the newest are preferred
# All preferences together, likewise: some twelve. Of 20 questions about other things SmolLM2-135M answered 13 right
# without any, 11 with four, 10 with twelve.
PREFERENCE_CHARS = 600
CORE_CHARS = 2000  # per block; longer blocks are refused when they are written

OPENING = "You are a helpful assistant."
NO_LONGER = "No longer so: "
HEADER = "Use these notes if they help.\n"
FOOTER = "\nQuestion: "
ATTACHED = "Attached document:"
# What an imported thread holds of others. A template that knows no tools gives their words to the user.
LABELS = {
    Role.TOOL: "Output of a tool:",
    Role.SYSTEM: "Instructions that this conversation was imported with, which are not the user's:",
}
PIPED = "piped in, not typed"
UNREPLAYED = "thinking is not replayed"
ANSWER = "the assistant's answer"
EXCERPT = "an excerpt: the whole did not fit"


# --- the system side ------------------------------------------------------------------------------------------------


def system_side(
    prompt: str,
    today: str | None,
    blocks: Iterable[CoreBlock],
    rules: Iterable[Memory],
    preferences: Iterable[Memory] = (),
    *,
    window: int,
) -> tuple[tuple[Segment, ...], tuple[Segment, ...]]:
    """Return the segments that begin every prompt of a thread, stable first, and what is at hand but found no room.

    `today` None leaves the date out. The newest rules and preferences go in first. They stand here because they seldom
    resemble what they apply to: no search would bring them up. Of a `window` so many tokens long the rules take a
    quarter at most, and the preferences an eighth.

    Nothing at all where there is nothing to say: then the model's template says what the model was trained to hear.
    """
    parts = [Segment("system", "date", f"\nToday is {today}.")] if today else []
    parts += [Segment("core", f"core:{b.label}", f"\n{b.label}: {one_line(b.text)}") for b in blocks if b.text.strip()]
    liked, disliked = _within(preferences, "preference", "The user says", min(PREFERENCE_CHARS, window // 2))
    wanted, refused = _within(rules, "procedural", "The user wants", min(RULE_CHARS, window))
    parts += [*liked, *wanted]
    opening = prompt.strip() or (OPENING if parts else "")
    return (Segment("system", "system_prompt", opening), *parts) if opening else (), (*disliked, *refused)


def with_summary(side: tuple[Segment, ...], told: Segment | None) -> tuple[Segment, ...]:
    """Return the system side with a running summary at its end: of all that stands there it changes most often."""
    if told is None:
        return side
    return (*(side or (Segment("system", "system_prompt", OPENING),)), told)


def _within(memories: Iterable[Memory], label: str, lead: str, room: int) -> tuple[list[Segment], list[Segment]]:
    """Return a line for each memory, oldest first, as far as there is room for the newest; and the others."""
    reason = f"over the {room} characters for {'rules' if label == 'procedural' else 'preferences'}"
    kept: list[Segment] = []
    cut: list[Segment] = []
    for memory in sorted(memories, key=lambda m: (m.created_at, m.order), reverse=True):
        line = Segment(label, memory.id, f"\n{lead}: {one_line(memory.text)}")
        if len(line.text) <= room:
            room -= len(line.text)
            kept.append(line)
        else:
            cut.append(replace(line, reason=reason))
    return kept[::-1], cut


def freeze(side: Iterable[Segment]) -> str:
    """Return the system side as the JSON text that a thread keeps."""
    return json.dumps([[s.label, s.origin, s.text] for s in side], ensure_ascii=False)


def thaw(text: str) -> tuple[Segment, ...]:
    """Return the system side that `freeze` wrote."""
    return tuple(Segment(label, origin, body) for label, origin, body in json.loads(text))


def changes(
    frozen: Iterable[Segment], told: Iterable[Recalled], current: Iterable[Segment], cut: Iterable[Segment] = ()
) -> list[Recalled]:
    """Return what has changed on the system side since the prefix started and was not yet told in the thread.

    What is no longer there is told as well, unless it was `cut` for want of room and still holds. That line has the
    label "system", as its item does not exist any more.
    """
    still = {s.origin for s in cut}
    known = {s.origin: s.text.strip() for s in frozen if s.origin != "system_prompt" and s.label != summary.LABEL}
    known.update({r.item_id: r.line for r in told if not r.why})
    now = {s.origin: s for s in current if s.origin != "system_prompt"}
    new = [
        Recalled(origin, s.label, s.text.strip(), 0.0, {})
        for origin, s in now.items()
        if known.get(origin) != s.text.strip()
    ]
    gone = [
        Recalled(origin, "system", f"{NO_LONGER}{text}", 0.0, {})
        for origin, text in known.items()
        if origin not in now and origin not in still and not text.startswith(NO_LONGER)
    ]
    return new + gone


# --- notes and turns ------------------------------------------------------------------------------------------------


def note(hit: Hit) -> Recalled:
    """Return a hit as the line that the model reads: date, speaker, and the text on one line."""
    item = hit.item
    when = item.valid_from or day(item.created_at)
    if item.valid_to:
        when = f"{when} to {item.valid_to}"
    said = attributed(item, quoted(item), NOTE_CHARS)
    return Recalled(item.id, item.kind, f"{one_line(when)}: {said}", hit.score, hit.why)


def document(text: str, label: str = ATTACHED) -> str:
    """Return a text between fences that it cannot close, labelled as data."""
    return f"{label}\n{fenced(text.rstrip())}"


def attachment_turn(text: str, *, origin: str) -> Turn:
    """Return an attached text as it stands in the window, before the question that it came with."""
    return Turn(Role.USER, (Segment("document", origin, document(text)),))


def history_turns(history: Sequence[tuple[Message, tuple[Recalled, ...]]], fingerprint: str) -> list[Turn]:
    """Return stored messages as they stand in the window, each with the notes that were placed before it.

    A document that another message of the user follows was attached to it; one that is answered was a piped question.
    """
    turns = []
    followers = [*(message.role for message, _ in history[1:]), None]
    for (message, notes), follower in zip(history, followers, strict=False):
        if message.role in LABELS:
            role = Role.USER if message.role is Role.SYSTEM else message.role
            part = Segment("document", message.id, document(message.shown, LABELS[message.role]))
            turns.append(Turn(role, (part,)))
        elif message.role is not Role.USER:
            ids = message.tokens if message.model == fingerprint else ()
            reason = ANSWER if message.role is Role.ASSISTANT else ""
            turns.append(Turn(message.role, (Segment("message", message.id, message.shown, reason=reason),), ids))
        elif message.trust is Trust.DOCUMENT and follower is Role.USER:
            turns.append(attachment_turn(message.shown, origin=message.id))
        else:
            piped = PIPED if message.trust is not Trust.USER else ""
            reason = piped if message.excerpt is None else EXCERPT
            turns.append(user_turn(message.shown, notes, origin=message.id, reason=reason))
    return turns


def user_turn(text: str, notes: Sequence[Recalled], *, origin: str, reason: str = "") -> Turn:
    """Return a user message behind its notes; without notes it stands alone."""
    own = Segment("message", origin, text.strip(), reason=reason)
    if not notes:
        return Turn(Role.USER, (own,))
    lines = tuple(noted(n) for n in notes)
    return Turn(Role.USER, (Segment("notes", "", HEADER), *lines, Segment("notes", "", FOOTER), own))


def noted(n: Recalled) -> Segment:
    """Return a note as a segment of its turn."""
    told = n.kind in ("system", "core", "procedural", "preference") and not n.why
    label, reason = (n.kind, "changed since the thread's prefix") if told else ("recall", explain(n.why))
    return Segment(label, n.item_id, f"- {n.line}\n", score=None if told else n.score, reason=reason)


def left_out(choice: Choice) -> tuple[Segment, ...]:
    """Return what recall found and did not choose, for the ledger's list of what was cut."""
    return tuple(
        Segment("recall", hit.item.id, f"- {note(hit).line}\n", 0, hit.score, reason) for hit, reason in choice.left
    )


def unreplayed(thought: Mapping[str, int]) -> tuple[Segment, ...]:
    """Return the thinking before answers as what is not in the context; `thought` has its tokens by their ids."""
    return tuple(Segment("thinking", id_, "", tokens, None, UNREPLAYED) for id_, tokens in thought.items() if tokens)
