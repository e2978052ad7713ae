"""AsciiDoc in a plain text file: its lines in, the same lines as the reader of plain text knows them.

Titles become headings, tables rows, block quotations keep who is named in their bracket. Attributes,
comments, conditions, anchors, pictures and footnotes are taken off.
"""

from __future__ import annotations

import re

from linernotes.corpus.formats.light_markup import blank, breaks, quote, row

_SIGNS = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"\A\s*= \S",
        r"^={2,5} \S[^=\n]{0,200}$",
        r"^\|={3,}[ \t]*$",
        r"^\[(?:quote|verse|source|NOTE|TIP|cols=|options=|%|\.[a-z])[^\]\n]{0,200}\][ \t]*$",
        r"^(?:image|include|video|audio|toc|ifdef|ifndef|ifeval|endif)::\S{0,200}\[",
        r"\b(?:footnote|footnoteref|link|xref|kbd|btn|menu|pass):[^\s\[\]]{0,300}\[",
        r"<<[\w-]{1,60}(?:,[^<>\n]{1,200})?>>",
        r"^:[a-z][\w-]{0,40}!?:(?:[ \t]|$)",
    )
)
# One sign may stand in a text about anything; a title with one equals sign is none by itself either.
_FEWEST_SIGNS = 2

# Below the title stand the author and the revision, before the attributes.
_MOST_NAMED = 2
_TITLE = re.compile(r"(={1,6}) (\S.*?)(?: =+)?[ \t]*$")
_ATTRIBUTE = re.compile(r":([A-Za-z_][\w-]{0,60})!?:(?:[ \t]+(.*))?$")
_LINE_MACRO = re.compile(
    r"(?:image|include|video|audio|toc|ifdef|ifndef|ifeval|endif)::[^\[\n]{0,300}\[.*\][ \t]*$"
)
_COMMENT = re.compile(r"//(?!/)")
_ANCHOR_LINE = re.compile(r"\[\[[^\[\]\n]{1,200}\]\][ \t]*$")
_BLOCK_LINE = re.compile(
    r"\[((?:quote|verse|source|listing|literal|stem|abstract|partintro|example|sidebar|horizontal|qanda|glossary"
    r"|bibliography|appendix|preface|colophon|dedication|index|discrete|float|NOTE|TIP|IMPORTANT|WARNING|CAUTION"
    r"|cols|options|width|format|role|start|separator|caption|id|lines|square|circle|arabic|loweralpha|upperalpha"
    r"|lowerroman|upperroman|big|small|lead|subs|frame|grid|opts|plantuml|mermaid|TODO"
    r"|[.#%][\w-])[^\]\n]{0,300}|)\][ \t]*$"
)
_CAPTION = re.compile(r"\.(?=[^\s.])(.*)$")
_FENCE = re.compile(r"(_{4,}|={4,}|\*{4,}|-{4,}|\.{4,}|\+{4,}|/{4,}|--|\|===+|`{3})[ \t]*$")
_ADMONITION = re.compile(r"(?:NOTE|TIP|IMPORTANT|WARNING|CAUTION):[ \t]+(?=\S)")
_RULE = re.compile(r"(?:'{3,}|<{3,})[ \t]*$")
_DESCRIBED = re.compile(r"([^\s:][^:\n]{0,100}?)(?::{2,4}|;;)(?:[ \t]+(\S.*))?$")
_UNORDERED = re.compile(r"(\*{1,5})[ \t]+(?=\S)")
_ORDERED = re.compile(r"(\.{1,5})[ \t]+(?=\S)")
_HARD_BREAK = re.compile(r"(?<=\S)[ \t]\+[ \t]*$")
_CELL = re.compile(r"(?:^|(?<=\s))(?:\d+[+*]|\.\d+\+|[<^>.]{1,3})?[adehlmsv]?\|(?!=)")
_HIDDEN_FENCES = ("/", "+")

_FOOTNOTE = re.compile(r"\bfootnote(?:ref)?:[\w-]{0,60}\[[^\[\]]{0,600}\]")
_LINK = re.compile(
    r"(?:\b(?:link|xref|mailto):[^\s\[\]]{1,400}|\bhttps?://[^\s\[\]<>]{1,400})\[([^\[\]\n]{0,300})\]"
)
_LINK_OPTIONS = re.compile(r",\s*(?:window|role|opts|rel|title)=.*$|\^$")
_CROSS = re.compile(r"<<([^<>,\n]{1,100})(?:,\s?([^<>]{1,200}))?>>")
_INLINE_MACRO = re.compile(r"\b(?:kbd|btn|menu|pass|stem|asciimath):[^\s\[\]]{0,60}\[([^\[\]\n]{0,200})\]")
_INLINE_IMAGE = re.compile(r"\b(?:image|icon):[^\s:\[\]][^\s\[\]]{0,300}\[[^\[\]\n]{0,300}\]")
_ANCHOR = re.compile(r"\[{2,3}[\w:.-]{1,60}(?:,[^\[\]\n]{0,100})?\]{2,3}")
_SPAN = re.compile(r"(?:\[[^\[\]\n]{1,80}\])?(?<![\w#&])(#{1,2})(?=\S)([^#\n]{1,300}?)(?<=\S)\1(?![\w#])")
_ROLE = re.compile(r"\[[.#][\w.# -]{1,60}\](?=[*_`])")
_CURLY = re.compile(r"\"`(?=\S)([^`\n]{1,400})`\"|'`(?=\S)([^`\n]{1,400})`'")
_UNCONSTRAINED = re.compile(r"(__|\*\*)(?=\S)([^_*\n]{1,300}?)(?<=\S)\1")
_NAMED = re.compile(r"\{([a-z][\w-]{0,40})\}")


def is_written_in(text: str) -> bool:
    """Say whether a text is AsciiDoc: it has at least two kinds of what tells the language."""
    if "::" not in text and "==" not in text and "[" not in text:
        return False
    return sum(sign.search(text) is not None for sign in _SIGNS) >= _FEWEST_SIGNS


def rewrite(text: str) -> str:
    """Return the lines of a text as the reader of plain text knows them, as many as there were."""
    lines = text.split("\n")
    attributes = _take_off_header(lines)
    _Blocks(lines, attributes).rewrite()
    return _take_off_inline("\n".join(lines), attributes)


def _take_off_header(lines: list[str]) -> dict[str, str]:
    """Take off what stands below the title up to the first blank line: author, revision, attributes."""
    attributes: dict[str, str] = {}
    first = next((at for at, line in enumerate(lines) if line.strip()), len(lines))
    title = _TITLE.match(lines[first]) if first < len(lines) else None
    if title is None or len(title[1]) != 1:
        return attributes
    for at in range(first + 1, len(lines)):
        found = _ATTRIBUTE.match(lines[at])
        if found:
            attributes[found[1].lower()] = found[2] or ""
        elif not lines[at].strip() or not (at <= first + _MOST_NAMED or _COMMENT.match(lines[at])):
            break
        lines[at] = ""
    return attributes


class _Blocks:
    """Goes through the lines once and rewrites each block."""

    def __init__(self, lines: list[str], attributes: dict[str, str]) -> None:
        self.lines = lines
        self.attributes = attributes
        # The bracket above a block that has not begun yet.
        self.bracket = ""
        self.opened: list[tuple[str, int, str]] = []
        self.silent = False

    def rewrite(self) -> None:
        """Rewrite all lines."""
        at = 0
        while at < len(self.lines):
            at = self._next(at)

    def _next(self, at: int) -> int:
        line = self.lines[at]
        if fence := _FENCE.match(line):
            return self._fence(at, fence[1])
        if found := _BLOCK_LINE.match(line):
            self.bracket, self.lines[at] = found[1], ""
            self.silent = self.silent or found[1].startswith("bibliography")
            return at + 1
        if title := _TITLE.match(line):
            self.silent = False
            self.lines[at] = f"{'#' * len(title[1])} {title[2]}"
        elif self.silent and line.strip():
            self.lines[at] = ""
        elif found := _ATTRIBUTE.match(line):
            self.attributes[found[1].lower()] = found[2] or ""
            self.lines[at] = ""
        elif (
            _COMMENT.match(line)
            or _LINE_MACRO.match(line)
            or _ANCHOR_LINE.match(line)
            or _RULE.match(line)
            or line.strip() == "+"
        ):
            self.lines[at] = ""
        elif line.strip():
            if self.bracket.startswith(("quote", "verse")) and not self.opened:
                return self._signed_paragraph(at)
            self.lines[at] = self._line(at, line)
            self.bracket = ""
        return at + 1

    def _line(self, at: int, line: str) -> str:
        """Return a line of prose, of a list or of a caption."""
        if _CAPTION.match(line) and (not at or not self.lines[at - 1].strip()):
            return row(line[1:])
        line = _HARD_BREAK.sub("", line)
        if item := _UNORDERED.match(line) or _ORDERED.match(line):
            return f"{'  ' * (len(item[1]) - 1)}- {line[item.end() :]}"
        described = _DESCRIBED.match(line)
        if described and not line.startswith((" ", "\t")):
            return f"- {described[1]}: {described[2]}" if described[2] else row(described[1])
        return _ADMONITION.sub("", line)

    def _fence(self, at: int, mark: str) -> int:
        """Rewrite a line that opens or closes a block; return the line to go on with."""
        if mark.startswith("|"):
            return self._table(at)
        if self.opened and self.opened[-1][0] == mark:
            _, first, bracket = self.opened.pop()
            self.lines[at] = ""
            if mark.startswith("_"):
                quote(self.lines, first, at)
                if by := _signature(bracket):
                    self.lines[at] = f"> -- {by}"
            return at + 1
        self.lines[at] = ""
        if mark[0] in _HIDDEN_FENCES or (mark[0] in "-.`" and len(mark) > 2):  # noqa: PLR2004  "--" holds prose
            end = next((i for i in range(at + 1, len(self.lines)) if self.lines[i].rstrip() == mark), None)
            if end is None:
                return at + 1
            if mark[0] in _HIDDEN_FENCES or self.bracket.startswith(("source", "plantuml", "mermaid")):
                blank(self.lines, at, end)
            self.lines[end], self.bracket = "", ""
            return end + 1
        self.opened.append((mark, at + 1, self.bracket))
        self.bracket = ""
        return at + 1

    def _signed_paragraph(self, at: int) -> int:
        """Make a block quotation of the paragraph below "[quote, who, where]"."""
        end = at
        while end < len(self.lines) and self.lines[end].strip():
            end += 1
        quote(self.lines, at, end)
        if by := _signature(self.bracket):
            if end < len(self.lines):
                self.lines[end] = f"> -- {by}"
            end += 1
        self.bracket = ""
        return end

    def _table(self, at: int) -> int:
        """Make rows of a table whose cells may stand in a line each; return the line behind it."""
        self.lines[at] = ""
        columns = _columns(self.bracket)
        self.bracket = ""
        cells: list[tuple[int, str]] = []
        for end in range(at + 1, len(self.lines)):
            line = self.lines[end]
            if line.startswith("|==="):
                self.lines[end] = ""
                break
            parts = _CELL.split(line)
            if cells and parts[0].strip():
                cells[-1] = (cells[-1][0], f"{cells[-1][1]} {parts[0].strip()}")
            cells += [(end, part.strip()) for part in parts[1:]]
            # Without a word on it, a table has as many columns as its first line has cells.
            columns = columns or len(cells)
            self.lines[end] = ""
        else:
            end = len(self.lines) - 1
        for begin in range(0, len(cells), max(1, columns)):
            chosen = cells[begin : begin + max(1, columns)]
            # Two rows may begin in one line; the second goes on in the first.
            line = row(*(cell for _, cell in chosen))
            place = chosen[0][0]
            self.lines[place] = f"{self.lines[place]}, {line[1:]}" if self.lines[place] else line
        return end + 1


def _signature(bracket: str) -> str:
    """Return who is quoted, and where, of "quote, Ros Dunlin, Strand Magazine, May 1995"."""
    _, _, by = bracket.partition(",")
    return by.replace('"', "").strip(" ,")


def _columns(bracket: str) -> int:
    """Return how many columns a bracket gives a table; 0 where it says nothing of them."""
    found = re.search(r"cols=\"?([^\"\]]{1,200})\"?", bracket)
    if not found:
        return 0
    repeated = re.match(r"\s*(\d{1,2})\s*\*", found[1])
    return int(repeated[1]) if repeated else len(re.split(r"[,;]", found[1].split('"')[0]))


def _take_off_inline(text: str, attributes: dict[str, str]) -> str:
    if "{" in text:
        text = _NAMED.sub(lambda found: attributes.get(found[1].lower(), found[0]), text)
    if "[" in text:
        text = _FOOTNOTE.sub(lambda found: breaks(found[0]), text)
        text = _INLINE_IMAGE.sub("", text)
        text = _LINK.sub(lambda found: _LINK_OPTIONS.sub("", found[1]).strip('"'), text)
        text = _INLINE_MACRO.sub(r"\1", text)
        text = _ANCHOR.sub("", text)
        text = _ROLE.sub("", text)
    if "<<" in text:
        text = _CROSS.sub(lambda found: (found[2] or "") or breaks(found[0]), text)
    if "#" in text:
        text = _SPAN.sub(r"\2", text)
    if "`" in text:
        text = _CURLY.sub(lambda found: f"“{found[1]}”" if found[1] else f"‘{found[2]}’", text)  # noqa: RUF001
    return _UNCONSTRAINED.sub(r"\2", text)
