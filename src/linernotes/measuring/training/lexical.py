"""Which sentences of an article share a question's words: the hard ones among those that do not answer."""

from __future__ import annotations

import re
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linernotes.models import Floats

WORD = re.compile(r"[^\W_]+")
_ENDING = re.compile(r"(?:ing|ed|es|s|e)$")
_LONG = 4
_K1, _B = 1.2, 0.75


def rank(sentences: Sequence[str], questions: Sequence[str]) -> Floats:
    """Return BM25 (Robertson and Zaragoza 2009) of each sentence, shape (questions, sentences)."""
    from scipy.sparse import csr_array

    counted = [Counter(_stems(each)) for each in sentences]
    names = {word: number for number, word in enumerate(dict.fromkeys(chain.from_iterable(counted)))}
    rows = np.repeat(np.arange(len(counted)), [len(each) for each in counted])
    columns = np.array([names[word] for each in counted for word in each], np.int64)
    times = np.array([count for each in counted for count in each.values()], np.float32)
    lengths = np.bincount(rows, times, len(counted))
    frequency = np.bincount(columns, minlength=len(names))
    idf = np.log1p((len(counted) - frequency + 0.5) / (frequency + 0.5))
    weights = times * (_K1 + 1) / (times + _K1 * (1 - _B + _B * (lengths / lengths.mean())[rows]))
    known = csr_array((weights * idf[columns], (rows, columns)), shape=(len(counted), len(names)))
    asked = [sorted({names[word] for word in _stems(each) if word in names}) for each in questions]
    chosen = np.array([*chain.from_iterable(asked)], np.int64)
    of = np.repeat(np.arange(len(asked)), [len(each) for each in asked])
    wanted = csr_array((np.ones(len(chosen)), (of, chosen)), shape=(len(asked), len(names)))
    return np.asarray((wanted @ known.T).toarray(), np.float32)


def _stems(text: str) -> list[str]:
    """Return the words in lower case, the longer ones cut to what their forms share."""
    return [_ENDING.sub("", each) if len(each) > _LONG else each for each in WORD.findall(text.lower())]
