"""Files -> Document: finds, checks and reads the corpus.

A document's text is what a person reads. The block structure comes from markdown-it-py, the front matter from
python-frontmatter. ``.txt`` files share the block structure, but their inline marks stay as they are.
"""

from __future__ import annotations

import functools
import os
import re
import stat
import unicodedata
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

import yaml
from frontmatter.default_handlers import YAMLHandler
from markdown_it import MarkdownIt

from linernotes.errors import CorpusError, DocumentError
from linernotes.models import Block, BlockKind, Document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from markdown_it.rules_core import StateCore
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

ENDINGS = (".md", ".txt")

Run = tuple[str, int]
"""A piece of text and the line (from 1) of the file that it stands in; the text ``"\\n"`` is a line break."""


# --- What a reading gives ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with the corpus: an error refuses it, a warning is worth knowing.

    ``document`` is the path below the corpus folder, or ``None`` where the whole corpus is meant; ``line``
    counts from 1; ``message`` is a clause for a person, without document and line.
    """

    severity: Literal["error", "warning"]
    document: str | None
    line: int | None
    message: str

    def __str__(self) -> str:
        """Put document, line and message into one sentence."""
        if self.document is None:
            return self.message
        return str(DocumentError(self.document, self.message, self.line))


@dataclass(frozen=True, slots=True)
class Reading:
    """What came out of reading a corpus folder: the documents, sorted by name, and every problem found."""

    documents: tuple[Document, ...]
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Return the problems for which the corpus is refused."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Return the problems that the corpus is accepted with."""
        return tuple(problem for problem in self.problems if problem.severity == "warning")

    def require(self) -> tuple[Document, ...]:
        """Return the documents of a corpus without errors.

        Raises:
            DocumentError: one document cannot be read.
            CorpusError: the corpus cannot be read, or several documents cannot; one line names each.
        """
        errors = self.errors
        if not errors:
            return self.documents
        if len(errors) == 1 and errors[0].document is not None:
            raise DocumentError(errors[0].document, errors[0].message, errors[0].line)
        raise CorpusError("\n".join(map(str, errors)))


# --- A folder ---------------------------------------------------------------------------------------------


def read_corpus(folder: Path, *, max_file_bytes: int, max_corpus_bytes: int) -> Reading:
    """Read every ``.md`` and ``.txt`` file below ``folder``, sorted by name; hidden files are left out.

    Bad input raises nothing here: ``Reading.problems`` holds all that was found, ``Reading.require()``
    raises it. A link that leads out of the folder is refused, a link within it is followed once.

    Args:
        folder: the corpus folder.
        max_file_bytes: the largest file, checked before it is read.
        max_corpus_bytes: the largest sum of all files.
    """
    problems: list[Problem] = []
    documents: list[Document] = []
    seen: dict[str, str] = {}
    total = 0
    files = _find(folder, problems)
    for name, path in files:
        try:
            data = _load(name, path, max_file_bytes)
        except DocumentError as error:
            problems.append(Problem("error", name, error.line, error.reason))
            continue
        total += len(data)
        if total > max_corpus_bytes:
            problems.append(
                Problem(
                    "error",
                    None,
                    None,
                    f"The corpus in {folder} is larger than {max_corpus_bytes:,} bytes, the limit that"
                    f" MAX_CORPUS_BYTES sets; the limit was passed at {name}.",
                )
            )
            break
        document, found = _read(data, name)
        problems.extend(found)
        if document is None:
            continue
        if not has_sentence(document):
            problems.append(Problem("warning", name, None, "has no sentence and is left out."))
        elif document.text in seen:
            problems.append(
                Problem("warning", name, None, f"has the same text as {seen[document.text]} and is left out.")
            )
        else:
            seen[document.text] = name
            documents.append(document)
    if not documents and not any(problem.severity == "error" for problem in problems):
        what = "document with a sentence" if files else "file ending in .md or .txt"
        problems.append(Problem("error", None, None, f"The corpus folder {folder} holds no {what}."))
    return Reading(tuple(documents), tuple(problems))


def _find(folder: Path, problems: list[Problem]) -> list[tuple[str, Path]]:
    """Return the name and the real path of each file to read, sorted by name."""
    try:
        root = _root(folder)
    except CorpusError as error:
        problems.append(Problem("error", None, None, str(error)))
        return []
    found: list[tuple[str, Path]] = []
    waiting = [PurePosixPath()]
    while waiting:
        below = waiting.pop()
        try:
            with os.scandir(root / below) as entries:
                names = [below / entry.name for entry in entries if not entry.name.startswith(".")]
        except OSError as error:
            problems.append(Problem("error", _printable(str(below)), None, f"{_why(error)}."))
            continue
        for name in names:
            try:
                path = _follow(root, name)
            except DocumentError as error:
                problems.append(Problem("error", error.name, None, error.reason))
                continue
            if path is None:
                continue
            if path.is_dir():
                waiting.append(name)
            else:
                found.append((str(name), path))
    problems.sort(key=lambda problem: problem.document or "")
    return sorted(found)


def _root(folder: Path) -> Path:
    """Return the real path of the corpus folder.

    Raises:
        CorpusError: it is missing, no folder or may not be read.
    """
    try:
        root = folder.resolve(strict=True)
        if not root.is_dir():
            raise CorpusError(f"The corpus folder {folder} is not a folder.")
        os.scandir(root).close()
    except FileNotFoundError:
        raise CorpusError(f"The corpus folder {folder} does not exist.") from None
    except (OSError, RuntimeError) as error:
        raise CorpusError(f"The corpus folder {folder} {_why(error)}.") from None
    return root


def _follow(root: Path, name: PurePosixPath) -> Path | None:
    """Return the real path of ``name`` below ``root``, or ``None`` where there is nothing for us to read.

    Raises:
        DocumentError: it leads out of the folder or nowhere, or its name cannot be written.
    """
    path = root / name
    shown = _printable(str(name))
    wanted = name.suffix.lower() in ENDINGS
    try:
        linked = path.is_symlink()
        real = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        if not wanted:
            return None
        reason = "is a link that leads nowhere." if path.is_symlink() else f"{_why(error)}."
        raise DocumentError(shown, reason) from None
    folder = real.is_dir()
    if not (wanted or folder):
        return None
    if not real.is_relative_to(root):
        raise DocumentError(shown, "is a link that leads out of the corpus folder, which is refused.")
    if linked and folder:
        return None  # its files are read where they stand
    if str(name) != shown:
        raise DocumentError(shown, "has a name with characters that cannot be written; rename the file.")
    return real


def _load(name: str, path: Path, max_bytes: int) -> bytes:
    """Return the bytes of a regular file.

    Raises:
        DocumentError: it is gone, too large, not a regular file or may not be read.
    """
    too_large = f"is larger than {max_bytes:,} bytes, the limit that MAX_FILE_BYTES sets"
    try:
        # Not blocking, not following: a pipe or a link put in the file's place must not hang or mislead us.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise DocumentError(name, "is not a regular file.")
            if status.st_size > max_bytes:
                raise DocumentError(name, f"{too_large}: it has {status.st_size:,} bytes.")
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise DocumentError(name, f"{_why(error)}.") from None
    if len(data) > max_bytes:
        raise DocumentError(name, f"{too_large}.")
    return data


def _why(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "disappeared while the corpus was read"
    if isinstance(error, PermissionError):
        return "may not be read by this user"
    reason = error.strerror if isinstance(error, OSError) else None
    return f"cannot be read ({reason or error})"


def _printable(name: str) -> str:
    """Return ``name`` with what has no place in a message (stray bytes, control characters) replaced."""
    return "".join("\ufffd" if unicodedata.category(char) in {"Cc", "Cs"} else char for char in name)


def has_sentence(document: Document) -> bool:
    """Say whether anything but headings and bare marks is left to answer with."""
    return any(
        block.kind != "heading" and any(map(str.isalnum, document.text[block.start : block.end]))
        for block in document.blocks
    )


# --- A file -----------------------------------------------------------------------------------------------


def read_document(data: bytes, name: str) -> tuple[Document, tuple[Problem, ...]]:
    """Read one file's bytes; ``name`` is its path below the corpus folder, its ending says how it is written.

    Returns:
        The document, which may be without a sentence, and warnings.

    Raises:
        DocumentError: it is not UTF-8, not text, or its front matter is wrong; the first error is raised.
    """
    document, problems = _read(data, name)
    for problem in problems:
        if problem.severity == "error":
            raise DocumentError(name, problem.message, problem.line)
    if document is None:
        raise DocumentError(name, "cannot be read.")
    return document, tuple(problems)


def _read(data: bytes, name: str) -> tuple[Document | None, list[Problem]]:
    problems: list[Problem] = []
    try:
        lines = _decode(data, name)
        front, body = _front_matter(lines, name, problems)
        writer = _Writer()
        parse = _read_plain if name.lower().endswith(".txt") else _read_markdown
        # The body keeps its place in the file: what stood above it is blank, so line numbers need no sum.
        parse("\n".join([""] * body + lines[body:]), writer)
    except DocumentError as error:
        return None, [*problems, Problem("error", name, error.line, error.reason)]
    except RecursionError:
        return None, [*problems, Problem("error", name, None, "is nested too deeply to be read.")]
    if any(problem.severity == "error" for problem in problems):
        return None, problems
    text = "".join(writer.parts)
    blocks = tuple(writer.blocks)
    title = front.get("title")
    if title is None and blocks and blocks[0].kind == "heading" and blocks[0].level == 1:
        title = text[blocks[0].start : blocks[0].end]
    document = Document(
        name=name,
        title=title,
        source=front.get("source"),
        text=text,
        lines=tuple(writer.lines),
        blocks=blocks,
        artist=front.get("artist"),
        date=front.get("date"),
        language=front.get("language", "en"),
    )
    return document, problems


_SIGNATURES = {
    b"\xff\xfe": "it seems to be UTF-16; save it as UTF-8",
    b"\xfe\xff": "it seems to be UTF-16; save it as UTF-8",
    b"%PDF": "it is a PDF file",
    b"PK\x03\x04": "it is a ZIP archive or an office document",
    b"\x89PNG": "it is a PNG image",
    b"\xff\xd8\xff": "it is a JPEG image",
}
# Invisible and in the way of search: byte order marks, zero-width spaces, soft hyphens.
_INVISIBLE = dict.fromkeys((0xFEFF, 0x200B, 0xAD, 0xFFFE, 0xFFFF))
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f]")
_OTHER_BREAKS = re.compile(r"[\x0b\x0c\x85\u2028\u2029]")
_FEW_CONTROLS = 3


def _decode(data: bytes, name: str) -> list[str]:
    """Return the lines of the file as composed text (NFC) without a byte order mark and control characters.

    Raises:
        DocumentError: the bytes are not UTF-8 or not text.
    """
    hint = next((f"; {what}" for start, what in _SIGNATURES.items() if data.startswith(start)), "")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = len(re.findall(rb"\r\n|\r|\n", data[: error.start])) + 1
        byte = f"0x{data[error.start]:02x}"
        reason = f"is not UTF-8: byte {byte} at byte offset {error.start}{hint}."
        raise DocumentError(name, reason, line) from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    nul = text.find("\0")
    if nul >= 0:
        raise DocumentError(name, f"is not text: it holds a NUL byte{hint}.", text.count("\n", 0, nul) + 1)
    controls = len(_CONTROLS.findall(text))
    if controls > _FEW_CONTROLS and controls * 100 > len(text):
        raise DocumentError(name, f"is not text: it holds {controls:,} control characters{hint}.")
    return _clean(text).split("\n")


def _clean(text: str) -> str:
    """Return composed text (NFC) without invisible characters, with a blank for each control character."""
    text = _OTHER_BREAKS.sub(" ", _CONTROLS.sub(" ", text)).translate(_INVISIBLE)
    return unicodedata.normalize("NFC", text)


# --- Front matter -----------------------------------------------------------------------------------------

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


def _front_matter(lines: Sequence[str], name: str, problems: list[Problem]) -> tuple[dict[str, str], int]:
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
        key = _printable(key_node.value.strip().lower()) if isinstance(key_node, yaml.ScalarNode) else ""
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
    return " ".join(_clean(paired).split())


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


# --- Writing a document's text ----------------------------------------------------------------------------


class _Writer:
    """Gathers the text of a document, its blocks and the line of the file for each offset."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.length = 0
        self.lines: list[tuple[int, int]] = []
        self.blocks: list[Block] = []

    def block(self, kind: BlockKind, runs: Iterable[Run], level: int = 0) -> None:
        """Add a block of ``runs``, unless empty: white space becomes one space, a break one newline.

        A control character becomes white space: the file holds none any more, but ``&#x81;`` names one.
        """
        start = self.length + (2 if self.blocks else 0)
        offset, gap = start, ""
        parts: list[str] = []
        for text, line in runs:
            if text == "\n":
                gap = "\n"
                continue
            text = _CONTROLS.sub(" ", text)  # noqa: PLW2901
            words = text.split()
            if text[:1].isspace():
                gap = gap or " "
            if not words:
                continue
            if parts:
                parts.append(gap)
                offset += len(gap)
            self._line(offset, line)
            joined = " ".join(words)
            parts.append(joined)
            offset += len(joined)
            gap = " " if text[-1].isspace() else ""
        self._close(kind, level, start, "".join(parts))

    def code(self, content: str, first_line: int) -> None:
        """Add a block of program text: its lines and their indentation stay."""
        lines = [line.rstrip() for line in content.split("\n")]
        while lines and not lines[-1]:
            lines.pop()
        while lines and not lines[0]:
            lines.pop(0)
            first_line += 1
        start = offset = self.length + (2 if self.blocks else 0)
        for number, line in enumerate(lines, first_line):
            self._line(offset, number)
            offset += len(line) + 1
        self._close("code", 0, start, "\n".join(lines))

    def _line(self, offset: int, line: int) -> None:
        if not self.lines or self.lines[-1][1] != line:
            self.lines.append((offset, line))

    def _close(self, kind: BlockKind, level: int, start: int, text: str) -> None:
        if not text:
            return
        if self.blocks:
            self.parts.append("\n\n")
        self.parts.append(text)
        self.length = start + len(text)
        self.blocks.append(Block(kind, start, self.length, level))

    def last(self) -> tuple[BlockKind | None, str]:
        """Return kind and text of the block written last."""
        return (self.blocks[-1].kind, self.parts[-1]) if self.blocks else (None, "")


# --- Blocks -----------------------------------------------------------------------------------------------

_MAX_NESTING = 60
_MANY_BRACKETS = 5_000
_UNBALANCED = 100
_MANY_BREAKS = 5_000
_ENDS_SENTENCE = re.compile(r"[.!?…:;,][\"'”\u2019»)\]]*$")
_CLOSING_MARKS = ('"', "”", "\u2019", "»", "'")
_LONG_HEADING = 15
_LONG_NAME = 8


@functools.cache
def _markdown() -> MarkdownIt:
    """Return the parser for Markdown; indented paragraphs are paragraphs, not code."""
    parser = MarkdownIt("commonmark", {"maxNesting": _MAX_NESTING})
    parser.enable(["table", "strikethrough"]).disable("code")
    for name, rule in zip(
        parser.inline.ruler.get_active_rules(), parser.inline.ruler.getRules(""), strict=True
    ):
        parser.inline.ruler.at(name, _placed(rule))
    parser.core.ruler.at("inline", _inline)
    return parser


def _inline(state: StateCore) -> None:
    """Parse the inline marks of each block, but not of one that is a flood of brackets or of lines.

    Each open bracket costs the parser a search for its end: 80,000 of them took it eight seconds. Of lines,
    150,000 took it four.
    """
    for token in state.tokens:
        if token.type == "inline":
            opened = token.content.count("[")
            token.children = []
            few = opened <= _MANY_BRACKETS and opened - token.content.count("]") <= _UNBALANCED
            if few and token.content.count("\n") <= _MANY_BREAKS:
                state.md.inline.parse(token.content, state.md, state.env, token.children)


@functools.cache
def _plain() -> MarkdownIt:
    """Return the parser for ``.txt``: blocks only; a heading stands alone, a ``#`` in a paragraph stays."""
    parser = MarkdownIt("zero", {"maxNesting": _MAX_NESTING})
    parser.enable(["blockquote", "hr", "list", "heading", "lheading"])
    rules = dict(zip(parser.block.ruler.get_active_rules(), parser.block.ruler.getRules(""), strict=True))
    parser.block.ruler.at("heading", rules["heading"], {"alt": []})
    parser.core.ruler.disable("inline")
    return parser


def _placed(rule: Callable[[StateInline, bool], bool]) -> Callable[[StateInline, bool], bool]:
    """Wrap an inline rule so that its tokens know the stretch of the source that they come from.

    The parser does not say where inline tokens stand, and a line break inside a link's target, a code span or
    a tag leaves no token, so that counting breaks would lose the line.
    """

    def placed(state: StateInline, silent: bool) -> bool:
        before, begin = len(state.tokens), state.pos
        matched = rule(state, silent)
        if matched and not silent:
            for token in state.tokens[before:]:
                token.meta.setdefault("place", (begin, state.pos))
        return matched

    return placed


def _read_markdown(text: str, writer: _Writer) -> None:
    _Walk(writer, _markdown_runs).read(_markdown().parse(text))


def _read_plain(text: str, writer: _Writer) -> None:
    _Walk(writer, _plain_runs).read(_plain().parse(text))


@dataclass(slots=True)
class _List:
    ordered: bool
    keep: bool = False


class _Walk:
    """Goes through the parser's tokens and writes a block for each that holds text."""

    def __init__(self, writer: _Writer, runs: Callable[[Token, int], list[Run]]) -> None:
        self.writer = writer
        self.runs = runs
        self.quotes = 0
        self.lists: list[_List] = []
        self.marker = ""
        self.row: list[Run] = []

    def read(self, tokens: Sequence[Token]) -> None:
        for index, token in enumerate(tokens):
            match token.type:
                case "inline":
                    self._inline(tokens, index)
                case "fence":
                    self.writer.code(token.content, _first_line(token) + 1)
                case "html_block":
                    self._html(token)
                case "tr_open":
                    self.row = []
                case "tr_close":
                    self.writer.block("row", self.row)
                case _:
                    self._nest(tokens, index)

    def _nest(self, tokens: Sequence[Token], index: int) -> None:
        if tokens[index].level >= _MAX_NESTING - 1:
            # The parser would drop what is inside without a word.
            raise RecursionError
        match tokens[index].type:
            case "blockquote_open":
                self.quotes += 1
            case "blockquote_close":
                self.quotes -= 1
            case "bullet_list_open" | "ordered_list_open":
                self._open_list(tokens, index)
            case "bullet_list_close" | "ordered_list_close":
                self.lists.pop()
                self.marker = ""
            case "list_item_open":
                self._open_item(tokens[index])

    def _inline(self, tokens: Sequence[Token], index: int) -> None:
        opening, token = tokens[index - 1], tokens[index]
        runs = self.runs(token, _first_line(token))
        if opening.type in {"td_open", "th_open"}:
            if any(text.strip() for text, _ in runs):
                # The comma joins the cells of a row; it goes with the cell before it.
                self.row += [(", ", runs[0][1]), *runs] if self.row else runs
            return
        if self.marker:
            runs = [(self.marker, _first_line(token)), *runs]
            attribution, self.marker = self.marker == "- ", ""
            if attribution and not self.quotes:
                self.writer.block("paragraph", runs)
                return
        if self.quotes:
            self.writer.block("quote", runs, self.quotes)
        elif self.lists:
            self.writer.block("item", runs, len(self.lists))
        elif opening.type == "heading_open" and not _is_prose(opening, token):
            self.writer.block("heading", runs, int(opening.tag[1]))
        elif opening.type == "paragraph_open" and _is_bold_heading(tokens, index):
            self.writer.block("heading", runs, 6)
        else:
            self.writer.block("paragraph", runs)

    def _open_list(self, tokens: Sequence[Token], index: int) -> None:
        token = tokens[index]
        items: list[Token] = []
        inner: list[Token] = []
        ordered = token.type == "ordered_list_open"
        for position in range(index + 1, len(tokens)):
            each = tokens[position]
            if each.level <= token.level or len(items if ordered else inner) > 1:
                break
            if each.type == "list_item_open" and each.level == token.level + 1:
                items.append(each)
            elif each.type == "inline":
                inner.append(each)
        found = _List(ordered)
        if found.ordered:
            # "1986. A great year" is a sentence that begins with a number, not the 1986th item of a list.
            found.keep = len(items) == 1 and items[0].info not in {"0", "1"}
        elif token.markup == "-" and len(items) == len(inner) == 1:
            found.keep = self._is_attribution(inner[0].content)
        self.lists.append(found)

    def _open_item(self, token: Token) -> None:
        current = self.lists[-1]
        if not current.ordered:
            self.marker = "- " if current.keep else ""
        elif current.keep or len(token.info) > 2:  # noqa: PLR2004  three digits or more: a year, a house number
            self.marker = f"{token.info}{token.markup} "
        else:
            self.marker = ""

    def _is_attribution(self, content: str) -> bool:
        """Say whether a list of one item, "- Killer Mike", names who is quoted in the block before."""
        kind, text = self.writer.last()
        quoted = kind == "quote" or text.endswith(_CLOSING_MARKS)
        name = bool(_STARTS_LINE.match(content.lstrip("*_["))) and len(content.split()) <= _LONG_NAME
        return quoted and name and not _ENDS_SENTENCE.search(content)

    def _html(self, token: Token) -> None:
        for kind, level, runs in _HtmlText(_first_line(token)).read(token.content):
            if self.quotes:
                self.writer.block("quote", runs, self.quotes)
            else:
                self.writer.block(kind, runs, level)


def _first_line(token: Token) -> int:
    return token.map[0] + 1 if token.map else 1


def _is_prose(opening: Token, token: Token) -> bool:
    """Say whether an underlined "heading" is a paragraph with a rule below it."""
    if opening.markup not in {"-", "="}:
        return False
    content = token.content
    return (
        "\n" in content
        or len(content.split()) > _LONG_HEADING
        or bool(re.search(r"[.;:,…][\"'”\u2019»)\]]*$", content))
    )


def _is_bold_heading(tokens: Sequence[Token], index: int) -> bool:
    """Say whether a paragraph is nothing but a few bold words above another one: a heading in effect."""
    children = [child for child in tokens[index].children or () if child.content or child.nesting]
    if [child.type for child in children] != ["strong_open", "text", "strong_close"]:
        return False
    following = tokens[index + 2].type if index + 2 < len(tokens) else None
    content = children[1].content
    return (
        following == "paragraph_open"
        and len(content.split()) <= _LONG_NAME
        and not re.search(r"[.!?…:;,\"“”]", content)
    )


# --- Inline text ------------------------------------------------------------------------------------------

_TURN = re.compile(r"[*_]*(?:[QA]|[A-Z][\w.\u2019'-]*(?: [A-Z&][\w.\u2019'-]*){0,3})[*_]*:[*_]*\s")
_QUESTION_TURN = re.compile(r"[*_]*(?:Q|A|Question|Answer)[*_]*[:.][*_]*\s")
_DASH_LINE = re.compile(r"[*_]*(?:[—–―⸺]|--)\s?\S")  # noqa: RUF001  the dashes are meant
_BULLET = re.compile(r"[•·‣◦▪]\s")
_STARTS_LINE = re.compile(r"[\"'“‘«(\[¿¡]*[^\W_a-zß-ÿ]")  # noqa: RUF001  the quotation marks are meant
_FOOTNOTE = re.compile(r"\[\^[^\]\s]{1,30}\]:?")
_TASK = re.compile(r"^\[[ xX]\] ")
_BREAK_TAG = re.compile(r"<br\b", re.IGNORECASE)


def _is_deliberate(lines: Sequence[str], index: int) -> bool:
    """Say whether the break after ``lines[index]`` is a line for the reader, not the wrap of a long one."""
    ends = lines[index].strip().rstrip("*_")
    next_line = lines[index + 1].strip()
    if _QUESTION_TURN.match(next_line) or _BULLET.match(next_line):
        return True
    if _TURN.match(next_line):
        return bool(_ENDS_SENTENCE.search(ends)) and not ends.endswith((",", ";"))
    last = index + 2 == len(lines)
    return (
        last
        and bool(_DASH_LINE.match(next_line))
        and len(next_line.split()) <= _LONG_NAME + 1
        and (ends.endswith(_CLOSING_MARKS) or bool(_ENDS_SENTENCE.search(ends)))
    )


def _plain_runs(token: Token, first_line: int) -> list[Run]:
    """Return the lines of a block of plain text; a line broken long before its edge stays a line."""
    lines = token.content.split("\n")
    edge = 0.6 * max(map(len, lines))
    starts = [line.split(maxsplit=1)[0] if line.strip() else "" for line in lines[1:]]
    # A wrapped line is broken where the next word no longer fits, wherever that edge is.
    early = [
        len(line) + 1 + len(word) <= edge and _STARTS_LINE.match(word) is not None
        for line, word in zip(lines, starts, strict=False)
    ]
    if 2 * sum(early) >= len(starts) > 1:
        early = [_STARTS_LINE.match(word) is not None for word in starts]
    runs: list[Run] = []
    for index, line in enumerate(lines):
        runs.append((f" {line} ", first_line + index))
        if index < len(early) and (early[index] or _is_deliberate(lines, index)):
            runs.append(("\n", first_line + index))
    return runs


def _markdown_runs(token: Token, first_line: int) -> list[Run]:
    """Return the text of a Markdown block without its inline marks."""
    source = token.content
    if not token.children:
        return [(f"{line} ", first_line + index) for index, line in enumerate(source.split("\n"))]
    runs = list(_children_runs(token.children, source, first_line))
    if runs:
        runs[0] = (_TASK.sub("", runs[0][0]), runs[0][1])
    return runs


def _children_runs(children: Sequence[Token], source: str, first_line: int) -> Iterator[Run]:
    lines = source.split("\n")
    breaks = [found.start() for found in re.finditer("\n", source)]
    line = first_line
    for child in children:
        begin, end = child.meta.get("place", (None, None))
        match child.type:
            case "softbreak":
                index = bisect_left(breaks, end) - 1
                yield ("\n" if _is_deliberate(lines, index) else " ", line)
            case "hardbreak":
                yield ("\n", line)
            case "code_inline":
                yield from _code_runs(child, source[begin:end], line)
            case "image":
                label = begin + 2  # after "!["
                at = first_line + bisect_left(breaks, label)
                yield from _children_runs(child.children or (), child.content, at)
            case "html_inline":
                if _BREAK_TAG.match(child.content):
                    yield ("\n", line)
            case "text":
                yield (_FOOTNOTE.sub("", child.content), line)
        # A link's opening knows the whole link, and text holds no break: the closing says where we are.
        if end is not None and child.nesting <= 0 and child.type != "text":
            line = first_line + bisect_left(breaks, end)


def _code_runs(child: Token, written: str, line: int) -> Iterator[Run]:
    fence = len(child.markup)
    for index, piece in enumerate(written[fence : len(written) - fence].split("\n")):
        yield (f" {piece}" if index else piece, line + index)


_HTML_BLOCKS = (
    "address article aside blockquote center dd details div dl dt fieldset figcaption figure footer "
    "form h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section summary table tbody thead tr ul "
)


class _HtmlText(HTMLParser):
    """Takes the text out of a block of HTML."""

    _HIDDEN = frozenset({"script", "style", "template", "svg", "head"})
    _BLOCKS = frozenset(_HTML_BLOCKS.split())
    _KINDS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "li", "tr", "blockquote"})

    def __init__(self, first_line: int) -> None:
        super().__init__(convert_charrefs=True)
        self.first_line = first_line
        self.blocks: list[tuple[BlockKind, int, list[Run]]] = []
        self.runs: list[Run] = []
        self.hidden = 0
        # Each open tag with the tag at or around it that says what its text is.
        self.open: list[tuple[str, str]] = []
        self.counts: Counter[str] = Counter()
        self.endless: dict[str, int] = {}

    def read(self, content: str) -> list[tuple[BlockKind, int, list[Run]]]:
        """Return the blocks of text in ``content``."""
        # Behind the last ">" no tag ends; the parser would look for its end from each "<" again.
        cut = content.rfind(">") + 1
        self.feed(content[:cut] + content[cut:].replace("<", "&lt;"))
        self.close()
        self.flush()
        return self.blocks

    def parse_comment(self, i: int, report: bool = True) -> int:
        """Parse a comment."""
        return self._parse("<!--", i, lambda at: super(_HtmlText, self).parse_comment(at, report))

    def parse_html_declaration(self, i: int) -> int:
        """Parse what begins with "<!" and is no comment."""
        return self._parse(self.rawdata[i : i + len("<![if")].lower(), i, self._parse_declaration)

    def _parse_declaration(self, at: int) -> int:
        try:
            return super().parse_html_declaration(at)
        except AssertionError:  # the parser's way to say that it knows no such section
            return self.parse_bogus_comment(at)

    def _parse(self, what: str, at: int, parse: Callable[[int], int]) -> int:
        """Return where ``what`` ends, or -1: where one has no end, none behind it has,."""
        left = len(self.rawdata) - at
        if left <= self.endless.get(what, 0):
            return -1
        end = parse(at)
        if end < 0:
            self.endless[what] = left
        return end

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        line = self.first_line + self.getpos()[0] - 1
        if tag in self._HIDDEN:
            self.hidden += 1
        elif tag in self._BLOCKS:
            self.flush()
            if tag != "hr":
                around = self.open[-1][1] if self.open else ""
                self.open.append((tag, tag if tag in self._KINDS else around))
                self.counts[tag] += 1
        elif tag == "br":
            self.runs.append(("\n", line))
        elif tag in {"td", "th"} and self.runs:
            self.runs.append((", ", line))
        elif tag == "img":
            self.runs.append((dict(attrs).get("alt") or "", line))

    def handle_endtag(self, tag: str) -> None:
        if tag in self._HIDDEN:
            self.hidden = max(0, self.hidden - 1)
        elif tag in self._BLOCKS:
            self.flush()
            closes = self.counts[tag] > 0
            while closes:
                last, _ = self.open.pop()
                self.counts[last] -= 1
                closes = last != tag

    def handle_data(self, data: str) -> None:
        if self.hidden:
            return
        line = self.first_line + self.getpos()[0] - 1
        for index, piece in enumerate(data.split("\n")):
            self.runs.append((f" {piece}" if index else piece, line + index))

    def flush(self) -> None:
        """End the block that is being read."""
        if any(text.strip(" ,\n\t") for text, _ in self.runs):
            self.blocks.append((*self._kind(), self.runs))
        self.runs = []

    def _kind(self) -> tuple[BlockKind, int]:
        match self.open[-1][1] if self.open else "":
            case "":
                return "paragraph", 0
            case "li":
                return "item", max(1, self.counts["ul"] + self.counts["ol"])
            case "tr":
                return "row", 0
            case "blockquote":
                return "quote", self.counts["blockquote"]
            case heading:
                return "heading", int(heading[1])
