"""Texts -> groups of like meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.models import Floats

LIKENESS = 0.6
"""The mean cosine of a group's texts, at least."""


def group(vectors: Sequence[Floats]) -> tuple[tuple[int, ...], ...]:
    """Group vectors by average linkage (UPGMA, Sokal and Michener 1958) over their cosines.

    Args:
        vectors: one for each text, shape (dimension,), of length 1.

    Returns:
        The groups as positions in ``vectors``, each in rising order, the largest first.
    """
    if len(vectors) < 2:  # noqa: PLR2004  one text is one group
        return tuple((at,) for at in range(len(vectors)))
    from scipy.cluster.hierarchy import fcluster, linkage

    # All at once: a function of ours for each of two million pairs would take seconds from everybody else.
    stacked = np.stack(vectors)
    distances = 1.0 - (stacked @ stacked.T)[np.triu_indices(len(stacked), 1)]
    # Rounding can bring a cosine a little above 1, and a distance below 0.
    tree = linkage(np.maximum(distances, 0.0), "average")
    found: dict[int, list[int]] = {}
    for at, label in enumerate(fcluster(tree, 1.0 - LIKENESS, "distance")):
        found.setdefault(int(label), []).append(at)
    return tuple(map(tuple, sorted(found.values(), key=lambda each: (-len(each), each[0]))))
