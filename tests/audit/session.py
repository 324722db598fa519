"""Runs several command lines of memcli in one process: `session.py FILE`, a JSON list of {"args", "stdin"}."""

import io
import json
import os
import sys
from pathlib import Path

from memcli.cli import main
from memcli.paths import Paths
from memcli.ui.terminal import Terminal


def run(args: list[str], stdin: str | None) -> int:
    source = io.TextIOWrapper(io.BytesIO((stdin or "").encode()), encoding="utf-8")
    return main.run(args, Terminal(source, sys.stdout, sys.stderr, os.environ), Paths.default())


if __name__ == "__main__":
    os.umask(0o077)
    failed = 0
    for line in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
        status = run(line["args"], line.get("stdin"))
        expected = line.get("status", 0)
        if status != expected:
            sys.stderr.write(f"{line['args']}: {status}, not {expected}\n")
            failed = 1
    sys.exit(failed)
