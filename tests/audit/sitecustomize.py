"""Notes what every Python process does to files and sockets. On PYTHONPATH, it is imported by each, children included.

A line of JSON an event, into the file that AUDIT_LOG names: what it was, and the paths or the address.
"""

import json
import os
import sys

_LOG = os.environ.get("AUDIT_LOG")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_MAKES = ("os.mkdir", "os.rename", "os.link", "os.symlink", "shutil.copyfile", "shutil.move", "os.truncate")


def _noted(event, args):
    if event.startswith("socket."):
        _note(event, [repr(one) for one in args[1:]] or [repr(args)])
    elif event == "open" and isinstance(args[0], (str, bytes, os.PathLike)):
        mode, flags = args[1], args[2] if isinstance(args[2], int) else 0
        writes = any(letter in mode for letter in "wax+") if isinstance(mode, str) else flags & _WRITES
        if writes and os.fspath(args[0]) not in (_LOG, os.devnull):
            _note(event, [os.path.abspath(os.fsdecode(args[0]))])
    elif event in _MAKES:
        paths = [one for one in args if isinstance(one, (str, bytes, os.PathLike))]
        _note(event, [os.path.abspath(os.fsdecode(path)) for path in paths[:2]])
    elif event in ("subprocess.Popen", "os.posix_spawn", "os.exec"):
        _note("process", [os.fsdecode(args[0])])


def _note(event, about):
    line = json.dumps({"pid": os.getpid(), "event": event, "about": about}) + "\n"
    os.write(_HANDLE, line.encode())


if _LOG:
    _HANDLE = os.open(_LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    _note("start", sys.orig_argv)
    sys.addaudithook(_noted)
