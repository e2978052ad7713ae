"""The questions of ``ask --batch``: JSON Lines, checked whole before the first one is answered."""

from __future__ import annotations

import math
from dataclasses import dataclass

from linernotes.errors import QuestionFileError
from linernotes.measuring.json_lines import rows, text_of, texts_of


@dataclass(frozen=True, slots=True)
class Asked:
    """One line of a batch; ``key`` is what goes back into the answer: its ``id``, if it has one."""

    question: str
    history: tuple[str, ...] = ()
    key: tuple[tuple[str, str | float | bool | None], ...] = ()


def read_batch(data: bytes, name: str) -> tuple[Asked, ...]:
    """Read the lines of a batch; keys that are not ours are left alone.

    Raises:
        QuestionFileError: a line is not what the contract says; the first one is named.
    """
    asked: list[Asked] = []
    for line, row in rows(data, name):
        key = row.get("id")
        if isinstance(key, dict | list) or (isinstance(key, float) and not math.isfinite(key)):
            raise QuestionFileError(name, 'the "id" is not a string, a number, true, false or null.', line)
        asked.append(
            Asked(
                text_of(row, "question", name, line),
                texts_of(row, "history", name, line),
                (("id", key),) if "id" in row else (),
            )
        )
    return tuple(asked)
