"""Talking: chat, ask."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import partial
from typing import Annotated

import typer

from memcli.assistant import Assistant
from memcli.cli import complete
from memcli.cli.context import Run, of, words
from memcli.cli.options import AsJson
from memcli.errors import InputError
from memcli.memory.condensing import NOT_KEPT
from memcli.store import threads
from memcli.turn import Attachment, Done
from memcli.types import Piece, Sampling, Thread, Trust
from memcli.ui.interrupt import stopping
from memcli.ui.sanitize import Sanitiser
from memcli.ui.thought import Thought

INTERRUPTED = 130

ThreadName = Annotated[
    str | None,
    typer.Option(
        "--thread", help="Talk in this thread; made if there is none.", metavar="NAME", autocompletion=complete.threads
    ),
]
Continue = Annotated[bool, typer.Option("--continue", help="Go on in the thread used last.")]
ModelName = Annotated[
    str | None,
    typer.Option("--model", help="Name or path of the chat model.", metavar="MODEL", autocompletion=complete.models),
]
NoMemory = Annotated[
    bool,
    typer.Option("--no-memory", help="Recall nothing, leave core memory out, and form no memories of what is said."),
]
ContextSize = Annotated[str | None, typer.Option("--context-size", help="Tokens of the window.", metavar="N")]
GpuLayers = Annotated[
    str | None, typer.Option("--gpu-layers", help="Layers on the GPU; more than the model has: all.", metavar="N|auto")
]
Temperature = Annotated[
    str | None, typer.Option("--temperature", help="0 always takes the likeliest token.", metavar="T")
]
Seed = Annotated[int | None, typer.Option("--seed", help="Draw the same answers again.", metavar="N")]


def register(app: typer.Typer) -> None:
    app.command()(chat)
    app.command()(ask)


def chat(
    ctx: typer.Context,
    thread: ThreadName = None,
    new: Annotated[bool, typer.Option("--new", help="Begin a new thread (the default).")] = False,
    continue_: Continue = False,
    model: ModelName = None,
    no_memory: NoMemory = False,
    context_size: ContextSize = None,
    gpu_layers: GpuLayers = None,
    temperature: Temperature = None,
    seed: Seed = None,
) -> None:
    """Talk with the assistant. With piped input each line is a turn."""
    run = settle(ctx, model, context_size, gpu_layers, temperature)
    make = partial(_assistant, run, thread, continue_, new=new, use_memory=not no_memory)
    if run.terminal.interactive:
        _converse(run, make, seed)
        return
    assistant = make()
    sampling = Sampling(temperature=assistant.temperature, seed=seed)
    try:
        for line in run.terminal.lines():
            if line.strip() and not _speak(run, assistant, line, sampling):
                raise typer.Exit(INTERRUPTED)
    finally:
        assistant.leave()


def _converse(run: Run, make: Callable[[], Assistant], seed: int | None) -> None:
    """Talk at the terminal. What is pasted while the model is loaded waits for the prompt, as one text."""
    from memcli.repl.echo import silent
    from memcli.repl.prompt import away
    from memcli.repl.session import Session

    _ = run.workspace.store  # it may ask for a passphrase, which is pasted without marks
    with silent(run.terminal.stdin), away():
        assistant = make()
    Session(run.terminal, run.workspace, assistant, seed).run()


def _speak(run: Run, assistant: Assistant, line: str, sampling: Sampling) -> bool:
    """Answer one piped line; return False where Ctrl-C stopped the answer."""
    prepared = assistant.prepare(line.strip())
    with stopping(assistant.model.stop), closing(assistant.run(prepared, sampling)) as pieces:
        _say(run, pieces)
    run.terminal.out(flush=True)
    return not (assistant.last and assistant.last.answer.stopped)


def ask(
    ctx: typer.Context,
    prompt: Annotated[
        list[str] | None, typer.Argument(metavar="QUESTION...", help="The question; without it stdin is the question.")
    ] = None,
    thread: ThreadName = None,
    new: Annotated[bool, typer.Option("--new", help="Begin a new thread (the default).")] = False,
    continue_: Continue = False,
    model: ModelName = None,
    no_memory: NoMemory = False,
    context_size: ContextSize = None,
    gpu_layers: GpuLayers = None,
    temperature: Temperature = None,
    seed: Seed = None,
    json: AsJson = False,
    no_save: Annotated[bool, typer.Option("--no-save", help="Store nothing of this.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Store the attached text too.")] = False,
    no_stdin: Annotated[bool, typer.Option("--no-stdin", help="Leave stdin alone.")] = False,
) -> None:
    """Answer once. Piped text is attached to the question as a document."""
    run = settle(ctx, model, context_size, gpu_layers, temperature)
    question, attachments, trust = _question(run, words(prompt), keep=keep, no_stdin=no_stdin)
    assistant = _assistant(run, thread, continue_, new=new, use_memory=not no_memory, save=not no_save)
    prepared = assistant.prepare(question, trust=trust, attachments=attachments)
    with stopping(assistant.model.stop):
        sampling = Sampling(temperature=assistant.temperature, seed=seed)
        with closing(assistant.run(prepared, sampling)) as pieces:
            _say(run, pieces, silent=json)
    done = assistant.last
    if done is None:
        raise InputError("no answer was made")
    if json:
        run.terminal.data(_answer_shape(done))
    else:
        run.terminal.out(flush=True)
    assistant.leave(once=not (thread or continue_))  # now that the answer is out
    if done.answer.full:
        run.terminal.notice("the answer is cut off here: it went in circles, or met the setting answer_tokens")
    if done.answer.stopped:
        run.terminal.notice("stopped; what was said is kept" if done.thread else "stopped")
        raise typer.Exit(INTERRUPTED)


def _say(run: Run, pieces: Iterable[Piece], *, silent: bool = False) -> None:
    """Print the answer as it comes; the thinking before it only where a person looks on."""
    thought = Thought(run.terminal.console)
    sanitiser = Sanitiser()  # a sequence may be cut anywhere
    try:
        for piece in pieces:
            if silent:
                continue
            if not piece.thought:
                thought.end()
                run.terminal.out(sanitiser.feed(piece.text), end="", flush=True)
            elif run.terminal.capable:
                thought.feed(piece.text)
    finally:
        thought.end()


# --- shared ---------------------------------------------------------------------------------------------------------


def settle(
    ctx: typer.Context, model: str | None, context_size: str | None, gpu_layers: str | None, temperature: str | None
) -> Run:
    """Take what the options say into the run's settings."""
    run = of(ctx)
    given = {"model": model, "context_size": context_size, "gpu_layers": gpu_layers, "temperature": temperature}
    run.options.update(given)
    return run


def find_thread(run: Run, name: str | None, continue_: bool) -> Thread | None:
    """Return the thread of that name, or the one used last."""
    store = run.workspace.store
    return threads.find(store, name) if name else threads.latest(store) if continue_ else None


def _assistant(
    run: Run, name: str | None, continue_: bool, *, new: bool, use_memory: bool, save: bool = True
) -> Assistant:
    if sum((bool(name), continue_, new)) > 1:
        raise InputError("--thread, --continue and --new exclude each other", "give one of them")
    existing = find_thread(run, name, continue_)
    if continue_ and existing is None:
        run.terminal.notice("there is no earlier thread: this is the first")
    workspace = run.workspace
    return Assistant(
        workspace.store,
        workspace.model,
        workspace.embedder,
        run.config,
        run.clock,
        existing,
        None if existing else name,
        use_memory,
        save,
        run.terminal.notice,
        workspace.states,
    )


def _question(run: Run, question: str, *, keep: bool, no_stdin: bool) -> tuple[str, tuple[Attachment, ...], Trust]:
    """Return the question, what came with it, and whose words it is: piped text is never the user's own."""
    piped = "" if no_stdin or run.terminal.stdin.isatty() else run.terminal.read_all()
    if question.strip():
        attachments = (_attach(piped, keep=keep),) if piped.strip() else ()
        return question.strip(), attachments, Trust.USER
    if not piped.strip():
        raise InputError("there is no question", 'memcli ask "..." or pipe one in')
    return piped.strip(), (), Trust.DOCUMENT


def _attach(text: str, *, keep: bool) -> Attachment:
    data = text.encode()
    note = f"{NOT_KEPT}{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()[:16]}]"
    return Attachment(text.strip(), text.strip() if keep else note)


def _answer_shape(done: Done) -> dict[str, object]:
    answer = done.answer
    return {
        "answer": answer.text.strip(),
        "thread": done.thread.id if done.thread else None,
        "message_id": done.message_id,
        "recalled": done.prepared.recalled,
        "tokens": {
            "context": done.prepared.ledger.total,
            "restored": answer.restored,
            "evaluated": answer.evaluated,
            "generated": answer.generated,
            "thinking": answer.thought,
        },
        "seconds": {"first_token": round(answer.first_token, 4), "total": round(answer.total, 4)},
    }
