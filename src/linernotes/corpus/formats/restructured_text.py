"""reStructuredText in a plain text file: its lines in, the same lines as the reader of plain text knows them.

Sections become headings, line blocks and definitions lines by themselves, an epigraph a block quotation.
Comments, targets, footnotes, fields of the document and directives that hold no prose are taken off.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linernotes.corpus.formats.light_markup import blank, breaks, end_of_indented, indent_of, quote, row

if TYPE_CHECKING:
    from collections.abc import Callable

# What only this language has. Two kinds of them tell that a text is written in it.
_SIGNS = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"^\.\. [\w-]{1,40}::(?:\s|$)",
        r"^\.\. (?:_[^:\n]{1,80}:|\[[^\]\n]{1,40}\] |\|[^|\n]{1,40}\| [\w-]+::)",
        r"(?<![\w:]):[a-z][\w:-]{0,30}:`[^`\n]{1,200}`",
        r"`[^`<>]{1,200}<[^`<>\s]{1,300}>`_{1,2}",
        r"(?<=\S) ?\[(?:\d{1,3}|[#*]\w{0,20})\]_(?!\w)",
        r"^:(?:Author|Authors|Contact|Date|Version|Status|Copyright|Revision|Organization|Address): ",
    )
)
_FEWEST_SIGNS = 2

_ADORNMENT = re.compile(r"([=\-~^\"'`+*#.:_<>])\1{2,}[ \t]*$")
_SECTION_NUMBER = re.compile(r"\d{1,2}(?:\.\d{1,2}){0,3}\.?\s+(?=\S)")
_DIRECTIVE = re.compile(r"[ \t]*\.\. (?:\|([^|\n]{1,60})\|[ \t]+)?([\w:-]{1,40})::[ \t]*(.*)$")
_EXPLICIT = re.compile(r"[ \t]*\.\.(?:[ \t]|$)")
_FIELD = re.compile(r":([A-Za-z][\w -]{0,40}):(?:[ \t]+(.*))?$")
_OPTION = re.compile(r"[ \t]+:[\w-]{1,40}:(?:[ \t]|$)")
# What the site shows in other places than the text, or as a picture, or not at all.
_HIDDEN = frozenset(
    "image figure contents meta raw include toctree index highlight code code-block sourcecode math"
    " default-role role date sectnum section-numbering header footer title target-notes literalinclude"
    " only graphviz csv-table bibliography class youtube vimeo audio video seealso tabularcolumns".split()
)
_QUOTES = frozenset("epigraph pull-quote highlights".split())
_TITLED = frozenset("rubric topic sidebar admonition centered".split())
_DOCUMENT_FIELDS = frozenset(
    "author authors contact organization address version status date revision copyright dedication field"
    " abstract orphan tocdepth nocomments slug tags category categories summary lang language title subtitle"
    " modified keywords description license".split()
)
_LINE_BLOCK = re.compile(r"[ \t]*\|(?:[ \t]+(\S.*))?$")
_ATTRIBUTION = re.compile(r"[ \t]+(?:--|—|---)[ \t]?\S")
_LITERAL = re.compile(r"(?<=\S)::[ \t]*$")

_ROLE = re.compile(r"(?<![\w:]):[a-z][\w+:-]{0,40}:`([^`]{1,300})`|`([^`]{1,300})`:[a-z][\w+:-]{0,40}:")
_TARGET = re.compile(r"[ \t\n]{0,4}<[^<>`]{1,400}>$")
_REFERENCE = re.compile(r"(?<![`\w])`([^`]{1,400})`(?:__?(?!\w))?")
_LITERAL_WORDS = re.compile(r"(?<![`\w])``(?=\S)([^`]{1,300}(?:`(?!`)[^`]{0,300}){0,4})``(?![`\w])")
_NOTE = re.compile(r"[ \t]?\[(?:\d{1,3}|[#*]\w{0,40}|[A-Za-z][\w.-]{0,40})\]_(?!\w)")
_SUBSTITUTION = re.compile(r"\|([^|\s](?:[^|\n]{0,60}[^|\s])?)\|(?:__?(?!\w))?")
_NAMED = re.compile(r"(?<![\w`_])([A-Za-z][\w-]{0,60}?)(_{1,2})(?![\w`])")
_ESCAPED = re.compile(r"\\(?:[ ]|(?=[^\w\s]))")


def is_written_in(text: str) -> bool:
    """Say whether a text is reStructuredText: it has at least two kinds of what only this language has."""
    if "::" not in text and "`" not in text and "]_" not in text:
        return False
    return sum(sign.search(text) is not None for sign in _SIGNS) >= _FEWEST_SIGNS


def rewrite(text: str) -> str:
    """Return the lines of a text as the reader of plain text knows them, as many as there were."""
    lines = text.split("\n")
    words = _take_off_explicit(lines)
    _lay_out_sections(lines)
    _take_off_fields(lines)
    _lay_out_blocks(lines)
    return _take_off_inline("\n".join(lines), words)


# --- Blocks -----------------------------------------------------------------------------------------------


def _take_off_explicit(lines: list[str]) -> dict[str, str]:
    """Take off what begins with two dots but the prose within; return what substitutions stand for."""
    words: dict[str, str] = {}
    at = 0
    while at < len(lines):
        line = lines[at]
        if not _EXPLICIT.match(line):
            at += 1
            continue
        level = indent_of(line)
        end = end_of_indented(lines, at + 1, level)
        directive = _DIRECTIVE.match(line)
        if directive is None or directive[1] or directive[2].lower() in _HIDDEN:
            if directive is not None and directive[1] and directive[2] == "replace":
                words[directive[1]] = directive[3]
            blank(lines, at, max(end, at + 1))
            at = max(end, at + 1)
            continue
        name, given = directive[2].lower(), directive[3]
        lines[at] = f"###### {given}" if name == "rubric" else row(given) if given else ""
        first = at + 1
        while first < end and _OPTION.match(lines[first]):
            lines[first] = ""
            first += 1
        if name in _QUOTES:
            while first < end and not lines[first].strip():
                first += 1
            quote(lines, first, end)
            at = end
        elif name == "list-table":
            _lay_out_list_table(lines, first, end)
            at = max(end, at + 1)
        else:
            # What stands within may hold directives itself.
            for inner in range(first, end):
                lines[inner] = lines[inner][min(indent_of(lines[inner]), level + 3) :]
            at += 1
    return words


def _lay_out_list_table(lines: list[str], first: int, end: int) -> None:
    """Make rows of a table that is written as a list of lists."""
    cells: list[str] = []
    begin = first
    for at in range(first, end):
        line = lines[at].strip()
        lines[at] = ""
        if line.startswith("* -"):
            if cells:
                lines[begin] = row(*cells)
            cells, begin = [line[3:]], at
        elif line.startswith("- "):
            cells.append(line[2:])
        elif line and cells:
            cells[-1] += f" {line}"
    if cells:
        lines[begin] = row(*cells)


def _lay_out_sections(lines: list[str]) -> None:
    """Make headings of titles that are underlined, and of those between two lines; the look is the level."""
    levels: list[tuple[str, bool]] = []
    for at in range(len(lines) - 1):
        below = _ADORNMENT.match(lines[at + 1])
        title = lines[at].strip()
        if below is None or not title or _ADORNMENT.match(lines[at]) or lines[at].startswith(("#", ">")):
            continue
        above = _ADORNMENT.match(lines[at - 1]) if at else None
        is_framed = above is not None and above[1] == below[1]
        free = is_framed or not at or not lines[at - 1].strip()
        if not free or len(lines[at + 1].rstrip()) < min(len(title), 4) or indent_of(lines[at + 1]):
            continue
        look = (below[1], is_framed)
        above_it = next((line for line in reversed(lines[: max(0, at - 1)][-4:]) if line.strip()), "")
        if is_framed and len(levels) == 1 and look not in levels and above_it.startswith("# "):
            # A subtitle: no section begins with it.
            blank(lines, at - 1, at + 2)
            lines[at] = row(title)
            continue
        if look not in levels:
            levels.append(look)
        lines[at] = f"{'#' * min(6, levels.index(look) + 1)} {_SECTION_NUMBER.sub('', title, count=1)}"
        lines[at + 1] = ""
        if is_framed:
            lines[at - 1] = ""


def _take_off_fields(lines: list[str]) -> None:
    """Take off the fields of the document (":Author: …"); other fields are lines of a list."""
    at = 0
    while at < len(lines):
        field = _FIELD.match(lines[at])
        if field is None:
            at += 1
            continue
        end = max(at + 1, end_of_indented(lines, at + 1, 0))
        if field[1].lower() in _DOCUMENT_FIELDS:
            blank(lines, at, end)
        else:
            lines[at] = f"- {field[1]}: {field[2]}" if field[2] else row(field[1])
        at = end


def _lay_out_blocks(lines: list[str]) -> None:
    """Make lines of line blocks and of terms with their definitions, and quotations of what is signed."""
    at = 0
    while at < len(lines):
        line = lines[at]
        verse = _LINE_BLOCK.match(line)
        if verse and not line.rstrip().endswith("|"):
            lines[at] = row(verse[1]) if verse[1] else ""
        elif line.strip() == "::":
            lines[at] = ""
        elif indent_of(line) and line.strip() and (not at or not lines[at - 1].strip()):
            at = _lay_out_indented(lines, at)
            continue
        elif _is_term(lines, at):
            lines[at] = row(line)
        else:
            lines[at] = _LITERAL.sub(":", line)
        at += 1


def _lay_out_indented(lines: list[str], at: int) -> int:
    """Make a quotation of an indented paragraph whose last line signs it; return the line behind it."""
    end = end_of_indented(lines, at, 0)
    signed = any(_ATTRIBUTION.match(line) for line in lines[at:end][-2:])
    if signed and not any(line.lstrip().startswith(("|", "+", "* ", "- ")) for line in lines[at:end][:1]):
        quote(lines, at, end)
        return end
    for inner in range(at, end):
        verse = _LINE_BLOCK.match(lines[inner])
        if verse and not lines[inner].rstrip().endswith("|"):
            lines[inner] = row(verse[1]) if verse[1] else ""
    return max(end, at + 1)


def _is_term(lines: list[str], at: int) -> bool:
    """Say whether a line is a term whose definition stands below it, indented."""
    line = lines[at]
    return (
        bool(line.strip())
        and not line.startswith((" ", "\t", "-", "*", "+", "|", ">", "#", "."))
        and re.match(r"(?:\d{1,3}|[A-Za-z#])[.)]\s", line) is None
        and (not at or not lines[at - 1].strip())
        and at + 1 < len(lines)
        and bool(lines[at + 1].strip())
        and indent_of(lines[at + 1]) > 0
    )


# --- Within a line ----------------------------------------------------------------------------------------


def _take_off_inline(text: str, words: dict[str, str]) -> str:
    if "`" in text:
        text = _LITERAL_WORDS.sub(r"\1", text)
        text = _ROLE.sub(_shown, text)
        text = _REFERENCE.sub(_shown, text)
    if "]_" in text:
        text = _NOTE.sub("", text)
    if "|" in text:
        text = _SUBSTITUTION.sub(_substituted(words), text)
    if "_" in text:
        text = _NAMED.sub(r"\1", text)
    return _ESCAPED.sub("", text) if "\\" in text else text


def _shown(found: re.Match[str]) -> str:
    """Return what is shown of a reference or a role: the words before its target, with its line breaks."""
    held = next((group for group in found.groups() if group is not None), "")
    target = _TARGET.search(held)
    if target is None or not held[: target.start()].strip():
        return held.strip("~!") if target is None else breaks(held)
    return held[: target.start()] + breaks(target[0])


def _substituted(words: dict[str, str]) -> Callable[[re.Match[str]], str]:
    """Return what replaces "|name|": what it stands for; what is not defined stays."""

    def replace(found: re.Match[str]) -> str:
        return words.get(found[1], found[0])

    return replace
