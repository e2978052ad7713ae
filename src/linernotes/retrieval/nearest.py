"""Vectors -> those that are nearest to a question's, by FAISS (Johnson et al. 2017): which index, by number.

What is found here is looked at again with the vectors as they are, so that it need not be exact: it must not
miss what matters. docs/scaling.md has the figures by which the kinds were chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from linernotes.models import Floats, Integers

FLAT_MOST = 16_384
"""Up to so many vectors, each is compared, eight bits a component: that takes a millisecond."""
# Beyond, they stand in lists by likeness, of some so many each, and so many lists are looked through.
LIST_LENGTH = 128
PROBED = 192
# What the lists begin with is drawn by this, so that the same vectors give the same lists.
SEED = 1_234


def _faiss() -> Any:
    """Return FAISS, whose own types are not those of what it takes."""
    import faiss

    return faiss


class Nearest:
    """An index over vectors of length 1; never changed once it is made."""

    def __init__(self, index: Any) -> None:
        """Take FAISS's index; see ``build`` and ``load``."""
        self._index = index

    @classmethod
    def build(cls, vectors: Sequence[Any], dimension: int) -> Nearest:
        """Build an index over vectors, given in blocks of shape ``(n, dimension)``."""
        faiss = _faiss()
        count = sum(map(len, vectors))
        kind = faiss.ScalarQuantizer.QT_8bit
        if count <= FLAT_MOST:
            index = faiss.IndexScalarQuantizer(dimension, kind, faiss.METRIC_INNER_PRODUCT)
        else:
            lists = count // LIST_LENGTH
            coarse = faiss.IndexFlatIP(dimension)
            index = faiss.IndexIVFScalarQuantizer(coarse, dimension, lists, kind, faiss.METRIC_INNER_PRODUCT)
            index.cp.seed = SEED
            index.cp.niter = 6
            index.cp.max_points_per_centroid = 64
            index.nprobe = PROBED
        if count:
            every = np.concatenate(vectors, dtype=np.float32)
            index.train(every)
            index.add(every)
        return cls(index)

    @property
    def dimension(self) -> int:
        """Return the length of the vectors."""
        dimension: int = self._index.d
        return dimension

    def __len__(self) -> int:
        """Return how many vectors there are."""
        count: int = self._index.ntotal
        return count

    @property
    def nbytes(self) -> int:
        """Return how much memory the vectors take, in bytes."""
        return len(self) * (self.dimension + 8)

    def find(self, vector: Floats, most: int, among: Integers | None = None) -> Integers:
        """Return the places of the vectors with the highest inner products, at most ``most``, best first.

        Args:
            vector: shape ``(dimension,)``.
            most: how many.
            among: the places to look at, in rising order; by default, all.
        """
        faiss = _faiss()
        given: dict[str, Any] = {}
        if among is not None:
            allowed = np.zeros(len(self), np.bool_)
            allowed[among] = True
            bits = np.packbits(allowed, bitorder="little")
            selector = faiss.IDSelectorBitmap(bits)
            lists = getattr(self._index, "nlist", None)
            given["params"] = (
                faiss.SearchParameters(sel=selector)
                if lists is None
                else faiss.SearchParametersIVF(sel=selector, nprobe=PROBED)
            )
        found: Integers = self._index.search(vector[None], min(most, len(self)), **given)[1][0]
        return found[found >= 0]

    def save(self, path: Path) -> None:
        """Write the index to a file."""
        # As bytes: faiss itself cannot open every path (one with a byte that is no UTF-8).
        path.write_bytes(_faiss().serialize_index(self._index).tobytes())

    @classmethod
    def load(cls, path: Path) -> Nearest:
        """Read what ``save`` has written; FAISS raises ``RuntimeError`` for what it has not."""
        return cls(_faiss().deserialize_index(np.fromfile(path, np.uint8)))
