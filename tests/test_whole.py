"""Questions on the whole: told from others by examples, and answered by the sentence that says what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fakes import FakeEmbedder, FakeReader
from linernotes.answering.answer import OPENING, OPENING_CONFIDENCE
from linernotes.answering.question import plain
from linernotes.answering.whole import Examples, may_be_on_whole, without_mark
from linernotes.corpus.files import read_document
from linernotes.engine import Engine
from linernotes.library.editions import EditionStore
from linernotes.library.notes import make_note, write_notes
from linernotes.models import NOTES, Answer
from linernotes.reading.reader import LazyReader

if TYPE_CHECKING:
    from linernotes.models import Turn
    from linernotes.retrieval.embedding import Embedder

GOLDEN = Path(__file__).parent / "golden"
OPENED = {"overview", "summary", "name"}


@pytest.fixture(scope="module")
def examples(packaged_embedder: Embedder) -> Examples:
    return Examples.of(lambda texts: [each.vector for each in packaged_embedder.embed(texts)])


def kind_of(examples: Examples, embedder: Embedder, text: str, *said: str, follows: bool = False) -> str:
    """Return what is asked of the whole, of an article that has the words ``said``."""
    text = plain(text)
    if not may_be_on_whole(text, said.__contains__):
        return "a part"
    vector = embedder.embed([without_mark(text)])[0].vector
    return examples.kind_of(text, vector, follows=follows) or "a part"


@pytest.mark.model
@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("tldr", "summary"),
        ("can sombody sum this up for me pls", "summary"),
        ("so what is this exactly", "overview"),
        ("tell me about this song", "overview"),
        ("what's this article about?", "article"),
        ("whats the name of this song", "name"),
        ("whos song is this", "maker"),
        ("what is the song about?", "a part"),
        ("what does the title mean", "a part"),
        ("who is featured on the track?", "a part"),
        ("how long is the title track", "a part"),
        ("tell me about the dentist", "a part"),
        ("what can this bot do?", "a part"),
        ("who made you?", "a part"),
        ("where is the singer from", "a part"),
        ("what is the song called", "name"),
        ("explain the song", "overview"),
        ("when was it made", "a part"),
        ("who produced the song", "a part"),
        ("who is she", "a part"),
        ("and the tune?", "a part"),
    ],
)
def test_what_is_asked_of_the_whole_is_known(
    examples: Examples, packaged_embedder: Embedder, question: str, kind: str
) -> None:
    assert kind_of(examples, packaged_embedder, question) == kind


@pytest.mark.model
@pytest.mark.parametrize(
    "question", ["a short summary of the storm", "tldr on bitcoin", "summarize my essay"]
)
def test_what_names_something_is_on_that(
    examples: Examples, packaged_embedder: Embedder, question: str
) -> None:
    """Whether or not the article has the word."""
    assert kind_of(examples, packaged_embedder, question) == "a part"
    assert kind_of(examples, packaged_embedder, question, "storm", "bitcoin", "essay") == "a part"


@pytest.mark.model
@pytest.mark.parametrize("question", ["what is it called?", "tell me about it", "who is it by"])
def test_in_a_conversation_it_is_what_was_spoken_of(
    examples: Examples, packaged_embedder: Embedder, question: str
) -> None:
    assert kind_of(examples, packaged_embedder, question) != "a part"
    assert kind_of(examples, packaged_embedder, question, follows=True) == "a part"
    assert kind_of(examples, packaged_embedder, "sum it up", follows=True) == "summary"


@pytest.mark.model
def test_questions_as_members_ask_them_are_told_apart(
    examples: Examples, packaged_embedder: Embedder
) -> None:
    """What a song is about and what its title means are on a part; a summary is on the whole."""
    asked: dict[bool, list[bool]] = {True: [], False: []}
    for file in sorted((GOLDEN / "whole").glob("*.jsonl")):
        for row in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
            if row["form"] in "abef":
                opened = kind_of(examples, packaged_embedder, row["question"]) in {*OPENED, "article"}
                asked[row["form"] in "ef"].append(opened)
    assert sum(asked[True]) >= 0.8 * len(asked[True]) >= 60
    assert sum(asked[False]) <= 0.02 * len(asked[False])


@pytest.mark.model
def test_no_other_question_of_the_golden_sets_is_taken_for_one(
    examples: Examples, packaged_embedder: Embedder
) -> None:
    """What is asked of a part has words of the article as a rule; here it gets no help from them."""
    taken = [
        row["question"]
        for file in (GOLDEN / "twins").glob("*.jsonl")
        for row in map(json.loads, file.read_text(encoding="utf-8").splitlines())
        if kind_of(examples, packaged_embedder, row["question"], follows="history" in row) in OPENED
    ]
    assert taken == []


# --- What is answered -------------------------------------------------------------------------------------

ARTICLE = """# The Lantern Song

By Ida Holm, for the winter issue.

It was raining, and nobody had an umbrella.

"The Lantern Song" is a song by Otto Blum about lanterns. It was painted on a wall in 1902.
"""


@pytest.fixture
def ask() -> Engine:
    return Engine(FakeEmbedder())


def asked(engine: Engine, question: str, text: str = ARTICLE) -> Turn:
    edition = EditionStore(None, engine.segments, engine.indexes).open_edition(
        [read_document(text.encode(), "a.md")[0]]
    )
    return engine.ask(edition, question)


def test_the_sentence_nearest_to_the_title_leads_and_the_next_ones_follow(ask: Engine) -> None:
    reply = asked(ask, "tldr").reply
    assert isinstance(reply, Answer)
    assert reply.lead.text == '"The Lantern Song" is a song by Otto Blum about lanterns.'
    assert reply.text.endswith("It was painted on a wall in 1902.")
    assert reply.certainty == "stated"


def test_without_a_title_the_first_sentence_leads(ask: Engine) -> None:
    reply = asked(ask, "tldr", "It was raining. Nobody had an umbrella.").reply
    assert isinstance(reply, Answer)
    assert reply.lead.text == "It was raining."


def test_a_line_by_itself_leads_no_opening(ask: Engine) -> None:
    reply = asked(
        ask, "tldr", "THE LIGHT ON THE REEF\n\nA reef lies two miles off the island. It is dry."
    ).reply
    assert isinstance(reply, Answer)
    assert reply.lead.text == "A reef lies two miles off the island."


def test_of_two_songs_the_other_is_offered_as_well(ask: Engine) -> None:
    songs = [
        read_document(f"# {name}\n\n{name} is a song by {by}.\n".encode(), f"{by}.md")[0]
        for name, by in (("Lanterns", "Otto"), ("Umbrellas", "Ida"))
    ]
    edition = EditionStore(None, ask.segments, ask.indexes).open_edition(songs)
    reply = ask.ask(edition, "tldr").reply
    assert isinstance(reply, Answer)
    assert reply.other is not None
    assert {reply.lead.document, reply.other.document} == {"Otto.md", "Ida.md"}


def test_whom_it_is_by_is_near_where_no_sentence_states_it() -> None:
    engine = Engine(FakeEmbedder(), reader=FakeReader())
    reply = asked(engine, "whose song is this?", "# Lanterns\n\nIt was made in a shed. It rained.").reply
    assert isinstance(reply, Answer)
    assert reply.certainty == "near"
    assert reply.lead.text == "It was made in a shed."


def test_whom_it_is_by_is_stated_where_the_opening_says_whom_the_metadata_name() -> None:
    engine = Engine(FakeEmbedder(), reader=FakeReader())
    text = "---\ntitle: Lanterns\nartist: Otto Blum feat. Ida\n---\nOtto Blum made this in a shed. It rained."
    reply = asked(engine, "whose song is this?", text).reply
    assert isinstance(reply, Answer)
    assert reply.certainty == "stated"
    assert reply.lead.text.startswith("Otto Blum made this in a shed.")


def test_after_a_question_on_the_whole_it_is_the_song(ask: Engine) -> None:
    edition = EditionStore(None, ask.segments, ask.indexes).open_edition(
        [read_document(ARTICLE.encode(), "a.md")[0]]
    )
    for first, led in (("tldr", True), ("what's the song about?", True), ("what was painted in 1902", False)):
        turns = (ask.ask(edition, first),)
        reply = ask.ask(edition, "what is it called?", turns).reply
        opened = isinstance(reply, Answer) and reply.confidence == OPENING_CONFIDENCE
        assert opened is led


@pytest.mark.model
def test_what_the_article_is_about_is_not_said_further_down(packaged_embedder: Embedder) -> None:
    first = "Otto Blum painted lanterns for a living."
    text = f"{first} {'Nobody saw him in May. ' * OPENING}The last article is about a wall."
    engine = Engine(packaged_embedder, reader=LazyReader())
    reply = asked(engine, "what is this article about?", f"# The lanterns of Otto Blum\n\n{text}").reply
    assert isinstance(reply, Answer)
    assert reply.lead.text == first


def test_notes_alone_have_no_opening(ask: Engine) -> None:
    notes = read_document(write_notes([make_note("Who mixed it?", "Otto Blum mixed it.")]), NOTES)[0]
    edition = EditionStore(None, ask.segments, ask.indexes).open_edition([notes])
    reply = ask.ask(edition, "tldr").reply
    assert not isinstance(reply, Answer) or reply.confidence != OPENING_CONFIDENCE


@pytest.mark.model
@pytest.mark.parametrize("question", ["tell me about The Lantern Song", "summary of the lantern song pls"])
def test_a_title_is_no_part_of_what_is_asked(packaged_embedder: Embedder, question: str) -> None:
    reply = asked(Engine(packaged_embedder), question).reply
    assert isinstance(reply, Answer)
    assert reply.confidence == OPENING_CONFIDENCE
