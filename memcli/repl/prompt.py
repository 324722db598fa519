"""Reading a message: prompt_toolkit with memcli's keys, history, completion and toolbar.

Invariants: Enter sends, and only Enter: what is pasted waits for it, however many lines it has, also what is pasted
while an answer is written, a command runs or the model is loaded: sent line by line, a fenced block would lose its
fence, and become the user's own words. A pasted block is fenced where the user sees it, and so a document's words; undo
takes the fence away, and then the block.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app, get_app_session, run_in_terminal
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, has_focus
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import History
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.styles import Style
from prompt_toolkit.utils import is_dumb_terminal

from memcli.memory.attributing import fenced
from memcli.repl.completion import SlashCompleter
from memcli.ui.sanitize import MARK, masked, one_line

PROMPT = "> "
BLOCK_CHARS = 80  # a pasted line of more is a block as several lines are, but for an address
WIDE = 0x2E7F  # from here on scripts that set no blanks between words; no address is written in one
_FENCE = re.compile(r"^[ \t]{0,3}(?P<mark>`{3,})(?P<rest>[^\n]*)$", re.MULTILINE)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_STYLE = Style.from_dict(
    {
        "prompt": "bold ansigreen",
        "continuation": "ansibrightblack",
        "bottom-toolbar": "noreverse ansibrightblack",
        "bottom-toolbar.text": "noreverse ansibrightblack",
    }
)


def keys() -> KeyBindings:
    """Return the bindings that differ from prompt_toolkit's own."""
    bindings = KeyBindings()
    typing = has_focus(DEFAULT_BUFFER)  # not in the line of a history search

    @bindings.add("enter", filter=typing)
    def send(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        menu = buffer.complete_state
        if menu and menu.current_completion and len(menu.completions) > 1:
            buffer.complete_state = None  # takes what was chosen in the menu; it stands in the line already
        else:
            buffer.validate_and_handle()

    @bindings.add("escape", "enter", filter=typing)
    def new_line(event: KeyPressEvent) -> None:
        event.current_buffer.newline(copy_margin=False)

    @bindings.add(Keys.BracketedPaste, filter=typing)
    def paste(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        text = _storable(event.data.replace("\r\n", "\n").replace("\r", "\n"))
        before = buffer.document.text_before_cursor
        buffer.insert_text(text)
        if (block := as_document(before, text)) != text:
            buffer.save_to_undo_stack()
            buffer.delete_before_cursor(len(text))
            buffer.insert_text(block)

    @bindings.add("c-c", filter=typing)
    @bindings.add("<sigint>", filter=typing)
    def clear(event: KeyPressEvent) -> None:
        if event.current_buffer.text:
            event.current_buffer.reset()
        else:
            event.app.exit(exception=KeyboardInterrupt)

    return bindings


def _storable(text: str) -> str:
    """Return a text as it is shown, where no store takes it: a mark for each byte that is no UTF-8, and for NUL."""
    return _UNSTORABLE.sub(MARK, text)


def is_command(text: str) -> bool:
    """Tell whether a line is a command, unlike a message behind two slashes."""
    return text.lstrip().startswith("/") and not text.lstrip().startswith("//")


def as_document(before: str, text: str) -> str:
    """Return a pasted text as it goes behind what stands `before` it: a block is fenced.

    Not in a command, nor where a fence is open already that it cannot close.
    """
    body = text.strip("\n")
    blank = any(char.isspace() or ord(char) > WIDE for char in body)
    block = len(body.splitlines()) > 1 or (len(body) > BLOCK_CHARS and blank)
    if not block or is_command(before) or _stays_within(before, text):
        return text
    return f"{'' if not before or before.endswith(chr(10)) else chr(10)}{fenced(body)}\n"


def _stays_within(before: str, text: str) -> bool:
    """Tell whether a text goes into a fence that is open `before` it, and nothing of it out again."""
    from memcli.memory.formation.spans import own  # patterns that take a while to compile

    if not _leaves_open(before) or _FENCE.search(text):
        return False
    return all(end <= len(before) for _, end in own(before + text))


def _leaves_open(text: str) -> bool:
    """Tell whether a text ends in a fence, both as Markdown has it and as formation counts fences, in pairs."""
    opened, fences = 0, 0
    for fence in _FENCE.finditer(text):
        fences += 1
        length, rest = len(fence["mark"]), fence["rest"].strip()
        if opened:
            opened = 0 if length >= opened and not rest else opened
        elif "`" not in rest:
            opened = length
    return opened > 0 and fences % 2 == 1


@Condition
def _typing_a_command() -> bool:
    return get_app().current_buffer.text.startswith("/")


class Plain(Processor):
    """Shows what is typed, pasted or found in the history without what a terminal would act on.

    prompt_toolkit itself spells out control codes, but not what turns the direction of writing.
    """

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        return Transformation([(one[0], masked(one[1])) for one in transformation_input.fragments])


class Prompt:
    """Asks for messages. `toolbar` gives the line below; it is called with every key and must be quick."""

    def __init__(
        self, history: History, completer: SlashCompleter, toolbar: Callable[[], str], *, colored: bool
    ) -> None:
        self._session: PromptSession[str] = PromptSession(
            [("class:prompt", PROMPT)],
            multiline=True,
            prompt_continuation=_continuation,
            history=history,
            completer=completer,
            complete_while_typing=_typing_a_command,
            auto_suggest=AutoSuggestFromHistory(),
            key_bindings=keys(),
            bottom_toolbar=lambda: [("", f" {one_line(toolbar())}")],
            style=_STYLE,
            input_processors=[Plain()],
            color_depth=None if colored else ColorDepth.DEPTH_1_BIT,
            enable_suspend=True,
        )

    def soon(self, do: Callable[[], None]) -> None:
        """Have `do` called in the thread that reads, while it reads; safe from any thread. Where none does, nothing."""
        loop, context = self._session.app.loop, self._session.app.context
        if loop is not None:
            with suppress(RuntimeError):  # it has just ended
                loop.call_soon_threadsafe(do, context=context)

    def above(self, write: Callable[[], None]) -> None:
        """Have `write` print above what is being typed, which is drawn again below. In the thread that reads only."""
        run_in_terminal(write)

    def redraw(self) -> None:
        self._session.app.invalidate()

    def read(self, default: str = "") -> str:
        """Return what was sent. Raises KeyboardInterrupt (Ctrl-C on an empty line) and EOFError (Ctrl-D)."""
        return _storable(self._session.prompt(default=default))


@contextmanager
def away() -> Iterator[None]:
    """Have the terminal mark what is pasted while nothing reads: it waits for the next prompt as one text."""
    output = get_app_session().output
    if is_dumb_terminal():
        yield
        return
    output.enable_bracketed_paste()
    output.flush()
    try:
        yield
    finally:
        output.disable_bracketed_paste()
        output.flush()


def _continuation(width: int, line: int, wrapped: int) -> StyleAndTextTuples:
    return [("class:continuation", "· ".rjust(width) if not wrapped else " " * width)]


def confirm(question: str) -> bool:
    """Ask yes or no; anything but a yes is a no."""
    session: PromptSession[str] = PromptSession()  # of its own: an answer is nothing to suggest later
    try:
        said = session.prompt(f"{one_line(question)} [y/N] ")
    except (KeyboardInterrupt, EOFError):
        return False
    return said.strip().casefold() in ("y", "yes")
