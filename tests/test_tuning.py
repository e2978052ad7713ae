"""What is learned from questions: whose count how much, and by what name they are reported."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from linernotes.measuring import tuning
from linernotes.measuring.cases import Case

if TYPE_CHECKING:
    from linernotes.measuring.tuning import Lesson, Trial


@pytest.fixture
def chance() -> random.Random:
    return random.Random(1)  # noqa: S311  nothing is kept secret by it


def lesson(kind: str = tuning.OWN, *, weight: float = 1.0) -> Lesson:
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
        kind=kind,
    )


def trials(*lessons: Lesson) -> list[Trial]:
    return [cast("Trial", SimpleNamespace(lesson=each)) for each in lessons]


def test_each_kind_of_questions_counts_the_same_however_many_there_are() -> None:
    given = trials(
        *[lesson(tuning.SQUAD)] * 6,
        *[lesson(weight=3.0)] * 2,
        lesson(weight=1.5),
        lesson(tuning.CONVERSATIONS, weight=3.0),
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
    assert tuning._evenly(trials(lesson(tuning.SQUAD), lesson())) == pytest.approx([1.0, 1.0])
    assert tuning._evenly([]) == []


def test_strangers_put_their_questions_in_few_words_and_second_as_well(chance: random.Random) -> None:
    others = [
        Case(f"other {n}", "answerable", f"Which river froze near Ostend in {n}?") for n in range(1800, 1840)
    ]
    own = [Case(f"own {n}", "answerable", f"Who sang verse {n}?") for n in range(30)]
    aside = tuning._strange_aside([*own, Case("n", "near", "Who hummed it?")], others, chance)
    short = [each for each in aside if not each.history]
    second = [each for each in aside if each.history]
    assert len(short) == len(second) == 10
    words = "which river froze near ostend in".split()
    for each in short:
        asked = each.question.removesuffix("?").lower().split()
        assert 1 <= len(asked) <= 3
        known = [words.index(word) if word in words else len(words) for word in asked]
        assert known == sorted(set(known))
    assert len({each.question for each in short}) > 1
    assert {each.question for each in second} <= {each.question for each in others}
    assert {history for each in second for history in each.history} <= {each.question for each in own}
    assert {each.kind for each in aside} == {"off"}


def test_strangers_follow_nothing_where_nothing_is_answered(chance: random.Random) -> None:
    others = [Case("other", "answerable", "Which river froze near Ostend?")]
    aside = tuning._strange_aside([Case(str(n), "near", "Who hummed?") for n in range(3)], others, chance)
    assert [each.history for each in aside] == [()]
