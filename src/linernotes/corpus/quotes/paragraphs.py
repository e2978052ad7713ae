"""Marked text in a paragraph: a block comes in, and what somebody says in it is added to the findings.

Marks hold quotations, and titles, terms and nicknames as well. A quotation has an attribution behind it or
before it, goes on with the one before, or stands alone as whole sentences.
"""

# ruff: noqa: RUF001  typographic marks are what this is about
from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from linernotes.corpus.quotes.attribution import Told
from linernotes.corpus.quotes.content import FRAGMENT, Content
from linernotes.corpus.quotes.findings import Said
from linernotes.corpus.quotes.outlets import outlet_name
from linernotes.corpus.quotes.page import BLANK, REACH
from linernotes.corpus.quotes.patterns import COLON_AT_END
from linernotes.corpus.quotes.vocabulary import PERSONAL_ROLES, TERM_VERBS, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.corpus.quotes.marks import Span
    from linernotes.corpus.quotes.page import Marked
    from linernotes.corpus.quotes.reading import Reading
    from linernotes.models import Block

# An attribution reaches as far as the next quotation if no more than a clause stands between, in characters;
# across the end of a sentence, half of that.
_NEAR = 50
_NEAR_ACROSS = _NEAR // 2
# Two words before marks ("And then") do not make what they hold a part of their sentence.
_MOST_WORDS_BEFORE = 2
# Behind "the song", a part of a sentence is a title unless it is longer than titles are.
_LONGEST_TITLE = 2 * FRAGMENT
# "The 'guardians of the tradition'": with an article before it, a term can be longer than others.
_LONGEST_TERM = FRAGMENT + 1
# Behind marked text, so much shows how the sentence goes on, in characters.
_NEXT = 9

_TERM_WRITTEN = r"words?|phrases?|terms?|so-called|nicknamed|dubbed|titled|entitled|known as|billed as"
_TERM = re.compile(rf"\b(?:{_TERM_WRITTEN})\s*,?\s*$")
_WORK = re.compile(
    rf"\b(?:{_TERM_WRITTEN}|songs?|singles?|albums?|tracks?|EPs?|LPs?|mixtapes?|films?|movies?|videos?|shows?"
    r"|books?|novels?|poems?|named|series|hits?|anthems?|ballads?|tunes?|record|column|headlined|labell?ed|play"
    r"|episode)\s*,?\s*$"
)
_DETERMINED = re.compile(r"\b(?:the|a|an|his|her|their|its|this|these|those|such|of)\s*$")
_LINKS = re.compile(r"[\s,;]*(?:and|or|but|as well as|then|and then|or even|and even|yet)?[\s,;]*(?:as )?")
_GIVES_REASON = re.compile(r"\b(?:since|because|as|for|though|although)\s*,?\s*$")
_ANEW = re.compile(r"\b(?:adding|added|adds|replied|replies|answered|answers|continuing|before \w+ing)\b")
_TITLE_GOES_ON = re.compile(r",? (?:is|was|were|has|had|became|went|sounds|makes)\b")
# What is written on these is read, and said by nobody.
_THINGS = listed(
    "sign signs banner banners poster posters t-shirt sticker label headline placard placards plaque title "
    "caption cover shirt billboard inscription graffiti"
)
_OPENS = f" (—–-\n{BLANK}"


@dataclass(frozen=True, slots=True)
class _Place:
    """Marked text where it stands: in the sentence from ``begin`` to ``end``, ``before`` it the words there.

    ``last`` is the quotation before it in the block; ``follows``: nothing but these words stands between.
    """

    mark: Marked
    content: Content
    last: Said | None
    begin: int
    end: int
    before: str
    follows: bool


class Paragraphs:
    """Takes the quotations between marks."""

    def __init__(self, reading: Reading) -> None:
        """Take what is known of the document."""
        self._page = reading.page
        self._masked = reading.page.masked
        self._outlets = reading.outlets
        self._attributions = reading.attributions
        self._speakers = reading.speakers
        self._credit_lines = reading.credit_lines
        self._subjects = reading.subjects
        self._findings = reading.findings

    def take(self, index: int, lead: Span | None) -> None:
        """Judge each piece of marked text in a block; ``lead``: the sentence with a colon before it."""
        block = self._page.blocks[index]
        marks = self._page.marked[index]
        last = self._findings.last
        if last is not None and not block.start < last.close <= block.end:
            last = None  # else it began in a paragraph before
        for number, mark in enumerate(marks):
            following = marks[number + 1].open if number + 1 < len(marks) else block.end
            limit = following if mark.last is block else mark.last.end
            last = self._judge(block, mark, limit, last, lead if mark.open == block.start else None) or last

    def _judge(
        self, block: Block, mark: Marked, limit: int, last: Said | None, lead: Span | None
    ) -> Said | None:
        """Return what is quoted by ``mark``, unless it is a title, a term or nothing that anybody says."""
        place = self._place(block, mark, last)
        content = place.content
        if not content.words:
            return None
        if last is not None and self._goes_on(last, mark):
            told = mark.close if content.ends else place.end
            spans = last.spans + mark.spans
            return self._findings.replace_last(
                replace(last, spans=spans, close=mark.close, told=told, after=False)
            )
        starts = not place.before.strip(_OPENS)
        alone = starts and len(content.words) > 1
        credited = self._credited(mark) if alone else None
        if credited is not None:
            return credited
        behind = self._attributions.behind(mark, limit, content)
        if behind is not None and self._is_spoken(place.before, content, behind, starts=starts):
            where = [(place.begin, mark.open), (mark.close, place.end)]
            return self._keep(mark, behind, where, told=place.end)
        introduced = self._attributions.introducing(*lead) if lead is not None and alone else None
        if lead is not None and introduced is not None:
            return self._keep(mark, introduced, [lead], told=mark.close)
        return self._standing(block, place) if starts else self._within(place)

    def _place(self, block: Block, mark: Marked, last: Said | None) -> _Place:
        floor = last.close if last is not None else block.start
        begin = self._page.sentence_start(mark.open, floor)
        text = " ".join(self._page.text[start:end] for start, end in mark.spans)
        return _Place(
            mark=mark,
            content=Content.of(text, self._page.text[mark.close : mark.close + 1]),
            last=last,
            begin=begin,
            end=self._page.sentence_end(mark.close, mark.last.end),
            before=self._masked[begin : mark.open],
            follows=last is not None and begin == floor,
        )

    def _standing(self, block: Block, place: _Place) -> Said | None:
        """Judge marked text that stands alone: whole sentences are a quotation."""
        mark, content, last = place.mark, place.content, place.last
        if last is not None and mark.open - last.told < _NEAR:
            between = self._masked[min(last.told, mark.open) : mark.open]
            if not between.strip():
                return self._same_speaker(mark, last) if content.ends or content.is_fragment else None
        rest = self._masked[mark.close : min(mark.last.end, mark.close + _NEXT)].lstrip()
        if not content.is_sentence or rest[:1].islower() or rest.startswith((",", ";", ":")):
            return None
        if place.begin > block.start + 1 and (last is None or last.close < place.begin):
            floor = max(block.start, last.close if last is not None else 0)
            previous = self._page.sentence_start(place.begin - 2, floor)
            told = self._attributions.before(previous, place.begin)
            if told is not None and place.begin - told.end <= _NEAR_ACROSS:
                return self._keep(mark, told, [(previous, place.begin)], told=mark.close)
        return self._keep(mark, None, [], told=mark.close)

    def _within(self, place: _Place) -> Said | None:
        """Judge marked text that words of its own sentence stand before."""
        mark, content, last = place.mark, place.content, place.last
        told = self._attributions.before(place.begin, mark.open)
        where, told_until = [(place.begin, mark.open)], mark.close
        if not content.text.endswith((".", "!", "?")):
            where.append((mark.close, place.end))
            told_until = place.end
        if told is not None and self._is_said(place.before, told, mark.open, content):
            if told.subject is None and last is not None and place.follows and last.speaker:
                return self._same_speaker(mark, last)
            return self._keep(mark, told, where, told=told_until)
        if last is not None and place.follows and content.is_fragment and _LINKS.fullmatch(place.before):
            return self._same_speaker(mark, last)
        if told is None and content.is_sentence and COLON_AT_END.search(place.before):
            stretch = place.begin, mark.open
            told = self._attributions.introducing(*stretch) or self._attributions.with_colon(*stretch)
            return self._keep(mark, told, where, told=mark.close)
        if told is None and content.is_sentence and content.is_own and _GIVES_REASON.search(place.before):
            # "Vane was glad of them, since 'It made more sense to me.'": whose words, if not hers?
            subject = self._subjects.opening(place.begin, mark.open)
            if subject is not None and subject.kind == "name":
                by = Told(subject, "since", subject.end, mark.open)
                return self._keep(mark, by, where, told=told_until)
        return None

    # What becomes of marked text

    def _keep(self, mark: Marked, by: Told | None, where: Sequence[Span], *, told: int) -> Said:
        """Add a quotation that somebody says; ``where`` are the stretches that may name the outlet."""
        speaker = self._speakers.who(by)
        source = None
        if by is not None and by.subject is not None:
            subject = by.subject
            if subject.kind == "name" and self._outlets.is_outlet(subject.value, sure=True):
                source = outlet_name(subject.value)
            elif speaker is not None or subject.value in PERSONAL_ROLES:
                self._findings.note_speaker(subject.start, speaker)
        for span in where:
            source = source or self._outlets.said_in(span)
        after = by is not None and by.start >= mark.close
        return self._findings.add(Said(mark.spans, speaker, source, mark.close, told, after))

    def _same_speaker(self, mark: Marked, last: Said) -> Said:
        """Add a quotation of whoever said the one before."""
        return self._findings.add(Said(mark.spans, last.speaker, last.source, mark.close, mark.close))

    def _credited(self, mark: Marked) -> Said | None:
        """Add a quotation if a dash behind it names its speaker."""
        line = self._page.text.find("\n", mark.close + 2, min(mark.last.end, mark.close + REACH))
        credit = self._credit_lines.read(mark.close, line if line > 0 else mark.last.end)
        if credit is None:
            return None
        return self._findings.add(Said(mark.spans, credit.speaker, credit.source, mark.close, mark.last.end))

    # Whether it is said

    def _goes_on(self, last: Said, mark: Marked) -> bool:
        """Say whether a quotation goes on after "…," said X, "…"."""
        gap = self._masked[last.close : min(mark.open, last.close + REACH)]
        if not last.after or len(gap) >= REACH or _ANEW.search(gap):
            return False
        opened = last.close + len(gap) - len(gap.lstrip(" ,"))
        within = self._page.next_bound(opened) <= mark.open
        return not within and gap.rstrip().endswith((",", ";", ":", "—", "–", "-"))

    def _is_spoken(self, before: str, content: Content, behind: Told, *, starts: bool) -> bool:
        """Say whether marked text with an attribution behind it was said, and is no title in a sentence."""
        if _is_thing(behind):
            return False
        if starts:
            if content.title and _TITLE_GOES_ON.match(self._masked, behind.end):
                return False
            return content.ends or content.comma or content.is_fragment
        if content.title and not content.text.endswith(("?", "!")):
            return False
        if content.comma and len(content.words) <= _LONGEST_TITLE and _WORK.search(before):
            return content.text[:1].islower() and len(content.words) >= FRAGMENT
        short = len(before.split()) <= _MOST_WORDS_BEFORE
        return content.is_fragment or (short and (content.ends or content.comma))

    def _is_said(  # noqa: PLR0911  one reason after another
        self, before: str, told: Told, at: int, content: Content
    ) -> bool:
        """Say whether marked text behind an attribution was said: it is no title, term or nickname."""
        if _is_thing(told):
            return False
        if told.verb in TERM_VERBS and told.subject is not None and told.subject.kind == "role":
            return False  # "what engineers call …"
        if COLON_AT_END.search(before):
            return (content.ends and not (content.title and content.outside == ",")) or content.is_fragment
        comma = before.rstrip().endswith(",")
        if content.title and not (comma and content.text.endswith((".", "!", "?"))):
            return False
        if comma:
            near = at - told.end < _NEAR or self._masked[told.end : told.end + 1] == ","
            return near and (content.is_fragment or (content.ends and content.text[:1].isupper()))
        if _TERM.search(before) or (_WORK.search(before) and content.text[:1].isupper()):
            return False
        short = len(content.words) <= _LONGEST_TERM
        if short and _DETERMINED.search(before) and not told.verb.startswith("call"):
            return False  # the "guardians of the tradition": a term
        return content.is_fragment


def _is_thing(told: Told) -> bool:
    subject = told.subject
    return subject is not None and subject.kind == "role" and subject.value in _THINGS
