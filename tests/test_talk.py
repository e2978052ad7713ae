"""What is said to the bot itself, told from what is asked of the articles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from linernotes.answering.question import plain
from linernotes.answering.talk import EXAMPLES, QUESTIONS, Ear, may_be_talk

if TYPE_CHECKING:
    from linernotes.retrieval.embedding import Embedder

GOLDEN = Path(__file__).parent / "golden" / "talk.jsonl"
ROWS = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def ear(packaged_embedder: Embedder) -> Ear:
    return Ear.of(lambda texts: [each.vector for each in packaged_embedder.embed(texts)])


def kind_of(ear: Ear, embedder: Embedder, text: str, *names: str) -> str:
    text = plain(text)
    vector = embedder.embed([text])[0].vector
    return (ear.kind_of(text, vector, names.__contains__) if may_be_talk(text) else None) or "question"


def test_no_question_about_a_song_is_taken_for_talk(ear: Ear, packaged_embedder: Embedder) -> None:
    questions = [row["text"] for row in ROWS if row["kind"] == "question"]
    assert len(questions) == 40
    assert [text for text in questions if kind_of(ear, packaged_embedder, text) != "question"] == []


@pytest.mark.parametrize(
    "text", ["for how long", "since when", "until when", "and whens that", "at what point"]
)
def test_a_question_after_another_is_no_goodbye(ear: Ear, packaged_embedder: Embedder, text: str) -> None:
    assert kind_of(ear, packaged_embedder, text) == "question"


def test_what_is_said_to_the_bot_is_known_by_its_kind(ear: Ear, packaged_embedder: Embedder) -> None:
    talk = [row for row in ROWS if row["kind"] != "question"]
    assert len(talk) == 40
    right = [row for row in talk if kind_of(ear, packaged_embedder, row["text"]) == row["kind"]]
    assert len(right) >= 38


def test_what_names_something_of_the_articles_is_a_question(ear: Ear, packaged_embedder: Embedder) -> None:
    assert kind_of(ear, packaged_embedder, "who are you?") == "self"
    assert kind_of(ear, packaged_embedder, "who are you, Otto?", "otto") == "question"


def test_the_examples_are_none_of_those_that_are_judged() -> None:
    examples = {text.casefold().rstrip("?!. ") for texts in (*EXAMPLES.values(), QUESTIONS) for text in texts}
    judged = {row["text"].casefold().rstrip("?!. ") for row in ROWS}
    assert not examples & judged
