"""Interviews: a document's blocks come in, and the replies in them are added to the findings.

A turn begins a line with a label ("Q:", "Okafor:"). Who asks is told from the labels and from the question
marks; the replies are quotations, the questions are not.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, NamedTuple

from linernotes.corpus.quotes.findings import Said
from linernotes.corpus.quotes.marks import strip
from linernotes.corpus.quotes.names import split_name
from linernotes.corpus.quotes.page import REACH
from linernotes.corpus.quotes.patterns import RUN
from linernotes.corpus.quotes.vocabulary import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.corpus.quotes.reading import Reading
    from linernotes.models import Block

# Fewer are no interview: somebody asks, and somebody replies at least once between two questions.
_FEWEST_LABELS, _FEWEST_TURNS = 2, 3
# An interview says in its first paragraphs whom it is with, in characters.
_INTRODUCTION = 10 * REACH
_MOST_INITIALS = 3

_TURN = re.compile(
    r"(?:(Q|A|Question|Answer)\s?\d*[:.]|([A-Z][\w.’'-]*(?: (?:[A-Z&][\w.’'-]*|de|la|van|der|von)){0,3}):)\s+"  # noqa: RUF001
)
_REPLIES = frozenset({"A", "Answer"})
_ASKERS = listed("q question interviewer moderator host reporter journalist interview audience")
# Lines such as "Producer: Ana Ruiz" look like turns.
_NO_TURNS = listed(
    "producer producers label released release genre length writer writers note rating verdict update "
    "tracklist personnel credits engineer director runtime format artist album title date location venue "
    "source related correction photo photos image caption warning tip example summary conclusion"
)
_GUEST = re.compile(
    r"\b(?:[Ii]nterview with|[Ss](?:poke|at down) (?:to|with)|talked (?:to|with)|[Cc]onversation with"
    rf"|caught up with|asked) (?:the )?(?:[a-z]+ )?({RUN.pattern})"
)


class Turn(NamedTuple):
    """What is said behind a label; ``asks``: by somebody who only asks."""

    start: int
    end: int
    label: str
    asks: bool


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
        for start, end, label, asks in self._turns[index]:
            if asks:
                continue
            span = strip(self._reading.page.text, start, end)
            mark = marks.get(span[0])
            spans = mark.spans if mark is not None and mark.close == span[1] else (span,)
            if label not in self._speakers:
                self._speakers[label] = self._speaker(label)
            if spans[0][0] < spans[0][1]:
                self._reading.findings.add(Said(spans, self._speakers[label], None, end, end))

    def _speaker(self, label: str) -> str | None:
        """Return whose label it is: the guest's, whoever has this surname, or these initials."""
        if label in _REPLIES:
            return self._guest
        cast = self._reading.cast
        tokens = split_name(label)
        if len(tokens) > 1:
            return next((name for name in cast.named(tokens[-1]) if split_name(name) == tokens), label)
        named = [name for name in cast.named(tokens[0]) if len(split_name(name)) > 1]
        if named:
            return next(filter(cast.is_person, named), named[0])
        if label.isupper() and len(label) <= _MOST_INITIALS:
            fits = {
                name for name in cast.people if "".join(part[0] for part in name.split()).upper() == label
            }
            return fits.pop() if len(fits) == 1 else None
        return label

    @functools.cached_property
    def _guest(self) -> str | None:
        """Whom an interview of questions and answers is with, if its introduction says so."""
        for found in _GUEST.finditer(self._reading.page.text, 0, _INTRODUCTION):
            name = self._reading.cast.trim(found[1]).name
            if name and not self._reading.outlets.is_outlet(name, sure=True):
                return self._reading.cast.full(name, found.start())
        return None


def _find_turns(text: str, blocks: Sequence[Block]) -> dict[int, list[Turn]]:
    """Return the turns of each block that has some, or nothing if the text is no interview."""
    turns: list[tuple[int, Turn]] = []
    for index, block in enumerate(blocks):
        if block.kind == "paragraph":
            turns += [(index, turn) for turn in _turns_of(text, block)]
    asked: dict[str, list[bool]] = {}
    for _, turn in turns:
        question = text[turn.start : turn.end].rstrip("\"'”’ ").endswith("?")  # noqa: RUF001
        asked.setdefault(turn.label, []).append(question)
    if len(asked) < _FEWEST_LABELS or len(turns) < _FEWEST_TURNS or not any(map(any, asked.values())):
        return {}
    askers = {
        label
        for label, questions in asked.items()
        if label.casefold() in _ASKERS or 2 * sum(questions) >= len(questions)
    }
    found: dict[int, list[Turn]] = {}
    for index, turn in turns:
        if turn.label.casefold() not in _NO_TURNS:
            found.setdefault(index, []).append(turn._replace(asks=turn.label in askers))
    return found


def _turns_of(text: str, block: Block) -> list[Turn]:
    """Return the turns of a block; a line without a label goes on with the turn before."""
    turns: list[Turn] = []
    at = block.start
    for line in text[block.start : block.end].split("\n"):
        label = _TURN.match(line)
        if label:
            turns.append(Turn(at + label.end(), at + len(line), label[1] or label[2], asks=False))
        elif turns:
            turns[-1] = turns[-1]._replace(end=at + len(line))
        at += len(line) + 1
    return turns
