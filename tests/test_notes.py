"""Notes by the moderators: the file that holds them, and what becomes of a question that one answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import FakeEmbedder, FakeReader, write_corpus
from linernotes.corpus.files import read_document
from linernotes.engine import Engine
from linernotes.errors import RefusalError
from linernotes.library.changes import Add, RemoveNote, WriteNote
from linernotes.library.editions import EditionStore
from linernotes.library.notes import LONGEST_ANSWER, MOST_WAYS, TITLE, make_note, notes_of, write_notes
from linernotes.library.service import Library
from linernotes.measuring.noted import Asked, fit_notes, questions_put
from linernotes.models import NOTES, Answer
from linernotes.settings import Settings

GUILD, MODERATOR = 1, 44
RUN = "# Run\n\nThe song Run was sung by Ada Stone.\n"
SAIL = "# Sail\n\nThe song Sail was sung by Otto Blum.\n"


def test_notes_are_read_as_they_were_written() -> None:
    notes = (
        make_note(
            "What did it cost?", "It cost 1,000 crowns. Nobody paid.", ["how much was it", "The price?"]
        ),
        make_note("1. Which song is first?", "# 1 is “Run”, by <Ada> & *Otto*."),
        make_note("Who likes C#", "- nobody, they say."),
    )
    document, problems = read_document(write_notes(notes), NOTES)
    assert problems == ()
    assert document.title == TITLE
    assert document.holds_notes
    assert notes_of(document) == notes
    assert notes[0].ways == ("how much was it?", "The price?")
    assert notes[1].question == "1. Which song is first?"
    assert notes[2].question == "Who likes C#"


@given(st.lists(st.tuples(st.text(max_size=60), st.text(max_size=80), st.text(max_size=60)), max_size=4))
def test_whatever_is_written_is_refused_or_read_again(written: list[tuple[str, str, str]]) -> None:
    notes = []
    for question, answer, way in written:
        try:
            notes.append(make_note(question, answer, [way]))
        except RefusalError:
            continue
    document, _ = read_document(write_notes(notes), NOTES)
    assert notes_of(document) == tuple(notes)


@pytest.mark.parametrize(
    ("question", "answer", "ways"),
    [
        ("", "It is.", []),
        ("Who?", "", []),
        ("Who?", "a" * (LONGEST_ANSWER + 1), []),
        ("Who?", "Who knows?", []),
        ("q" * 201, "It is.", []),
        ("Who?", "Ada.", [f"way {number}" for number in range(MOST_WAYS + 1)]),
    ],
)
def test_what_is_no_note_is_refused(question: str, answer: str, ways: list[str]) -> None:
    with pytest.raises(RefusalError):
        make_note(question, answer, ways)


async def apply(library: Library, change: WriteNote | RemoveNote | Add) -> None:
    preview = await library.curator.preview(GUILD, MODERATOR, change)
    await library.curator.apply(GUILD, MODERATOR, preview.id)


async def test_a_note_outlives_a_restart_and_its_file_is_kept(tmp_path: Path) -> None:
    settings = Settings(corpus_dir=write_corpus(tmp_path / "corpus", run=RUN), data_dir=tmp_path / "data")
    note = make_note("Who paid for it?", "Emma Fisk paid for it.")
    async with Library.open(settings, embedder=FakeEmbedder()) as library:
        await apply(library, WriteNote(note))
        (upload,) = {each.name for each in (tmp_path / "data" / "uploads").iterdir()}
        assert notes_of(read_document((tmp_path / "data" / "uploads" / upload).read_bytes(), NOTES)[0]) == (
            note,
        )
    async with Library.open(settings, embedder=FakeEmbedder()) as library:
        reply = (await library.ask("Who paid for it?", guild=GUILD)).reply
        assert isinstance(reply, Answer)
        assert reply.lead.text == note.answer
        assert reply.lead.context is not None
        assert reply.lead.context.text == note.question
        assert NOTES not in {each.name for each in (await library.edition()).documents}


async def test_a_preview_of_a_note_that_was_changed_meanwhile_is_made_anew(tmp_path: Path) -> None:
    settings = Settings(corpus_dir=write_corpus(tmp_path / "corpus", run=RUN), data_dir=tmp_path / "data")
    async with Library.open(settings, embedder=FakeEmbedder()) as library:
        late = await library.curator.preview(
            GUILD, MODERATOR, WriteNote(make_note("Who paid for it?", "Emma Fisk paid."))
        )
        await apply(library, WriteNote(make_note("Who rang the bell?", "Otto Blum rang it.")))
        again = await library.curator.apply(GUILD, MODERATOR, late.id)
        assert again.id != late.id  # type: ignore[union-attr]  a preview, not a revision
        await library.curator.apply(GUILD, MODERATOR, again.id)  # type: ignore[union-attr]
        edition = await library.edition(GUILD)
        (document,) = (each for each in edition.documents if each.holds_notes)
        assert [each.question for each in notes_of(document)] == ["Who rang the bell?", "Who paid for it?"]


async def test_a_note_on_one_song_is_not_asked_of_another(tmp_path: Path) -> None:
    settings = Settings(
        corpus_dir=write_corpus(tmp_path / "corpus", harbour=RUN, lanterns=SAIL), data_dir=tmp_path / "data"
    )
    async with Library.open(settings, embedder=FakeEmbedder()) as library:
        note = make_note("Who produced “Run”?", "“Run” was produced by Emma Fisk.")
        await apply(library, WriteNote(note))
        await apply(library, WriteNote(make_note("When do we meet?", "We meet on Friday.")))

        async def sources(question: str) -> set[str]:
            reply = (await library.ask(question, guild=GUILD)).reply
            return {each.text for each in reply.sentences} if isinstance(reply, Answer) else set()

        assert note.answer in await sources("Who produced “Run”?")
        assert note.answer not in await sources("Who produced “Sail”?")
        assert "We meet on Friday." in await sources("When do we meet to hear “Sail”?")


# --- What is learned of them ------------------------------------------------------------------------------


def test_what_says_whether_a_note_answers_is_learned_from_questions_put_to_notes() -> None:
    engine = Engine(FakeEmbedder(), reader=FakeReader())
    notes = [make_note(f"Who plays the {each}?", f"The {each} is played by Ada.") for each in INSTRUMENTS]
    document = read_document(write_notes(notes), NOTES)[0]
    edition = EditionStore(None, engine.segments, engine.indexes).open_edition([document])
    asked = [Asked(f"Who plays {each}?", note.answer) for each, note in zip(INSTRUMENTS, notes, strict=True)]
    asked += [Asked(f"Who sold it in {each}?", None) for each in ("Hull", "Oslo", "Lima", "Bonn")]
    strangers = ["Why do wasps hum?", "Where is Peru?"]
    judge = fit_notes(engine, [(edition, asked)], strangers, gain=0.3)
    assert 0 <= judge.least <= judge.stated <= 1
    assert judge.gain == 0.3
    graded = {
        question: judge.grade(put.features)
        for question, answer in [(each.question, each.answer) for each in asked]
        for put in questions_put(engine, edition, [Asked(question, answer)], 0.3, is_strange=False)
    }
    assert [graded[each.question] for each in asked[: len(INSTRUMENTS)]] == ["stated"] * len(INSTRUMENTS)
    assert "stated" not in [graded[each.question] for each in asked[len(INSTRUMENTS) :]]


INSTRUMENTS = ("harp", "bass", "drum", "lute", "horn", "oboe")


def test_the_notes_to_learn_from_are_whole_and_on_articles_that_are_there() -> None:
    golden = Path(__file__).parent / "golden"
    files = sorted((golden / "notes-learning").glob("*.jsonl"))
    assert len(files) == 20
    for file in files:
        assert (golden / "learning" / file.stem).is_dir(), file
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        asked = [text for row in rows for text in (row["question"], *row["asked"], *row["near"])]
        assert len(asked) == len(set(asked)) == 12 * 6, file
        for row in rows:
            make_note(row["question"], row["answer"])
