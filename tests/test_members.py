"""Questions as members ask them, as the reader learns from them: lines and texts in, lessons out."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from linernotes.corpus.files import read_document
from linernotes.errors import QuestionFileError
from linernotes.measuring.training.lessons import Lesson, Lessons
from linernotes.measuring.training.members import read_members
from linernotes.measuring.training.run import read_material
from linernotes.reading.windows import load_tokenizer

if TYPE_CHECKING:
    from linernotes.measuring.training.squad import Question
    from linernotes.models import Document

LEARNING = Path(__file__).parent / "golden" / "learning"
# Of what ships, one in ten; under the slow mark, all.
every = [pytest.param(10, id="one in ten"), pytest.param(1, id="all", marks=pytest.mark.slow)]

TEXT = """# The Ferry

## Recording

*Ada Stone* produced the song in Oslo. Otto Blum mixed it in May. Ada Stone was tired of it by then.

## Video

The film was cut by Ida Vale. She had cut two before.
"""
LINES: list[dict[str, Any]] = [
    {"kind": "answerable", "question": "who produced it", "gold": ["Ada Stone"]},
    {
        "kind": "answerable",
        "question": "who had enough of it",
        "gold": ["Ada Stone"],
        "sentence": "Ada Stone was tired of it by then.",
    },
    {"kind": "near", "question": "who directed the film", "sentence": "The film was cut by Ida Vale."},
    {
        "kind": "followup",
        "question": "and where?",
        "gold": ["Oslo"],
        "history": ["who produced it"],
    },
    {"kind": "off", "question": "What is the capital of France?"},
    {"kind": "answerable", "question": "who sang", "gold": ["Nobody here"]},
]


@pytest.fixture
def document() -> Document:
    return read_document(TEXT.encode(), "ferry.md")[0]


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "ferry.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in LINES), encoding="utf-8")
    return str(path)


def told(question: Question, sentences: tuple[str, ...]) -> str | None:
    return None if question.gold is None else sentences[question.gold.sentence]


def test_answers_are_found_in_the_text_as_members_read_it(file: str, document: Document) -> None:
    article, questions = read_members(file, [document], 0)
    assert article.sentences[0] == "Ada Stone produced the song in Oslo."
    assert article.headings == ("The Ferry: Recording", "The Ferry: Video")
    assert article.paragraphs == ((0, 3), (3, 5))
    assert [told(each, article.sentences) for each in questions] == [
        "Ada Stone produced the song in Oslo.",
        "Ada Stone was tired of it by then.",
        None,
        "Ada Stone produced the song in Oslo.",
    ]


def test_of_a_near_miss_the_sentence_that_misleads_is_known(file: str, document: Document) -> None:
    article, questions = read_members(file, [document], 0)
    assert questions[2].lure == article.sentences.index("The film was cut by Ida Vale.")
    assert questions[2].paragraph == 1


def test_a_follow_up_is_learned_behind_the_question_that_it_leans_on(file: str, document: Document) -> None:
    article, questions = read_members(file, [document], 0)
    tokenizer = load_tokenizer()
    lessons = Lessons([article], questions, tokenizer)
    draw = random.Random(1)  # noqa: S311  nothing secret

    def read(lesson: Lesson) -> str:
        decoded: str = tokenizer.decode(lesson.window.ids, skip_special_tokens=False)
        return decoded

    drawn = [read(lessons.draw(3, draw)[0]) for _ in range(40)]
    assert all(each.count("[SEP]") == 3 for each in drawn)
    assert any("ada stone" in each.split("[SEP]")[0] for each in drawn), "the answer that came before"
    headed = [each for each in drawn if "the ferry : recording." in each]
    assert 25 < len(headed) < 40
    assert not any("ida vale" in each.split("[SEP]")[2] for each in drawn), "another section"


def test_they_are_learned_from_beside_other_files(file: str, document: Document) -> None:
    material = read_material([(file, [document])] * 3, [(file, [document])], 1)
    assert len(material.articles) == 3
    assert {each.article for each in material.questions} == {0, 1, 2}
    assert len(material.judged_questions) == 4


def test_a_line_that_is_none_names_the_file(tmp_path: Path, document: Document) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"kind": "near"}\n', encoding="utf-8")
    with pytest.raises(QuestionFileError, match=r"bad\.jsonl"):
        read_members(str(path), [document], 0)


@pytest.mark.parametrize("number", every)
def test_what_ships_to_learn_from_is_whole(number: int) -> None:
    files = sorted(LEARNING.glob("*.jsonl"))[::number]
    assert files
    for each in files:
        text = each.with_suffix("") / "text.md"
        article, questions = read_members(str(each), [read_document(text.read_bytes(), text.name)[0]], 0)
        asked = each.read_text(encoding="utf-8").splitlines()
        # A mark that goes with the markup is enough to lose one.
        assert len(questions) >= 0.95 * len(asked), f"{each.name}: answers lie in no single sentence"
        assert article.title
        misses = [one for one in questions if one.gold is None]
        assert 0.3 < len(misses) / len(questions) < 0.6, each.name
        assert all(one.lure is not None for one in misses), each.name
