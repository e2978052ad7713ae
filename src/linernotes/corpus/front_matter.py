"""Front matter: the lines between two ``---`` at the top of a file -> title, artist, source, date, language.

A new key is added here. The YAML is PyYAML's, its limits python-frontmatter's.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING

import yaml
from frontmatter.default_handlers import YAMLHandler

from linernotes.corpus.decoding import clean
from linernotes.corpus.problems import Problem, printable
from linernotes.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_KEYS = ("title", "artist", "source", "date", "language")
_KEY_LINE = re.compile(r"([A-Za-z_][\w -]{0,40}):(?:\s|$)")
_MAX_FRONT_LINES = 500
_MAX_FRONT_CHARS = 50_000
_NULL = "tag:yaml.org,2002:null"
_ISO_639_1 = (
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de "
    "dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id "
    "ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu "
    "lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu "
    "rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr "
    "ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu "
)
_LANGUAGES = frozenset(_ISO_639_1.split())


class _NodeLoader(yaml.SafeLoader):
    """Gives the nodes instead of the values: they know their line, and a scalar's text as it was written."""

    def get_single_data(self) -> yaml.Node | None:
        node: yaml.Node | None = self.get_single_node()
        return node


def read_front_matter(lines: Sequence[str], name: str, problems: list[Problem]) -> tuple[dict[str, str], int]:
    """Return the front matter's values and the index of the body's first line.

    Raises:
        DocumentError: the front matter is not closed, does not parse or is no mapping.
    """
    first = next((index for index, line in enumerate(lines) if line.strip()), len(lines))
    if first == len(lines) or not YAMLHandler.FM_BOUNDARY.match(lines[first]):
        return {}, 0
    inner = first + 1
    close = next(
        (index for index in range(inner, len(lines)) if YAMLHandler.FM_BOUNDARY.match(lines[index])), None
    )
    keys = _leading_keys(lines[inner:close])
    known = any(key in _KEYS for key in keys)
    if close is None:
        if known or len(keys) > 1:
            reason = "the front matter is not closed: put a line with --- after its last key."
            raise DocumentError(name, reason, first + 1)
        return {}, 0
    block = lines[inner:close]
    # Without a known key, a blank line says: prose between two rules, unless it parses as a mapping.
    prose = not known and any(not line.strip() for line in block)
    try:
        node = _yaml(block, name, inner)
    except DocumentError:
        if prose:
            return {}, 0
        raise
    if node is None:
        return {}, close + 1
    if not isinstance(node, yaml.MappingNode):
        if prose and not isinstance(node, yaml.SequenceNode):
            return {}, 0
        what = "a list" if isinstance(node, yaml.SequenceNode) else "a plain text"
        reason = (
            f"the front matter is {what}, not lines of 'key: value';"
            " if it is part of the text, put a blank line after the first ---."
        )
        raise DocumentError(name, reason, inner + 1)
    return _values(node, name, inner, problems), close + 1


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


def _yaml(block: Sequence[str], name: str, inner: int) -> yaml.Node | None:
    text = "\n".join(block)
    if len(block) > _MAX_FRONT_LINES or len(text) > _MAX_FRONT_CHARS:
        raise DocumentError(name, "the front matter is too long; is its closing --- missing?", inner)
    try:
        node: yaml.Node | None = YAMLHandler().load(text, Loader=_NodeLoader)
    # The parser lets a character's number pass that is none: "\U00110000".
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        what = (getattr(error, "problem", None) or "it is not YAML").replace("<stream end>", "its end")
        line = inner + 1 if mark is None else min(inner + mark.line + 1, inner + len(block))
        raise DocumentError(name, f"the front matter does not parse: {what}.", line) from None
    return node


def _values(node: yaml.MappingNode, name: str, inner: int, problems: list[Problem]) -> dict[str, str]:
    values: dict[str, str] = {}
    for key_node, value_node in node.value:
        line = inner + key_node.start_mark.line + 1
        key = printable(key_node.value.strip().lower()) if isinstance(key_node, yaml.ScalarNode) else ""
        if key not in _KEYS:
            shown = f"'{key}'" if key else "that is no word"
            message = f"the front matter has a key {shown}, which is not used (known: {', '.join(_KEYS)})."
            problems.append(Problem("warning", name, line, message))
            continue
        if key in values:
            problems.append(
                Problem("warning", name, line, f"the front matter names '{key}' again; the last one counts.")
            )
        if not isinstance(value_node, yaml.ScalarNode):
            what = "a list" if isinstance(value_node, yaml.SequenceNode) else "a mapping"
            message = f"the front matter's '{key}' must be a text, but it is {what}."
            problems.append(Problem("error", name, line, message))
            continue
        try:
            written = "" if value_node.tag == _NULL else _unescaped(value_node.value)
        except UnicodeDecodeError:
            message = (
                f"the front matter's '{key}' has an escape such as \\ud83d, half of a character;"
                " write the character itself."
            )
            problems.append(Problem("error", name, line, message))
            continue
        if not written:
            continue
        value = _CHECKS.get(key, str)(written)
        if value is None:
            must = {
                "date": "a date as 2023-07-04 (the month and the day may be missing)",
                "language": "a two-letter code (ISO 639-1) such as en",
            }[key]
            message = f"the front matter's '{key}' must be {must}, but it is '{written}'."
            problems.append(Problem("error", name, line, message))
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


def _iso_date(written: str) -> str | None:
    """Return an ISO 8601 date (a day, a month or a year) or ``None``."""
    if re.fullmatch(r"\d{4}(?:-(?:0[1-9]|1[0-2]))?", written):
        return written
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", written):
            return date.fromisoformat(written).isoformat()
        if re.match(r"\d{4}-\d\d-\d\d[T ]", written):
            return datetime.fromisoformat(written).date().isoformat()
    except ValueError:
        return None
    return None


def _language(written: str) -> str | None:
    """Return the language of a code such as ``en`` or ``en-US``, or ``None``."""
    code = re.split(r"[-_]", written.lower(), maxsplit=1)[0]
    return code if code in _LANGUAGES else None


_CHECKS: dict[str, Callable[[str], str | None]] = {"date": _iso_date, "language": _language}
