"""A question that says where its answer stands gets that place first."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fakes import FakeEmbedder
from linernotes.answering.lead import find_lead
from linernotes.answering.placed import put_first, without_title
from linernotes.corpus.files import read_document
from linernotes.engine import Engine
from linernotes.library.editions import EditionStore

if TYPE_CHECKING:
    from linernotes.models import Edition, Evidence
    from linernotes.retrieval.index import Index

SHOW = (
    "# A show\n\nThey played for two hours at the Tannery Hall.\n\n"
    "## First set\n\n- Salt Year\n- Night Ferry\n\n## Encore\n\n- Goose Fair\n- Ludlow Town\n"
)
REVIEWS = (
    "They sang at the fair, and nobody wrote it down.\n\n"
    'Barbara Hale of The Lantern reported, "They are old young bands."\n\n'
    'Ida Vane said, "We only wanted to sing."\n'
)


def found(text: str, question: str, first: str) -> tuple[Edition[Index], Evidence]:
    """Return an edition and what is found in it, with the sentence that begins like ``first`` as the best."""
    engine = Engine(FakeEmbedder())
    edition = EditionStore(None, engine.segments, engine.indexes).open_edition(
        [read_document(text.encode(), "a.md")[0]]
    )
    searched = engine.search(edition, question)
    assert searched is not None
    evidence = searched[1]
    best = sorted(evidence.candidates, key=lambda each: not each.sentence.text.startswith(first))
    assert best[0].sentence.text.startswith(first)
    return edition, replace(evidence, candidates=tuple(best))


def first_of(text: str, question: str, first: str) -> str:
    edition, evidence = found(text, question, first)
    return put_first(question, evidence, edition.index).candidates[0].sentence.text


@pytest.mark.parametrize(
    ("question", "starts"),
    [
        ("what did they play for the encore?", ("Goose Fair", "Ludlow Town")),
        ("which songs were in the first set?", ("Salt Year", "Night Ferry")),
        ("where did they play the encore?", ("They played",)),
        ("what did they play?", ("They played",)),
    ],
)
def test_what_is_asked_of_a_list_by_its_heading_is_in_the_list(
    question: str, starts: tuple[str, ...]
) -> None:
    """An item comes first where the question names the heading above it, and asks what or which."""
    assert first_of(SHOW, question, "They played").startswith(starts)


def test_a_sentence_that_announces_a_list_is_not_what_stands_in_it() -> None:
    announced = SHOW.replace("at the Tannery Hall.", "at the Tannery Hall, and I wrote the set down.")
    assert first_of(announced, "which songs were in the first set?", "They played") in {
        "Salt Year",
        "Night Ferry",
    }


@pytest.mark.parametrize(
    ("question", "start"),
    [
        ("what did Ida Vane say about it?", "Ida Vane said"),
        ("what did The Lantern write about them?", "Barbara Hale of The Lantern"),
        ("according to Barbara Hale, what are they?", "Barbara Hale"),
        ("what did Odo say about it?", "They sang"),
        ("who wrote it down?", "They sang"),
    ],
)
def test_whose_words_are_asked_for_are_heard(question: str, start: str) -> None:
    """A quotation comes first whose speaker, or whoever it is told for, the question names."""
    assert first_of(REVIEWS, question, "They sang").startswith(start)


def test_who_is_spoken_of_by_the_best_sentence_is_not_looked_for() -> None:
    """Where the ranking has seen the name, it stays as it is."""
    assert first_of(REVIEWS, "what did The Lantern write?", "Barbara Hale").startswith("Barbara Hale")


def test_a_name_of_the_title_is_not_missed_in_the_sentences() -> None:
    """Words of the question that the title alone has are not asked of the sentences; others still are."""
    _, evidence = found(SHOW, "when did Glass Heron and Zoltan play?", "They played")
    stems = [word.stem for word in evidence.words]
    kept = without_title(evidence, "An evening with Glass Heron")
    assert [word.stem for word in kept.words] == [each for each in stems if each not in {"glass", "heron"}]
    assert len(kept.rarities) == len(kept.words)
    assert all(len(each.fits) == len(kept.words) for each in kept.candidates)
    assert without_title(evidence, "Something else") is evidence


def test_a_bare_word_before_a_list_leads_with_the_sentence_before() -> None:
    """One such as "Notably:" introduces nothing without the sentence that it goes on with."""
    said = "The band has many releases, and I like the records best. Notably:"
    edition, _ = found(f"It rained.\n\n{said}\n\n- Salt Year\n- Peat\n", "which records?", "The band")
    for at in (1, 2, 3):
        lead = find_lead(at, edition.index)
        assert (lead.kind, lead.text) == ("items", f"{said}\n\nSalt Year\n\nPeat")
