"""What tells near misses from answers without the text that should: how far the questions give it away.

Two controls of the judgement. *The question alone*: how well the words of the questions tell the answerable
ones from the near misses, learned on other articles, or of twins on other pairs. *Other passages*: how well
the judgement does when it is shown the evidence of another question. Both should be near 0.5 (chance): what
they are above it is learned from how the questions are put, and will not hold elsewhere.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from linernotes.answering.answer import compose, look
from linernotes.answering.confidence import judgement
from linernotes.measuring.figures import Share, resamples
from linernotes.words import bare_words

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from numpy.typing import NDArray

    from linernotes.answering.lead import Corpus
    from linernotes.measuring.cases import Case
    from linernotes.measuring.judging import Outcome
    from linernotes.models import Evidence

T = TypeVar("T")

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


def question_alone(questions: Sequence[str], answerable: Sequence[bool], groups: Sequence[Hashable]) -> Share:
    """Return how well the questions' words and word pairs alone tell which can be answered.

    A logistic regression learns it from other groups; of one group alone, from other parts of it.

    Args:
        questions: as they were typed.
        answerable: which of them have an answer.
        groups: what is held out together: the article of each, or of twins the pair.
    """
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    rows = [sorted(set(_grams(question))) for question in questions]
    counts = np.cumsum([0, *map(len, rows)])
    flat = np.array([column for row in rows for column in row], dtype=np.int64)
    features = csr_matrix((np.ones(len(flat)), flat, counts), shape=(len(rows), _BUCKETS))
    target = np.asarray(answerable, bool)
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    several = len(numbers) > 1
    folds = np.array([numbers[group] for group in groups] if several else range(len(rows)), int) % _FOLDS
    scores = np.full(len(rows), np.nan)
    for fold in sorted(set(folds.tolist())):
        seen = folds != fold
        if len(set(target[seen].tolist())) == 2:  # noqa: PLR2004  there are two kinds to tell apart
            model = LogisticRegression(C=0.3, max_iter=500).fit(features[seen], target[seen])
            scores[~seen] = model.decision_function(features[~seen])
    known = ~np.isnan(scores)
    return auroc(scores[known].tolist(), target[known].tolist())


def questions_alone(asked: Iterable[tuple[Case, int]]) -> dict[str, Share]:
    """Return ``question_alone`` of the cases, of the twins among them and of the others, by their names.

    The two of a pair are held out together. One of them stands in another article than the other: held out by
    article, each form of question would have been seen once, with the other verdict, and the area would be
    as far below one half as the questions are alike.

    Args:
        asked: answerable questions and near misses, each with the number of its article.
    """
    told = list(asked)
    chosen = {
        "question_alone": told,
        "question_alone_twins": [each for each in told if each[0].pair],
        "question_alone_others": [each for each in told if not each[0].pair],
    }
    return {
        name: question_alone(
            [case.question for case, _ in some],
            [case.is_answerable for case, _ in some],
            [case.pair or article for case, article in some],
        )
        for name, some in chosen.items()
    }


def _grams(question: str) -> list[int]:
    words = ["<", *bare_words(question), ">"]
    grams = [*words, *(" ".join(pair) for pair in itertools.pairwise(words))]
    return [int.from_bytes(hashlib.sha256(gram.encode()).digest()[:4]) % _BUCKETS for gram in grams]


def pair(asked: Sequence[T]) -> list[tuple[T, T]]:
    """Return each with another: half the list away, for what was asked together is often alike."""
    return [(each, asked[(at + len(asked) // 2) % len(asked)]) for at, each in enumerate(asked)]


def swap(own: Evidence, other: Evidence) -> Evidence:
    """Return what another question found, for a question to whose words none of it is near."""
    nowhere = tuple((0.0, 0.0) for _ in own.words)
    candidates = tuple(replace(each, fits=nowhere) for each in other.candidates)
    return replace(own, candidates=candidates, peaks=other.peaks)


def other_passages(asked: Sequence[tuple[str, Evidence]], corpus: Corpus) -> list[float]:
    """Return the judgement's probability for each question, shown what another question found.

    Args:
        asked: questions of one corpus with their own evidence.
        corpus: what was searched.
    """
    judge = judgement().unread
    found: list[float] = []
    for (question, own), (_, other) in pair(asked):
        evidence = swap(own, other)
        composed = compose(evidence, corpus, judge.gain)
        found.append(judge.answered.of(look(question, composed, evidence, corpus)))
    return found


def controls_of(sets: Sequence[Sequence[Outcome]]) -> dict[str, Share]:
    """Return the controls of what was asked of one or several corpora, by their names in the table."""
    told = [
        (number, each)
        for number, outcomes in enumerate(sets)
        for each in outcomes
        if each.case.kind in {"answerable", "near"}
    ]
    strayed = [(each.strayed, each.case.is_answerable) for _, each in told if each.strayed is not None]
    return {
        **questions_alone((each.case, number) for number, each in told),
        "other_passages": auroc([score for score, _ in strayed], [yes for _, yes in strayed]),
    }
