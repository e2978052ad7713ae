"""What has been found: quotations come in one after another, and are asked for while the text is read on.

The list grows in the order in which blocks are read. Only the last quotation ever changes: it goes on behind
its attribution, or the line below it names who said it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.corpus.quotes.marks import Span


@dataclass(frozen=True, slots=True)
class Said:
    """A quotation that was found.

    ``close`` is where its marks end, ``told`` where its attribution does; ``after``: it stands behind.
    """

    spans: tuple[Span, ...]
    speaker: str | None
    source: str | None
    close: int
    told: int
    after: bool = False


# A pronoun can mean who spoke last, and a name can stand in a quotation without marks, only as near as that.
_QUOTATIONS_BACK = 8
_EVENTS_BACK = 16


class Findings:
    """The quotations found so far, and where somebody was named as the one who speaks."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._said: list[Said] = []
        self._events: list[tuple[int, str | None]] = []

    @property
    def last(self) -> Said | None:
        """The quotation that was found last."""
        return self._said[-1] if self._said else None

    def add(self, said: Said) -> Said:
        """Add a quotation and return it."""
        self._said.append(said)
        return said

    def replace_last(self, said: Said) -> Said:
        """Put ``said`` in the place of the quotation that was found last, and return it."""
        self._said[-1] = said
        return said

    def note_speaker(self, at: int, speaker: str | None) -> None:
        """Remember that somebody speaks at ``at``, whom a pronoun may mean later; ``None``: unnamed."""
        self._events.append((at, speaker))

    def speakers_within(self, start: int, end: int) -> list[tuple[int, str | None]]:
        """Return who spoke lately in ``[start, end)``, and where."""
        return [(at, name) for at, name in self._events[-_EVENTS_BACK:] if start <= at < end]

    def is_quoted(self, at: int) -> bool:
        """Say whether the offset stands in a quotation found lately; one without marks is not blanked."""
        return any(start <= at < end for said in self._said[-_QUOTATIONS_BACK:] for start, end in said.spans)

    def in_order(self) -> Sequence[Said]:
        """Return the quotations in the order of the text, without those that reach into the one before."""
        kept: list[Said] = []
        for said in sorted(self._said, key=lambda each: each.spans[0]):
            spans = tuple(span for span in said.spans if span[0] < span[1])
            if spans and (not kept or spans[0][0] >= kept[-1].spans[-1][1]):
                kept.append(replace(said, spans=spans))
        return kept
