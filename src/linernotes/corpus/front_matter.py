"""Metadata at the top of a file -> title, artist, source, date, language, and where the body begins.

Between two ``---`` stands YAML, which may be only nearly right; between two ``+++`` TOML; without either,
lines of ``Title: …`` as Pelican has them, or of ``:title: …``. A new key is added here. The YAML is PyYAML's,
its limits python-frontmatter's; a new form is a function that finds a block and gives its ``Entry``s.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml
from frontmatter.default_handlers import YAMLHandler

from linernotes.corpus.decoding import clean
from linernotes.corpus.metadata_values import read_date, read_language
from linernotes.corpus.problems import Problem, printable
from linernotes.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

KEYS = ("title", "artist", "source", "date", "language")
# What others call the same.
_SAME = {"lang": "language", "band": "artist", "original_url": "source", "canonical_url": "source"}
_KEY_LINE = re.compile(r"([A-Za-z_][\w -]{0,40}):(?:\s|$)")
_NEARLY = re.compile(r"([A-Za-z_][\w-]{0,40})[ \t]*([:=])[ \t]*(.*)$")
_LIQUID = re.compile(r"\{[{%].{0,300}?[}%]\}")
_MAX_FRONT_LINES = 500
_MAX_FRONT_CHARS = 50_000
_NULL = "tag:yaml.org,2002:null"
_TOML_FENCE = re.compile(r"^\+{3}\s*$")
_UNFENCED = re.compile(r":?([A-Za-z][\w-]{0,30}):[ \t]+(\S.*)$|:?([A-Za-z][\w-]{0,30}):[ \t]*$")
# Keys of blog engines: lines of other keys at the top of a file are the text's ("Venue: …", "Q: …").
_BLOG_KEYS = frozenset(
    "title subtitle date author authors tags keywords category categories slug status summary"
    " description modified updated published lang language layout permalink url template save_as id"
    " draft type image thumbnail artist source translation authors_email email comments aliases series"
    " weight".split()
)
_FEWEST_LINES = 2


class Entry(NamedTuple):
    """A key as it was written (in lower case), its value, and the line (from 1) that it stands in.

    ``value`` is ``None`` where it is neither a text nor a list of texts; ``what`` says then what it is.
    """

    key: str
    value: str | None
    line: int
    what: str = ""


def read_front_matter(
    lines: Sequence[str], name: str, problems: list[Problem], unknown: set[str]
) -> tuple[dict[str, str], int]:
    """Return the metadata's values and the index of the body's first line.

    What is wrong with a value is added to ``problems``, a key that is not used to ``unknown``.

    Raises:
        DocumentError: the metadata are not closed or are no mapping.
    """
    first = next((index for index, line in enumerate(lines) if line.strip()), len(lines))
    if first == len(lines):
        return {}, 0
    if YAMLHandler.FM_BOUNDARY.match(lines[first]):
        entries, body = _fenced(lines, first, name)
    elif _TOML_FENCE.match(lines[first]):
        entries, body = _toml(lines, first, name)
    else:
        entries, body = _unfenced(lines, first)
    return _values(entries, name, problems, unknown), body


# --- Between two "---" ------------------------------------------------------------------------------------


class _NodeLoader(yaml.SafeLoader):
    """Gives the nodes instead of the values: they know their line, and a scalar's text as it was written."""

    def get_single_data(self) -> yaml.Node | None:
        node: yaml.Node | None = self.get_single_node()
        return node


def _fenced(lines: Sequence[str], first: int, name: str) -> tuple[list[Entry], int]:
    inner = first + 1
    close = next(
        (index for index in range(inner, len(lines)) if YAMLHandler.FM_BOUNDARY.match(lines[index])), None
    )
    keys = _leading_keys(lines[inner:close])
    known = any(_SAME.get(key, key) in KEYS for key in keys)
    if close is None:
        if known or len(keys) > 1:
            reason = "the front matter is not closed: put a line with --- after its last key."
            raise DocumentError(name, reason, first + 1)
        return [], 0
    block = lines[inner:close]
    if len(block) > _MAX_FRONT_LINES or sum(map(len, block)) > _MAX_FRONT_CHARS:
        raise DocumentError(name, "the front matter is too long; is its closing --- missing?", inner)
    # Without a known key, a blank line says: prose between two rules, unless it parses as a mapping.
    prose = not known and any(not line.strip() for line in block)
    try:
        node: yaml.Node | None = YAMLHandler().load("\n".join(block), Loader=_NodeLoader)
    # The parser lets a character's number pass that is none: "\U00110000".
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError):
        # Nearly right: a colon or a quotation mark within a value, "@home", a tab. It is clear what is meant.
        return ([], 0) if prose else (_nearly(block, inner), close + 1)
    if node is None:
        return [], close + 1
    if isinstance(node, yaml.MappingNode):
        return list(_yaml_entries(node, inner)), close + 1
    if prose and not isinstance(node, yaml.SequenceNode):
        return [], 0
    what = "a list" if isinstance(node, yaml.SequenceNode) else "a plain text"
    reason = (
        f"the front matter is {what}, not lines of 'key: value';"
        " if it is part of the text, put a blank line after the first ---."
    )
    raise DocumentError(name, reason, inner + 1)


def _leading_keys(lines: Iterable[str]) -> list[str]:
    keys: list[str] = []
    for line in lines:
        found = _KEY_LINE.match(line)
        if not found:
            if line.strip() or keys:
                break
            continue
        keys.append(found[1].strip().lower())
    return keys


def _yaml_entries(node: yaml.MappingNode, inner: int) -> Iterator[Entry]:
    for key_node, value_node in node.value:
        line = inner + key_node.start_mark.line + 1
        key = printable(key_node.value.strip().lower()) if isinstance(key_node, yaml.ScalarNode) else ""
        if isinstance(value_node, yaml.ScalarNode):
            yield Entry(key, "" if value_node.tag == _NULL else value_node.value, line)
        elif isinstance(value_node, yaml.SequenceNode):
            texts = [each.value for each in value_node.value if isinstance(each, yaml.ScalarNode)]
            whole = len(texts) == len(value_node.value)
            yield Entry(key, _one_of(key, texts) if whole else None, line, "a list of more than texts")
        else:
            yield Entry(key, None, line, "a mapping")


def _one_of(key: str, texts: Sequence[str]) -> str:
    """Return the one value that a list stands for: all artists, and of anything else the first."""
    return ", ".join(texts) if key == "artist" else next(iter(texts), "")


def _nearly(block: Sequence[str], inner: int) -> list[Entry]:
    """Return the entries of lines that are nearly YAML or TOML: each key at the head of its line."""
    entries: list[Entry] = []
    for index, line in enumerate(block):
        found = _NEARLY.match(line)
        if found is None:
            item = re.match(r"[ \t]+-?[ \t]*(\S.*)$|-[ \t]+(\S.*)$", line)
            if item and entries and not entries[-1].value:
                entries[-1] = entries[-1]._replace(value=_unquoted(item[1] or item[2]))
            continue
        key, value = found[1].lower(), found[3].strip()
        if value.startswith("[") and _SAME.get(key, key) in KEYS:
            texts = [_unquoted(each) for each in value.strip("[]").split(",")]
            value = _one_of(key, [each for each in texts if each])
        entries.append(Entry(key, _unquoted(value), inner + index + 1))
    return entries


def _unquoted(value: str) -> str:
    """Return a value without the marks around it; the title ``"Salt Year" by Glass Heron`` keeps its own."""
    value = " ".join(_LIQUID.sub("", value).split())
    marked = value[:1] in {'"', "'"} and value[-1:] == value[:1] and value.count(value[0]) == 2  # noqa: PLR2004
    return value[1:-1] if marked else value


# --- Between two "+++" ------------------------------------------------------------------------------------


def _toml(lines: Sequence[str], first: int, name: str) -> tuple[list[Entry], int]:
    inner = first + 1
    close = next((index for index in range(inner, len(lines)) if _TOML_FENCE.match(lines[index])), None)
    if close is None:
        if any(_NEARLY.match(line) for line in lines[inner : inner + 1]):
            reason = "the front matter is not closed: put a line with +++ after its last key."
            raise DocumentError(name, reason, first + 1)
        return [], 0
    block = lines[inner:close]
    if len(block) > _MAX_FRONT_LINES or sum(map(len, block)) > _MAX_FRONT_CHARS:
        raise DocumentError(name, "the front matter is too long; is its closing +++ missing?", inner)
    nearly = _nearly(block, inner)
    try:
        parsed: dict[str, Any] = tomllib.loads("\n".join(block))
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        return nearly, close + 1
    places = {entry.key: entry.line for entry in reversed(nearly)}
    entries: list[Entry] = []
    for written, value in parsed.items():
        key = printable(written.strip().lower())
        line = places.get(key, inner + 1)
        if isinstance(value, list):
            whole = all(not isinstance(each, dict | list) for each in value)
            text = _one_of(key, [str(each) for each in value]) if whole else None
            entries.append(Entry(key, text, line, "a list of more than texts"))
        elif isinstance(value, dict):
            # A table, such as [params], may hold what we ask for.
            entries += [
                Entry(str(each).lower(), str(inside), line)
                for each, inside in value.items()
                if str(each).lower() in KEYS and not isinstance(inside, dict | list)
            ]
        else:
            entries.append(Entry(key, str(value), line))
    return entries, close + 1


# --- Without a fence --------------------------------------------------------------------------------------


def _unfenced(lines: Sequence[str], first: int) -> tuple[list[Entry], int]:
    """Return the entries of lines such as "Title: …" at the very top, up to a blank line or a fence."""
    entries: list[Entry] = []
    at = first
    while at < len(lines) and lines[at].strip():
        found = _UNFENCED.match(lines[at])
        if found is None:
            if YAMLHandler.FM_BOUNDARY.match(lines[at]) and entries:
                break  # "Title: …" with a rule below it only
            if not (entries and lines[at].startswith((" ", "\t"))):
                return [], 0
        else:
            key = (found[1] or found[3]).lower()
            entries.append(Entry(key, _unquoted(found[2] or ""), at + 1))
        at += 1
    keys = {entry.key for entry in entries}
    if "title" not in keys or len(keys) < _FEWEST_LINES or not keys <= _BLOG_KEYS:
        return [], 0
    fenced = at < len(lines) and YAMLHandler.FM_BOUNDARY.match(lines[at])
    return entries, at + 1 if fenced else at


# --- Values -----------------------------------------------------------------------------------------------


def _values(
    entries: Iterable[Entry], name: str, problems: list[Problem], unknown: set[str]
) -> dict[str, str]:
    values: dict[str, str] = {}
    for entry in entries:
        key = _SAME.get(entry.key, entry.key)
        if key not in KEYS:
            unknown.add(entry.key or "that is no word")
            continue
        if key in values and entry.key == key:
            message = f"the front matter names '{key}' again; the last one counts."
            problems.append(Problem("warning", name, entry.line, message))
        if entry.value is None:
            message = f"the front matter's '{key}' must be a text, but it is {entry.what}."
            problems.append(Problem("error", name, entry.line, message))
            continue
        try:
            written = _unescaped(_LIQUID.sub("", entry.value))
        except UnicodeDecodeError:
            message = (
                f"the front matter's '{key}' has an escape such as \\ud83d, half of a character;"
                " write the character itself."
            )
            problems.append(Problem("error", name, entry.line, message))
            continue
        if not written:
            continue
        value = _CHECKS.get(key, str)(written)
        if value is None:
            must = {
                "date": "a date as 2023-07-04 (the month and the day may be missing)",
                "language": "a language such as English, or its two-letter code (ISO 639-1) such as en",
            }[key]
            message = f"the front matter's '{key}' must be {must}, but it is '{written}'."
            problems.append(Problem("error", name, entry.line, message))
            continue
        values[key] = value
    return values


def _unescaped(value: str) -> str:
    """Return a scalar's text in one line, clean as the rest of the file is: an escape may name any character.

    Raises:
        UnicodeDecodeError: it holds half of a surrogate pair, which could never be written to the disk.
    """
    paired = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    return " ".join(clean(paired).split())


_CHECKS: dict[str, Callable[[str], str | None]] = {"date": read_date, "language": read_language}
