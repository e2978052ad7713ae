"""What tells near misses from answers without the text that should: how far the questions give it away.

Two controls of the judgement. *The question alone*: how well the words of the questions tell the answerable
ones from the near misses, learned on other articles. *Other passages*: how well the judgement does when it is
shown the evidence of another question. Both should be near 0.5 (chance): what they are above it is learned
from how the questions are put, and will not hold elsewhere.
"""

from __future__ import annotations

import hashlib
import itertools
from typing import TYPE_CHECKING

import numpy as np

from linernotes.measuring.figures import Share, resamples
from linernotes.words import bare_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_BUCKETS = 4_096
_FOLDS = 6


def auroc(scores: Sequence[float], positive: Sequence[bool]) -> Share:
    """Return the area under the ROC curve with its bootstrap interval; ``of`` nothing where one kind lacks.

    It is the chance that a positive one has the higher score than a negative one (Hanley and McNeil 1982).
    """
    values, is_positive = np.asarray(scores, float), np.asarray(positive, bool)
    if not is_positive.any() or is_positive.all():
        return Share(0, None, None, None)
    found = [
        area
        for drawn in resamples(len(values))
        for area in (_area(values[row], is_positive[row]) for row in drawn[:200])
        if area is not None
    ]
    low, high = np.percentile(found, [2.5, 97.5]) if found else (0.0, 1.0)
    return Share(len(values), _area(values, is_positive) or 0.0, float(low), float(high))


def _area(values: NDArray[np.float64], positive: NDArray[np.bool_]) -> float | None:
    """Return the area from the ranks of the positive ones, ties shared."""
    count, others = int(positive.sum()), int((~positive).sum())
    if not count or not others:
        return None
    _, at, size = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(size) - (size - 1) / 2)[at]
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * others))


def question_alone(questions: Sequence[str], answerable: Sequence[bool], groups: Sequence[int]) -> Share:
    """Return how well the questions' words and word pairs alone tell which can be answered.

    A logistic regression learns it from other groups (articles); of one group alone, from other parts of it.

    Args:
        questions: as they were typed.
        answerable: which of them have an answer.
        groups: the article of each.
    """
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    rows = [sorted(set(_grams(question))) for question in questions]
    counts = np.cumsum([0, *map(len, rows)])
    flat = np.array([column for row in rows for column in row], dtype=np.int64)
    features = csr_matrix((np.ones(len(flat)), flat, counts), shape=(len(rows), _BUCKETS))
    target = np.asarray(answerable, bool)
    several = len(set(groups)) > 1
    folds = np.asarray(groups) % _FOLDS if several else np.arange(len(rows)) % _FOLDS
    scores = np.full(len(rows), np.nan)
    for fold in sorted(set(folds.tolist())):
        seen = folds != fold
        if len(set(target[seen].tolist())) == 2:  # noqa: PLR2004  there are two kinds to tell apart
            model = LogisticRegression(C=0.3, max_iter=500).fit(features[seen], target[seen])
            scores[~seen] = model.decision_function(features[~seen])
    known = ~np.isnan(scores)
    return auroc(scores[known].tolist(), target[known].tolist())


def _grams(question: str) -> list[int]:
    words = ["<", *bare_words(question), ">"]
    grams = [*words, *(" ".join(pair) for pair in itertools.pairwise(words))]
    return [int.from_bytes(hashlib.sha256(gram.encode()).digest()[:4]) % _BUCKETS for gram in grams]
