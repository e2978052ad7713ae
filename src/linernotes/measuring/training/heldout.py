"""What a reader makes of articles that it has not learned from."""

from __future__ import annotations

import re
import string
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from linernotes.measuring.training.lexical import rank
from linernotes.models import Excerpt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from linernotes.measuring.training.squad import Article, Question
    from linernotes.models import Reading
    from linernotes.reading.reader import Reader

READ = 8
"""So many sentences of an article, the likeliest by their words, are read for each question."""
_NEIGHBOURS = 12
_QUARTER = 0.25


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The figures; ``nan`` where there is nothing to count.

    - ``questions``: how many have an answer; ``near_misses``: how many have none;
    - ``within_reach``: one of the sentences read holds an answer;
    - ``lead_by_words``, ``lead``: the first does, by its words, and by the reader's evidence;
    - ``f1``, ``f1_surest_half``: of the reader's words in the first sentence (SQuAD's measure), of all
      questions that have an answer and of the half in which it is surest;
    - ``auroc``: how often an answerable question has more evidence than a near miss;
    - ``held_back``: the near misses held back where a quarter of the right leads are.
    """

    questions: int
    near_misses: int
    within_reach: float
    lead_by_words: float
    lead: float
    f1: float
    f1_surest_half: float
    auroc: float
    held_back: float


@dataclass(frozen=True, slots=True)
class _Read:
    """A question, the sentences read for it, the likeliest by their words first, and what was read."""

    question: Question
    sentences: Sequence[str]
    readings: Sequence[Reading]

    def holds(self, at: int) -> bool:
        sentence = self.sentences[at].lower()
        return any(each.lower() in sentence for each in self.question.answers)

    @property
    def lead(self) -> int:
        return max(range(len(self.readings)), key=lambda at: self.readings[at].evidence)

    @property
    def evidence(self) -> float:
        return self.readings[self.lead].evidence

    @property
    def words(self) -> str:
        reading = self.readings[self.lead]
        return self.sentences[self.lead][reading.start : reading.end]


def judge(
    reader: Reader,
    articles: Sequence[Article],
    questions: Sequence[Question],
    each: Callable[[], None] = lambda: None,
) -> HeldOut:
    """Let ``reader`` read the likeliest sentences for every question; ``each`` is called after each."""
    read: list[_Read] = []
    for found in _read(reader, articles, questions):
        read.append(found)
        each()
    given = [one for one in read if one.question.gold is not None]
    misses = [one.evidence for one in read if one.question.gold is None]
    right = [one.evidence for one in given if one.holds(one.lead)]
    scores = [max(f1(one.words, answer) for answer in one.question.answers) for one in given]
    surest = sorted(range(len(given)), key=lambda at: -given[at].readings[given[at].lead].sureness)
    return HeldOut(
        questions=len(given),
        near_misses=len(misses),
        within_reach=_mean([any(map(one.holds, range(len(one.sentences)))) for one in given]),
        lead_by_words=_mean([one.holds(0) for one in given]),
        lead=_mean([one.holds(one.lead) for one in given]),
        f1=_mean(scores),
        f1_surest_half=_mean([scores[at] for at in surest[: (len(surest) + 1) // 2]]),
        auroc=auroc([one.evidence for one in given], misses),
        held_back=_share_below(misses, right),
    )


def _read(reader: Reader, articles: Sequence[Article], questions: Sequence[Question]) -> Iterator[_Read]:
    by_article: dict[int, list[Question]] = {}
    for question in questions:
        by_article.setdefault(question.article, []).append(question)
    for number, asked in by_article.items():
        article = articles[number]
        scores = rank(article.sentences, [each.text for each in asked])
        for question, row in zip(asked, scores, strict=True):
            likeliest = [int(at) for at in np.argsort(-row, kind="stable")[:READ]]
            excerpts = [_excerpt(article, at) for at in likeliest]
            readings = reader.read(question.text, excerpts, " ".join(question.history))
            sentences = [each.sentence for each in excerpts]
            yield _Read(question, sentences, [each for each in readings if each is not None])


def _excerpt(article: Article, at: int) -> Excerpt:
    low, high = article.paragraph_of(at)
    before = article.sentences[max(low, at - _NEIGHBOURS) : at]
    return Excerpt(
        article.heading_of(at), before, article.sentences[at], article.sentences[at + 1 : high][:_NEIGHBOURS]
    )


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _share_below(misses: Sequence[float], right: Sequence[float]) -> float:
    """Return how many of ``misses`` are below all but a quarter of ``right``."""
    if not right:
        return float("nan")
    least = float(np.quantile(right, _QUARTER))
    return _mean([miss < least for miss in misses])


def auroc(above: Sequence[float], below: Sequence[float]) -> float:
    """Return how often one of ``above`` is higher than one of ``below``; equal ones count half."""
    if not above or not below:
        return float("nan")
    order = np.sort(np.array(below))
    lower, upper = (np.searchsorted(order, above, side).mean() for side in ("left", "right"))
    return float((lower + upper) / 2 / len(below))


def f1(words: str, answer: str) -> float:
    """Return SQuAD's F1 of two texts' words (Rajpurkar et al. 2016), without articles and punctuation."""
    one, other = _plain(words), _plain(answer)
    common = sum((Counter(one) & Counter(other)).values())
    return 2 * common / (len(one) + len(other)) if common else float(one == other)


def _plain(text: str) -> list[str]:
    bare = "".join(each for each in text.lower() if each not in string.punctuation)
    return re.sub(r"\b(?:a|an|the)\b", " ", bare).split()
