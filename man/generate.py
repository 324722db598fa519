"""Print the manual page, made from the Typer app: `python man/generate.py > man/memcli.1`.

Commands, options and settings come from the program; files, exit status and JSON shapes stand here. A test compares the
committed page with what this prints.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

import typer

from memcli import __version__
from memcli.cli.app import build
from memcli.config import SETTINGS

FILES = (
    ("<data>/memcli.db", "the store, with -wal and -shm beside it while it is in use"),
    ("<data>/memcli.db.before-fix-TIME", "the store as it was before doctor --fix; goes with the next forgetting"),
    ("<data>/memcli.db.salvaged-TIME", "what doctor --fix could read of a damaged store"),
    ("<config>/config.toml", "the settings"),
    (
        "<data>/memcli.db-converting, its -journal, <data>/memcli.db-replaced",
        "while it is encrypted or decrypted; or left by a kill, then overwritten and removed by the next memcli",
    ),
    ("<state>/history", "lines typed into the chat; not with an encrypted store"),
    ("<state>/memcli.log", "what llama.cpp says, and tracebacks"),
    ("<cache>/models", "chat models, or links to them, and unfinished downloads"),
    ("<cache>/embedders", "compiled embedders; made again when they are missing"),
    ("<cache>/probes.json", "where each model runs best, and how fast"),
    (
        "<cache>/states",
        "what models have evaluated of threads; any forgetting removes the store's, and none are kept of an"
        " encrypted one",
    ),
)
STATUS = (
    ("0", "done"),
    ("1", "you can correct it; the message says how"),
    ("2", "the command line is wrong"),
    ("3", "nothing found"),
    ("4", "no model, or the model failed"),
    ("5", "the store is locked, damaged, newer, not a store, or encrypted with another passphrase"),
    ("70", "a bug in memcli"),
    ("130", "interrupted"),
)
SHAPES = (
    (
        "search",
        '{"query", "results": [{"id", "kind", "text", "score", "refs", "created_at", "valid_from", "valid_to", '
        '"thread", "trust", "tags"}]}, of retired memories also "retired_at", "superseded_by", "undone"; '
        'with --explain each result also has "why": {feature: contribution}, which '
        'sums to the score, "relevance": how likely it belongs to the question, and "matched": the words it holds, and '
        'the document has "terms": what was looked up, "corrections": [{"said", "meant": [word]}], "periods": '
        '[{"words", "start", "end"}], the times that were understood, "by_words_only", and "near_misses": [result with '
        '"lacks": {feature: amount}], the next results with where they fall short of the last one above',
    ),
    ("list", '{"memories": [memory]}; with --as-of as they were then'),
    (
        "remember, show, edit, pin, unpin",
        'one memory: {"id", "kind", "text", "trust", "created_at", "valid_from", "valid_to", "retired_at", '
        '"superseded_by", "expires_at", "tags", "sources": [{"message", "start", "end"}], "formed_by": null where you '
        'asked for it, else how memcli formed it, "times_said", "confirmed_at", "conflicts": [id], "importance": 0 to '
        '1, which is what you asked to keep, "pinned", "strength": 0 to 1, how much of it has not faded, "undone": '
        'whether what made it was undone at retired_at}; show and edit add "supersedes": [id]; pin and unpin print '
        '{"memories": [memory]} where several are named',
    ),
    (
        "models probe",
        '{"model", "rung", "failed": [{"rung", "reason"}], "speeds": null or {"flash_attention", "key_type", '
        '"value_type", "batch", "load_seconds", "read_per_second", "weight_bytes", "cache_bytes_per_1000_tokens", '
        '"written_per_second": [{"flash_attention", "key_type", "depth", "per_second"}]}}; speeds are in tokens',
    ),
    (
        "history",
        '{"id", "versions": [memory with "made", "superseded" and "taken_back": {"operation", "action", "actor", "at"} '
        'or null, "believed": [{"since", "until"}], "in_place_of": [id], and "lapses": [{"since", "until", '
        '"superseded_by", "superseded", "undone"}], the times when another stood in its place until that was undone]}',
    ),
    (
        "undo",
        '{"undone": [{"operation", "action", "actor", "at", "steps": [{"do", "id", "text"}], "forgotten": [id]}], '
        '"passed_over": [{"action", "actor", "times", "at"}]}; do is retire, reopen, weaken, unmark, recheck, restore '
        "or clear",
    ),
    (
        "ask",
        '{"answer", "thread", "message_id", "recalled": [id], "tokens": {"context", "restored", '
        '"evaluated", "generated", "thinking": how many of the generated ones}, "seconds": {"first_token", "total"}}',
    ),
    (
        "context",
        '{"window", "reserved", "total", "free", "thread", "segments": [{"label", "origin", "tokens", "score", '
        '"reason", "text"}], "dropped": [same]}; the tokens of the segments sum to the total, their texts are the '
        "prompt",
    ),
    (
        "context --diff",
        '{"thread", "window", "before": tokens after the last turn, "total": tokens now, "prefix": {"kept", "tokens", '
        '"reason": what ended it}, "changes": [{"change": "=", "segments": how many, "tokens"} or segment with '
        '"change": "+" or "-"]}, in the order of the window; {} and status 3 where nothing is known of the last turn',
    ),
    (
        "stats",
        '{"store": {"path", "bytes", "cipher": null or its name, "threads", "messages", "waiting", "set_aside", '
        '"memories": {kind: {"current", '
        '"retired"}}, "core", "summaries", "chunks", "vectors"}, "turns": {"turns", "context", "evaluated", '
        '"restored", "reused", "generated", "thought", "evicted", "first_token", "speed"}}: sums of tokens, where '
        "context is evaluated, restored from files and reused together, messages evicted, and the medians of seconds "
        "to the first token and of tokens a second, null without any",
    ),
    (
        "consolidate",
        '{"dry_run", "messages": how many were read, "counts": {"added", "updated", "superseded", "strengthened", '
        '"conflict"}, "changes": [{"message": id or null, "action": one of these, "memory": memory, "old": the memory '
        'it replaces or contradicts, or null}], "merged": [{"kept": memory, "superseded": [ids of those that said the '
        'same]}], "summarised": [{"memory": memory, "episodes": [ids that it sums up], "before": id of the one whose '
        'place it takes, or null}], "dropped": [ids of what no longer sums up anything], "core": [labels made anew], '
        '"forgotten": [ids of memories that the setting forget_unused_days let go], "failed", "waiting", "set_aside"}',
    ),
    (
        "import",
        '{"messages", "memories", "core", "threads", "summaries", "operations": how many are new, "known": how many '
        'were there, "differing": how many of these have another text, which stays, "passed_over": operations that '
        'were not taken, "dropped": {what: how many} of what nothing bears out, "words": {"messages": {trust: how '
        'many}, "memories": same}: whose words came in, "unsaid": memories that do not say so, "claimed": memories '
        'that are the user\'s now, "lowered": instructions of others, kept as facts, "bad": [{"file", "line", '
        '"reason"}]}',
    ),
    (
        "export",
        'one record a line, each with "type" and "memcli", the number of the format, without keys that say nothing: '
        'store {"marks"}; thread {"id", "name", "created_at", "updated_at"}; core {"label", "text", "updated_at", '
        '"author"}; memory, as list has it, with "reconciled", and "lapses": [{"since", "until", "superseded_by", '
        '"valid_to"}], the times in which it was not believed; message {"id", "thread": its id, "role", "name", '
        '"content", "trust", "created_at", "external_id", "model", "interrupted", "excerpt", "evicted", "waits": '
        '{"since", "failures"}, "cost", "notes": [{"id", "kind", "line", "score", "why"}]}; summary {"id", "thread", '
        '"to": the last message that it covers, "lines": [[day, text, weight]], "made_by", "created_at"}; operation '
        '{"id", "at", "action", "actor", "items", "detail", "undone_at", "core": what blocks said before}',
    ),
    ("reindex", '{"embedder", "dimension", "chunks", "items"}: all chunks, and the items that were given vectors'),
    (
        "models list",
        '{"models": [model], "broken": [{"name", "path", "points_to"}], links whose file is gone, "unfinished": '
        '[{"name", "bytes", "path"}], downloads to go on with}; a model is {"name", "origin", "bytes", "path", '
        '"starter", "in_use"}',
    ),
    (
        "models pull",
        'without a MODEL {"memory": bytes or null, "models": [{"name", "repo", "file", "bytes", "licence", "thinks", '
        '"fits", "recommended"}]}; with one a model with "fetched", the bytes that came',
    ),
    ("models add, models use", "a model"),
    ("models remove", '{"name", "files", "unset": whether it was the model in the config file}'),
    (
        "forget",
        '{"removed": {table: rows}, "files", "traces": 0, or what was found of it, "proof": {"rows", "terms", "texts",'
        ' "files": [where], "bytes_looked_through"}, "limit": what this does not hold for, "mentioned_in": [ids of kept'
        ' items]}; with --dry-run {"memories", "messages", "repeating": those of them that are answers which repeat it,'
        ' "threads", "names": threads whose name goes, "summaries", "core", "kept"}',
    ),
    (
        "encrypt, decrypt, rekey",
        '{"store": path, "cipher": null or its name, "tables", "rows": how many were compared between the old file and '
        'the new one, "bytes", "removed": [files that quoted the store], "limit": what this does not hold for}',
    ),
    ("backup", '{"path", "bytes", "memories", "messages", "threads"}: rows in the copy, retired memories included'),
    (
        "doctor",
        '{"findings": [{"topic", "detail", "ok", "hint"}], "ok"}; with --fix {"found": [{"check", "invariant", '
        '"found": [line], "mended", "how", "left": [line], "reason": why it could not be mended, or ""}], "kept": '
        'where the file is as it was, or null, "salvaged": {"path", "rows": {table: rows}, "lost": {table: rows}} '
        'or null, "waiting": chunks without vectors, "ok"}',
    ),
    ("any, on failure", '{"error": {"code", "message", "hint"}} on stderr'),
)


def roff(text: str) -> str:
    """Escape what roff would read as a request or an escape."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in text.splitlines())


def parameter(param: Any) -> str:
    names, text = param.get_help_record(typer.Context(typer.main.get_command(build())))
    names = re.sub(r" <.*>", "", names)  # Python's name of a list of words says nothing to a reader
    return f".TP\n.B {roff(names)}\n{roff(' '.join(text.split()) or 'See above.')}\n"


def command(name: str, what: Any) -> str:
    arguments = [p for p in what.params if p.param_type_name == "argument"]
    usage = " ".join(piece for p in arguments for piece in p.get_usage_pieces(typer.Context(what)))
    lines = [
        f'.SS "{roff(f"memcli {name} [OPTIONS] {usage}".strip())}"\n',
        roff(inspect.cleandoc(what.help or "")) + "\n",
    ]
    return "".join(lines) + "".join(parameter(p) for p in what.params if "--help" not in p.opts)


def pairs(rows: tuple[tuple[str, str], ...]) -> str:
    return "".join(f".TP\n.B {roff(name)}\n{roff(text)}\n" for name, text in rows)


def page() -> str:
    """Return the whole page."""
    root: Any = typer.main.get_command(build())
    settings = tuple((s.key, f"{s.help} (default: {s.default or 'empty'}; variable {s.variable})") for s in SETTINGS)
    parts = [
        f'.TH MEMCLI 1 "" "memcli {__version__}" "User Commands"\n',
        f".SH NAME\nmemcli \\- {roff('a personal assistant with a local model and a local memory')}\n",
        ".SH SYNOPSIS\n.B memcli\n[OPTIONS] COMMAND [ARGS]\n",
        f".SH DESCRIPTION\n{roff(root.help)}\n",
        ".SH OPTIONS\n" + "".join(parameter(p) for p in root.params),
        ".SH COMMANDS\n" + "".join(command(name, root.commands[name]) for name in sorted(root.commands)),
        ".SH SETTINGS\nAn option wins over a variable, a variable over the config file.\n" + pairs(settings),
        ".SH JSON\nWith --json exactly one document is printed on stdout.\n".replace("--", "\\-\\-") + pairs(SHAPES),
        ".SH FILES\n'memcli doctor' tells the folders on this machine.\n".replace("'", "\\&'", 1) + pairs(FILES),
        ".SH EXIT STATUS\n" + pairs(STATUS),
    ]
    return "".join(parts)


if __name__ == "__main__":
    print(page(), end="")
