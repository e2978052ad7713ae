"""Evidence -> whether the corpus speaks of the question, and how likely the answer is right.

Two logistic regressions over a few figures of the best candidate, fitted by ``linernotes tune``. The score
alone says which sentence is best, not whether it is good: a question of one word and one of twenty need
different evidence, and in a larger corpus something is always near.
"""

from __future__ import annotations

import functools
import json
import math
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from linernotes.models import Evidence

FEATURES = (
    "score",
    "late",
    "late_before",
    "late_passage",
    "sentence_vector",
    "passage_vector",
    "bm25_passage",  # of what the question's rare words could give
    "best_sentence_vector",  # anywhere in the corpus
    "best_late_passage",
    "words",  # the logarithm of the number of content words
    "wordless",  # 1 where there is none
    "searched",  # the logarithm of the number of sentences in the corpus
)


@dataclass(frozen=True, slots=True)
class Logistic:
    """A logistic regression; ``weights`` in the order of ``FEATURES``."""

    intercept: float
    weights: tuple[float, ...]

    def of(self, features: tuple[float, ...]) -> float:
        """Return the probability (0 to 1) for these features."""
        x = self.intercept + math.fsum(w * f for w, f in zip(self.weights, features, strict=True))
        return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


@dataclass(frozen=True, slots=True)
class Judgement:
    """The fitted models: an answer needs a relevance of ``threshold``; ``confidence`` says how sure it is."""

    relevance: Logistic
    threshold: float
    confidence: Logistic


def find_features(evidence: Evidence) -> tuple[float, ...]:
    """Return the figures in the order of ``FEATURES``."""
    best = evidence.candidates[0]
    signals = best.signals
    return (
        best.score,
        signals["late"],
        signals["late_before"],
        signals["late_passage"],
        signals["sentence_vector"],
        signals["passage_vector"],
        signals["bm25_passage"] / (math.fsum(evidence.rarities) or 1.0),
        evidence.peaks["sentence_vector"],
        evidence.peaks["late_passage"],
        math.log1p(len(evidence.rarities)),
        float(not evidence.rarities),
        math.log(evidence.searched),
    )


@functools.cache
def judgement() -> Judgement:
    """Return the models that ship."""
    stored = json.loads(resources.files(__package__).joinpath("weights.json").read_text(encoding="utf-8"))
    return Judgement(
        _model(stored["relevance"]), float(stored["relevance"]["threshold"]), _model(stored["confidence"])
    )


def _model(stored: dict[str, Any]) -> Logistic:
    return Logistic(float(stored["intercept"]), tuple(float(stored["weights"][name]) for name in FEATURES))
