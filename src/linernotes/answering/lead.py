"""A sentence that answers -> the lead: the one unit that a person reads first, and what it needs besides.

A sentence of a quotation comes with the rest of it and the line that introduces it, a short reply with its
question, an item with the others of its list. A sentence that leans on the one before ("He", "this") brings
that one or its heading, unless the question has said already who or what is meant.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from linernotes.answering.wanted import words_of
from linernotes.models import NOTES, Context, Lead, Span

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from linernotes.models import Passage, Quote, Sentence


class Corpus(Protocol):
    """What an answer is made of: an edition's sentences, which candidates count, its passages and names."""

    sentences: tuple[Sentence, ...]

    def passage(self, document: str, number: int) -> Passage: ...  # noqa: D102  said above

    def context(self, sentence: Sentence) -> str: ...  # noqa: D102  the headings above it, and who says it

    def is_name(self, word: str) -> bool: ...  # noqa: D102  said above

    def quotes_of(self, document: str) -> tuple[Quote, ...]: ...  # noqa: D102  said above


# A quotation is shown whole up to this length, with the line that introduces it.
LONGEST_QUOTATION = 600
# So long may a list be to be shown whole, and so long its items to be taken for a list at all.
LONGEST_LIST = 240
LONGEST_ITEM = 80
# A lead together with the sentence that it leans on may be so long; a longer one has it as its context.
LONGEST_WITH_BEFORE = 240
# A reply as short as this says little without its question.
SHORTEST_REPLY = 60
# A question longer than this is no question of an interviewer.
LONGEST_QUESTION = 240
# "Notably:" introduces a list, and says nothing without the sentence before it.
MOST_BARE_WORDS = 3

_CLOSE = "[\"'\u2019”»)\\]]*"
_ENDS = re.compile(rf"[.!?…:;]{_CLOSE}(?:\[\w+\])*$")
_ASKS = re.compile(rf"\?{_CLOSE}$")
_MARKS = re.compile(r"[\W_]*")
# What a sentence begins with that says neither who nor what.
_LEANS = re.compile(
    r"[\W_]*(?:(?:And|But|So|Then|Yet|Still|However|Later|Also|In|At|On|By|For|From|With|After|Before|Of),?"
    r"\s)?(?:he|she|they|him|her|them|his|hers|(?P<thing>its?)|their|theirs|this|that|these|those|both|such"
    r"|the former|the latter)\b",
    re.IGNORECASE,
)
# What is about the whole song, with what it does ("The song's producer" and "the record company" are others):
# an "it" that follows is that, and the title stands below the answer.
_SONG = re.compile(
    r"[\W_]*(?:the|this) (?:song|track|single|record|tune) "
    r"(?:is|was|has|had|came|went|got|made|took|won|grew|became|began|sold|[a-z]+(?:s|ed))\b",
    re.IGNORECASE,
)


def unit_of(position: int, sentences: Sequence[Sentence]) -> range:
    """Return the positions of the sentences that are shown together with this one.

    Of a quotation that is too long to be shown whole (a reply in an interview), the sentence alone, with the
    line before it where that introduces the quotation.
    """
    first = position
    while sentences[first].tied:
        first -= 1
    end = position + 1
    while end < len(sentences) and sentences[end].tied:
        end += 1
    if sentences[end - 1].end - sentences[first].start <= LONGEST_QUOTATION:
        return range(first, end)
    return range(first if position == first + 1 and introduces(sentences[first]) else position, position + 1)


def introduces(sentence: Sentence) -> bool:
    """Say whether a sentence ends in a colon."""
    return sentence.text.rstrip().endswith(":")


def find_lead(position: int, corpus: Corpus, said: Collection[str] = ()) -> Lead:
    """Return the lead that the sentence at ``position`` of the corpus makes.

    Args:
        position: the sentence that answers.
        corpus: the edition.
        said: the stems of the question's content words.
    """
    sentences = corpus.sentences
    sentence = sentences[position]
    passage = corpus.passage(sentence.document, sentence.passage)
    unit = unit_of(position, sentences)
    kind = "quotation" if len(unit) > 1 else "sentence"
    items = _list_around(position, sentences, passage) or _list_after(position, sentences, passage)
    if items is not None and (len(unit) == 1 or set(unit) <= set(items)):
        unit, kind = items, "items"
    # The line that introduces a quotation may be what answers: then the rest of the unit is quoted.
    quote = next((found for each in (position, *unit) if (found := _quote_at(sentences[each], corpus))), None)
    asked = _question_before(unit[0], sentences, quote)
    context: Context | None = None
    if quote is not None and asked is not None:
        kind = "reply"
        first = sentences[unit[0]]
        if unit[0] - 1 == asked and first.end - first.start <= SHORTEST_REPLY:
            unit = range(asked, _completed(unit, sentences))
        else:
            context = _context("question", sentences[asked])
    elif quote is not None and len(unit) > 1 and kind == "sentence":
        kind = "quotation"
    if context is None and kind == "items" and passage.heading:
        context = Context("heading", passage.heading.rsplit(" > ", 1)[-1])
    if context is None and kind != "reply":
        unit, context = _with_before(unit, sentences, passage, said)
    chosen = tuple(sentences[i] for i in unit)
    start, end = chosen[0].start, chosen[-1].end
    text = passage.text[start - passage.start : end - passage.start]
    quoted, introduction = _quoted(quote, start, end, passage)
    if quoted is None and kind in {"quotation", "reply"}:
        kind = "sentence"
    if quoted is not None and kind == "sentence" and _is_all(quoted, start, text):
        kind = "quotation"
        if context is None:
            context = _introduced_before(unit[0], sentences, quote)
    return Lead(
        kind,  # type: ignore[arg-type]
        sentence.document,
        start,
        end,
        text,
        chosen,
        quoted,
        introduction,
        quote.speaker if quote is not None else None,
        quote.source if quote is not None else None,
        context,
    )


def _context(kind: str, sentence: Sentence) -> Context:
    span = Span(sentence.document, sentence.start, sentence.end, sentence.text)
    return Context(kind, sentence.text, span)  # type: ignore[arg-type]


# --- Lists ------------------------------------------------------------------------------------------------


def _list_around(position: int, sentences: Sequence[Sentence], passage: Passage) -> range | None:
    """Return the items around this one, with the line that introduces them; ``None`` where it is no item."""
    if not is_item(sentences[position], passage):
        return None
    low, high = position, position + 1
    while low > 0 and _same(sentences[low - 1], passage) and is_item(sentences[low - 1], passage):
        low -= 1
    while high < len(sentences) and _same(sentences[high], passage) and is_item(sentences[high], passage):
        high += 1
    if sentences[high - 1].end - sentences[low].start > LONGEST_LIST:
        low, high = position, position + 1
    if low > 0 and _same(sentences[low - 1], passage) and introduces(sentences[low - 1]):
        before = sentences[low - 1]
        if sentences[high - 1].end - before.start <= LONGEST_LIST:
            low -= 1
            if low > 0 and _introduces_barely(low, sentences, passage):
                low -= 1
    return range(low, high)


def _list_after(position: int, sentences: Sequence[Sentence], passage: Passage) -> range | None:
    """Return a sentence, or the bare word behind it, with the list that this introduces."""
    bare = position if position and _introduces_barely(position, sentences, passage) else position + 1
    item = bare + 1
    if item >= len(sentences) or not _introduces_barely(bare, sentences, passage):
        return None
    items = _list_around(item, sentences, passage) if _same(sentences[item], passage) else None
    return items if items is not None and position in items else None


def _introduces_barely(position: int, sentences: Sequence[Sentence], passage: Passage) -> bool:
    """Say whether a list is introduced by a word or two, which lean on the sentence before in their line."""
    sentence, before = sentences[position], sentences[position - 1]
    return (
        introduces(sentence)
        and len(sentence.text.split()) <= MOST_BARE_WORDS
        and _same(sentence, passage)
        and _same(before, passage)
        and "\n" not in passage.text[before.end - passage.start : sentence.start - passage.start]
        and sentence.end - before.start <= LONGEST_LIST
    )


def _same(sentence: Sentence, passage: Passage) -> bool:
    return sentence.document == passage.document and sentence.passage == passage.number


def is_item(sentence: Sentence, passage: Passage) -> bool:
    """Say whether a sentence is a line by itself that is short and does not end as sentences do."""
    start, end = sentence.start - passage.start, sentence.end - passage.start
    alone = (start == 0 or passage.text[start - 1] == "\n") and (
        end == len(passage.text) or passage.text[end] == "\n"
    )
    # A passage of one line is no list.
    return (
        alone
        and "\n" in passage.text
        and len(sentence.text) <= LONGEST_ITEM
        and not _ENDS.search(sentence.text)
    )


# --- Quotations and replies -------------------------------------------------------------------------------


def _quote_at(sentence: Sentence, corpus: Corpus) -> Quote | None:
    """Return the quotation that the sentence stands in, or the longest that stands in it."""
    found: Quote | None = None
    most = 0
    for quote in corpus.quotes_of(sentence.document):
        if quote.spans[0][0] >= sentence.end or quote.spans[-1][1] <= sentence.start:
            continue
        shared = sum(
            max(0, min(end, sentence.end) - max(start, sentence.start)) for start, end in quote.spans
        )
        if shared > most:
            found, most = quote, shared
    return found


def _question_before(first: int, sentences: Sequence[Sentence], quote: Quote | None) -> int | None:
    """Return the position of the question to which the quotation replies; ``None`` where it is no reply."""
    if quote is None:
        return None
    at = first
    start = quote.spans[0][0]
    while at >= 0 and sentences[at].start > start and sentences[at].document == quote.document:
        at -= 1
    at -= 1
    is_there = (
        at >= 0
        and sentences[at].document == quote.document
        and sentences[at].passage == sentences[first].passage
        and len(sentences[at].text) <= LONGEST_QUESTION
        and _ASKS.search(sentences[at].text) is not None
    )
    return at if is_there else None


def _completed(unit: range, sentences: Sequence[Sentence]) -> int:
    """Return the end of a unit with the sentence after it, where it is one short one of a longer reply."""
    after = unit.stop
    if (
        len(unit) == 1
        and after < len(sentences)
        and sentences[after].tied
        and sentences[after].end - sentences[unit[0]].start <= LONGEST_WITH_BEFORE
    ):
        return after + 1
    return after


def _quoted(quote: Quote | None, start: int, end: int, passage: Passage) -> tuple[Span | None, Span | None]:
    """Return the part of the lead that is the quotation's, and what stands before it."""
    if quote is None:
        return None, None
    low, high = max(start, quote.spans[0][0]), min(end, quote.spans[-1][1])
    if low >= high:
        return None, None
    quoted = Span(quote.document, low, high, passage.text[low - passage.start : high - passage.start])
    before = passage.text[start - passage.start : low - passage.start].rstrip(" \n\"'“‘«„")  # noqa: RUF001
    return quoted, Span(quote.document, start, start + len(before), before) if before else None


def _is_all(quoted: Span, start: int, text: str) -> bool:
    """Say whether a lead is a quotation and nothing else but marks."""
    return (
        _MARKS.fullmatch(text[: quoted.start - start]) is not None
        and _MARKS.fullmatch(text[quoted.end - start :]) is not None
    )


def _introduced_before(first: int, sentences: Sequence[Sentence], quote: Quote | None) -> Context | None:
    """Return the line that introduces the quotation from the middle of which a lead is taken."""
    at = first
    if quote is None:
        return None
    while at >= 0 and sentences[at].document == quote.document and sentences[at].end > quote.spans[0][0]:
        at -= 1
    if at < 0 or at >= first or sentences[at].passage != sentences[first].passage:
        return None
    return _context("introduction", sentences[at]) if introduces(sentences[at]) else None


# --- What a stranger needs --------------------------------------------------------------------------------


def _with_before(
    unit: range, sentences: Sequence[Sentence], passage: Passage, said: Collection[str]
) -> tuple[range, Context | None]:
    """Return the unit with the sentence that it leans on, or that sentence or the heading as its context."""
    first = sentences[unit[0]]
    heading = Context("heading", passage.heading.rsplit(" > ", 1)[-1]) if passage.heading else None
    if passage.document == NOTES:
        # What moderators write answers the question above it, and is read below that.
        return unit, heading
    if not _LEANS.match(first.text):
        return unit, None
    before = sentences[unit[0] - 1]
    if unit[0] == 0 or not _same(before, passage) or (_is_on_thing(first) and _is_on_thing(before)):
        # "It was released in May. Its subject is a lamp": the one does not say what the other means.
        return unit, heading
    if _is_known(first, before, said):
        return unit, None
    if sentences[unit[-1]].end - before.start <= LONGEST_WITH_BEFORE:
        return range(unit[0] - 1, unit.stop), None
    return unit, _context("sentence", before)


def _is_on_thing(sentence: Sentence) -> bool:
    """Say whether a sentence begins with "it" or the like."""
    leans = _LEANS.match(sentence.text)
    return leans is not None and leans["thing"] is not None


def _is_known(sentence: Sentence, before: Sentence, said: Collection[str]) -> bool:
    """Say whether a reader knows whom or what a sentence means that leans on the one before."""
    if _is_on_thing(sentence) and _SONG.match(before.text):
        return True
    # Who asks "What did Ada build?" knows who "She" is.
    own = {word.stem for word in words_of(sentence.text)}
    return any(
        word.stem in said and word.stem not in own and not word.is_stop for word in words_of(before.text)
    )
