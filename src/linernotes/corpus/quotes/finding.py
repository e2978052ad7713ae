"""The way through a document: a ``Document`` comes in, and its ``Quote``s go out.

Each block is looked at once, in order, by the module that knows its form. A sentence that ends in a colon is
kept for the block behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linernotes.corpus.quotes.block_quotations import BlockQuotations
from linernotes.corpus.quotes.interviews import Interviews
from linernotes.corpus.quotes.page import SILENT_KINDS
from linernotes.corpus.quotes.paragraphs import Paragraphs
from linernotes.corpus.quotes.reading import Reading
from linernotes.models import Document, Quote

if TYPE_CHECKING:
    from linernotes.corpus.quotes.marks import Span


def find_quotes(document: Document) -> tuple[Quote, ...]:
    """Return the quotations of a document in the order of the text; their spans never overlap.

    ``speaker`` is the fullest name that the text has given by then, ``source`` the outlet; each is ``None``
    where the text does not say. The time taken grows with the length of the text alone.
    """
    reading = Reading.of(document)
    _Blocks(reading).take_all()
    return tuple(
        Quote(
            spans=each.spans,
            text=" ".join(document.text[start:end] for start, end in each.spans),
            speaker=each.speaker,
            source=each.source,
            document=document.name,
        )
        for each in reading.findings.in_order()
    )


class _Blocks:
    """Gives each block to the part that knows its form."""

    def __init__(self, reading: Reading) -> None:
        self._page = reading.page
        self._interviews = Interviews(reading)
        self._block_quotations = BlockQuotations(reading, self._interviews)
        self._paragraphs = Paragraphs(reading)

    def take_all(self) -> None:
        index = 0
        lead: Span | None = None
        while index < len(self._page.blocks):
            index, lead = self._take(index, lead)

    def _take(self, index: int, lead: Span | None) -> tuple[int, Span | None]:
        """Take a block, and return the number of the next one and the lead-in for it."""
        block = self._page.blocks[index]
        if self._interviews.has_turns(index):
            self._interviews.take(index)
            return index + 1, None
        if block.kind in SILENT_KINDS:
            return index + 1, None
        if self._page.is_block_quote(index):
            return self._block_quotations.take_quote(index, lead), None
        if lead is not None and self._block_quotations.is_plain(index):
            following = self._block_quotations.take_plain(index, lead)
            if following is None:
                self._take_text(index, None)
            return following or index + 1, None
        if not self._block_quotations.take_credit(index):
            self._take_text(index, lead)
        return index + 1, self._page.lead(block)

    def _take_text(self, index: int, lead: Span | None) -> None:
        if self._page.marked[index]:
            self._paragraphs.take(index, lead)
        else:
            self._block_quotations.take_credited(index)
