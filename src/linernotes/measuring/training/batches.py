"""Lessons as tensors; they are drawn here, or ahead of here in other processes.

A graphics card learns faster than one process draws.
"""

from __future__ import annotations

import itertools
import multiprocessing
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from linernotes.reading.windows import pad

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from linernotes.measuring.training.lessons import Lesson, Lessons

# Padded tokens of a step, some 40 windows; more of them want a higher rate.
TOKENS = 3_600
RATE = 1.2e-4


@dataclass(frozen=True, slots=True)
class Pace:
    """How a network learns: the highest rate, the padded tokens of a step, and how many processes draw."""

    rate: float = RATE
    tokens: int = TOKENS
    drawing: int = 0


class Batch(NamedTuple):
    """Lessons as tensors: W windows of T tokens, whose S sentences compete within Q questions."""

    ids: Tensor
    kinds: Tensor
    mask: Tensor
    """(W, T) each."""
    outside: Tensor
    """(W, T): where no answer may lie; the first token stands for "no words here", and is not outside."""
    first: Tensor
    last: Tensor
    """(W,): the answer's tokens, 0 for none."""
    answered: Tensor
    """(W,): 1.0 where the window answers."""
    certain: Tensor
    """(W,): 0.0 where the window may answer although it is not said to."""
    place: Tensor
    """(W, T): the token's sentence; S where it is in none."""
    question: Tensor
    """(S,): the sentence's question."""
    doubtful: Tensor
    """(S,): whether it is left out of the competition."""
    gold: Tensor
    """(Q,): the sentence that answers, or S plus the question's number where none does."""

    def to(self, device: torch.device) -> Batch:
        """Return the same on a device."""
        return Batch(*(each.to(device, non_blocking=True) for each in self))


def collate(questions: Sequence[Sequence[Lesson]]) -> Batch:
    """Put the lessons of some questions together, padded to the longest window."""
    lessons = [each for lessons in questions for each in lessons]
    ids, kinds, mask = pad([each.window for each in lessons])
    total = sum(len(each.window.sentences) for each in lessons)
    outside, place = np.ones(ids.shape, bool), np.full(ids.shape, total, np.int64)
    outside[:, 0] = False
    question: list[int] = []
    doubtful: list[bool] = []
    gold = [total + number for number in range(len(questions))]
    rows = ((number, each) for number, lessons in enumerate(questions) for each in lessons)
    for row, (number, lesson) in enumerate(rows):
        for at, (begin, stop) in enumerate(lesson.window.sentences):
            outside[row, begin:stop] = False
            place[row, begin:stop] = len(question)
            if at == lesson.gold:
                gold[number] = len(question)
            question.append(number)
            # A sentence that was cut off altogether has no tokens to be known by.
            doubtful.append(at in lesson.doubtful or begin == stop)
    return Batch(
        ids=torch.from_numpy(ids),
        kinds=torch.from_numpy(kinds),
        mask=torch.from_numpy(mask),
        outside=torch.from_numpy(outside),
        first=torch.tensor([each.first for each in lessons]),
        last=torch.tensor([each.last for each in lessons]),
        answered=torch.tensor([float(each.gold is not None) for each in lessons]),
        certain=torch.tensor([float(each.gold is not None or not each.doubtful) for each in lessons]),
        place=torch.from_numpy(place),
        question=torch.tensor(question),
        doubtful=torch.tensor(doubtful),
        gold=torch.tensor(gold),
    )


def draw_ahead(lessons: Lessons, seed: int, pool: int, pace: Pace) -> Iterator[list[Batch]]:
    """Yield the batches of one pool after the other, from ``pool`` on, without end.

    What is drawn depends on the seed alone, and not on how many processes draw.
    """
    if not pace.drawing:
        for number in itertools.count(pool):
            yield [collate(each) for each in lessons.batches(seed, number, pace.tokens)]
    # Forked: the lessons need not be sent. The others touch no graphics card.
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(pace.drawing, context, _take, (lessons, seed, pace.tokens)) as others:
        coming: deque[Future[list[tuple[NDArray[np.generic], ...]]]] = deque()
        try:
            for number in itertools.count(pool):
                coming.append(others.submit(_draw, number))
                if len(coming) > 2 * pace.drawing:
                    yield [Batch(*map(torch.from_numpy, each)) for each in coming.popleft().result()]
        finally:
            others.shutdown(wait=False, cancel_futures=True)


_taken: tuple[Lessons, int, int]


def _take(lessons: Lessons, seed: int, tokens: int) -> None:
    global _taken  # noqa: PLW0603  what a forked process draws from
    _taken = lessons, seed, tokens


def _draw(pool: int) -> list[tuple[NDArray[np.generic], ...]]:
    lessons, seed, tokens = _taken
    return [tuple(each.numpy() for each in collate(batch)) for batch in lessons.batches(seed, pool, tokens)]
