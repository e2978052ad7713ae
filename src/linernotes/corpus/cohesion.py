"""What belongs together: a document's sentences, each with what it has to do with the one before it.

A quotation stays with its lead-in and its speaker's name, a question with its reply, a short list with the
line that introduces it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from linernotes.corpus.sentences import ALNUM, CLOSE, ENDS, find_sentences, join_bare, strip

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from linernotes.corpus.sentences import Span
    from linernotes.models import Block, Document, Quote

_LEADS_IN = re.compile(rf"[:：]{CLOSE}$")  # noqa: RUF001  the full-width colon is meant
_ASKS = re.compile(rf"[?？]{CLOSE}$")  # noqa: RUF001
_NAME_LINE = re.compile(r"(?:[-—–―⸺]|--)\s?[^\W\d_](?:\S*\s){0,8}\S*")  # noqa: RUF001  the dashes are meant
_TURN = re.compile(r"[A-Z][\w.\u2019'-]*(?: [A-Z&][\w.\u2019'-]*){0,3}:\s")
_SHORT_LINE = 240
_SHORT_ITEM = 25
# "OF: She rang me." says nothing without the question.
_SHORT_REPLY = 60


@dataclass(frozen=True, slots=True)
class Piece:
    """A sentence to be.

    ``tied`` and ``asks`` are the sentence's; ``held`` asks for the passage of the piece before; ``opens``
    is the kind of the block that begins here.
    """

    start: int
    end: int
    tied: bool = False
    held: bool = False
    opens: str = ""
    asks: bool = False


class _Quoted:
    """The quotations' extents, to be asked by offset."""

    def __init__(self, quotes: Sequence[Quote]) -> None:
        extents = sorted((quote.spans[0][0], quote.spans[-1][1]) for quote in quotes if quote.spans)
        self.starts = [start for start, _ in extents]
        # The furthest end so far: extents may lie within one another.
        self.reach: list[int] = []
        for _, end in extents:
            self.reach.append(max(end, self.reach[-1]) if self.reach else end)

    def start_in(self, start: int, end: int) -> bool:
        """Say whether a quotation starts in ``[start, end)``."""
        return bisect_left(self.starts, start) < bisect_left(self.starts, end)

    def hold(self, before: int, after: int) -> bool:
        """Say whether one quotation has text before the offset ``before`` and after the offset ``after``."""
        index = bisect_left(self.starts, before) - 1
        return index >= 0 and self.reach[index] > after


def sections(
    document: Document, quotes: Sequence[Quote], questions: Sequence[Span] = ()
) -> Iterator[tuple[str | None, list[Piece]]]:
    """Give the pieces under each heading, with the path of headings; ``questions`` are an interviewer's."""
    path: list[tuple[int, str]] = []
    quoted = _Quoted(quotes)
    asked = tuple(sorted(questions))
    binder = _Binder(document.text, quoted, asked)
    for block in document.blocks:
        if block.kind == "heading":
            if binder.pieces:
                yield _path(path), _tie_short_lists(document.text, binder.pieces)
                binder = _Binder(document.text, quoted, asked)
            title = " ".join(document.text[block.start : block.end].split())
            path = [*(above for above in path if above[0] < block.level), (block.level, title)]
        else:
            binder.add(block, _spans(document, block))
    if binder.pieces:
        yield _path(path), _tie_short_lists(document.text, binder.pieces)


def _path(path: Sequence[tuple[int, str]]) -> str | None:
    return " > ".join(title for _, title in path) or None


def _spans(document: Document, block: Block) -> list[Span]:
    text, start, end = document.text, block.start, block.end
    if block.kind == "row":
        return join_bare(text, [(start, end)])
    if block.kind == "code":
        lines = (line.span() for line in re.finditer(r"[^\n]+", text[start:end]))
        spans = (strip(text, start + low, start + high) for low, high in lines)
        return [span for span in spans if ALNUM.search(text, *span)]
    return find_sentences(text, start, end, document.language)


class _Binder:
    """Collects the pieces of a section and says what each has to do with the one before it."""

    def __init__(self, text: str, quoted: _Quoted, asked: Sequence[Span]) -> None:
        self.text = text
        self.asked = asked
        self.asked_starts = [start for start, _ in asked]
        self.quoted = quoted
        self.pieces: list[Piece] = []
        self.kind = ""
        self.line: Piece | None = None

    def add(self, block: Block, spans: Sequence[Span]) -> None:
        """Add the sentences of a block."""
        for index, (start, end) in enumerate(spans):
            piece = Piece(start, end, opens="" if index else block.kind, asks=self._is_asked(start, end))
            begins_line = True
            if self.pieces:
                before = self.pieces[-1]
                begins_line = "\n" in self.text[before.end : start]
                tied = self._is_tied(before, piece, block.kind)
                held = tied or (begins_line and self._is_held(before, piece))
                piece = replace(piece, tied=tied, held=held)
            if begins_line:
                self.line = piece
            self.kind = block.kind
            self.pieces.append(piece)

    def _is_asked(self, start: int, end: int) -> bool:
        """Say whether an interviewer says this; the label stands before what is said."""
        at = bisect_left(self.asked_starts, end) - 1
        return at >= 0 and self.asked[at][1] > start

    def _is_exchange(self, before: Piece, piece: Piece) -> bool:
        """Say whether this is a short reply to what was just asked, or goes on with a question."""
        if not before.asks:
            return False
        if piece.asks:
            at = bisect_left(self.asked_starts, piece.end) - 1
            start, end = self.asked[at]
            return start < before.end and end - start <= _SHORT_LINE
        return piece.end - piece.start <= _SHORT_REPLY and not self.quoted.hold(piece.end - 1, piece.end + 2)

    def _is_tied(self, before: Piece, piece: Piece, kind: str) -> bool:
        """Say whether both stand in one quotation, or one introduces the other or names its speaker."""
        if self._is_exchange(before, piece):
            return True
        last, line = self.text[before.start : before.end], self.text[piece.start : piece.end]
        leads_in = _LEADS_IN.search(last) is not None
        if _NAME_LINE.fullmatch(line):
            quoted = self.quoted.hold(before.end, before.start) or last[-1] in "\"'\u2019”»"
            if quoted or self.kind == "quote":
                return True
        if kind == "quote":
            return not piece.opens or (self.kind != "quote" and (leads_in or not ENDS.search(last)))
        return self.quoted.hold(before.end, piece.start) or (
            leads_in and self.quoted.start_in(piece.start, piece.start + 3)
        )

    def _is_held(self, before: Piece, piece: Piece) -> bool:
        """Say whether the line before asks for this one: by a colon, or as a short question, turn, title."""
        if _LEADS_IN.search(self.text, before.start, before.end):
            return True
        first = self.line or before
        # A line that is held itself is the reply.
        if first.held or before.end - first.start > _SHORT_LINE:
            return False
        line = self.text[first.start : before.end]
        turn, next_turn = _TURN.match(line), _TURN.match(self.text, piece.start, piece.end)
        replies = turn is not None and next_turn is not None and turn[0] != next_turn[0]
        unfinished = self.kind == "paragraph" and not ENDS.search(line)
        return replies or unfinished or _ASKS.search(line) is not None


def _tie_short_lists(text: str, pieces: list[Piece]) -> list[Piece]:
    """Tie the items of a short list to the line that introduces it: a bare name says nothing alone."""
    begin = 0
    while begin < len(pieces):
        end = begin = begin + 1
        while (
            end < len(pieces)
            and pieces[end].opens == "item"
            and pieces[end].end - pieces[end].start <= _SHORT_ITEM
        ):
            end += 1
        lead = pieces[begin - 1]
        whole = end == len(pieces) or pieces[end].opens not in {"item", ""}
        short = pieces[end - 1].end - lead.end <= _SHORT_LINE
        if begin < end and whole and short and _LEADS_IN.search(text, lead.start, lead.end):
            pieces[begin:end] = [replace(item, tied=True, held=True) for item in pieces[begin:end]]
        begin = max(begin, end - 1)
    return pieces
