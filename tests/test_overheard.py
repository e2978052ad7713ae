"""What a message that names nobody is read for, without a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import HARBOUR, QUESTION, FakeEmbedder
from linernotes.answering import overheard
from linernotes.corpus.files import read_document
from linernotes.engine import Engine
from linernotes.library.editions import EditionStore


@pytest.fixture(scope="module")
def asked() -> Any:
    engine = Engine(FakeEmbedder())
    document, _ = read_document(HARBOUR.encode(), "harbour.md")
    edition = EditionStore(None, engine.segments, engine.indexes).open_edition([document])
    return lambda text: engine.is_question(edition, text)


def signs(text: str) -> dict[str, float]:
    return overheard._form(text)


def test_a_question_about_the_article_is_one_with_any_model(asked: Any) -> None:
    assert asked(QUESTION)
    assert asked("who built the harbour")


@pytest.mark.parametrize(
    "text",
    ["", "?", "lol", "👍", "https://example.org/who/built/the/harbour?", "thanks!", "hi there", "a" * 2_000],
)
def test_what_cannot_be_asked_is_left_alone(asked: Any, text: str) -> None:
    assert not asked(text)


def test_a_question_mark_makes_no_question(asked: Any) -> None:
    for text in ("are you coming tonight?", "who wants my umbrella?", "did you sleep well?"):
        assert not asked(text), text
    assert asked("tell me who built the harbour")


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("ok so who built it", "asks_first"),
        ("sorry, i meant ada, where is she from", "asks_first"),
        ("did she build it", "auxiliary_first"),
        ("are you coming", "auxiliary_you"),
        ("can you tell me who built it", "requests"),
        ("more about the harbour", "about"),
        ("what a harbour", "exclaims"),
        ("we could go there", "me"),
        ("i was there", "states"),
    ],
)
def test_how_a_message_is_put_is_read(text: str, sign: str) -> None:
    assert signs(text)[sign]


def test_whoever_asks_for_something_speaks_of_neither_of_us() -> None:
    assert not signs("can you tell me who built it")["you"]
    assert not signs("can you tell me who built it")["me"]
    assert signs("can you come")["you"]


@given(st.text(max_size=200))
def test_any_text_has_signs_of_a_bounded_size(text: str) -> None:
    for name, value in signs(text).items():
        assert 0 <= value <= 10, name


def test_weights_that_fit_no_signs_are_refused() -> None:
    stored = {"signs": {"asks_first": 1.0}, "intercept": 0.0, "vector": None}
    with pytest.raises(ValueError, match="do not agree"):
        overheard._listener(stored)


def test_a_message_is_as_likely_a_question_as_its_weights_say() -> None:
    listener = overheard.Listener(-1.0, np.array([1.0, 0.0], np.float32), np.array([2.0], np.float32))
    assert listener.of([1.0, 5.0], np.array([0.0], np.float32)) == pytest.approx(0.5)
    assert listener.of([0.0, 0.0], np.array([-500.0], np.float32)) == pytest.approx(0.0)
