"""Markdown files: CommonMark with tables, their inline marks taken off."""

from __future__ import annotations

import functools
import re
from bisect import bisect_left
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

from linernotes.corpus.formats.blocks import MAX_NESTING, BlockWalk
from linernotes.corpus.formats.line_breaks import is_deliberate_break, is_list_of_labels
from linernotes.corpus.formats.site_code import take_off
from linernotes.corpus.formats.tables import add_row_rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from markdown_it.rules_core import StateCore
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

    from linernotes.corpus.formats.writer import DocumentWriter, Run

_MANY_BRACKETS = 5_000
_UNBALANCED = 100
_MANY_BREAKS = 5_000
_FOOTNOTE = re.compile(r"\[\^[^\]\s]{1,30}\]:?")
_TASK = re.compile(r"^\[[ xX]\] ")
# Marks of emphasis that the parser could not pair: "_Salt Year_****?" and "Salt_,_". One letter before stars
# is a word that somebody blanked out, letters on both sides are a name ("M*A*S*H", "snake_case").
_STRAY = re.compile(
    r"(?<![^\W_])_{1,3}(?=\S)|(?<=[^\s_])_{1,3}(?!\w)|(?<=_)_+|(?<!\S)_{1,3}(?!\S)"
    r"|(?<![\w*])\*{2,}(?=[^\s*])|(?:(?<=[^\W\d_]{2})|(?<=[.,;:!?…\"'”’)]))\*{2,}(?![\w*])"  # noqa: RUF001
)
_BREAK_TAG = re.compile(r"<br\b", re.IGNORECASE)


def read(text: str, writer: DocumentWriter) -> None:
    """Write the blocks of a Markdown text."""
    BlockWalk(writer, _runs).read(_parser().parse(take_off(text, fences=True)), text)


@functools.cache
def _parser() -> MarkdownIt:
    """Return the parser for Markdown; indented paragraphs are paragraphs, not code."""
    parser = MarkdownIt("commonmark", {"maxNesting": MAX_NESTING})
    parser.enable(["table", "strikethrough"]).disable("code")
    for name, rule in zip(
        parser.inline.ruler.get_active_rules(), parser.inline.ruler.getRules(""), strict=True
    ):
        parser.inline.ruler.at(name, _placed(rule))
    parser.core.ruler.at("inline", _parse_inline)
    add_row_rule(parser)
    return parser


def _parse_inline(state: StateCore) -> None:
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


def _placed(rule: Callable[[StateInline, bool], bool]) -> Callable[[StateInline, bool], bool]:
    """Wrap an inline rule so that its tokens know the stretch of the source that they come from.

    The parser does not say where inline tokens stand, and a line break inside a link's target, a code span or
    a tag leaves no token, so that counting breaks would lose the line.
    """

    def placed(state: StateInline, silent: bool) -> bool:
        before, begin = len(state.tokens), state.pos
        matched = rule(state, silent)
        if matched and not silent and len(state.tokens) > before:
            for token in state.tokens[before:]:
                token.meta.setdefault("place", (begin, state.pos))
        return matched

    return placed


def _runs(token: Token, first_line: int) -> list[Run]:
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
    listed = is_list_of_labels(lines)
    line = first_line
    for child in children:
        begin, end = child.meta.get("place", (None, None))
        match child.type:
            case "softbreak":
                index = bisect_left(breaks, end) - 1
                yield ("\n" if listed or is_deliberate_break(lines, index) else " ", line)
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
                yield (_without_strays(_FOOTNOTE.sub("", child.content)), line)
        # A link's opening knows the whole link, and text holds no break: the closing says where we are.
        if end is not None and child.nesting <= 0 and child.type != "text":
            line = first_line + bisect_left(breaks, end)


def _without_strays(text: str) -> str:
    """Return ``text`` without marks of emphasis that stand alone; a shrug and a name on a network stay."""
    if "**" not in text and "_" not in text:
        return text
    return _STRAY.sub(lambda found: found[0] if _is_meant(found) else "", text)


def _is_meant(found: re.Match[str]) -> bool:
    around = found.string[max(0, found.start() - 40) : found.end() + 40]
    return (
        "ツ" in around
        or re.search(r"[@/#]\w*$", found.string[max(0, found.start() - 40) : found.start()]) is not None
    )


def _code_runs(child: Token, written: str, line: int) -> Iterator[Run]:
    fence = len(child.markup)
    for index, piece in enumerate(written[fence : len(written) - fence].split("\n")):
        yield (f" {piece}" if index else piece, line + index)
