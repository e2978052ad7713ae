"""How much is tried: little in ``make test``; all of it where ``WHOLE=1``, as in ``make test-slow``.

What takes a quarter of an hour by itself is tried in full where ``LONG=1``, as in ``make test-long``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

WHOLE = os.environ.get("WHOLE") == "1"
LONG = os.environ.get("LONG") == "1"
# Of a property's examples, `make test` tries one in so many, and at least so many.
_ONE_IN = 10
_LEAST = 10

short_and_whole = pytest.mark.parametrize(
    "share", [pytest.param(20, id="short"), pytest.param(1, id="whole", marks=pytest.mark.slow)]
)
"""For a test of a volume: a twentieth of it in ``make test``, and under the slow mark all of it."""


def examples(whole: int) -> int:
    """Return how many examples of a property are to be tried; ``whole``: how many of them are all."""
    return whole if WHOLE else max(_LEAST, whole // _ONE_IN)


def slow(cases: Iterable[Any]) -> list[Any]:
    """Return cases of a test under the slow mark: those of whose kind ``make test`` has others."""
    values = (case if isinstance(case, tuple) else (case,) for case in cases)
    return [pytest.param(*each, marks=pytest.mark.slow) for each in values]
