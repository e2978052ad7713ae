"""What the documents name is there: tests, files, links, settings, commands, options, exit statuses."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import typer
import yaml

from linernotes import errors
from linernotes.settings import Settings
from linernotes.shell.cli import INTERRUPTED, WRONG_USAGE, app

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[1]
DOCUMENTS: Final = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("tests/**/README.md")])
# Shown in a document as something to make, or made by a command.
NOT_KEPT: Final = {"corpus/my-song.md", "benchmarks/results/"}
# Paths are written from here, and within a row or a sentence from the folder that was named before.
PLACES: Final = ("", "src/linernotes", "tests", "tests/golden")
TOP: Final = tuple("src/ tests/ docs/ benchmarks/ deploy/ tools/ corpus/ .ci/ .github/ habits/".split())

_CODE: Final = re.compile(r"```.*?```", re.DOTALL)
_TICKED: Final = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK: Final = re.compile(r"\]\(([^()\s]+)\)")
_ROW: Final = re.compile(r"^\| *(.+?) *\| *(.+?) *\|", re.MULTILINE)


def prose(document: Path) -> str:
    """Return a document without its fenced code."""
    return _CODE.sub("", document.read_text(encoding="utf-8"))


def named(document: Path, pattern: str) -> set[str]:
    """Return what stands between two backticks, whole, and has this form."""
    return {each for each in _TICKED.findall(prose(document)) if re.fullmatch(pattern, each)}


@functools.cache
def names_of_tests() -> dict[str, set[str]]:
    """Return the names of all tests, by the stem of their file."""
    return {
        path.stem: set(re.findall(r"^ *(?:async )?def (test_\w+)", path.read_text("utf-8"), re.MULTILINE))
        for path in ROOT.glob("tests/**/test_*.py")
    }


@functools.cache
def file_names() -> frozenset[str]:
    """Return the names of our files, without their folders."""
    return frozenset(path.name for top in TOP for path in (ROOT / top).rglob("*.*"))


def slug(heading: str) -> str:
    """Return a heading's anchor, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def ids(document: Path) -> str:
    return str(document.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_every_test_that_a_document_names_is_there(document: Path) -> None:
    there = set(names_of_tests()).union(*names_of_tests().values())
    assert {each for each in re.findall(r"\btest_\w+", prose(document)) if each not in there} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_every_file_that_a_document_names_is_there(document: Path) -> None:
    def is_there(name: str) -> bool:
        return any((ROOT / place / name).exists() for place in PLACES) or (
            "/" not in name and name in file_names()
        )

    ours = {
        each
        for each in named(document, r"[\w.+-]+(?:/[\w.+-]+)*/?")
        if each.endswith(".py") or (each.startswith(TOP) and each not in NOT_KEPT)
    }
    assert {each for each in ours if not is_there(each)} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_every_link_between_documents_leads_somewhere(document: Path) -> None:
    broken = []
    for link in _LINK.findall(_TICKED.sub("", prose(document))):
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if link.startswith(("https://", "http://")):
            continue
        if not target.exists():
            broken.append(link)
        elif anchor:
            headings = re.findall(r"^#+ (.+)$", prose(target), re.MULTILINE)
            broken += [] if anchor in map(slug, headings) else [link]
    assert broken == []


def test_a_default_that_a_document_states_is_the_settings() -> None:
    """As in ``MAX_FILE_PASSAGES`` (5,000)."""
    defaults = {name.upper(): str(field.default) for name, field in Settings.model_fields.items()}
    stated = [
        (document.name, name, value.replace(",", "").strip("`/"))
        for document in DOCUMENTS
        for name, value in re.findall(r"`([A-Z_]{4,})` \(`?([\w.,/]+)`?\)", prose(document))
        if name in defaults
    ]
    assert len(stated) >= 3
    assert [each for each in stated if defaults[each[1]] != each[2]] == []


# Not of the program: Python's, PyTorch's, glibc's and make's own.
_OTHERS: Final = frozenset(
    "MALLOC_ARENA_MAX OMP_NUM_THREADS OMP_WAIT_POLICY PYTHONDONTWRITEBYTECODE TORCH_INDEX PYTHON SOAK".split()
)


@pytest.mark.parametrize("name", ["README.md", "docs/commands.md", "docs/discord.md", "docs/operations.md"])
def test_every_setting_that_a_document_names_is_there(name: str) -> None:
    given = named(ROOT / name, r"[A-Z][A-Z_]+(?:=.*)?")
    settings = {each.partition("=")[0] for each in given}
    assert settings
    assert settings - {each.upper() for each in Settings.model_fields} - _OTHERS == set()


def test_every_setting_that_deploy_sets_is_there() -> None:
    known = {each.upper() for each in Settings.model_fields} | _OTHERS
    unit = (ROOT / "deploy" / "linernotes.service").read_text("utf-8")
    image = (ROOT / "deploy" / "Containerfile").read_text("utf-8")
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text("utf-8"))["services"]
    given = set(re.findall(r"([A-Z_]{4,})=", "".join(re.findall(r"^Environment=(.*)$", unit, re.MULTILINE))))
    block = image[image.index("ENV PATH=") : image.index("VOLUME")]
    given |= set(re.findall(r"^ +([A-Z_]{4,})=", block, re.MULTILINE))
    given |= {
        name for each in services.values() if each["image"] == "linernotes" for name in each["environment"]
    }
    assert {"DATA_DIR", "LOG_FORMAT", "HEALTH_PORT"} <= given
    assert given - known == set()


# --- The command line -------------------------------------------------------------------------------------


def rows(document: Path, heading: str) -> Iterator[tuple[str, str]]:
    """Yield the first two cells of each row of the table whose head begins so."""
    text = document.read_text(encoding="utf-8")
    table = text[text.index(f"| {heading} |") :].partition("\n\n")[0]
    for first, second in _ROW.findall(table)[1:]:
        if not first.startswith("--"):
            yield first, second


def test_the_commands_and_their_options_are_those_of_the_table() -> None:
    group = typer.main.get_command(app)
    there = {}
    for name, command in group.commands.items():  # type: ignore[attr-defined]  # a group
        options = {option for each in command.params for option in each.opts if option.startswith("--")} - {
            "--help"
        }
        arguments = sum(each.param_type_name == "argument" for each in command.params)
        there[name] = (options, arguments)
    described = {}
    for cell, _ in rows(ROOT / "docs" / "commands.md", "command"):
        _, *words = cell.strip("`").split()
        if not words:
            continue
        line = " ".join(words[1:])
        options = set(re.findall(r"--[a-z-]+", line))
        # What is left when options and their values are gone.
        rest = re.sub(r"\[?--[a-z-]+(?: [A-Z.a-z]+)?\]?", "", line).replace("...", "").split()
        described[words[0]] = (options, len(rest))
    assert described == there


def test_the_exit_statuses_are_those_of_the_table() -> None:
    documented = {
        int(status)
        for cell, _ in rows(ROOT / "docs" / "commands.md", "exit status")
        for status in cell.split(", ")
    }
    classes = [each for each in vars(errors).values() if isinstance(each, type)]
    ours = {each.exit_status for each in classes if issubclass(each, errors.LinerNotesError)}
    # 70: the running bot failed (shell/control.py). 143: SIGTERM, as shells have it.
    assert documented == {0, WRONG_USAGE, 70, INTERRUPTED, 143} | ours


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    drawn: dict[str, tuple[str, int]] = {}
    above: list[tuple[int, str, int]] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"([\s│├└─]*)(\w+Error)\b\s*(\d\d)?", line)
        if found is None:
            continue
        depth = len(found[1])
        above = [each for each in above if each[0] < depth]
        status = int(found[3]) if found[3] else above[-1][2] if above else 0
        if above:
            drawn[found[2]] = (above[-1][1], status)
        above.append((depth, found[2], status))
    there = {
        each.__name__: (each.__bases__[0].__name__, each.exit_status)
        for each in vars(errors).values()
        if isinstance(each, type)
        and issubclass(each, errors.LinerNotesError)
        and each.__bases__[0] is not Exception
    }
    assert drawn == there
