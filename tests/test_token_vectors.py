"""The tokens' vectors in eight bits: how near they are, and that those of earlier versions are taken over."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from fakes import HARBOUR, LANTERNS, QUESTION, FakeEmbedder
from linernotes.corpus.files import read_document
from linernotes.engine import Engine
from linernotes.library.editions import EditionStore
from linernotes.retrieval import document_vectors
from linernotes.retrieval.query import Query
from linernotes.retrieval.token_vectors import compress

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from linernotes.models import Document, PreparedSegment
    from linernotes.retrieval.index import Index

DOCUMENTS = [read_document(text.encode(), name)[0] for name, text in (("a.md", HARBOUR), ("b.md", LANTERNS))]
SIZES = array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=9)


@given(arrays(np.float32, SIZES, elements={"min_value": -1, "max_value": 1}))
def test_each_component_is_within_half_a_step_of_what_it_was(vectors: Any) -> None:
    small, scales = compress(vectors)
    assert small.dtype == np.int8
    assert scales.shape == (len(vectors),)
    off = np.abs(small * scales[:, None] - vectors)
    # float16 has eleven bits of its own.
    assert (off <= scales[:, None] * 0.5001 + np.abs(vectors) * 2.0**-11 + 1e-7).all()


class FloatSegments:
    """Makes segments as the version before did: the tokens' vectors in float16, without scales."""

    def __init__(self, engine: Engine) -> None:
        self._segments = engine.segments
        (self.settings,) = engine.segments.earlier

    def make(self, document: Document, progress: Callable[[int, int], None]) -> PreparedSegment:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(document_vectors, "compress", lambda each: (each.astype(np.float16), each[:, 0]))
            made = self._segments.make(document, progress)
        return replace(
            made, arrays={name: each for name, each in made.arrays.items() if name != "token_scales"}
        )


class NoIndexes:
    """Makes no index: the version before had another."""

    settings = "none"

    def build(self, parts: object) -> str:
        return "nothing"

    def save(self, index: str, folder: Path) -> None:
        (folder / "nothing").write_text(index)

    def load(self, folder: Path, parts: object) -> str:
        return (folder / "nothing").read_text()


def opened(folder: Path | None, embedder: FakeEmbedder) -> EditionStore[Index]:
    engine = Engine(embedder)
    return EditionStore(folder, engine.segments, engine.indexes, earlier=engine.segments.earlier)


def test_what_an_earlier_version_saved_is_taken_over_to_the_bit_and_not_embedded(tmp_path: Path) -> None:
    EditionStore(tmp_path, FloatSegments(Engine(FakeEmbedder())), NoIndexes()).open_edition(DOCUMENTS)
    (fresh, embedder) = (opened(None, FakeEmbedder()).open_edition(DOCUMENTS), FakeEmbedder())
    store = opened(tmp_path, embedder)
    assert store.unseen(DOCUMENTS) == ()
    for _ in range(2):  # from what the version before saved, then from what this one did
        edition = store.open_edition(DOCUMENTS)
        assert embedder.calls == []
        assert edition.id == fresh.id
        for taken, made in zip(edition.segments, fresh.segments, strict=True):
            assert taken.arrays.keys() == made.arrays.keys()
            for name, array in taken.arrays.items():
                assert array.dtype == made.arrays[name].dtype
                assert np.array_equal(array, made.arrays[name]), name
        store.prune([edition.id])
        store = opened(tmp_path, embedder)
    assert len(list((tmp_path / "segments").iterdir())) == len(DOCUMENTS)


def test_an_edition_that_was_loaded_finds_what_it_found_when_it_was_built(tmp_path: Path) -> None:
    asked = Query.of(QUESTION, FakeEmbedder().embed([QUESTION])[0])
    found = [opened(tmp_path, FakeEmbedder()).open_edition(DOCUMENTS).index.search(asked) for _ in range(2)]
    assert found[0] == found[1]
