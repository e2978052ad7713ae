"""What FAISS names of many vectors is what comparing all of them names, nearly always; by whichever index."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import pytest

from linernotes.retrieval import nearest
from linernotes.retrieval.nearest import Nearest

if TYPE_CHECKING:
    from pathlib import Path

    from linernotes.models import Floats, Integers

DIMENSION = 64
MOST = 24
# From this number on lists are made, and here a quarter of it.
SMALL, LARGE = 2_000, nearest.FLAT_MOST // 4 + 1_000


@functools.cache
def vectors(count: int) -> Floats:
    """Return vectors of length 1 that lie in clouds, as those of sentences on some hundred subjects do."""
    chance = np.random.default_rng(5)
    subjects = chance.standard_normal((300, DIMENSION))
    found = subjects[chance.integers(0, 300, count)] + 0.8 * chance.standard_normal((count, DIMENSION))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def build(*blocks: Floats) -> Nearest:
    """Build an index with shorter lists, and fewer: of a hundred thousand vectors, too, a quarter is seen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest, "LIST_LENGTH", 26)
        patch.setattr(nearest, "FLAT_MOST", nearest.FLAT_MOST // 4)
        patch.setattr(nearest, "PROBED", nearest.PROBED // 4)
        return Nearest.build(blocks, DIMENSION)


@functools.cache
def index(count: int) -> Nearest:
    return build(vectors(count)[: count // 3], vectors(count)[count // 3 :])


def recall(count: int, among: Integers | None = None) -> float:
    """Return how many of the nearest are found, as a share, over fifty questions."""
    asked = vectors(count)[:: count // 50] + 0.1 * np.random.default_rng(6).standard_normal((1, DIMENSION))
    places = np.arange(count) if among is None else among
    shares = []
    for vector in asked.astype(np.float32):
        exact = places[np.argsort(-(vectors(count)[places] @ vector), kind="stable")[:MOST]]
        found = index(count).find(vector, MOST, among)
        assert len(found) == MOST
        assert len(np.unique(found)) == MOST
        shares.append(len(np.intersect1d(found, exact)) / MOST)
    return float(np.mean(shares))


@pytest.mark.parametrize(("count", "least"), [(SMALL, 0.95), (LARGE, 0.95)])
def test_it_finds_nearly_all_that_are_nearest(count: int, least: float) -> None:
    assert recall(count) >= least


def test_it_finds_nearly_all_of_some_documents_and_nothing_of_others() -> None:
    among = np.arange(LARGE // 7, LARGE * 4 // 7)
    assert recall(LARGE, among) >= 0.95
    for vector in vectors(LARGE)[:20]:
        assert np.isin(index(LARGE).find(vector, MOST, among), among).all()


def test_where_there_are_few_all_are_found() -> None:
    found = Nearest.build([vectors(SMALL)[:7]], DIMENSION).find(vectors(SMALL)[3], MOST)
    assert found[0] == 3
    assert sorted(found) == list(range(7))


@pytest.mark.parametrize("count", [SMALL, LARGE])
def test_the_same_vectors_make_the_same_file_and_what_is_loaded_finds_the_same(
    count: int, tmp_path: Path
) -> None:
    paths = [tmp_path / name for name in ("one", "other")]
    index(count).save(paths[0])
    build(vectors(count)).save(paths[1])
    assert paths[0].read_bytes() == paths[1].read_bytes()
    loaded = Nearest.load(paths[0])
    assert (len(loaded), loaded.dimension) == (count, DIMENSION)
    for vector in vectors(count)[:20]:
        assert np.array_equal(loaded.find(vector, MOST), index(count).find(vector, MOST))
