"""Quotations without marks: a block comes in, and the quotation that it is or begins goes to the findings.

Those are block quotes, paragraphs after a lead-in that ends in a colon, and paragraphs with a line below that
names who said it. The line may be a block of its own.
"""

# ruff: noqa: RUF001  typographic marks are what this is about
from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from linernotes.corpus.quotes.credit_lines import Credit
from linernotes.corpus.quotes.findings import Said
from linernotes.corpus.quotes.marks import strip
from linernotes.corpus.quotes.names import split_name
from linernotes.corpus.quotes.page import BLANK
from linernotes.corpus.quotes.patterns import COLON_AT_END, RUN, WORD

if TYPE_CHECKING:
    from linernotes.corpus.quotes.interviews import Interviews
    from linernotes.corpus.quotes.marks import Span
    from linernotes.corpus.quotes.reading import Reading

# One or two words after a lead-in are the name of what follows, and nothing that anybody says.
_FEWEST_WORDS = 3
# A mark on both sides, and something between them; or one mark, and something behind it.
_SHORTEST_MARKED, _SHORTEST_OPENED = 3, 2

_CALLOUT = re.compile(
    r"\s*(?:\[!\w+\]|(?:Note|Tip|Warning|Important|Caution|Update|Editor.s note|TL;DR)\b\s*:)", re.IGNORECASE
)
_FIRST_PERSON = re.compile(r"\b(?:I|[Ww]e|[Mm]y|[Oo]ur|[Mm]e|us|[Yy]ou|[Yy]our)\b")
_THIRD_PERSON = re.compile(r"\b(?:he|she) (?:said|says)\b")
_SENTENCE_BEFORE_DASH = re.compile(r"[.!?…][\"”’»]?\s+(?=[—–―]\s?\S)")
# What may stand between a quotation and the line that names its speaker.
_BEFORE_CREDIT = f'{BLANK}. "”'


class BlockQuotations:
    """Takes the quotations that are whole blocks."""

    def __init__(self, reading: Reading, interviews: Interviews) -> None:
        """Take what is known of the document, and which blocks are an interview's."""
        self._reading = reading
        self._interviews = interviews
        self._page = reading.page
        self._text = reading.page.text

    def take_quote(self, index: int, lead: Span | None) -> int:
        """Take a block quote, of one block or several, and return the number of the block behind it.

        ``lead`` is the sentence before it that ends in a colon.
        """
        told = self._reading.attributions.introducing(*lead) if lead is not None else None
        speaker = self._reading.speakers.who(told)
        source = self._reading.outlets.said_in(lead) if lead is not None else None
        spans: list[Span] = []
        begin, closed = self._page.blocks[index].start, False
        while index < len(self._page.blocks) and self._page.is_block_quote(index):
            credit = self._credit_below(index, named=bool(spans))
            if credit is not None and spans:
                speaker, source = credit.speaker, credit.source or source
                index += 1
                break
            if closed:
                break
            block = self._page.blocks[index]
            span, credit = self._unwrap(index)
            index += 1
            if _CALLOUT.match(self._text, *span) or not WORD.search(self._text, *span):
                continue
            spans.append(span)
            if credit is not None:
                speaker, source = credit.speaker, credit.source or source
                break
            closed = span[1] < block.end and self._text[span[1]] in '"”»'
        if spans:
            self._add(spans, begin, speaker, source)
        return index

    def is_plain(self, index: int) -> bool:
        """Say whether a block is a paragraph that may be a quotation without marks."""
        block = self._page.blocks[index]
        text = self._text[block.start : block.end]
        wrapped = any(mark.open == block.start for mark in self._page.marked[index])
        long = len(text.split()) >= _FEWEST_WORDS
        return block.kind == "paragraph" and not wrapped and long and not COLON_AT_END.search(text)

    def take_plain(self, index: int, lead: Span) -> int | None:
        """Take a paragraph without marks after a lead-in, and those after it in the same voice.

        Return the number of the block behind them, or ``None`` if the lead-in does not say that anybody
        speaks.
        """
        told = self._reading.attributions.introducing(*lead)
        if told is None:
            return None
        speaker, source = self._reading.speakers.who(told), self._reading.outlets.said_in(lead)
        block = self._page.blocks[index]
        personal = _FIRST_PERSON.search(self._text, block.start, block.end) is not None
        spans: list[Span] = []
        while True:
            span, credit = self._unwrap(index)
            spans.append(span)
            index += 1
            if credit is not None:
                speaker, source = credit.speaker or speaker, credit.source or source
                break
            if not (personal and index < len(self._page.blocks) and self._is_same_voice(index, speaker)):
                break
        self._add(spans, lead[0], speaker, source)
        return index

    def take_credit(self, index: int) -> bool:
        """Take a block that only names the speaker of the quotation before; say whether it is one."""
        block = self._page.blocks[index]
        credit = self._reading.credit_lines.read(block.start, block.end)
        if credit is None:
            return False
        last = self._reading.findings.last
        previous = self._page.blocks[index - 1] if index else None
        if last is not None and previous is not None and previous.start <= last.spans[-1][0]:
            between = self._page.masked[last.close : previous.end]
            if not between.strip(_BEFORE_CREDIT):
                said = replace(last, speaker=credit.speaker, source=credit.source or last.source)
                self._reading.findings.replace_last(said)
        return True

    def take_credited(self, index: int) -> None:
        """Take a paragraph whose last line names, after a dash, who says the lines before."""
        block = self._page.blocks[index]
        cut = self._text.rfind("\n", block.start, block.end)
        if cut > 0 and block.kind == "paragraph":
            credit = self._reading.credit_lines.read(cut + 1, block.end)
            if credit is not None and credit.speaker:
                span = strip(self._text, block.start, cut)
                self._reading.findings.add(Said((span,), credit.speaker, credit.source, cut, block.end))

    def _add(self, spans: list[Span], at: int, speaker: str | None, source: str | None) -> None:
        end = spans[-1][1]
        self._reading.findings.add(Said(tuple(spans), speaker, source, end, end))
        if speaker:
            self._reading.findings.note_speaker(at, speaker)

    def _credit_below(self, index: int, *, named: bool) -> Credit | None:
        """Return whom a block of a quote names; ``named``: a name alone, without a dash, will do as well."""
        block = self._page.blocks[index]
        credit = self._reading.credit_lines.read(block.start, block.end)
        if credit is None and named and RUN.fullmatch(self._text, block.start, block.end):
            name = self._text[block.start : block.end]
            return Credit(self._reading.cast.full(name, block.start), None)
        return credit

    def _unwrap(self, index: int) -> tuple[Span, Credit | None]:
        """Return a block without its marks and the dash line at its end, and whom that names."""
        block = self._page.blocks[index]
        marks = self._page.marked[index]
        if len(marks) == 1 and marks[0].open == block.start and len(marks[0].spans) == 1:
            below = self._text[marks[0].close : block.end].strip()
            credit = self._reading.credit_lines.read(marks[0].close, block.end) if below else None
            if credit is not None or not below:
                return marks[0].spans[0], credit
        end, credit = self._cut_credit(block.start, block.end)
        start, end = strip(self._text, block.start, end)
        first, last = self._text[start], self._text[end - 1]
        if first in '"“«' and last in '"”»' and end - start >= _SHORTEST_MARKED:
            start, end = strip(self._text, start + 1, end - 1)
        elif first in '"“' and not marks and end - start >= _SHORTEST_OPENED:
            start += 1
        return (start, end), credit

    def _cut_credit(self, start: int, end: int) -> tuple[int, Credit | None]:
        """Return where a text ends without the line, or the end of its last one, that names who said it."""
        cut = self._text.rfind("\n", start, end)
        credit = self._reading.credit_lines.read(cut + 1, end) if cut > 0 else None
        if credit is not None:
            return cut, credit
        for sentence in _SENTENCE_BEFORE_DASH.finditer(self._text, start, end):
            credit = self._reading.credit_lines.read(sentence.end(), end)
            if credit is not None:
                return sentence.end(), credit
        return end, None

    def _is_same_voice(self, index: int, speaker: str | None) -> bool:
        """Say whether a paragraph goes on with what ``speaker`` says: "I" speaks, and nobody of them."""
        block = self._page.blocks[index]
        if block.kind != "paragraph" or self._page.marked[index] or self._interviews.has_turns(index):
            return False
        text = self._text[block.start : block.end]
        if not _FIRST_PERSON.search(text) or COLON_AT_END.search(text) or _THIRD_PERSON.search(text):
            return False
        names = set(split_name(speaker)) if speaker else set()
        mentions = self._reading.cast.within(block.start, block.end)
        return all(names.isdisjoint(split_name(each.name)) for each in mentions)
