"""What is learned from questions: whose count how much, and by what name they are reported."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from linernotes.measuring import tuning

if TYPE_CHECKING:
    from linernotes.measuring.tuning import Lesson, Trial


def lesson(*, is_squad: bool = False, is_conversation: bool = False, weight: float = 1.0) -> Lesson:
    nothing: Any = None
    return tuning.Lesson(
        article=0,
        group=0,
        case=nothing,
        text="",
        evidence=nothing,
        signals=nothing,
        gold=nothing,
        windows=nothing,
        weight=weight,
        is_squad=is_squad,
        is_conversation=is_conversation,
    )


def trials(*lessons: Lesson) -> list[Trial]:
    return [cast("Trial", SimpleNamespace(lesson=each)) for each in lessons]


def test_each_kind_of_questions_counts_the_same_however_many_there_are() -> None:
    given = trials(
        *[lesson(is_squad=True)] * 6,
        *[lesson(weight=3.0)] * 2,
        lesson(weight=1.5),
        lesson(is_conversation=True, weight=3.0),
    )
    weights = tuning._evenly(given)
    totals = {
        kind: sum(w for w, each in zip(weights, given, strict=True) if each.lesson.kind == kind)
        for kind in ("SQuAD", "own", "conversations")
    }
    assert totals == pytest.approx(dict.fromkeys(totals, 10 / 3))
    # Within a kind, a question counts as before.
    assert weights[6] == pytest.approx(2 * weights[8])


def test_a_kind_that_has_no_questions_takes_nothing_from_the_others() -> None:
    assert tuning._evenly(trials(lesson(is_squad=True), lesson())) == pytest.approx([1.0, 1.0])
    assert tuning._evenly([]) == []
