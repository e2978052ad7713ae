"""A lead -> the lines in which a person reads it: what is told, what is quoted, what is listed, who said it.

Where it is read (an embed, a terminal) says how each kind of line looks; which lines there are is the same
everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from linernotes.words import find_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from linernotes.models import Lead, Span

LineKind = Literal["context", "text", "quote", "item", "speaker"]

_OPENING = "\"'“‘«„‚‹"  # noqa: RUF001  quotation marks are meant
_CLOSES = {"“": "”", "‘": "’", "«": "»", "„": "“", "‚": "‘", "‹": "›", '"': '"', "'": "'"}  # noqa: RUF001
# A line of a dialogue that says no more than whose turn it is.
LONGEST_LABEL = 60


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a lead: ``text`` is ``document.text[start:end]``, or ours where ``start`` is ``None``.

    ``context`` stands before the lead and is not part of it. The lines of kind ``quote`` are what somebody
    said, without the outer marks.
    """

    kind: LineKind
    text: str
    start: int | None = None


def lay_out(lead: Lead) -> tuple[Line, ...]:
    """Return the lines of a lead, in the order in which they are read."""
    lines: list[Line] = []
    if lead.context is not None:
        lines.append(Line("context", lead.context.text.replace(" > ", " › ")))  # noqa: RUF001  the sign is meant
    if lead.kind == "items":
        lines += _items(lead)
    elif lead.quoted is not None and _is_block(lead, lead.quoted):
        lines += _quotation(lead, lead.quoted)
        if who := _attribution(lead):
            lines.append(Line("speaker", who))
    else:
        lines += _cut("text", lead.text, lead.start)
        if lead.quoted is not None and (who := _attribution(lead)) and not _names(lead):
            lines.append(Line("speaker", who))
    return tuple(lines)


def name_passages(numbers: Iterable[int]) -> str:
    """Name passages by their numbers, in the order of the text: "passages 1, 3 and 4"."""
    *before, last = map(str, sorted(set(numbers)))
    return f"passages {', '.join(before)} and {last}" if before else f"passage {last}"


def _cut(kind: LineKind, text: str, offset: int) -> Iterator[Line]:
    """Yield the lines of a text that are not blank, without the blanks around them."""
    for line in text.split("\n"):
        if bare := line.strip():
            yield Line(kind, bare, offset + len(line) - len(line.lstrip()))
        offset += len(line) + 1


def _items(lead: Lead) -> Iterator[Line]:
    for number, line in enumerate(_cut("item", lead.text, lead.start)):
        # What introduces a list is none of its items.
        yield Line("text", line.text, line.start) if number == 0 and line.text.endswith(":") else line


def _is_block(lead: Lead, quoted: Span) -> bool:
    """Say whether what is quoted can stand by itself: nothing comes after it, and nobody narrates within."""
    before = lead.text[: quoted.start - lead.start].rstrip().rstrip(_OPENING).rstrip()
    if lead.kind == "sentence" and not before.endswith(":"):
        return False
    if find_words(lead.text[quoted.end - lead.start :]):
        return False
    mark = lead.text[quoted.start - lead.start - 1] if quoted.start > lead.start else ""
    closing = _CLOSES.get(mark)
    if closing is None or mark == closing == "'":
        return True
    at = quoted.text.find(closing)
    return at < 0 or (closing != mark and mark in quoted.text[:at])


def _quotation(lead: Lead, quoted: Span) -> Iterator[Line]:
    before = lead.text[: quoted.start - lead.start].rstrip()
    told = list(_cut("text", before.rstrip(_OPENING), lead.start))
    if lead.kind == "reply" and lead.speaker and told and _is_label(told[-1].text):
        told.pop()
    yield from told
    yield from _cut("quote", quoted.text, quoted.start)


def _is_label(text: str) -> bool:
    return text.endswith(":") and len(text) <= LONGEST_LABEL


def _attribution(lead: Lead) -> str:
    """Say who said it and where, as far as the text says; may be empty."""
    return ", ".join(each for each in (lead.speaker, lead.source) if each)


def _names(lead: Lead) -> bool:
    """Say whether the lead itself says who said it: by the last name at least."""
    name = (lead.speaker or lead.source or "").split()
    return not name or name[-1] in lead.text
