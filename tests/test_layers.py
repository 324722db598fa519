import ast
import subprocess
import sys
from pathlib import Path

import memcli

PACKAGE = Path(memcli.__file__).parent
# A layer may import from its own and from those before it.
LAYERS = (
    {"engines", "types", "errors", "__init__"},
    {"config", "passphrase", "paths"},
    {"store", "inference"},
    {"memory"},
    {"assistant", "recording", "turn", "workspace"},
    {"health", "ui"},
    {"repl"},
    {"cli", "__main__"},
)
RANK = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}
HEAVY = {"llama_cpp", "numpy", "torch", "sentence_transformers", "huggingface_hub", "dateparser", "gguf", "jinja2"}


def imports(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return names


def room(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in RANK else "__init__"


def test_every_module_has_its_layer() -> None:
    rooms = {p.stem if p.suffix else p.name for p in PACKAGE.iterdir() if p.name != "__pycache__"}
    assert rooms == set(RANK)


def test_imports_point_from_later_layers_to_earlier_ones() -> None:
    against = [
        f"{file.relative_to(PACKAGE)} imports {name}"
        for file in PACKAGE.rglob("*.py")
        for name in imports(file)
        if name.startswith("memcli")
        and RANK[room(name)] > RANK[room(f"memcli.{file.relative_to(PACKAGE).parts[0].removesuffix('.py')}")]
    ]
    assert against == []


def test_store_and_inference_do_not_know_each_other() -> None:
    for one, other in (("store", "inference"), ("inference", "store")):
        names = {name for file in (PACKAGE / one).rglob("*.py") for name in imports(file)}
        assert not [name for name in names if name.startswith(f"memcli.{other}")]


def modules_after(*argv: str) -> set[str]:
    code = (
        "import sys, io; from memcli.cli.main import run; from memcli.ui.terminal import Terminal; "
        "from memcli.paths import Paths; "
        f"run({list(argv)!r}, Terminal(io.StringIO(), io.StringIO(), sys.stderr), Paths.default()); "
        "print('\\n'.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


def test_help_and_list_import_nothing_heavy() -> None:
    for argv in (["--help"], ["list"], ["list", "--json"], ["threads"], ["config"], ["core"], ["undo"], ["stats"]):
        assert modules_after(*argv) & (HEAVY | {"rich", "prompt_toolkit"}) == set(), argv
