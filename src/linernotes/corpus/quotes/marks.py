"""Quotation marks: a stretch of text comes in, and pairs of marks and what was left open go out.

Nothing is known here of who speaks. Straight and typographic marks of all kinds are paired; an apostrophe, a
sign for inches and a mark that nothing closes disturb no other pair.
"""

# ruff: noqa: RUF001  typographic marks are what this is about
from __future__ import annotations

import re
from typing import NamedTuple

Span = tuple[int, int]


class Pair(NamedTuple):
    """Quotation marks and what they hold: ``start``, ``end`` inside, ``open``, ``close`` outside."""

    open: int
    start: int
    end: int
    close: int


NOWHERE = -1


class OpenMark(NamedTuple):
    """A mark that was opened at ``at``; ``weak`` is where it ends if no better end comes."""

    kind: str
    at: int
    weak: int = NOWHERE


_MARK = re.compile("[\"'“”„‟‘’‚«»‹›「」『』]")
# Words that an apostrophe begins: "'90s", "'em", "'cause".
_CLIPPED = re.compile(
    r"(?:\d{2}s?\b|(?:n|em|til|till|cause|cuz|tis|twas|bout|round|neath|gainst|fraid|tude|hood|specially)\b)",
    re.IGNORECASE,
)
_BEFORE_OPENING = "([{-–—/:=;,\"'“‘«„"
# The kind that a mark opens or closes, named by the mark that it is usually opened with.
_OPENS = {"“": "“", "„": "„", "‟": "„", "「": "「", "『": "『", "‚": "‘"}
_CLOSES = {"”": "“", "」": "「", "』": "『"}
# Kinds that a paragraph may leave open for the next one to go on with.
_LEFT_OPEN = '"“«'
# A single mark is closed by force if it stands this near to the top of what is open: further down, another
# kind was opened within it.
_TOP = 2


class Marks:
    """Pairs the marks of one stretch of text.

    ``unclosed`` holds the marks that nothing closes, in order; ``lost`` is where the first mark closes what
    nothing has opened, after the end of a sentence or a comma.
    """

    def __init__(self, text: str, start: int, end: int) -> None:
        """Pair the marks in ``text[start:end]``."""
        self._text = text
        self._start = start
        self._end = end
        self._stack: list[OpenMark] = []
        self._counts: dict[str, int] = {}
        self._pairs: list[Pair] = []
        self.lost = NOWHERE
        for mark in _MARK.finditer(text, start, end):
            self._mark(mark[0], mark.start())
        self.unclosed = [each for each in self._stack if each.kind in _LEFT_OPEN and each.weak == NOWHERE]
        while self._stack:
            self._drop()

    def outer(self) -> list[Pair]:
        """Return the pairs that stand within no other, in order."""
        kept: list[Pair] = []
        for pair in sorted(self._pairs):
            if (not kept or pair.open >= kept[-1].close) and pair.start < pair.end:
                kept.append(pair)
        return kept

    def _mark(self, mark: str, at: int) -> None:
        before = self._text[at - 1] if at > self._start else " "
        after = self._text[at + 1] if at + 1 < self._end else " "
        opens = (before.isspace() or before in _BEFORE_OPENING) and not after.isspace()
        if mark == '"':
            # Behind ",", or behind a mark that closed within it, it closes what is open.
            closes = before in ",;:" or (before in "'’" and not after.isalnum())
            self._straight(at, before, opens=opens and not (closes and self._is_open('"')))
        elif mark in "'‘’":
            self._single(mark, at, before, after, opens=opens)
        elif mark in "«»‹›":
            self._angled(mark, at, before, opens=opens)
        elif mark in "“”" and self._is_open("„") and not (mark == "“" and before.isspace()):
            self._close("„", at)
        elif mark in _CLOSES:
            self._close(_CLOSES[mark], at)
        else:
            self._push(_OPENS[mark], at)

    def _straight(self, at: int, before: str, *, opens: bool) -> None:
        if opens:
            self._push('"', at)
        elif before.isdigit() and self._is_open('"'):
            self._close_weakly('"', at)  # inches, unless no better end comes
        elif not before.isspace():
            if self.lost == NOWHERE and not (self._pairs or self._stack) and before in ",.!?":
                self.lost = at
            self._close('"', at)

    def _single(self, mark: str, at: int, before: str, after: str, *, opens: bool) -> None:
        kind = "'" if mark == "'" else "‘"
        if mark == "‘" or (mark == "'" and opens):
            if not opens or _CLIPPED.match(self._text, at + 1, self._end):
                return
            near = [each for each in self._stack[-_TOP:] if each.kind == kind]
            if any(each.weak != NOWHERE for each in near):
                self._close(kind, near[0].weak)
            self._push(kind, at)
        elif not (after.isalnum() or before.isspace()) and self._is_open(kind):
            # "the boys' van", "runnin' late": an apostrophe, unless no better end comes.
            tail = self._text[max(self._start, at - 2) : at]
            if after.isspace() and (before in "sxz" or tail in {"in", " n"} or before.isdigit()):
                self._close_weakly(kind, at)
            else:
                self._close(kind, at)

    def _angled(self, mark: str, at: int, before: str, *, opens: bool) -> None:
        kind = "«" if mark in "«»" else "‹"
        if mark == kind:
            # »So«, as German prints it, turns the marks round.
            closes = self._is_open("»") and not before.isspace()
            self._close("»", at) if closes else self._push(kind, at)
        elif self._is_open(kind):
            self._close(kind, at)
        elif opens:
            self._push("»", at)

    def _is_open(self, kind: str) -> bool:
        return self._counts.get(kind, 0) > 0

    def _push(self, kind: str, at: int) -> None:
        self._stack.append(OpenMark(kind, at))
        self._counts[kind] = self._counts.get(kind, 0) + 1

    def _close_weakly(self, kind: str, at: int) -> None:
        top = self._stack[-1]
        if top.kind == kind and top.weak == NOWHERE:
            self._stack[-1] = top._replace(weak=at)

    def _close(self, kind: str, at: int) -> None:
        if not self._is_open(kind):
            return
        while self._stack[-1].kind != kind:
            self._drop()
        top = self._stack.pop()
        self._counts[kind] -= 1
        self._pair(top.at, at)

    def _drop(self) -> None:
        top = self._stack.pop()
        self._counts[top.kind] -= 1
        if top.weak != NOWHERE:
            self._pair(top.at, top.weak)

    def _pair(self, opened: int, closed: int) -> None:
        start, end = strip(self._text, opened + 1, closed)
        self._pairs.append(Pair(opened, start, end, closed + 1))


def strip(text: str, start: int, end: int) -> Span:
    """Return ``start`` and ``end`` without the blanks at both ends of what they hold."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
