"""Signals -> one score: a weighted sum whose weights ``linernotes tune`` has learned.

Every signal is an absolute figure (a cosine, a BM25 score), none depends on the other sentences of the
search: a score means the same in a corpus of ten sentences and in one of ten thousand. ``index.py`` computes
them, in the order in which they stand in ``SIGNALS``.
"""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.models import Candidate, Floats

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


# What the reader adds, each of a sentence that it has read, with the ranking's own score.
READ_SIGNALS = (
    "ranked",  # the score by the signals above
    "evidence",  # whether this sentence is the one that answers
    "margin",  # how much better its best words are than none
    "answerable",  # whether the sentence with what stands around it answers
    "behind",  # how far its best words are behind the best around it
    "alone",  # the score for the question without the one that it leans on, if it leans on one
)


@functools.cache
def weights() -> Floats:
    """Return the weight of each signal, shape ``(len(SIGNALS),)``, in their order."""
    return np.array([_stored()["weights"][name] for name in SIGNALS], dtype=np.float32)


@functools.cache
def read_weights() -> Floats:
    """Return the weight of each figure of ``READ_SIGNALS``, in their order."""
    return np.array([_stored()["reading"][name] for name in READ_SIGNALS], dtype=np.float32)


def score(signals: Floats) -> Floats:
    """Return the scores, shape ``(n,)``, of signals of shape ``(n, len(SIGNALS))``."""
    scores: Floats = signals @ weights()
    return scores


def rank_read(candidates: Sequence[Candidate], by: Floats | None = None) -> tuple[Candidate, ...]:
    """Return candidates in the order that the reader's figures give them, with scores that say so.

    Those that were not read count as the poorest of those that were.

    Args:
        candidates: best first by the ranking alone.
        by: the weights in the order of ``READ_SIGNALS``; by default those that ship.
    """
    read = [each.reading for each in candidates if each.reading is not None]
    if not read:
        return tuple(candidates)
    figures = [
        min(each.evidence for each in read),
        min(each.margin for each in read),
        min(each.answerable for each in read),
        max(each.behind for each in read),
    ]
    rows = [
        read_signals(each) or (each.score, *figures, each.score if each.alone is None else each.alone)
        for each in candidates
    ]
    scores = np.array(rows, np.float32) @ (read_weights() if by is None else by)
    order = np.argsort(-scores, kind="stable")
    return tuple(replace(candidates[i], score=float(scores[i])) for i in order)


def read_signals(candidate: Candidate) -> tuple[float, ...] | None:
    """Return the figures of ``READ_SIGNALS``; ``None`` where the sentence was not read."""
    reading = candidate.reading
    if reading is None:
        return None
    return (
        candidate.score,
        reading.evidence,
        reading.margin,
        reading.answerable,
        reading.behind,
        candidate.score if candidate.alone is None else candidate.alone,
    )


@functools.cache
def _stored() -> dict[str, dict[str, float]]:
    stored: dict[str, dict[str, float]] = json.loads(
        resources.files(__package__).joinpath("weights.json").read_text(encoding="utf-8")
    )
    return stored
