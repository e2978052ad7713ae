"""Several songs in one corpus: which one a question is asked of, without a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakes import FakeEmbedder, answer_of
from linernotes.answering.answer import of_one_document
from linernotes.answering.conversation import Standalone
from linernotes.answering.lead import find_lead
from linernotes.answering.naming import DocumentNames, leave_unnamed
from linernotes.corpus.files import read_document
from linernotes.engine import Engine
from linernotes.library.editions import EditionStore
from linernotes.models import Answer, Edition, Unanswered
from linernotes.retrieval.query import Query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.models import Embedding, Evidence
    from linernotes.retrieval.index import Index

HARBOUR = """---
title: Harbour Lights
artist: Ada Stone featuring Otto Blum
---

The song was produced by Mel Quick in a lifeboat station.

## Nina Farr

Nina Farr told Sailor Weekly: “I played the fiddle in one take and went home to bed.”
"""
RUN = """---
title: RUN
artist: Vera Cole
---

The song was mixed by Jon Dell. The drums were a run of tape loops.
"""
PLAIN = "Nobody produced the song, says the town clerk.\n"


@pytest.fixture
def engine() -> Engine:
    return Engine(FakeEmbedder())


def edition_of(engine: Engine, **files: str) -> Edition[Index]:
    documents = [read_document(text.encode(), f"{name}.md")[0] for name, text in files.items()]
    return EditionStore(None, engine.segments, engine.indexes).open_edition(documents)


@pytest.fixture
def songs(engine: Engine) -> Edition[Index]:
    return edition_of(engine, harbour=HARBOUR, run=RUN, town_hall=PLAIN)


def named(edition: Edition[Index], question: str) -> tuple[set[str], bool] | None:
    found = DocumentNames(edition.documents, edition.index).find(question)
    return None if found is None else ({*found.documents}, found.is_sure)


@pytest.mark.parametrize(
    ("question", "document"),
    [
        ("who produced harbour lights", "harbour.md"),
        ("who produced Harbor Lights?", "harbour.md"),
        ("who produced harbuor lihgts", "harbour.md"),
        ("what did ada stone sing", "harbour.md"),
        ("What did Stone sing?", "harbour.md"),
        ("what does otto blum play", "harbour.md"),
        ("what does nina farr play", "harbour.md"),
        ("who wrote RUN", "run.md"),
        ("who wrote “Run”?", "run.md"),
        ("anything by vera cole?", "run.md"),
        ("what about the town hall", "town_hall.md"),
    ],
)
def test_a_question_names_a_song_by_title_artist_speaker_heading_or_file(
    songs: Edition[Index], question: str, document: str
) -> None:
    assert named(songs, question) == ({document}, True)


def test_a_plain_word_that_is_a_title_is_not_sure_to_be_meant(songs: Edition[Index]) -> None:
    assert named(songs, "where did he run to") == ({"run.md"}, False)


@pytest.mark.parametrize("question", ["who produced it", "", "what was said"])
def test_a_question_that_names_nothing_is_asked_of_all(songs: Edition[Index], question: str) -> None:
    assert named(songs, question) is None


def test_what_all_documents_are_called_names_none_of_them(engine: Engine) -> None:
    edition = edition_of(engine, one=RUN, two=RUN.replace("mixed", "cut"))
    assert named(edition, "what did Vera Cole sing") is None


def reply_of(
    engine: Engine, edition: Edition[Index], *questions: str, refuse: bool = False
) -> Answer | Unanswered:
    turns = engine.recall(edition, questions[:-1])
    return engine.ask(edition, questions[-1], turns, refuse=refuse).reply


def lead_of(engine: Engine, edition: Edition[Index], *questions: str) -> str:
    reply = reply_of(engine, edition, *questions)
    assert isinstance(reply, Answer)
    return reply.lead.document


def test_a_question_is_asked_of_the_song_that_it_names(engine: Engine, songs: Edition[Index]) -> None:
    assert lead_of(engine, songs, "Who produced the song?") != "run.md"
    assert lead_of(engine, songs, "Who produced RUN?") == "run.md"


def test_an_answer_is_never_made_of_two_documents(engine: Engine, songs: Edition[Index]) -> None:
    for question in ("Who produced the song?", "song", "who mixed the song by ada"):
        reply = reply_of(engine, songs, question)
        assert isinstance(reply, Answer)
        assert {sentence.document for sentence in reply.sentences} == {reply.lead.document}
        assert {hit.passage.document for hit in reply.hits} == {reply.lead.document}


def test_a_conversation_stays_with_its_song(engine: Engine, songs: Edition[Index]) -> None:
    assert lead_of(engine, songs, "Who mixed RUN?", "and who produced it?") == "run.md"
    assert lead_of(engine, songs, "Who mixed RUN?", "and who produced Harbour Lights?") == "harbour.md"
    assert lead_of(engine, songs, "Who mixed RUN?", "and Harbour Lights?", "who produced it?") == "harbour.md"


@pytest.mark.parametrize(
    ("questions", "document"),
    [
        (("Which car does Vera Cole drive?",), "run.md"),
        (("Who mixed RUN?", "and which car did she drive?"), "run.md"),
        (("Which car did he run over?",), None),
        (("Which car?",), None),
    ],
)
def test_what_is_not_said_of_one_song_names_it(
    engine: Engine,
    songs: Edition[Index],
    monkeypatch: pytest.MonkeyPatch,
    questions: tuple[str, ...],
    document: str | None,
) -> None:
    """Only where the question is sure to be about one of the songs: other songs were not asked."""
    turns = tuple(engine.ask(songs, question, refuse=False) for question in questions[:-1])
    monkeypatch.setattr("linernotes.engine.decide", lambda *_, **__: Unanswered("silent", None, songs.id))
    reply = engine.ask(songs, questions[-1], turns).reply
    assert isinstance(reply, Unanswered)
    assert reply.document == document


def test_of_one_song_alone_it_is_plain_which_does_not_say(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    edition = edition_of(engine, run=RUN)
    monkeypatch.setattr("linernotes.engine.decide", lambda *_, **__: Unanswered("silent", None, edition.id))
    reply = engine.ask(edition, "Which car does Vera Cole drive?").reply
    assert isinstance(reply, Unanswered)
    assert reply.document is None


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, float]]:
    """What the judgement says of each document's answer: grade and confidence, by the document's name."""
    said = {"harbour.md": ("stated", 0.9), "run.md": ("stated", 0.6), "town_hall.md": ("silent", 0.1)}

    def decide(_question: str, evidence: Evidence, corpus: Index, edition: str, **_: object) -> object:
        document = of_one_document(evidence).candidates[0].sentence.document
        grade, confidence = said[document]
        if grade == "silent":
            return Unanswered("silent", None, edition, confidence)
        lead = find_lead(evidence.candidates[0].position, corpus, set())
        return answer_of(lead.text, lead.sentences, certainty=grade, confidence=confidence, edition=edition)

    monkeypatch.setattr("linernotes.engine.decide", decide)
    monkeypatch.setattr("linernotes.answering.answer.RIVAL_SHARE", 1e-9)
    return said


TWO_SONGS = {"harbour": HARBOUR, "run": RUN}


def test_the_surer_of_two_songs_answers_and_the_other_is_offered(
    engine: Engine, judged: dict[str, tuple[str, float]]
) -> None:
    """Whichever comes first in the ranking; and what is offered is the other's own sentence."""
    edition = edition_of(engine, **TWO_SONGS)
    for surer, other in (("harbour.md", "run.md"), ("run.md", "harbour.md")):
        judged.update({surer: ("stated", 0.9), other: ("stated", 0.6)})
        reply = engine.ask(edition, "Who was the song produced or mixed by?").reply
        assert isinstance(reply, Answer)
        assert reply.other is not None
        assert (reply.lead.document, reply.other.document) == (surer, other)
        assert reply.other.lead.document == other
        assert {each.document for each in reply.sentences} == {surer}


def test_another_song_that_is_only_near_is_not_offered(
    engine: Engine, judged: dict[str, tuple[str, float]]
) -> None:
    edition = edition_of(engine, **TWO_SONGS)
    for grades in (("stated", "near"), ("near", "stated"), ("near", "near")):
        judged["harbour.md"], judged["run.md"] = ((grade, 0.5) for grade in grades)
        reply = engine.ask(edition, "Who was the song produced or mixed by?").reply
        assert isinstance(reply, Answer)
        assert reply.other is None
        assert reply.certainty == ("stated" if "stated" in grades else "near")


def test_a_song_that_is_named_offers_no_other(engine: Engine, judged: dict[str, tuple[str, float]]) -> None:
    reply = engine.ask(edition_of(engine, **TWO_SONGS), "Who mixed the song by Vera Cole?").reply
    assert isinstance(reply, Answer)
    assert (reply.lead.document, reply.other) == ("run.md", None)


def test_a_song_is_searched_alone_in_a_large_corpus_too(engine: Engine) -> None:
    many = {
        f"n{n}": f"# Song {n}\n\n" + "\n\n".join(f"Paragraph {i} of song {n} at length." for i in range(110))
        for n in range(3)
    }
    edition = edition_of(engine, run=RUN + "\n\nA line.\n\n" * 120, **many)
    evidence = edition.index.search(
        engine._query(Standalone("Who mixed the drums?"), None), within={"run.md"}
    )
    assert {each.sentence.document for each in evidence.candidates} == {"run.md"}
    assert evidence.searched < len(edition.sentences)


@pytest.mark.parametrize(
    ("question", "unnamed"),
    [
        ("Who produced Harbour Lights?", "Who produced it?"),
        ("who produced harbour lights", "who produced it"),
        ("Who mixed “Harbour Lights” at last?", "Who mixed it at last?"),
        ("What is the harbour lights about?", "What is it about?"),
        ("Who turned on the lights of the harbour?", None),
        ("Who is Harbour Lights’ producer?", None),  # noqa: RUF001  a typographic mark is meant
    ],
)
def test_a_question_can_leave_its_song_unnamed(question: str, unnamed: str | None) -> None:
    assert leave_unnamed(question, read_document(HARBOUR.encode(), "harbour.md")[0]) == unnamed


@pytest.mark.parametrize(
    ("question", "unnamed"),
    [
        ("Who mixed RUN?", "Who mixed it?"),
        ("Who mixed Run in May?", "Who mixed it in May?"),
        ('who mixed "run" in may', "who mixed it in may"),
        ("why did they run", None),
        ("Run the tape loops again?", None),
    ],
)
def test_one_plain_word_is_a_title_only_where_it_is_written_as_one(
    question: str, unnamed: str | None
) -> None:
    assert leave_unnamed(question, read_document(RUN.encode(), "run.md")[0]) == unnamed


def test_a_title_stays_where_there_is_none_or_the_language_has_another_it() -> None:
    german = HARBOUR.replace("title:", "language: de\ntitle:")
    for text in (PLAIN, german):
        assert leave_unnamed("Who produced Harbour Lights?", read_document(text.encode(), "a.md")[0]) is None


def test_a_song_is_asked_with_its_name_and_without_it(engine: Engine) -> None:
    asked: list[str] = []
    embed = FakeEmbedder.embed

    def noting(self: FakeEmbedder, texts: Sequence[str]) -> list[Embedding]:
        asked.extend(texts)
        return embed(self, texts)

    edition = edition_of(engine, harbour=HARBOUR)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeEmbedder, "embed", noting)
        with_name = engine.search(edition, "Who produced Harbour Lights?")
        without = engine.search(edition, "Who produced it?")
    assert asked == ["Who produced Harbour Lights?", "Who produced it?", "Who produced it?"]
    assert with_name is not None
    assert without is not None
    assert with_name.question == "Who produced Harbour Lights?"
    assert not with_name.evidence.follows
    plain = {each.position: each.score for each in without.evidence.candidates}
    both = {each.position: each.score for each in with_name.evidence.candidates}
    named = {
        each.position: each.score
        for each in edition.index.search(
            Query.of(
                "Who produced Harbour Lights?", FakeEmbedder().embed(["Who produced Harbour Lights?"])[0]
            )
        ).candidates
    }
    for position, score in both.items():
        assert score == pytest.approx((plain[position] + named[position]) / 2, abs=1e-4)
