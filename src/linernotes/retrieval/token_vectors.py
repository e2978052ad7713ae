"""The vectors of a document's tokens in eight bits: they are what is largest of all that is kept.

Each vector has a scale of its own, its largest component over 127. What that changes of the answers,
``benchmarks/token_vectors.py`` counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from linernotes.models import Floats

MOST = 127
"""The largest number that is used of eight bits; the one below -127 is not."""


def compress(vectors: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Return vectors, shape ``(n, dimension)``, in eight bits, and the scale of each, shape ``(n,)``.

    A vector is its eight bits times its scale; one that is all zeros has the scale 0.
    """
    # As an earlier release kept them: what it has saved gives the same bits as what is made anew.
    vectors = vectors.astype(np.float16).astype(np.float32)
    if not vectors.size:
        return vectors.astype(np.int8), np.zeros(len(vectors), np.float32)
    scales: Floats = (np.abs(vectors).max(axis=1) / np.float32(MOST)).astype(np.float32)
    divisors = np.where(scales > 0, scales, np.float32(1))
    return np.rint(vectors / divisors[:, None]).astype(np.int8), scales
