"""Signals -> one score: a weighted sum whose weights ``linernotes tune`` has learned.

Every signal is an absolute figure (a cosine, a BM25 score), none depends on the other sentences of the
search: a score means the same in a corpus of ten sentences and in one of ten thousand. ``index.py`` computes
them, in the order in which they stand in ``SIGNALS``.
"""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from linernotes.models import Floats

SIGNALS = (
    "sentence_vector",  # cosine of question and sentence
    "passage_vector",  # cosine of question and passage
    "late",  # late interaction with the sentence's tokens, read within their passage
    "late_before",  # the same with the sentence and the one before: what its "he" stands for
    "late_passage",  # the same with the whole passage
    "bm25",  # BM25 of the sentence
    "bm25_passage",  # BM25 of the passage
    "is_question",  # 1 for a sentence that asks: it repeats the words of ours, but answers nothing
    "after_question",  # how well the question fits ("late") which the text asks just before the sentence
    "nearby",  # 1 near the sentence that answered the question which this one leans on
)


@functools.cache
def weights() -> Floats:
    """Return the weight of each signal, shape ``(len(SIGNALS),)``, in their order."""
    stored = json.loads(resources.files(__package__).joinpath("weights.json").read_text(encoding="utf-8"))
    return np.array([stored["weights"][name] for name in SIGNALS], dtype=np.float32)


def score(signals: Floats) -> Floats:
    """Return the scores, shape ``(n,)``, of signals of shape ``(n, len(SIGNALS))``."""
    scores: Floats = signals @ weights()
    return scores
