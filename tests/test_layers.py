"""Imports run one way, and what costs time to import is imported late."""

from __future__ import annotations

import ast
import functools
import json
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "linernotes"
HEAVY = {
    "torch",
    "sentence_transformers",
    "transformers",
    "faiss",
    "discord",
    "lingua",
    "scipy",
    "bm25s",
    "onnx",
    "onnxruntime",
    "tokenizers",
    "sqlalchemy",
    "alembic",
    "psycopg",
}

# From the ground up: a room may import those on the floors below its own, and no other on the same floor.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "shards"}),
    frozenset({"models", "words", "settings", "invitation"}),
    frozenset({"corpus", "retrieval", "reading", "answering"}),
    frozenset({"engine"}),
    frozenset({"library", "measuring"}),
    frozenset({"chat"}),
    frozenset({"preview"}),
    frozenset({"shell"}),
)
# The rooms that know Discord: the bot, and the simulated Discord that is built around it.
KNOW_DISCORD = {"chat", "preview"}
# The same within ``chat``: whatever is neither the frame nor puts the bot together is a feature.
FRAME = "frame"
TOGETHER = {"app", "running", "__init__"}

MODULES = sorted(SOURCE.rglob("*.py"))
CHAT = sorted((SOURCE / "chat").rglob("*.py"))


def room_of(module: Path) -> str:
    return module.relative_to(SOURCE).parts[0].removesuffix(".py")


@functools.cache
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


@functools.cache
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


def name_of(module: Path) -> str:
    parts = module.relative_to(SOURCE).with_suffix("").parts
    return ".".join(("linernotes", *(parts[:-1] if parts[-1] == "__init__" else parts)))


NAMES = {name_of(module): module for module in MODULES}


@functools.cache
def ours(tree: ast.AST) -> set[str]:
    """Return the modules of this project that a tree imports, those for type checkers too.

    ``from linernotes.chat.frame import logs`` names a module, and not the package that it stands in.
    """
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inside if inside <= NAMES.keys() else {node.module} | inside
    return found & NAMES.keys() - {"linernotes"}


def floor_of(room: str) -> int:
    """Return the floor of a room; a room that stands on none is a mistake."""
    floors = [number for number, rooms in enumerate(FLOORS) if room in rooms]
    assert len(floors) == 1, f"give the room {room} a place in FLOORS"
    return floors[0]


def wing_of(name: str) -> str:
    """Return the folder in ``chat`` that a module stands in, or its own name."""
    return [*name.split("."), "__init__"][2]


ROOMS = {
    room: [module for module in MODULES if room_of(module) == room]
    for room in sorted({*map(room_of, MODULES)})
}
in_every_room = pytest.mark.parametrize("modules", ROOMS.values(), ids=ROOMS)


@in_every_room
def test_imports_run_down(modules: list[Path]) -> None:
    for module in modules:
        room = room_of(module)
        if room in {"__init__", "__main__"}:
            continue
        rooms = {name.split(".")[1] for name in ours(parsed(module))} - {room}
        assert not {other for other in rooms if floor_of(other) >= floor_of(room)}, module


@pytest.mark.parametrize("module", CHAT, ids=lambda path: str(path.relative_to(SOURCE)))
def test_features_import_the_frame_and_never_each_other(module: Path) -> None:
    wing = wing_of(name_of(module))
    wings = {wing_of(name) for name in ours(parsed(module)) if name.startswith("linernotes.chat")} - {wing}
    if wing not in TOGETHER:
        assert wings <= ({FRAME} if wing != FRAME else set())


def test_no_imports_run_in_a_circle() -> None:
    """Those for type checkers and those in functions count: what needs each other is one thing."""
    graph = {name: ours(parsed(module)) - {name} for name, module in NAMES.items()}
    # ``from linernotes.library import Library`` names the package, whose file imports the parts.
    TopologicalSorter(graph).prepare()


def test_a_circle_would_be_found() -> None:
    with pytest.raises(CycleError):
        TopologicalSorter({"a": {"b"}, "b": {"c"}, "c": {"a"}}).prepare()


# Rooms whose docstring lists their files in the order of their imports: the ground first, or last.
MAPS = {SOURCE / "corpus" / "quotes": False, SOURCE / "library": True}


@pytest.mark.parametrize(("room", "ground_last"), MAPS.items(), ids=lambda value: getattr(value, "name", ""))
def test_the_map_of_a_room_is_true_and_names_every_file(room: Path, ground_last: bool) -> None:
    text = ast.get_docstring(parsed(room / "__init__.py")) or ""
    rows = [line.split(", ") for line in re.findall(r"^    (\w+(?:, \w+)*)  +\S", text, re.MULTILINE)]
    below: set[str] = set()
    for row in reversed(rows) if ground_last else rows:
        for module in row:
            found = {name for name in ours(parsed(room / f"{module}.py")) if NAMES[name].parent == room}
            assert {NAMES[name].stem for name in found} <= below, module
        below |= {*row}
    assert below | {"__init__"} == {path.stem for path in room.glob("*.py")}


@in_every_room
def test_discord_is_known_in_its_rooms_alone(modules: list[Path]) -> None:
    for module in modules:
        names = {name.split(".")[0] for name in imports(parsed(module))}
        assert "discord" not in names or room_of(module) in KNOW_DISCORD, module


@in_every_room
def test_the_simulated_discord_is_known_in_the_preview_alone(modules: list[Path]) -> None:
    """SimCord is no part of what the bot needs to run."""
    for module in modules:
        names = {name.split(".")[0] for name in imports(parsed(module))}
        assert "simcord" not in names or room_of(module) == "preview", module


@in_every_room
def test_the_environment_is_read_in_two_places(modules: list[Path]) -> None:
    for module in modules:
        if room_of(module) in {"settings", "shell"}:
            continue
        tree = parsed(module)
        attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
        reads = {ast.unparse(node) for node in attributes if node.attr in {"environ", "getenv", "environb"}}
        assert not reads & {"os.environ", "os.getenv", "os.environb"}, module
        assert not imports(tree) & {"dotenv", "os.environ", "os.getenv"}, module


# A network is made of PyTorch's classes: such a module is itself imported late, by all but its like.
NETWORKS = {
    f"linernotes.measuring.training.{name}": SOURCE / "measuring" / "training" / f"{name}.py"
    for name in ("network", "batches", "learning", "narrowing")
}
# Likewise the tables, and the scripts that lead to them.
TABLES = {
    name: path
    for name, path in NAMES.items()
    if name == "linernotes.library.tables" or name.startswith("linernotes.library.migrations")
}


@in_every_room
def test_heavy_libraries_are_imported_late(modules: list[Path]) -> None:
    for module in modules:
        body = ast.Module(at_import(parsed(module)), [])
        if module in {*NETWORKS.values(), *TABLES.values()}:
            continue
        assert not imports(body) & (NETWORKS.keys() | TABLES.keys()), module
        heavy = {name.split(".")[0] for name in imports(body)} & HEAVY
        assert room_of(module) in KNOW_DISCORD or not heavy, module


def test_help_and_settings_load_nothing_heavy() -> None:
    code = (
        "import sys, json; import linernotes.shell.cli, linernotes.settings, linernotes.shell.terminal;"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)  # noqa: S603  our own words
    assert not set(json.loads(result.stdout)) & (HEAVY | {"pandas"})


def test_what_splits_a_text_is_imported_for_a_text_that_is_not_saved_yet() -> None:
    code = "import sys, json; import linernotes.library.service; print(json.dumps([*sys.modules]))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)  # noqa: S603  our own words
    late = ("quotes", "passages", "formats.markdown", "formats.plain_text", "formats.html_page")
    assert not {f"linernotes.corpus.{each}" for each in late} & set(json.loads(result.stdout))
