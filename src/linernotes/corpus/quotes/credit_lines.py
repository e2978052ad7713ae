"""Lines such as "— Killer Mike, GQ": a stretch of the text comes in, and whom and what it names goes out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from linernotes.corpus.quotes.page import REACH
from linernotes.corpus.quotes.patterns import DASH, RUN

if TYPE_CHECKING:
    from linernotes.corpus.quotes.names import Cast
    from linernotes.corpus.quotes.outlets import Outlets

# A line that names somebody is short, in characters and in words; a longer one is a sentence after a dash.
_MOST_CHARACTERS = REACH // 2
_MOST_WORDS = 14

_BEFORE_NAME = re.compile(r"(?:(?:the |an? )?(?:[a-z-]+ ){1,3})?")
_ENDS_SENTENCE = re.compile(r"[.!?:;]\s*$")
_BEHIND_NAME = re.compile(r"[,(;/]| (?:in|to|for|on|via|speaking|from|of|at|\()")


class Credit(NamedTuple):
    """Whom a line names as the speaker, and which outlet; one that speaks for itself has no speaker."""

    speaker: str | None
    source: str | None


class CreditLines:
    """Reads lines that begin with a dash and name who said what stands before them."""

    def __init__(self, text: str, cast: Cast, outlets: Outlets) -> None:
        """Take the text, who is named in it, and what tells outlets from them."""
        self._text = text
        self._cast = cast
        self._outlets = outlets

    def read(self, start: int, end: int) -> Credit | None:
        """Return whom the line ``[start, end)`` names, or ``None`` if it is no such line."""
        dash = DASH.match(self._text, start, end)
        if not dash or end - dash.end() > _MOST_CHARACTERS:
            return None
        line, _, more = self._text[dash.end() : end].partition("\n")
        if len(line.split()) > _MOST_WORDS or more.strip():
            return None
        before = _BEFORE_NAME.match(line)
        run = RUN.match(line, before.end() if before else 0)
        if not run:
            return None
        rest = line[run.end() :]
        if _ENDS_SENTENCE.search(rest) or (rest and not _BEHIND_NAME.match(rest)):
            return None
        name = self._cast.trim(run[0]).name or run[0]
        if self._outlets.is_outlet(name, sure=True):
            return Credit(None, name)
        speaker = self._cast.full(name, dash.end())
        self._cast.people.add(speaker)
        return Credit(speaker, self._outlets.in_credit(rest))
