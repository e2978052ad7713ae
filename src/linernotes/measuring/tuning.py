"""Questions with known answers -> the weights of the ranking and of the confidence.

The ranking is a linear model fitted listwise (the softmax over a question's candidates, ListNet's top-one
probability, Cao et al. 2007); what is not about the corpus and how sure an answer is are told by logistic
regressions. All are judged by cross-validation over articles: no article is judged by weights that have seen
it.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping  # noqa: TC003  dataclasses resolve their fields at run time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from linernotes.answering.answer import around, choose, join
from linernotes.answering.aspects import lacks
from linernotes.answering.confidence import (
    ANSWERED,
    CONFIDENCE,
    FEATURES,
    RELEVANCE,
    Judgement,
    Logistic,
    find_features,
)
from linernotes.measuring.cases import Case
from linernotes.measuring.figures import Figures, count
from linernotes.measuring.judging import Mark
from linernotes.measuring.report import ALL
from linernotes.retrieval.ranking import SIGNALS
from linernotes.words import holds

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from linernotes.engine import Engine
    from linernotes.models import Edition, Evidence, Floats
    from linernotes.retrieval.index import Index

FOLDS = 6
# So many candidates of a question are ranked while learning.
CANDIDATES = 60
# So many questions of other articles are asked to each.
STRANGERS = 100
# So many of them may get past the relevance; this sets its threshold.
STRANGERS_SHOWN = 0.003
# So many of the answerable questions may be refused as near misses; this sets the other threshold.
ANSWERABLE_REFUSED = 0.019
# Weight decay; small, for there are few weights and many questions.
_DECAY = 2e-5
# SQuAD's unanswerable questions were written to look as if the article answered them.
_FOOLING = 0.3
_STRANGE = 2.0
# Of the questions of articles of our own, shorter and less careful, there are fewer.
_OWN = 3.0
# For the confidence, less: it is to be true of all questions together.
_OWN_SHOWN = 2.0
# How far the weights may go (the inverse of the penalty on their squares, of features of equal spread).
# Whether an answer is right is hard to tell, so what is learned of it must be held back more.
_FREE, _HELD = 1.0, 0.03


@dataclass(frozen=True, slots=True)
class Lesson:
    """A question asked: what was found for it, with every signal, and what would have been right."""

    article: int
    case: Case
    text: str
    evidence: Evidence
    signals: Floats
    gold: Floats
    weight: float
    is_squad: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """A lesson answered with some weights: what it takes to judge it, and whether the answer was right.

    ``is_passage_right`` says whether the best sentence's passage holds the gold answer.
    """

    lesson: Lesson
    features: tuple[float, ...]
    lacks: bool
    right: bool
    characters: int
    is_passage_right: bool


@dataclass(frozen=True, slots=True)
class JudgedTrial:
    """A trial judged by models that have not seen its article."""

    trial: Trial
    shown: bool
    confidence: float


@dataclass(frozen=True, slots=True)
class Tuned:
    """What was learned from all articles, and what cross-validation says of it.

    ``report`` has the figures of the held-out articles, of SQuAD's, of ours and of all, by these names.
    """

    ranking: Mapping[str, float]
    judgement: Judgement
    report: Mapping[str, Figures]


def tune(
    engine: Engine,
    articles: Sequence[tuple[Edition[Index], Sequence[Case], bool]],
) -> Tuned:
    """Learn the weights.

    Args:
        engine: the engine.
        articles: each with its questions, and whether these are SQuAD's.
    """
    lessons = list(_lessons(engine, articles))
    indexes = [edition.index for edition, _, _ in articles]
    folds = min(FOLDS, len(articles))
    outcomes: list[JudgedTrial] = []
    for fold in range(folds):
        seen = [each for each in lessons if each.article % folds != fold]
        unseen = [each for each in lessons if each.article % folds == fold]
        if seen and unseen:
            ranking = _fit_ranking(seen)
            judge = _fit_judgement(_try(seen, indexes, ranking))
            outcomes += [_judge(trial, judge) for trial in _try(unseen, indexes, ranking)]
    ranking = _fit_ranking(lessons)
    return Tuned(
        dict(zip(SIGNALS, map(float, ranking), strict=True)),
        _fit_judgement(_try(lessons, indexes, ranking)),
        _report(outcomes),
    )


def _judge(trial: Trial, judge: Judgement) -> JudgedTrial:
    shown = judge.shows(trial.features) and not trial.lacks
    return JudgedTrial(trial, shown, judge.confidence.of(trial.features))


# --- Lessons ----------------------------------------------------------------------------------------------


def _lessons(
    engine: Engine,
    articles: Sequence[tuple[Edition[Index], Sequence[Case], bool]],
) -> Iterable[Lesson]:
    chance = random.Random(0)  # noqa: S311  nothing is kept secret by it
    for number, (edition, cases, is_squad) in enumerate(articles):
        others = [
            case
            for at, (_, each, squad) in enumerate(articles)
            if at != number and squad
            for case in each
            if case.kind == "answerable"
        ]
        strange = [
            Case(f"off {case.id}", "off", case.question)
            for case in chance.sample(others, min(STRANGERS, len(others)))
        ]
        for case in [*(case for case in cases if not (is_squad and case.kind == "off")), *strange]:
            turns = engine.recall(edition, case.history)
            found = engine.search(edition, case.question, turns, CANDIDATES)
            if found is None:
                continue
            text, evidence = found
            weight = 1.0 if is_squad else _OWN
            if case.kind == "off":
                weight *= _STRANGE
            elif case.kind == "near" and is_squad:
                weight *= _FOOLING
            yield Lesson(
                number,
                case,
                text,
                evidence,
                np.array(
                    [[each.signals[name] for name in SIGNALS] for each in evidence.candidates], np.float32
                ),
                np.array([holds(each.sentence.text, case.gold) for each in evidence.candidates], np.float32),
                weight,
                is_squad,
            )


# --- Fitting ----------------------------------------------------------------------------------------------


def _fit_ranking(lessons: Sequence[Lesson]) -> Floats:
    """Return the weights that make the sentences with a gold answer likeliest."""
    from scipy.optimize import minimize

    told = [each for each in lessons if each.case.is_answerable and each.gold.any()]
    longest = max(len(each.gold) for each in told)
    signals = np.zeros((len(told), longest, len(SIGNALS)))
    out = np.full((len(told), longest), -1e9)
    wrong = np.full((len(told), longest), -1e9)
    for row, each in enumerate(told):
        signals[row, : len(each.gold)] = each.signals
        out[row, : len(each.gold)] = 0
        wrong[row, : len(each.gold)][each.gold > 0] = 0
    share = np.array([each.weight for each in told])
    share /= share.sum()

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = signals @ weights
        every, gold = _softmax(scores + out), _softmax(scores + wrong)
        value = float(share @ (every[1] - gold[1])) + _DECAY * float(weights @ weights)
        pull = (share[:, None] * (every[0] - gold[0]))[:, :, None] * signals
        return value, pull.sum(axis=(0, 1)) + 2 * _DECAY * weights

    # Every signal but one speaks for a sentence; without the bound, two that go together take opposite signs.
    bounds = [(None, 0.0) if name == "is_question" else (0.0, None) for name in SIGNALS]
    found = minimize(loss, np.full(len(SIGNALS), 0.1), jac=True, bounds=bounds, method="L-BFGS-B")
    return np.asarray(found.x, dtype=np.float32)


def _softmax(scores: Any) -> tuple[Any, Any]:
    """Return the softmax of each row and the logarithm of its sum."""
    top = scores.max(axis=1, keepdims=True)
    powers = np.exp(scores - top)
    total = powers.sum(axis=1, keepdims=True)
    return powers / total, (top + np.log(total))[:, 0]


def _try(lessons: Sequence[Lesson], indexes: Sequence[Index], ranking: Floats) -> list[Trial]:
    """Answer each lesson with these weights."""
    trials: list[Trial] = []
    for lesson in lessons:
        scores = lesson.signals @ ranking
        order = np.argsort(-scores, kind="stable")
        candidates = tuple(replace(lesson.evidence.candidates[i], score=float(scores[i])) for i in order)
        evidence = replace(lesson.evidence, candidates=candidates)
        index = indexes[lesson.article]
        chosen = choose(candidates, index.sentences)
        text, passages = join(chosen), around(chosen, index)
        best = candidates[0].sentence
        trials.append(
            Trial(
                lesson,
                find_features(
                    lesson.text,
                    evidence,
                    [each.text for each in chosen],
                    passages,
                    index,
                    context=" ".join(dict.fromkeys(map(index.context, chosen))),
                ),
                lacks(lesson.text, passages),
                holds(text, lesson.case.gold),
                len(text),
                holds(index.passage(best.document, best.passage).text, lesson.case.gold),
            )
        )
    return trials


def _fit_judgement(trials: Sequence[Trial]) -> Judgement:
    """Return the models, and thresholds that let few strangers pass and refuse few that could be answered."""
    about = [trial.lesson.case.kind != "off" for trial in trials]
    relevance = _fit_logistic(trials, about, [trial.lesson.weight for trial in trials], RELEVANCE, _FREE)
    # Of other articles' questions, those asked of SQuAD's larger corpora are the harder to tell.
    strange = [
        relevance.of(trial.features)
        for trial in trials
        if trial.lesson.case.kind == "off" and trial.lesson.is_squad
    ] or [relevance.of(trial.features) for trial in trials if trial.lesson.case.kind == "off"]
    least = float(np.quantile(strange, 1 - STRANGERS_SHOWN)) if strange else 0.0
    passed = [trial for trial in trials if relevance.of(trial.features) >= least and not trial.lacks]
    told = [trial for trial in passed if trial.lesson.case.kind != "off"]
    answerable = [trial.lesson.case.is_answerable for trial in told]
    answered = _fit_logistic(told, answerable, [trial.lesson.weight for trial in told], ANSWERED, _HELD)
    sure = [answered.of(trial.features) for trial in told if trial.lesson.case.is_answerable]
    enough = float(np.quantile(sure, ANSWERABLE_REFUSED)) if sure else 0.0
    judge = Judgement(relevance, least, answered, enough, answered)
    # A confidence is the share of right answers among those that people see.
    shown = [trial for trial in passed if judge.shows(trial.features)]
    weights = [1.0 if trial.lesson.is_squad else _OWN_SHOWN for trial in shown]
    right = [trial.right for trial in shown]
    return replace(judge, confidence=_fit_logistic(shown, right, weights, CONFIDENCE, _HELD))


def _fit_logistic(
    trials: Sequence[Trial],
    target: Sequence[bool],
    weight: Sequence[float],
    names: Collection[str],
    freedom: float,
) -> Logistic:
    """Fit a model that uses the features with these names."""
    from sklearn.linear_model import LogisticRegression

    if len(set(target)) < 2:  # noqa: PLR2004  nothing to tell apart: as likely as Laplace's rule has it
        odds = (sum(target) + 1) / (len(target) - sum(target) + 1)
        return Logistic(math.log(odds), tuple(0.0 for _ in FEATURES))
    used = [at for at, name in enumerate(FEATURES) if name in names]
    features = np.array([trial.features for trial in trials])[:, used]
    middle, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    model = LogisticRegression(C=freedom, max_iter=2000)
    found = model.fit((features - middle) / spread, target, sample_weight=weight)
    weights = np.zeros(len(FEATURES))
    weights[used] = found.coef_[0] / spread
    return Logistic(float(found.intercept_[0] - weights[used] @ middle), tuple(map(float, weights)))


def _report(outcomes: Sequence[JudgedTrial]) -> dict[str, Figures]:
    """Return the figures of the held-out articles, for SQuAD's questions, for ours and for all."""
    marks: dict[str, list[Mark]] = {"SQuAD": [], "own": [], ALL: []}
    for each in outcomes:
        trial = each.trial
        marked = Mark(
            trial.lesson.case.kind,
            each.shown,
            trial.right,
            trial.characters,
            trial.is_passage_right,
            each.confidence,
        )
        marks["SQuAD" if trial.lesson.is_squad else "own"].append(marked)
        marks[ALL].append(marked)
    return {name: count(chosen) for name, chosen in marks.items() if chosen}


def as_files(tuned: Tuned) -> tuple[str, str]:
    """Return the text of ``retrieval/weights.json`` and of ``answering/weights.json``."""
    judge = tuned.judgement

    def model(fitted: Logistic) -> dict[str, Any]:
        used = {name: w for name, w in zip(FEATURES, fitted.weights, strict=True) if w}
        return {
            "intercept": round(fitted.intercept, 4),
            "weights": {name: round(w, 4) for name, w in used.items()},
        }

    ranking = {"weights": {name: round(weight, 4) for name, weight in tuned.ranking.items()}}
    judging = {
        "relevance": model(judge.relevance) | {"least": round(judge.least_relevance, 4)},
        "answered": model(judge.answered) | {"least": round(judge.least_answered, 4)},
        "confidence": model(judge.confidence),
    }
    return json.dumps(ranking, indent=2) + "\n", json.dumps(judging, indent=2) + "\n"
