"""Document -> its passages and their sentences.

Passages are paragraphs: small neighbours are merged, what belongs together stays together (``cohesion``), and
what is too long for the model is split at sentences (``sentences``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from linernotes.corpus.cohesion import Piece, sections
from linernotes.corpus.sentences import ALNUM, CLOSE, strip
from linernotes.models import Document, Passage, Quote, Sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from linernotes.corpus.sentences import Span

_CHARS_PER_TOKEN = 20
_CLAUSES = tuple(
    re.compile(mark)
    for mark in (rf"[.!?…。！？]{CLOSE}\s|\n", r"[;:]\s|\s[–—]\s", r",\s", r"\s")  # noqa: RUF001
)


@dataclass(frozen=True, slots=True)
class Division:
    """A document's passages, numbered from 1, and all their sentences, both in the order of the text."""

    passages: tuple[Passage, ...]
    sentences: tuple[Sentence, ...]


def split(
    document: Document,
    quotes: Sequence[Quote],
    questions: Sequence[Span] = (),
    *,
    count_tokens: Callable[[str], int],
    max_tokens: int,
) -> Division:
    """Divide a document into passages and sentences; nothing but headings and bare marks is left out.

    Args:
        document: the document.
        quotes: its quotations; each stays with the line that introduces it.
        questions: where an interviewer speaks; a short reply stays with the question.
        count_tokens: how many tokens the model makes of a text.
        max_tokens: the most tokens that a passage may have, counted likewise.

    Returns:
        Passages of at most ``max_tokens`` tokens, each with the path of headings above it, and sentences that
        lie within them, without white space at their ends. A sentence longer than a passage comes in pieces,
        each a sentence. The first sentence of a passage is never ``tied``.
    """
    text = document.text
    passages: list[Passage] = []
    sentences: list[Sentence] = []
    for heading, pieces in sections(document, quotes, questions):
        for part in _Packer(text, count_tokens, max_tokens).pack(pieces):
            number, start, end = len(passages) + 1, part[0].start, part[-1].end
            passages.append(Passage(document.name, number, start, end, text[start:end], heading))
            for index, each in enumerate(part):
                words, tied = text[each.start : each.end], each.tied and index > 0
                sentences.append(
                    Sentence(document.name, number, each.start, each.end, words, tied, each.asks)
                )
    return Division(tuple(passages), tuple(sentences))


class _Packer:
    """Packs pieces into parts that fit."""

    def __init__(self, text: str, count_tokens: Callable[[str], int], max_tokens: int) -> None:
        self.text = text
        self.count_tokens = count_tokens
        self.max_tokens = max_tokens

    def weigh(self, pieces: Sequence[Piece]) -> int:
        """Return how many tokens the text from the first piece to the last has."""
        start, end = pieces[0].start, pieces[-1].end
        # A tokenizer makes one unknown token of an endless word; it would seem to fit, and be lost.
        least = (end - start) // _CHARS_PER_TOKEN
        return least if least > self.max_tokens else max(least, self.count_tokens(self.text[start:end]))

    def pack(self, pieces: Sequence[Piece]) -> Iterator[Sequence[Piece]]:
        """Give the passages: paragraphs, with what is held to them and small neighbours."""
        current: list[Piece] = []
        size = 0
        for group in _runs(pieces, lambda piece: bool(piece.opens) and not piece.held):
            weight = self.weigh(group)
            # Merged passages stay well below the limit: what is embedded as one should be about one thing.
            small = min(size, weight) <= self.max_tokens // 6 or group[0].opens in {"item", "row", "quote"}
            if current and small and size + weight <= self.max_tokens * 3 // 5:
                current += group
                size += weight
            else:
                if current:
                    yield from self._fit(current)
                current, size = [*group], weight
        if current:
            yield from self._fit(current)

    def _fit(self, pieces: Sequence[Piece]) -> Iterator[Sequence[Piece]]:
        """Give the pieces in parts that fit, as even as may be, held pieces together."""
        if self.weigh(pieces) <= self.max_tokens:
            yield pieces
            return
        atoms: list[list[Piece]] = []
        for atom in _runs(pieces, lambda piece: not piece.held):
            if self.weigh(atom) <= self.max_tokens:
                atoms.append(atom)
                continue
            short = [[each] for piece in atom for each in self._shorten(piece)]
            # A lead-in still stays with the beginning of what it introduces.
            if len(atom) > 1 and self.weigh(short[0] + short[1]) <= self.max_tokens:
                short[:2] = [short[0] + short[1]]
            atoms += short
        yield from self._partition(atoms)

    def _partition(self, atoms: Sequence[Sequence[Piece]]) -> Iterator[Sequence[Piece]]:
        """Give the fewest parts in a row that fit, the largest of them as small as may be."""
        weights = [self.weigh(atom) for atom in atoms]
        low, high = max(weights), self.max_tokens
        fewest = len(_fill(weights, high))
        while low < high:
            middle = (low + high) // 2
            if len(_fill(weights, middle)) <= fewest:
                high = middle
            else:
                low = middle + 1
        for begin, end in _fill(weights, low):
            part = [piece for atom in atoms[begin:end] for piece in atom]
            if end - begin > 1 and self.weigh(part) > self.max_tokens:
                # The tokens of a text may be more than the sum of its sentences'.
                middle = (begin + end) // 2
                yield from self._partition(atoms[begin:middle])
                yield from self._partition(atoms[middle:end])
            else:
                yield part

    def _shorten(self, piece: Piece) -> Iterator[Piece]:
        """Give a piece in pieces that fit, cut near its middle: at a clause, else a space, else anywhere."""
        start, end = strip(self.text, piece.start, piece.end)
        piece = replace(piece, start=start, end=end)
        if not ALNUM.search(self.text, start, end):
            return
        size = end - start
        if size == 1 or self.weigh([piece]) <= self.max_tokens:
            yield piece
            return
        cut = middle = start + size // 2
        for mark in _CLAUSES:
            # Only the middle half: a cut near an end would leave a fragment and the same work again.
            found = [each.end() for each in mark.finditer(self.text, start + size // 4, end - size // 4)]
            if found:
                cut = min(found, key=lambda at: abs(at - middle))
                break
        yield from self._shorten(replace(piece, end=cut))
        yield from self._shorten(Piece(cut, end, tied=piece.tied, asks=piece.asks))


def _runs(pieces: Sequence[Piece], begins: Callable[[Piece], bool]) -> Iterator[list[Piece]]:
    """Give the pieces in runs; each piece that ``begins`` one starts a new run."""
    run: list[Piece] = []
    for piece in pieces:
        if run and begins(piece):
            yield run
            run = []
        run.append(piece)
    if run:
        yield run


def _fill(weights: Sequence[int], limit: int) -> list[Span]:
    """Return runs of ``weights`` that each sum to ``limit`` at most, where a single one does not pass it."""
    runs: list[Span] = []
    begin, total = 0, 0
    for index, weight in enumerate(weights):
        if total and total + weight > limit:
            runs.append((begin, index))
            begin, total = index, 0
        total += weight
    runs.append((begin, len(weights)))
    return runs
