"""A document made ready: a ``Document`` comes in, and a ``Page`` goes out.

A page knows the marked text of each block, the text with all of that blanked, so that what others say is not
read for an attribution, and where sentences begin in what is left.
"""

# ruff: noqa: RUF001  typographic marks are what this is about
from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linernotes.corpus.quotes.marks import Marks, Pair, Span, strip
from linernotes.corpus.quotes.patterns import (
    CAPITALISED,
    COLON_AT_END,
    DASH,
    SHORT_TITLES,
    WORD,
    capitalised,
)
from linernotes.corpus.quotes.vocabulary import NO_FIRST_NAMES, SAYING_VERBS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.corpus.quotes.marks import OpenMark
    from linernotes.models import Block, Document

BLANK = "~"
"""Stands for each character that is not to be read."""

REACH = 400
"""How far a sentence is looked at, in characters: longer ones are lists or lost marks, and cost time."""

SILENT_KINDS = frozenset({"heading", "code", "row"})
"""Blocks in which nobody speaks."""

# The longest nicknames have two or three words ("Killer Mike"); as much is looked at on both sides.
_NICKNAME_REACH = 30
_NAME_BEFORE = re.compile(rf"(?:^|[\s(]){CAPITALISED} $")
_NAME_AFTER = re.compile(rf" {CAPITALISED}")
# "Ida Vane (born April 7, 1915) was a singer": how an encyclopedia begins.
_ABSTRACT = re.compile(
    rf"(?:The )?{capitalised(5)} \([^()\n]{{0,200}}\)[^.\n]{{0,40}}? (?:is|was|are|were) (?:an?|the|one)\b"
)
_NICKNAME = re.compile(capitalised(3))

_KEPT_ENDINGS = ".?!…,"
_BOUND = re.compile(rf"(?<![.!?…])[.!?…]+[\"'”’»)\]]*\s+(?=[\"“„‘'«»(\[]*(?:[^\W_a-zß-ÿ]|{BLANK}))|\n+")
_NO_BOUND = re.compile(rf"(?:\b(?:{SHORT_TITLES}|feat|ft|vs|No|Vol|ca)|(?<![\w.])[A-Z]|\b[A-Z]\.[A-Z])\.$")
# Longer than any abbreviation that ends in a full stop and no sentence.
_ABBREVIATION = 8
# A block has at most a few blanks behind its colon.
_COLON_TAIL = 4


@dataclass(frozen=True, slots=True)
class Marked:
    """Marked text: what it holds, block by block, its outer marks, and the block that it ends in."""

    spans: tuple[Span, ...]
    open: int
    close: int
    last: Block


class Page:
    """A document's text and blocks, with what is marked and where sentences begin.

    ``marked`` has a list for each block. ``masked`` is the text with marked text, headings, code and block
    quotes blanked, of the same length.
    """

    def __init__(self, document: Document) -> None:
        """Pair the marks of ``document`` and find its sentences."""
        self.text = document.text
        self.blocks = [block for block in document.blocks if block.start < block.end]
        self.marked: list[list[Marked]] = [[] for _ in self.blocks]
        self._inline: set[int] = set()
        self._pair()
        self._pass_abstracts()
        self.masked = self._mask()
        self._bounds = self._find_bounds()

    def is_block_quote(self, index: int) -> bool:
        """Say whether a block is a quotation as a whole, and no quote block in which marks tell what is."""
        return self.blocks[index].kind == "quote" and index not in self._inline

    def lead(self, block: Block) -> Span | None:
        """Return the sentence of a block that introduces what follows, if its last one does."""
        if not COLON_AT_END.search(self.masked, max(block.start, block.end - _COLON_TAIL), block.end):
            return None
        return self.sentence_start(block.end - 1, block.start), block.end

    # Sentences

    def sentence_start(self, at: int, floor: int) -> int:
        """Return where the sentence begins that the offset ``at`` stands in or after."""
        return max(self._bounds[bisect_left(self._bounds, at + 1) - 1], floor, at - REACH)

    def sentence_end(self, at: int, limit: int) -> int:
        """Return where the sentence ends that goes on at ``at``, or that begins there at once."""
        skip = at
        while skip < limit and self.masked[skip] in " ,":
            skip += 1
        return min(self.next_bound(skip), limit, at + REACH)

    def next_bound(self, at: int) -> int:
        """Return where the first sentence behind ``at`` begins, or the end of the text."""
        index = bisect_left(self._bounds, at + 1)
        return self._bounds[index] if index < len(self._bounds) else len(self.masked)

    def sentences_before(self, at: int, most: int) -> list[Span]:
        """Return the sentence that ``at`` stands in, as far as that, and those before: the nearest first."""
        index = bisect_left(self._bounds, at + 1)
        starts = self._bounds[max(0, index - most) : index]
        return list(zip(starts, [*starts[1:], at], strict=True))[::-1]

    # Marks, and the text without what stands in them

    def _pair(self) -> None:
        """Pair the marks of each block, and join what is opened again at the head of the next paragraph."""
        carried: list[Span] = []
        opened, owner = 0, -1
        for index, block in enumerate(self.blocks):
            if block.kind in SILENT_KINDS:
                carried = []
                continue
            marks = Marks(self.text, block.start, block.end)
            pairs = [pair for pair in marks.outer() if not self._is_nickname(pair, block)]
            if marks.lost >= 0 and not carried and self._is_said_before(marks.lost, block):
                # The opening mark is lost: what stands before, from the paragraph's beginning, is said.
                pairs.insert(0, Pair(block.start, block.start, marks.lost, marks.lost + 1))
            reopened = any(each.at == block.start for each in marks.unclosed)
            onward = self._goes_on(index, marks.unclosed)
            if carried and not reopened and pairs and pairs[0].open == block.start:
                first = pairs.pop(0)
                spans = (*carried, (first.start, first.end))
                self.marked[owner].append(Marked(spans, opened, first.close, block))
                carried = []
            if onward is not None:
                pairs = [pair for pair in pairs if pair.close <= onward]
                if not carried:
                    owner, opened = index, onward
                carried.append(strip(self.text, onward + 1, block.end))
            elif carried and reopened:
                # The last paragraph was never closed: it ends with its block.
                spans = (*carried, strip(self.text, block.start + 1, block.end))
                self.marked[owner].append(Marked(spans, opened, block.end, block))
                carried, pairs = [], []
            self.marked[index] += [
                Marked(((pair.start, pair.end),), pair.open, pair.close, block) for pair in pairs
            ]
            if block.kind == "quote" and pairs and pairs[0].open == block.start:
                rest = self.text[pairs[-1].close : block.end].strip()
                if len(pairs) > 1 or (rest and not DASH.match(rest)):
                    self._inline.add(index)

    def _is_said_before(self, at: int, block: Block) -> bool:
        """Say whether "says X" or "X says" stands behind the mark at ``at``."""
        words = WORD.findall(self.text[at + 1 : min(block.end, at + 1 + _NICKNAME_REACH)].split(".")[0])
        behind = self.text[at + 1 : at + 2]
        return at - block.start < REACH and behind == " " and not SAYING_VERBS.isdisjoint(words[:3])

    def _pass_abstracts(self) -> None:
        """Let a block quote that says what somebody or something is count as text: it is nobody's words."""
        passes = False
        for index, block in enumerate(self.blocks):
            begins = block.kind == "quote" and (index == 0 or self.blocks[index - 1].kind != "quote")
            if begins:
                passes = _ABSTRACT.match(self.text, block.start, block.end) is not None
            if passes and block.kind == "quote":
                self._inline.add(index)

    def _goes_on(self, index: int, unclosed: Sequence[OpenMark]) -> int | None:
        """Return where a quotation opens that the next block, opening its marks again, goes on with."""
        if not unclosed or index + 1 >= len(self.blocks):
            return None
        block, following = self.blocks[index], self.blocks[index + 1]
        if following.kind != block.kind or block.kind == "quote":
            return None
        each = unclosed[0] if unclosed[0].at == block.start else unclosed[-1]
        if self.text[following.start] not in {self.text[each.at], "»" if each.kind == "«" else each.kind}:
            return None
        return each.at

    def _is_nickname(self, pair: Pair, block: Block) -> bool:
        """Say whether marks stand within a name: Michael "Killer Mike" Render."""
        before = self.text[max(block.start, pair.open - _NICKNAME_REACH) : pair.open]
        after = self.text[pair.close : min(block.end, pair.close + _NICKNAME_REACH)]
        inside = self.text[pair.start : pair.end]
        return (
            len(inside) < _NICKNAME_REACH
            and _NAME_BEFORE.search(before) is not None
            and _NAME_AFTER.match(after) is not None
            and _NICKNAME.fullmatch(inside) is not None
            and before.split()[-1].casefold() not in NO_FIRST_NAMES
        )

    def _mask(self) -> str:
        """Return the text with what others say, headings and code blanked, of the same length."""
        spans = [span for marks in self.marked for each in marks for span in each.spans]
        spans += [
            (block.start, block.end)
            for index, block in enumerate(self.blocks)
            if block.kind in SILENT_KINDS or self.is_block_quote(index)
        ]
        parts: list[str] = []
        at = 0
        for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
            if at <= start < end:
                last = self.text[end - 1]
                parts += self.text[at:start], BLANK * (end - start - 1)
                parts.append(last if last in _KEPT_ENDINGS else BLANK)
                at = end
        parts.append(self.text[at:])
        return "".join(parts)

    def _find_bounds(self) -> list[int]:
        """Return where sentences begin, roughly, marked text counting as nothing."""
        found = [0]
        for match in _BOUND.finditer(self.masked):
            start = match.start()
            if match[0][0] == "\n" or not _NO_BOUND.search(
                self.masked, max(0, start - _ABBREVIATION), start + 1
            ):
                found.append(match.end())
        return found
