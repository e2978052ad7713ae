"""Figures and what came of them -> a logistic regression."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from linernotes.answering.confidence import FEATURES, Logistic

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


def fit_logistic(
    features: Sequence[tuple[float, ...]],
    target: Sequence[bool],
    weight: Sequence[float],
    names: Collection[str],
    freedom: float,
) -> Logistic:
    """Fit a model that uses the features with these names.

    Args:
        features: in the order of ``FEATURES``.
        target: what the model is to give the probability of.
        weight: how much each counts.
        names: those that it may use.
        freedom: how far the weights may go: the inverse of the penalty on their squares, of features of equal
            spread.
    """
    from sklearn.linear_model import LogisticRegression

    if len(set(target)) < 2:  # noqa: PLR2004  nothing to tell apart: as likely as Laplace's rule has it
        odds = (sum(target) + 1) / (len(target) - sum(target) + 1)
        return Logistic(math.log(odds), tuple(0.0 for _ in FEATURES))
    used = [at for at, name in enumerate(FEATURES) if name in names]
    chosen = np.array(features)[:, used]
    middle, spread = chosen.mean(axis=0), chosen.std(axis=0) + 1e-9
    model = LogisticRegression(C=freedom, max_iter=2000)
    found = model.fit((chosen - middle) / spread, target, sample_weight=weight)
    weights = np.zeros(len(FEATURES))
    weights[used] = found.coef_[0] / spread
    return Logistic(float(found.intercept_[0] - weights[used] @ middle), tuple(map(float, weights)))
