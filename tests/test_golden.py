"""The golden questions on our article, asked of the real model: what is right stays right."""

from __future__ import annotations

import json
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
from linernotes.retrieval.embedding import open_embedder

if TYPE_CHECKING:
    from linernotes.measuring.figures import Figures
    from linernotes.models import Edition
    from linernotes.retrieval.index import Index

pytestmark = pytest.mark.model

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(open_embedder(), reader=LazyReader())


def edition_of(engine: Engine, folder: Path) -> Edition[Index]:
    reading = read_corpus(folder, max_file_bytes=1_000_000, max_corpus_bytes=1_000_000)
    return EditionStore(None, engine.segments, engine.indexes).open_edition(reading.require())


@pytest.fixture(scope="module")
def found(engine: Engine) -> Figures:
    edition = edition_of(engine, ROOT / "corpus")
    file = ROOT / "tests" / "golden" / "run.jsonl"
    cases = read_cases(file.read_bytes(), file.name)[0].cases
    return figures(
        [
            Outcome(case, engine.ask(edition, case.question, engine.recall(edition, case.history)).reply, 0)
            for case in cases
        ]
    )


@pytest.mark.parametrize(
    ("kind", "least"), [("answerable", 0.95), ("followup", 0.95), ("near", 0.65), ("off", 1)]
)
def test_the_figures_do_not_fall(found: Figures, kind: str, least: float) -> None:
    mean = found.right[kind].mean  # type: ignore[index]
    assert mean is not None
    assert mean >= least, [outcome.case.question for outcome, _ in found.misses if outcome.case.kind == kind]


@pytest.mark.parametrize("name", ["remarks", "remarks-held-out"])
@pytest.mark.parametrize("kind", ["question", "remark"])
def test_in_a_followed_thread_questions_are_heard_and_talk_is_left_alone(
    engine: Engine, name: str, kind: str
) -> None:
    file = ROOT / "tests" / "golden" / f"{name}.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    editions = {
        "run": edition_of(engine, ROOT / "corpus"),
        "song": edition_of(engine, ROOT / "tests" / "golden" / "articles" / "song"),
    }
    judged = [row for row in rows if row["kind"] == kind]
    assert len(judged) == 50
    wrong = [
        row["text"]
        for row in judged
        if engine.is_question(editions[row.get("about", "run")], row["text"]) != (kind == "question")
    ]
    assert len(wrong) <= 0.05 * len(judged), wrong


def test_answers_keep_to_their_length(found: Figures) -> None:
    assert found.characters.mean is not None
    assert found.characters.mean <= 350


def test_the_right_passage_comes_first(found: Figures) -> None:
    assert found.passage_at_1.mean is not None
    assert found.passage_at_1.mean >= 0.9


def test_another_subject_in_plain_text_is_answered(engine: Engine) -> None:
    edition = edition_of(engine, ROOT / "tests" / "golden" / "articles" / "lighthouse")
    file = ROOT / "tests" / "golden" / "lighthouse.jsonl"
    cases = [case for case in read_cases(file.read_bytes(), file.name)[0].cases if case.kind == "answerable"]
    right = figures([Outcome(case, engine.ask(edition, case.question).reply, 0) for case in cases])
    assert right.right["answerable"].mean is not None
    assert right.right["answerable"].mean >= 0.8
