"""The golden questions on our article, asked of the real model: what is right stays right."""

from __future__ import annotations

import functools
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from linernotes.corpus.files import read_corpus
from linernotes.engine import Engine
from linernotes.library.editions import EditionStore
from linernotes.measuring.cases import read_cases
from linernotes.measuring.figures import figures
from linernotes.measuring.judging import Outcome
from linernotes.reading.reader import LazyReader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from linernotes.measuring.cases import Case
    from linernotes.measuring.figures import Figures
    from linernotes.models import Edition
    from linernotes.retrieval.embedding import Embedder
    from linernotes.retrieval.index import Index

pytestmark = pytest.mark.model

ROOT = Path(__file__).parents[1]

# Of each kind of question, one in ten; under the slow mark, all of them.
every = [pytest.param(10, id="one in ten"), pytest.param(1, id="all", marks=pytest.mark.slow)]


def one_in(number: int, cases: Sequence[Case]) -> list[Case]:
    kinds = sorted({case.kind for case in cases})
    return [each for kind in kinds for each in [case for case in cases if case.kind == kind][::number]]


def bound_of(wrong: float, cases: int, number: int) -> float:
    """Return how many of so many may be wrong; of a sample, where any may, one more than its share."""
    return math.ceil(wrong * cases) + 1 if number > 1 and wrong else wrong * cases


@pytest.fixture(scope="module")
def engine(packaged_embedder: Embedder) -> Engine:
    return Engine(packaged_embedder, reader=LazyReader())


@pytest.fixture(scope="module")
def edition_of(engine: Engine) -> Callable[[Path], Edition[Index]]:
    @functools.cache
    def edition_of(folder: Path) -> Edition[Index]:
        reading = read_corpus(folder, max_file_bytes=1_000_000, max_corpus_bytes=1_000_000)
        return EditionStore(None, engine.segments, engine.indexes).open_edition(reading.require())

    return edition_of


@pytest.fixture(scope="module", params=every)
def number(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def found(engine: Engine, edition_of: Callable[[Path], Edition[Index]], number: int) -> Figures:
    edition = edition_of(ROOT / "corpus")
    file = ROOT / "tests" / "golden" / "run.jsonl"
    cases = one_in(number, read_cases(file.read_bytes(), file.name)[0].cases)
    return figures(
        [
            Outcome(case, engine.ask(edition, case.question, engine.recall(edition, case.history)).reply, 0)
            for case in cases
        ]
    )


@pytest.mark.parametrize(
    ("kind", "most"), [("answerable", 0.05), ("followup", 0.05), ("near", 0.35), ("off", 0)]
)
def test_the_figures_do_not_fall(found: Figures, kind: str, most: float, number: int) -> None:
    asked = found.counts[kind].total()  # type: ignore[index]
    right = found.right[kind].mean  # type: ignore[index]
    assert right is not None
    missed = [outcome.case.question for outcome, _ in found.misses if outcome.case.kind == kind]
    assert (1 - right) * asked <= bound_of(most, asked, number) + 1e-9, missed


@pytest.mark.parametrize("name", ["remarks", "remarks-held-out"])
@pytest.mark.parametrize("kind", ["question", "remark"])
def test_in_a_followed_thread_questions_are_heard_and_talk_is_left_alone(
    engine: Engine, edition_of: Callable[[Path], Edition[Index]], name: str, kind: str, number: int
) -> None:
    file = ROOT / "tests" / "golden" / f"{name}.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    editions = {
        "run": edition_of(ROOT / "corpus"),
        "song": edition_of(ROOT / "tests" / "golden" / "articles" / "song"),
    }
    judged = [row for row in rows if row["kind"] == kind][::number]
    assert len(judged) == 50 // number
    wrong = [
        row["text"]
        for row in judged
        if engine.is_question(editions[row.get("about", "run")], row["text"]) != (kind == "question")
    ]
    assert len(wrong) <= bound_of(0.05, len(judged), number), wrong


def test_answers_keep_to_their_length(found: Figures) -> None:
    assert found.characters.mean is not None
    assert found.characters.mean <= 350


def test_the_right_passage_comes_first(found: Figures) -> None:
    assert found.passage_at_1.mean is not None
    assert found.passage_at_1.mean >= 0.9


@pytest.mark.slow
def test_another_subject_in_plain_text_is_answered(
    engine: Engine, edition_of: Callable[[Path], Edition[Index]]
) -> None:
    edition = edition_of(ROOT / "tests" / "golden" / "articles" / "lighthouse")
    file = ROOT / "tests" / "golden" / "lighthouse.jsonl"
    cases = [case for case in read_cases(file.read_bytes(), file.name)[0].cases if case.kind == "answerable"]
    right = figures([Outcome(case, engine.ask(edition, case.question).reply, 0) for case in cases])
    assert right.right["answerable"].mean is not None
    assert right.right["answerable"].mean >= 0.8
