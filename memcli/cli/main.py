"""The program: build the run, hand it to the command, and turn every outcome into an exit status.

This is the one error boundary. Nothing below it prints an error or ends the process.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from memcli import __version__
from memcli.cli.context import Run
from memcli.errors import InputError, MemcliError, StoreDamaged, TracesLeft
from memcli.paths import Paths, append_private
from memcli.ui.terminal import Terminal

if TYPE_CHECKING:
    import typer

BUG = 70
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> None:
    """Run the program on the process's own streams and exit."""
    os.umask(0o077)
    status = run(list(sys.argv[1:] if argv is None else argv), Terminal.of_process(), Paths.default())
    sys.exit(status)


def run(argv: list[str], terminal: Terminal, paths: Paths) -> int:
    """Run one command line and return its exit status; streams and folders are the caller's."""
    terminal.json = "--json" in argv or "--jsonl" in argv
    terminal.debug = "--debug" in argv
    invocation = Run(terminal, paths, terminal.environ)
    try:
        _check(argv)
        return _dispatch(argv, invocation)
    except MemcliError as error:
        _log(paths, _without_message(error))
        terminal.trace(traceback.format_exc())
        error = _beside_damage(error, invocation)
        terminal.error(error)
        return error.exit_status
    except KeyboardInterrupt as stop:
        terminal.notice(str(stop) or "interrupted")  # a command may have said how to go on
        return INTERRUPTED
    except OSError as error:
        return _broken_output(error, invocation)
    except Exception as error:  # noqa: BLE001 - the boundary: whatever is left is damage or a bug, and is said to be it
        return _damaged(error, invocation) or _bug(error, invocation)
    finally:
        invocation.close()


def _check(argv: list[str]) -> None:
    """Raise InputError for an argument that is not UTF-8: it could neither be stored nor looked for."""
    for arg in argv:
        try:
            arg.encode("utf-8")
        except UnicodeEncodeError:
            raise InputError(f"{arg!a} on the command line is not UTF-8 text") from None


def _dispatch(argv: list[str], invocation: Run) -> int:
    import typer

    from memcli.cli.app import build, command_of

    completing = "_MEMCLI_COMPLETE" in invocation.environ
    command = typer.main.get_command(build(None if completing else command_of(argv)))
    if completing:
        command(argv, prog_name="memcli")  # a shell asks for completions: Typer answers and exits
    try:
        # not command.main(): it would end the process itself on a closed pipe
        with command.make_context("memcli", argv, obj=invocation) as context:
            command.invoke(context)
        invocation.terminal.stdout.flush()
    except typer.Exit as stop:
        return stop.exit_code
    except typer.Abort:
        return INTERRUPTED
    except typer.TyperException as usage:
        return _usage(usage, invocation.terminal)
    return 0


def _usage(usage: typer.TyperException, terminal: Terminal) -> int:
    if type(usage).__name__ == "NoArgsIsHelpError":  # a bare `memcli`: its message is the help
        terminal.help(usage.format_message())
        return usage.exit_code
    error = MemcliError(usage.format_message())
    error.code = "usage"
    context = getattr(usage, "ctx", None)
    path = context.command_path if context else "memcli"
    error.hint = f"'{path} --help' shows how it is used"
    terminal.error(error)
    return usage.exit_code


def _broken_output(error: OSError, invocation: Run) -> int:
    """End quietly where the reader of stdout has gone, and say so where stdout cannot be written."""
    terminal = invocation.terminal
    if error.filename is not None or error.errno not in (errno.EPIPE, errno.ENOSPC, errno.EIO, errno.EBADF):
        return _bug(error, invocation)
    _silence(terminal)
    if error.errno == errno.EPIPE:
        return 0
    terminal.error(MemcliError(f"the output cannot be written: {error.strerror}"))
    return 1


def _silence(terminal: Terminal) -> None:
    """Point stdout at nothing, so that the interpreter's last flush does not complain about the closed pipe."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), terminal.stdout.fileno())
    except (OSError, ValueError):
        return  # not a real file: nothing will be flushed


def _beside_damage(error: MemcliError, invocation: Run) -> MemcliError:
    """Return the error to report: where the store is damaged, that is what keeps a forgetting from being proved."""
    found = invocation.damage() if isinstance(error, TracesLeft) else None
    if found is None:
        return error
    hint = "run: memcli doctor --fix, and forget it again in what that makes"
    return StoreDamaged(f"{error.message}: the store is damaged: {found}", hint)


def _damaged(error: Exception, invocation: Run) -> int:
    """Report what is wrong with the store, which may hold what no program writes; return 0 where nothing is."""
    found = invocation.damage()
    if found is None:
        return 0
    terminal = invocation.terminal
    _log(invocation.paths, _without_message(error))
    terminal.trace(traceback.format_exc())
    terminal.error(StoreDamaged(f"the store is damaged: {found}", "restore a backup, or run: memcli doctor --fix"))
    return StoreDamaged.exit_status


def _bug(error: Exception, invocation: Run) -> int:
    terminal, text = invocation.terminal, traceback.format_exc()
    logged = _log(invocation.paths, _without_message(error) if invocation.encrypted else text)
    terminal.trace(text)
    report = MemcliError(f"a bug in memcli {__version__}: {type(error).__name__}: {error}")
    report.code = "bug"
    report.hint = "please report it where you got memcli from" + (f", with {logged}" if logged else "")
    terminal.error(report)
    return BUG


def _without_message(error: Exception) -> str:
    """Return the traceback alone: the message may quote what the user typed, and the log is no place that forgets."""
    return "".join([*traceback.format_tb(error.__traceback__), type(error).__name__, "\n"])


def _log(paths: Paths, text: str) -> Path | None:
    try:
        append_private(paths.log, text)
    except OSError:
        return None  # a full disk must not hide the error that is being reported
    return paths.log
