"""What Markdown and plain text share: markdown-it's tokens -> headings, paragraphs, quotes, items, rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linernotes.corpus.formats.html_text import HtmlText
from linernotes.corpus.formats.line_breaks import CLOSING_MARKS, ENDS_SENTENCE, LONG_NAME, STARTS_LINE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from markdown_it.token import Token

    from linernotes.corpus.formats.writer import DocumentWriter, Run
    from linernotes.models import BlockKind

MAX_NESTING = 60
_LONG_HEADING = 15
_OPENS_HEADER = re.compile(r"\s*<(?:hgroup|header)\b(?!.*</(?:hgroup|header)>)", re.IGNORECASE | re.DOTALL)
_BELOW_HEADING = frozenset(
    "paragraph_open bullet_list_open ordered_list_open blockquote_open table_open tr_open html_block".split()
)
# A short line that begins with a capital or a year and ends as no sentence does.
_BARE_HEADING = re.compile(r"[\"“']?[A-Z\d][^\n|]{0,60}[\w)\"”']")
_LONGEST_BARE = 70
_SECTION = re.compile(
    r"(?:references?|notes?|footnotes|citations|external links?|see also|further reading|bibliography|sources"
    r"|track ?list(?:ing)?s?|personnel|credits|charts?|chart performance|weekly charts|year-end charts"
    r"|music video|background|composition|reception|critical reception|release|recording|production"
    r"|cover versions|other versions"
    r"|legacy|history|discography|awards|certifications|career|early life|biography|lyrics|formats)",
    re.IGNORECASE,
)
_CAPITALS = 4


@dataclass(slots=True)
class _List:
    ordered: bool
    keep: bool = False


class BlockWalk:
    """Goes through the parser's tokens and writes a block for each that holds text."""

    def __init__(self, writer: DocumentWriter, runs: Callable[[Token, int], list[Run]]) -> None:
        """Write to ``writer``; ``runs`` gives the text of an inline token that begins in a line."""
        self.writer = writer
        self.runs = runs
        self.quotes = 0
        self.lists: list[_List] = []
        self.marker = ""
        self.row: list[Run] = []
        self.cells: list[bool] = []
        self.held: list[tuple[BlockKind, int, list[Run]]] = []
        self.bare = BareHeadings([], "")

    def read(self, tokens: Sequence[Token], source: str) -> None:
        """Write the blocks of a whole text; ``source`` is the text before anything was taken off."""
        self.bare = BareHeadings(tokens, source)
        for index, token in enumerate(tokens):
            match token.type:
                case "inline":
                    self._inline(tokens, index)
                case "fence":
                    self.writer.code(token.content, _first_line(token) + 1)
                case "html_block":
                    self._html(tokens, index)
                case "tr_open":
                    self.row, self.cells = [], []
                case "tr_close":
                    # A row of links alone is a menu.
                    if len(self.cells) < 2 or not all(self.cells):  # noqa: PLR2004  one link is no menu
                        self.writer.block("row", self.row)
                case _:
                    self._nest(tokens, index)

    def _nest(self, tokens: Sequence[Token], index: int) -> None:
        if tokens[index].level >= MAX_NESTING - 1:
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

    def _inline(self, tokens: Sequence[Token], index: int) -> None:  # noqa: C901  kind after kind
        opening, token = tokens[index - 1], tokens[index]
        runs = self.runs(token, _first_line(token))
        if opening.type in {"td_open", "th_open"}:
            if any(text.strip() for text, _ in runs):
                self.cells.append(_is_link(token))
                runs = [*runs[:-1], (runs[-1][0].rstrip(), runs[-1][1])]
                # The comma joins the cells of a row; it goes with the cell before it.
                self.row += [(", ", runs[0][1]), *runs] if self.row else runs
            return
        if _is_picture(token):
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
            for kind, level, text in self.held:
                self.writer.block(kind, text, level)
            self.held = []
        elif opening.type == "paragraph_open" and (
            _is_bold_heading(tokens, index) or self.bare.is_one(index)
        ):
            self.writer.block("heading", runs, 6)
        else:
            self._paragraph(token, runs)

    def _paragraph(self, token: Token, runs: list[Run]) -> None:
        """Write a paragraph; of one that begins with a bold question, the question is a block of its own."""
        cut = _bold_question(token)
        if cut is None:
            self.writer.block("paragraph", runs)
            return
        begin, reply = _cut_runs(runs, cut)
        self.writer.block("paragraph", begin, voice="asks")
        self.writer.block("paragraph", reply, voice="replies")

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
        quoted = kind == "quote" or text.endswith(CLOSING_MARKS)
        name = bool(STARTS_LINE.match(content.lstrip("*_["))) and len(content.split()) <= LONG_NAME
        return quoted and name and not ENDS_SENTENCE.search(content)

    def _html(self, tokens: Sequence[Token], index: int) -> None:
        token = tokens[index]
        found = HtmlText(_first_line(token)).read(token.content)
        following = tokens[index + 1].type if index + 1 < len(tokens) else None
        if _OPENS_HEADER.match(token.content) and following == "heading_open" and not self.quotes:
            # A date above the heading, in one group with it, belongs to what the heading begins.
            self.held = found
            return
        for kind, level, runs in found:
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
    """Say whether a paragraph is nothing but a few bold words above something else: a heading in effect.

    Emphasis may stand within them: ``**Artist - _Album_**``.
    """
    token = tokens[index]
    words = "".join(text for text, bold in _weights(token) if bold).strip(" *_")
    if not words or any(text.strip(" *_") for text, bold in _weights(token) if not bold):
        return False
    following = tokens[index + 2].type if index + 2 < len(tokens) else None
    return (
        following in _BELOW_HEADING
        and "\n" not in token.content
        and len(words.split()) <= LONG_NAME
        and not re.search(r"[.!?…:;,\"“”]", words)
    )


def _weights(token: Token) -> Iterator[tuple[str, bool]]:
    """Give the text of a paragraph piece by piece, each with whether it is bold."""
    bold = 0
    for child in token.children or ():
        match child.type:
            case "strong_open":
                bold += 1
            case "strong_close":
                bold -= 1
            case "softbreak" | "hardbreak":
                yield "\n", bold > 0
            case "text" | "code_inline":
                yield child.content, bold > 0


def _bold_question(token: Token) -> int | None:
    """Return how many visible characters the bold question has that a paragraph begins with, if it does."""
    if "?" not in token.content or not any(mark in token.content for mark in ("**", "__")):
        return None
    count, asked = 0, ""
    for text, bold in _weights(token):
        if not bold and text.strip(" *_?\n"):
            break
        # Stars that the parser could not pair stand here still, and will not be seen.
        asked += text
        count += sum(not char.isspace() and char not in "*_" for char in text)
    asked = asked.strip(" *_\n")
    is_question = asked.endswith("?") and len(asked.split()) > 1 and any(bold for _, bold in _weights(token))
    return count if is_question else None


def _cut_runs(runs: Sequence[Run], count: int) -> tuple[list[Run], list[Run]]:
    """Return the runs up to the ``count``-th character that is no white space, and those behind it."""
    for index, (text, line) in enumerate(runs):
        for at, char in enumerate(text):
            if count <= 0:
                return [*runs[:index], (text[:at], line)], [(text[at:], line), *runs[index + 1 :]]
            count -= not char.isspace() and char not in "*_"
    return list(runs), []


def _is_link(token: Token) -> bool:
    """Say whether all that is seen of a cell is links."""
    depth = 0
    seen = False
    for child in token.children or ():
        depth += (child.type == "link_open") - (child.type == "link_close")
        if child.type in {"text", "code_inline"} and child.content.strip(" ·|-•"):
            if not depth:
                return False
            seen = True
    return seen


def _is_picture(token: Token) -> bool:
    """Say whether a block has nothing but pictures, with or without links around them."""
    children = [child for child in token.children or () if child.type not in {"softbreak", "hardbreak"}]
    texts = (child.content for child in children if child.type in {"text", "code_inline"})
    return any(child.type == "image" for child in children) and not any(map(str.strip, texts))


class BareHeadings:
    """Tells which lines of a page that was copied as text were headings: nothing marks them any more.

    Such a page has two blank lines or more above a heading. Capitals alone, and the usual names of its
    sections, are headings below one blank line too. A text with headings that are marked has no others.
    """

    def __init__(self, tokens: Sequence[Token], source: str) -> None:
        """Look at the parser's tokens and at the text as it was written."""
        self._tokens = tokens
        self._lines = source.split("\n")
        # Underlined or with "#": one is a title, two are a habit.
        self._marked = sum(token.type == "heading_open" for token in tokens) > 1

    def is_one(self, index: int) -> bool:
        """Say whether the paragraph of the inline token at ``index`` is a heading."""
        token = self._tokens[index]
        if self._marked or token.level != 1 or token.map is None or len(token.content) > _LONGEST_BARE:
            return False
        if "\n" in token.content:
            return False
        text = token.content.strip()
        if (
            not _BARE_HEADING.fullmatch(text)
            or len(text.split()) > LONG_NAME
            or not self._is_above_prose(index)
        ):
            return False
        line = token.map[0]
        above = 0
        while above < line and not self._lines[line - above - 1].strip():
            above += 1
        if _SECTION.fullmatch(text) or (text.isupper() and sum(map(str.isalpha, text)) >= _CAPITALS):
            return line > 0
        return line > above > 1

    def _is_above_prose(self, index: int) -> bool:
        """Say whether what follows is no other short line, as in a list."""
        tokens = self._tokens
        following = tokens[index + 2] if index + 2 < len(tokens) else None
        if following is None or following.type != "paragraph_open":
            return True
        text = tokens[index + 3].content.strip()
        if _SECTION.fullmatch(tokens[index].content.strip()):
            return True
        return (
            len(text.split()) > LONG_NAME
            or ENDS_SENTENCE.search(text) is not None
            or bool(_SECTION.fullmatch(text))
        )
