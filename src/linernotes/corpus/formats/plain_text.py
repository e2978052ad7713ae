"""Plain text files: blocks as in Markdown; within a line, typists' emphasis alone is taken off.

A text that is written in reStructuredText or AsciiDoc is rewritten for this reader first.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

from linernotes.corpus.formats import asciidoc, restructured_text
from linernotes.corpus.formats.blocks import MAX_NESTING, BlockWalk
from linernotes.corpus.formats.line_breaks import STARTS_LINE, is_deliberate_break, is_list_of_labels
from linernotes.corpus.formats.site_code import take_off
from linernotes.corpus.formats.tables import add_row_rule
from linernotes.corpus.formats.typed_text import take_off_typed_marks

if TYPE_CHECKING:
    from markdown_it.token import Token

    from linernotes.corpus.formats.writer import DocumentWriter, Run


def read(text: str, writer: DocumentWriter) -> None:
    """Write the blocks of a plain text."""
    shown = text
    for language in (asciidoc, restructured_text):
        if language.is_written_in(text):
            shown = language.rewrite(text)
            break
    shown = take_off_typed_marks(take_off(shown, fences=False))
    BlockWalk(writer, _runs).read(_parser().parse(shown), text)


@functools.cache
def _parser() -> MarkdownIt:
    """Return the parser for ``.txt``: blocks only; a heading stands alone, a ``#`` in a paragraph stays."""
    parser = MarkdownIt("zero", {"maxNesting": MAX_NESTING})
    parser.enable(["blockquote", "hr", "list", "heading", "lheading"])
    rules = dict(zip(parser.block.ruler.get_active_rules(), parser.block.ruler.getRules(""), strict=True))
    parser.block.ruler.at("heading", rules["heading"], {"alt": []})
    parser.core.ruler.disable("inline")
    add_row_rule(parser)
    return parser


def _runs(token: Token, first_line: int) -> list[Run]:
    """Return the lines of a block of plain text; a line broken long before its edge stays a line."""
    lines = token.content.split("\n")
    edge = 0.6 * max(map(len, lines))
    starts = [line.split(maxsplit=1)[0] if line.strip() else "" for line in lines[1:]]
    # A wrapped line is broken where the next word no longer fits, wherever that edge is.
    early = [
        len(line) + 1 + len(word) <= edge and STARTS_LINE.match(word) is not None
        for line, word in zip(lines, starts, strict=False)
    ]
    if 2 * sum(early) >= len(starts) > 1:
        early = [STARTS_LINE.match(word) is not None for word in starts]
    if is_list_of_labels(lines):
        early = [True] * len(starts)
    runs: list[Run] = []
    for index, line in enumerate(lines):
        runs.append((f" {line} ", first_line + index))
        if index < len(early) and (early[index] or is_deliberate_break(lines, index)):
            runs.append(("\n", first_line + index))
    return runs
