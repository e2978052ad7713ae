"""Imports run one way, and what costs time to import is imported late."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "linernotes"
HEAVY = {"torch", "sentence_transformers", "transformers", "faiss", "discord", "lingua", "scipy", "bm25s"}

# Each room with the rooms that it may import; a room stands for its modules.
BASE = {"models", "errors", "words"}
DOMAIN = {"corpus", "retrieval", "answering"}
MAY_IMPORT = {
    "errors": set(),
    "models": set(),
    "words": set(),
    "disk": set(),
    "settings": {"errors"},
    "questions": BASE,
    "corpus": BASE,
    "retrieval": BASE,
    "answering": BASE,
    "editions": BASE | DOMAIN | {"disk"},
    "engine": BASE | DOMAIN | {"editions"},
    "store": BASE,
    "catalogue": BASE | {"store"},
    "uploads": BASE | {"corpus", "disk"},
    "workers": BASE | {"retrieval"},
    "curation": BASE | {"catalogue", "corpus", "editions", "retrieval", "settings", "uploads"},
    "curator": BASE
    | {"catalogue", "curation", "editions", "engine", "retrieval", "settings", "store", "uploads", "workers"},
    "library": BASE
    | DOMAIN
    | {"catalogue", "curation", "curator", "editions", "engine", "settings", "store", "uploads", "workers"},
    "control": BASE | {"curator", "editions", "library"},
    "evaluation": BASE | {"questions"},
    "tuning": BASE | DOMAIN | {"editions", "engine", "evaluation"},
    "doctor": BASE | DOMAIN | {"curation", "editions", "library", "settings"},
    "terminal": BASE | {"editions", "library", "settings", "retrieval"},
    "chat": BASE
    | {"catalogue", "control", "corpus", "curation", "curator", "editions", "library", "retrieval"}
    | {"settings", "store"},
}
"""``cli`` puts the parts together and may import all of them."""

MODULES = sorted(SOURCE.rglob("*.py"))


def room_of(module: Path) -> str:
    return module.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> set[str]:
    """Return the modules that a tree imports, in functions too."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the whole path"
            assert node.module is not None
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def parsed(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))


def at_import(tree: ast.Module) -> list[ast.stmt]:
    """Return the statements that run when the module is imported, blocks for type checkers left out."""
    return [
        node
        for node in tree.body
        if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
        and not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    ]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_run_one_way(module: Path) -> None:
    room = room_of(module)
    if room in {"cli", "__init__"}:
        return
    rooms = {name.split(".")[1] for name in imports(parsed(module)) if name.startswith("linernotes.")}
    assert rooms - {room} <= MAY_IMPORT[room]


QUOTES = SOURCE / "corpus" / "quotes"


def test_modules_that_find_quotations_import_those_above_them() -> None:
    """The table in the package's docstring is true, and names every module."""
    lines = re.findall(
        r"^    (\w+(?:, \w+)*)  +\S", ast.get_docstring(parsed(QUOTES / "__init__.py")) or "", re.MULTILINE
    )
    rows = [line.split(", ") for line in lines]
    above: set[str] = set()
    for row in rows:
        for module in row:
            found = {
                name.split(".")[3]
                for name in imports(parsed(QUOTES / f"{module}.py"))
                if name.startswith("linernotes.corpus.quotes.")
            }
            assert found <= above, module
        above |= {*row}
    assert above | {"__init__"} == {path.stem for path in QUOTES.glob("*.py")}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_discord_is_known_in_its_room_alone(module: Path) -> None:
    names = {name.split(".")[0] for name in imports(parsed(module))}
    assert "discord" not in names or room_of(module) == "chat"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_the_environment_is_read_in_two_places(module: Path) -> None:
    tree = parsed(module)
    reads = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Name)}
    assert room_of(module) in {"settings", "cli"} or not reads & {"os.environ", "os.getenv", "os.environb"}
    assert room_of(module) in {"settings", "cli"} or not imports(tree) & {"dotenv", "os.environ", "os.getenv"}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_heavy_libraries_are_imported_late(module: Path) -> None:
    body = ast.Module(at_import(parsed(module)), [])
    assert room_of(module) == "chat" or not {name.split(".")[0] for name in imports(body)} & HEAVY


def test_help_and_settings_load_nothing_heavy() -> None:
    code = (
        "import sys, json; import linernotes.shell.cli, linernotes.settings, linernotes.shell.terminal;"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)  # noqa: S603  our own words
    assert not set(json.loads(result.stdout)) & (HEAVY | {"pandas"})
