"""Which line breaks in a paragraph are meant for the reader, and which only wrap a long line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ENDS_SENTENCE = re.compile(r"[.!?…:;,][\"'”\u2019»)\]]*$")
CLOSING_MARKS = ('"', "”", "\u2019", "»", "'")
LONG_NAME = 8
_TURN = re.compile(r"[*_]*(?:[QA]|[A-Z][\w.\u2019'-]*(?: [A-Z&][\w.\u2019'-]*){0,3})[*_]*:[*_]*\s")
_QUESTION_TURN = re.compile(r"[*_]*(?:Q|A|Question|Answer)[*_]*[:.][*_]*\s")
_DASH_LINE = re.compile(r"[*_]*(?:[—–―⸺]|--)\s?\S")  # noqa: RUF001  the dashes are meant
_BULLET = re.compile(r"[•·‣◦▪]\s")
# "Ida Vane - bass", "Mastered by: Tom Ruys": who did what, and where.
_LABELLED = re.compile(r"[*_]*[A-Z\d][^\n:.!?]{0,60}?(?:[*_]*:[*_]*|[ \t]+[-–—])[ \t]+\S")  # noqa: RUF001
_FEWEST_LABELLED, _LONGEST_LABELLED = 3, 90
STARTS_LINE = re.compile(r"[\"'“‘«(\[¿¡]*[^\W_a-zß-ÿ]")  # noqa: RUF001  the quotation marks are meant


def is_list_of_labels(lines: Sequence[str]) -> bool:
    """Say whether each of several lines has a short label and what belongs to it: a list without marks."""
    return (
        len(lines) >= _FEWEST_LABELLED
        and max(map(len, lines)) <= _LONGEST_LABELLED
        and all(_LABELLED.match(line.strip()) for line in lines)
    )


def is_deliberate_break(lines: Sequence[str], index: int) -> bool:
    """Say whether the break after ``lines[index]`` is a line for the reader, not the wrap of a long one."""
    ends = lines[index].strip().rstrip("*_")
    next_line = lines[index + 1].strip()
    if _QUESTION_TURN.match(next_line) or _BULLET.match(next_line):
        return True
    if _TURN.match(next_line):
        return bool(ENDS_SENTENCE.search(ends)) and not ends.endswith((",", ";"))
    last = index + 2 == len(lines)
    return (
        last
        and bool(_DASH_LINE.match(next_line))
        and len(next_line.split()) <= LONG_NAME + 1
        and (ends.endswith(CLOSING_MARKS) or bool(ENDS_SENTENCE.search(ends)))
    )
