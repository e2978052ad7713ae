"""What Markdown and plain text share: markdown-it's tokens -> headings, paragraphs, quotes, items, rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linernotes.corpus.formats.html_text import HtmlText
from linernotes.corpus.formats.line_breaks import CLOSING_MARKS, ENDS_SENTENCE, LONG_NAME, STARTS_LINE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from markdown_it.token import Token

    from linernotes.corpus.formats.writer import DocumentWriter, Run

MAX_NESTING = 60
_LONG_HEADING = 15


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

    def read(self, tokens: Sequence[Token]) -> None:
        """Write the blocks of a whole text."""
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
        quoted = kind == "quote" or text.endswith(CLOSING_MARKS)
        name = bool(STARTS_LINE.match(content.lstrip("*_["))) and len(content.split()) <= LONG_NAME
        return quoted and name and not ENDS_SENTENCE.search(content)

    def _html(self, token: Token) -> None:
        for kind, level, runs in HtmlText(_first_line(token)).read(token.content):
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
        and len(content.split()) <= LONG_NAME
        and not re.search(r"[.!?…:;,\"“”]", content)
    )
