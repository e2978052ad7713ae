"""The model's logits -> the words of a sentence that answer."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.models import Floats

SPAN_TOKENS = 30
"""An answer has at most so many tokens."""

# What stands for "impossible" where there is no token to look at.
_NOTHING = -30.0
_MANY = 128


class Found(NamedTuple):
    """The best span of a sentence: first and last token, and the figures of ``models.Reading``."""

    first: int
    last: int
    margin: float
    answerable: float
    evidence: float
    behind: float
    sureness: float


def find(logits: Floats, sentences: Sequence[tuple[int, int]], at: int) -> Found:
    """Return the best span that lies within sentence ``at``.

    Args:
        logits: shape (tokens, 3): start, end and evidence. The first token's stand for "no words here",
            twice, and for whether the window answers.
        sentences: the half-open range of tokens of each sentence of the window.
        at: which of them is read.
    """
    none, answerable = float(logits[0, 0] + logits[0, 1]), float(logits[0, 2])
    begin, stop = sentences[at]
    if begin == stop:
        return Found(begin, begin, _NOTHING, answerable, _NOTHING, -_NOTHING, _NOTHING)
    scores = _scores(logits[begin:stop])
    first, last = divmod(int(scores.argmax()), stop - begin)
    best = float(scores[first, last])
    around = _scores(logits[sentences[0][0] : sentences[-1][1]])
    return Found(
        begin + first,
        begin + last,
        best - none,
        answerable,
        _log_sum(logits[begin:stop, 2]),
        float(around.max()) - best,
        best - _log_sum(np.append(scores.ravel(), np.float32(none))),
    )


def _scores(logits: Floats) -> Floats:
    """Return the score of each span, shape (first, last); what ends before it starts has minus infinity."""
    size = len(logits)
    # One that is large enough for many serves them all.
    impossible = _impossible(-(-size // _MANY) * _MANY)[:size, :size]
    return logits[:, 0][:, None] + logits[:, 1][None, :] + impossible


@functools.cache
def _impossible(size: int) -> Floats:
    """Return minus infinity for spans that end before they start or are too long, 0 for the rest."""
    every = np.ones((size, size), bool)
    allowed = np.triu(every) & ~np.triu(every, SPAN_TOKENS)
    return np.where(allowed, np.float32(0), np.float32(-np.inf))


def _log_sum(values: Floats) -> float:
    """Return the logarithm of the sum of the exponentials."""
    peak = float(values.max())
    return peak + float(np.log(np.exp(values - peak).sum()))
