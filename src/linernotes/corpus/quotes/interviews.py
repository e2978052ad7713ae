"""Interviews: a document's blocks come in, and the replies in them are added to the findings.

A turn begins a line with a label ("Q:", "Okafor:", "OF:"), or its look says whose it is: bold questions, and
classes such as "interviewer". Who asks is told from the labels and from the question marks; the replies are
quotations, the questions are not. A reply goes on in the paragraphs up to the next question.
"""

from __future__ import annotations

import functools
import re
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from linernotes.corpus.quotes.findings import Said
from linernotes.corpus.quotes.marks import strip
from linernotes.corpus.quotes.names import split_name
from linernotes.corpus.quotes.page import REACH
from linernotes.corpus.quotes.patterns import RUN
from linernotes.corpus.quotes.vocabulary import listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linernotes.corpus.quotes.marks import Span
    from linernotes.corpus.quotes.reading import Reading
    from linernotes.models import Block, Document

# Fewer are no interview: somebody asks, and somebody replies at least once between two questions.
_FEWEST_LABELS, _FEWEST_TURNS = 2, 3
# An interview says in its first paragraphs whom it is with, in characters.
_INTRODUCTION = 10 * REACH
_MOST_INITIALS = 3
# Bold questions without labels: so many make an interview, and so many paragraphs at most are one reply.
_FEWEST_QUESTIONS = 2
_MOST_PARAGRAPHS = 8
# Who asks in half of the turns, or as a host in a quarter of them.
_ASKS_MOSTLY, _HOST_ASKS = 0.5, 0.25
# People who tell something in turns: so many turns, nearly all of them sentences.
_FEWEST_TOLD, _MOSTLY_WHOLE = 5, 0.8

_TURN = re.compile(
    r"(?:(Q|A|Question|Answer)\s?\d*[:.]|([A-Z][\w.’'-]*(?: (?:[A-Z&][\w.’'-]*|de|la|van|der|von)){0,3}):)\s+"  # noqa: RUF001
)
_NICKNAMED = re.compile(r" [\"“‘'][^\"”’']+[\"”’'] ")  # noqa: RUF001
_REPLIES = frozenset({"A", "Answer"})
_ASKERS = listed("q question interviewer moderator host reporter journalist interview audience")
# Lines such as "Producer: Ana Ruiz" look like turns.
_NO_TURNS = listed(
    "producer producers label released release genre length writer writers note rating verdict update "
    "tracklist personnel credits engineer director runtime format artist album title date location venue "
    "hosts guests guest present encore intro outro setlist recorded "
    "source related correction photo photos image caption warning tip example summary conclusion"
)
_GUEST = re.compile(
    r"\b(?:[Ii]nterview with|[Ss](?:poke|at down) (?:to|with)|talked (?:to|with)|[Cc]onversation with"
    rf"|caught up with|asked) (?:the )?(?:[a-z]+ )?({RUN.pattern})"
)


class Turn(NamedTuple):
    """What is said behind a label, in one block or several; ``asks``: by somebody who only asks."""

    spans: tuple[Span, ...]
    label: str
    asks: bool


def find_questions(document: Document) -> tuple[Span, ...]:
    """Return where the interviewer speaks in an interview, in the order of the text; else nothing."""
    blocks = [block for block in document.blocks if block.start < block.end]
    turns = _find_turns(document.text, blocks)
    return tuple(span for each in turns.values() for turn in each if turn.asks for span in turn.spans)


class Interviews:
    """Takes the replies of interviews."""

    def __init__(self, reading: Reading) -> None:
        """Find the turns of a document."""
        self._reading = reading
        self._turns = _find_turns(reading.page.text, reading.page.blocks)
        self._speakers: dict[str, str | None] = {}

    def has_turns(self, index: int) -> bool:
        """Say whether a block has turns of an interview."""
        return index in self._turns

    def take(self, index: int) -> None:
        """Take the replies in a block."""
        marks = {mark.open: mark for mark in self._reading.page.marked[index]}
        for turn in self._turns[index]:
            if turn.asks:
                continue
            spans = tuple(
                span for each in turn.spans if (span := strip(self._reading.page.text, *each))[0] < span[1]
            )
            if not spans:
                continue
            mark = marks.get(spans[0][0])
            if mark is not None and mark.close == spans[0][1] and len(spans) == 1:
                spans = mark.spans
            if turn.label not in self._speakers:
                self._speakers[turn.label] = self._speaker(turn.label)
            end = turn.spans[-1][1]
            self._reading.findings.add(Said(spans, self._speakers[turn.label], None, end, end))

    def _speaker(self, label: str) -> str | None:
        """Return whose label it is: the guest's, whoever has this surname, or these initials."""
        if label in _REPLIES:
            return self._guest
        cast = self._reading.cast
        tokens = split_name(label)
        shouted = label.isupper() and len(label) > _MOST_INITIALS
        if len(tokens) > 1:
            named = [
                name for name in cast.named(tokens[-1]) if split_name(name) == tokens and not name.isupper()
            ]
            return next(iter(named), label.title() if shouted else label)
        named = [name for name in cast.named(tokens[0]) if len(split_name(name)) > 1]
        # A label in capitals is known as a name itself; the text's own spelling goes before it.
        named = [name for name in named if not name.isupper()] or [name.title() for name in named]
        if named:
            # Without a nickname first: 'Ana "Sal" Ruiz' is Ana Ruiz, wherever she is called so.
            named.sort(key=lambda name: not cast.is_person(name))
            return next(
                (name for name in named if not _NICKNAMED.search(name)), _NICKNAMED.sub(" ", named[0])
            )
        if label.isupper() and len(label) <= _MOST_INITIALS:
            return self._with_initials(label)
        return label.title() if shouted else label

    def _with_initials(self, label: str) -> str | None:
        """Return whose initials these are: of one who has spoken under the full name, else of one named."""
        labels = {
            self._speaker(turn.label)
            for turns in self._turns.values()
            for turn in turns
            if len(turn.label.split()) > 1
        }
        named = self._reading.cast.with_initials(label)
        for known in (
            labels.intersection(named),
            set(filter(self._reading.cast.is_person, named)),
            set(named),
        ):
            if known:
                return known.pop() if len(known) == 1 else None
        return None

    @functools.cached_property
    def _guest(self) -> str | None:
        """Whom an interview of questions and answers is with, if its introduction says so."""
        for found in _GUEST.finditer(self._reading.page.text, 0, _INTRODUCTION):
            name = self._reading.cast.trim(found[1]).name
            if name and not self._reading.outlets.is_outlet(name, sure=True):
                return self._reading.cast.full(name, found.start())
        return self._introduced

    @property
    def _introduced(self) -> str | None:
        """Whom the first sentence of the introduction is about, if it begins with a name."""
        first = min(self._turns)
        for block in self._reading.page.blocks[:first]:
            if block.kind != "paragraph":
                continue
            mention = next(iter(self._reading.cast.within(block.start, block.end)), None)
            if mention is None or mention.start != block.start or len(split_name(mention.name)) <= 1:
                return None
            return mention.name
        return None


def _find_turns(text: str, blocks: Sequence[Block]) -> dict[int, list[Turn]]:
    """Return the turns of each block that has some, or nothing if the text is no interview.

    A block whose turn began in a block before has an empty list.
    """
    turns = [(index, turn) for index, block in enumerate(blocks) for turn in _turns_of(text, block)]
    labelled = _labelled(text, turns)
    if labelled is None:
        turns = _voices(blocks)
        if sum(turn.asks for _, turn in turns) < _FEWEST_QUESTIONS:
            return {}
        labelled = turns
    found: dict[int, list[Turn]] = {}
    for index, turn in labelled:
        found.setdefault(index, []).append(turn)
    _join_paragraphs(blocks, found)
    return found


def _labelled(text: str, turns: Sequence[tuple[int, Turn]]) -> list[tuple[int, Turn]] | None:
    """Return the turns with labels, each with whether it asks; ``None`` if they make no interview."""
    asked: dict[str, list[bool]] = {}
    for _, turn in turns:
        question = text[turn.spans[0][0] : turn.spans[-1][1]].rstrip("\"'”’ ").endswith("?")  # noqa: RUF001
        asked.setdefault(turn.label, []).append(question or turn.asks)
    if len(asked) < _FEWEST_LABELS or len(turns) < _FEWEST_TURNS:
        return None
    if not any(map(any, asked.values())) and not _is_told_by_many(text, turns, asked):
        return None
    shares = {label: sum(questions) / len(questions) for label, questions in asked.items()}
    askers = {
        label
        for label, share in shares.items()
        if label.casefold() in _ASKERS or share >= _ASKS_MOSTLY or _is_host(label, asked, shares)
    }
    return [
        (index, turn._replace(asks=turn.label in askers))
        for index, turn in turns
        if turn.label.casefold() not in _NO_TURNS
    ]


def _is_host(label: str, asked: Mapping[str, Sequence[bool]], shares: Mapping[str, float]) -> bool:
    """Say whether somebody asks now and then, and so much more often than all others that it is a host."""
    others = [share for other, share in shares.items() if other != label and share < _ASKS_MOSTLY]
    often = sum(asked[label]) >= _FEWEST_QUESTIONS and shares[label] >= _HOST_ASKS
    return often and all(share <= shares[label] / 2 for share in others)


def _is_told_by_many(
    text: str, turns: Sequence[tuple[int, Turn]], asked: Mapping[str, Sequence[bool]]
) -> bool:
    """Say whether several people tell something in turns, and nobody asks: an oral history."""
    again = sum(len(questions) > 1 for questions in asked.values())
    whole = sum(
        text[: turn.spans[-1][1]].rstrip("\"'”’ )]").endswith((".", "!", "…", "?"))  # noqa: RUF001
        for _, turn in turns
    )
    return again >= _FEWEST_LABELS and len(turns) >= _FEWEST_TOLD and whole >= _MOSTLY_WHOLE * len(turns)


def _voices(blocks: Sequence[Block]) -> list[tuple[int, Turn]]:
    """Return the turns of an interview without labels: what is bold, or of such a class, asks."""
    turns: list[tuple[int, Turn]] = []
    replying = False
    for index, block in enumerate(blocks):
        if block.kind != "paragraph":
            replying = False
            continue
        asks = block.voice == "asks"
        after = blocks[index + 1] if index + 1 < len(blocks) else None
        if not block.voice and turns and turns[-1][1].asks and after is not None and after.voice == "replies":
            # An editor's word between a question and what is marked as its reply.
            continue
        if asks or block.voice == "replies" or replying:
            goes_on = replying and not (asks or block.voice) and turns and not turns[-1][1].asks
            if not goes_on:
                turns.append((index, Turn(((block.start, block.end),), "Q" if asks else "A", asks)))
        replying = asks or block.voice == "replies"
    return turns


def _join_paragraphs(blocks: Sequence[Block], found: dict[int, list[Turn]]) -> None:
    """Add the paragraphs between a reply and the next turn to the reply; what follows the last one is not."""
    indexes = sorted(found)
    for index, following in pairwise(indexes):
        between = blocks[index + 1 : following]
        last = found[index][-1] if found[index] else None
        if last is None or last.asks or not between or len(between) > _MOST_PARAGRAPHS:
            continue
        asked = bool(found[following]) and found[following][0].asks
        if asked and all(block.kind == "paragraph" for block in between):
            spans = (*last.spans, *((block.start, block.end) for block in between))
            found[index][-1] = last._replace(spans=spans)
            found.update({at: [] for at in range(index + 1, following)})


def _turns_of(text: str, block: Block) -> list[Turn]:
    """Return the turns of a block; a line without a label goes on with the turn before."""
    turns: list[Turn] = []
    if block.kind != "paragraph":
        return turns
    at = block.start
    for line in text[block.start : block.end].split("\n"):
        label = _TURN.match(line)
        end = at + len(line)
        if label:
            turns.append(Turn(((at + label.end(), end),), label[1] or label[2], block.voice == "asks"))
        elif turns:
            turns[-1] = turns[-1]._replace(spans=((turns[-1].spans[0][0], end),))
        at += len(line) + 1
    return turns
