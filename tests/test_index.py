"""The index within its editions: what documents have in common is kept once, and found wherever it stands."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from typing import TYPE_CHECKING

import pytest

from fakes import FakeEmbedder
from linernotes.corpus.files import read_document
from linernotes.engine import Engine
from linernotes.library.editions import EditionStore
from linernotes.retrieval.query import Query

if TYPE_CHECKING:
    from pathlib import Path

    from linernotes.models import Document
    from linernotes.retrieval.index import Index

SPEECH = "In an interview with Sailor Weekly, Ada Stone said: “Nobody believed that wall {n} would hold.”"


@pytest.fixture
def engine() -> Engine:
    return Engine(FakeEmbedder())


@pytest.fixture
def store(engine: Engine, tmp_path: Path) -> EditionStore[Index]:
    return EditionStore(tmp_path, engine.segments, engine.indexes)


def documents(count: int) -> list[Document]:
    """Return documents of two passages each."""
    much = " ".join(["The sea was calm, and nothing came of it."] * 14)
    texts = [
        f"{much} The lamp{n} was lit by keeper{n} in port{n}.\n\n{SPEECH.format(n=n)} {much}"
        for n in range(count)
    ]
    return [read_document(text.encode(), f"{n:03}.md")[0] for n, text in enumerate(texts)]


@pytest.mark.parametrize("array", ["token_vectors", "passage_vectors", "sentence_vectors", "quote_vectors"])
def test_indexes_of_the_same_document_refer_to_the_same_arrays(
    engine: Engine, store: EditionStore[Index], array: str
) -> None:
    every = documents(3)
    whole, hiding = store.open_edition(every), store.open_edition(every[1:])
    alone = engine.alone(whole, "002.md")
    held = [edition.index.parts[-1].arrays[array] for edition in (whole, hiding, alone)]
    assert len(held[0]) > 0
    assert held[0] is held[1] is held[2]


def test_another_edition_of_the_same_documents_copies_no_token_vectors(store: EditionStore[Index]) -> None:
    every = documents(8)
    whole = store.open_edition(every)
    tokens = sum(part.arrays["token_vectors"].nbytes for part in whole.index.parts)
    tracemalloc.start()
    try:
        hiding = store.open_edition(every[1:])
        gc.collect()
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(hiding.documents) == 7
    assert grown < tokens / 2


def test_the_token_vectors_go_with_the_last_index(store: EditionStore[Index]) -> None:
    every = documents(2)
    editions = [store.open_edition(every), store.open_edition(every[1:])]
    tokens = [weakref.ref(part.arrays["token_vectors"]) for part in editions[0].index.parts]
    del editions[0]
    gc.collect()
    assert [reference() is None for reference in tokens] == [True, False]
    del editions[0]
    gc.collect()
    assert tokens[1]() is None


@pytest.mark.parametrize("count", [12, 24])
def test_each_sentence_is_held_against_its_own_tokens_among_many_documents(
    store: EditionStore[Index], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linernotes.retrieval.index.CANDIDATE_PASSAGES", 24)
    edition = store.open_edition(documents(count))
    assert len(edition.passages) == 2 * count  # looked at whole, and not
    for n in range(0, count, 3):
        text = f"The lamp{n} was lit by keeper{n} in port{n}."
        best = edition.index.search(Query.of(text, FakeEmbedder().embed([text])[0])).candidates[0]
        assert best.sentence.text == text
        assert best.signals["late"] == pytest.approx(1, abs=1e-3)


def test_the_quotations_vectors_stand_in_their_order(engine: Engine, store: EditionStore[Index]) -> None:
    edition = store.open_edition(documents(4))
    assert [quote.document for quote in edition.quotes] == ["000.md", "001.md", "002.md", "003.md"]
    for quote in edition.quotes:
        assert engine.quotes_about(edition, quote.text)[0] == quote


def test_a_document_alone_has_its_own_passages_sentences_and_quotations(
    engine: Engine, store: EditionStore[Index]
) -> None:
    every = documents(4)
    alone = engine.alone(store.open_edition(every), "002.md")
    own = store.open_edition([every[2]])
    assert (alone.documents, alone.passages) == (own.documents, own.passages)
    assert (alone.sentences, alone.quotes) == (own.sentences, own.quotes)
    asked = Query.of("Who lit the lamp?", FakeEmbedder().embed(["Who lit the lamp?"])[0])
    assert alone.index.search(asked) == own.index.search(asked)
