"""Questions with known answers -> the weights of the ranking, of the judgement and of what is shown.

The rankings, with and without what the reader found, are linear models fitted listwise (the softmax over a
question's candidates, ListNet's top-one probability, Cao et al. 2007); what is not about the corpus, what is
answered and how sure an answer is are told by logistic regressions. All are judged by cross-validation over
articles: no article is judged by weights that have seen it.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping  # noqa: TC003  dataclasses resolve their fields at run time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from linernotes.answering import wanted
from linernotes.answering.answer import MOST_BOLD, Composed, choose, look
from linernotes.answering.confidence import (
    ANSWERED,
    CONFIDENCE,
    FEATURES,
    READ_ANSWERED,
    READ_CONFIDENCE,
    READ_RELEVANCE,
    RELEVANCE,
    WINDOWS,
    Judge,
    Judgement,
    Logistic,
    judgement,
)
from linernotes.answering.lead import find_lead
from linernotes.measuring.cases import Case
from linernotes.measuring.controls import auroc, pair, questions_alone, swap
from linernotes.measuring.figures import Figures, Share, count
from linernotes.measuring.fitting import fit_logistic
from linernotes.measuring.judging import Mark, overlap
from linernotes.measuring.noted import fit_notes
from linernotes.measuring.report import ALL
from linernotes.retrieval.ranking import READ_SIGNALS, SIGNALS, rank_read, read_signals
from linernotes.words import holds

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from linernotes.engine import Engine
    from linernotes.measuring.noted import Asked
    from linernotes.models import Candidate, Edition, Evidence, Floats, Integers, Lead
    from linernotes.retrieval.index import Index

    Progress: TypeAlias = Callable[["Step", int, int], None]

Step: TypeAlias = Literal["ask", "learn"]
"""What takes long: each article is asked, and then it is learned, once for each fold and once of all."""

FOLDS = 6
# So many candidates of a question are ranked while learning; of these, the reader reads so many.
CANDIDATES = 60
# So many questions of other articles are asked to each, and of its own questions at most one to so many.
STRANGERS, OF_OWN = 100, 2
# And of these as many cut to a few words, and as many after a question of the article.
ASIDE, OF_OWN_ASIDE = 30, 3
# A question is cut to so many of its words; as often as they stand here.
_FEW_WORDS = (1, 1, 2, 3)
# So many of them may get past the relevance, by the ranking alone and when one window has been read.
STRANGERS_SHOWN = 0.004
# So many of the answerable questions may be refused before anything is read.
UNREAD_REFUSED = 0.002
# So many of the answerable questions may be refused as not answered, though the corpus speaks of them.
ANSWERABLE_REFUSED = 0.01
# So many of the right answers may be graded near, on average over the kinds of questions.
RIGHT_NEAR = 0.24
# What is shown has so many characters on average: others go with the lead as far as there is room.
SHOWN = 229
# What may be lost, in leads right and near misses withheld together, where only one window is read.
LOST_UNREAD = 0.001
# Words are in bold in so many of the answers that are stated.
IN_BOLD = 0.75
# Weight decay; small, for there are few weights and many questions.
_DECAY = 2e-5
_STRANGE = 2.0
# Of the questions of articles of our own, shorter and less careful, there are fewer.
_OWN = 3.0
SQUAD, OWN, CONVERSATIONS, SECOND, SHORT = "SQuAD", "own", "conversations", "second", "short"
_KINDS = (SQUAD, OWN, CONVERSATIONS)
"""Which questions: as the report calls them."""
# One question of so many is asked second as well, and weighs so much then.
_SECOND_OF, _SECOND = 3, 0.5
_SECOND_ID, _SHORT_ID = "second ", "short "
# How far the weights may go (the inverse of the penalty on their squares, of features of equal spread).
# Whether an answer is right is hard to tell, so what is learned of it must be held back more.
_FREE, _HELD = 1.0, 0.03

Mode = Literal["unread", "first", "read"]
"""Whether nothing, one window, or as many as are read where one is not enough have been read."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A question asked: what was found for it, with every signal, and what would have been right.

    The candidates that were read have their readings, and ``windows`` says for each which of the windows that
    were read it stands in, from 0, or -1. Lessons of one ``group`` are about the same text.
    """

    article: int
    group: int
    case: Case
    text: str
    evidence: Evidence
    signals: Floats
    gold: Floats
    windows: Integers
    weight: float
    kind: str
    """Which questions it is one of: conversations where most of an article of ours come after others."""


@dataclass(frozen=True, slots=True)
class Rankings:
    """The weights of both rankings, in the order of ``SIGNALS`` and of ``READ_SIGNALS``."""

    signals: Floats
    reading: Floats


@dataclass(frozen=True, slots=True)
class Ranked:
    """A lesson ranked, and the lead that comes of it."""

    lesson: Lesson
    evidence: Evidence
    lead: Lead


@dataclass(frozen=True, slots=True)
class Trial:
    """A lesson answered with some weights: what it takes to judge it, and whether the answer was right.

    ``is_passage_right`` says whether the best sentence's passage holds the gold answer. ``bold`` is how the
    words that the reader found compare with the gold answer, ``sureness`` its own figure for them.
    """

    lesson: Lesson
    features: tuple[float, ...]
    right: bool
    characters: int
    lead_right: bool
    lead_characters: int
    is_passage_right: bool
    bold: float = 0.0
    bold_words: int = 0
    sureness: float = -math.inf


@dataclass(frozen=True, slots=True)
class Outcome:
    """A trial judged by models that have not seen its article; ``strayed`` is what they say of other text."""

    trial: Trial
    shown: bool
    stated: bool
    is_bold: bool
    confidence: float
    strayed: float
    is_read: bool
    """Whether more than one window was."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """What was learned from all articles, and what cross-validation says of it.

    ``report`` has the figures of the held-out articles: of SQuAD's, of ours, of those of ours most of whose
    questions come after others, of the questions of all that were asked second, of strangers' in few words,
    and of all but the last two.
    ``read`` is the share of the questions of which more than one window is read.
    """

    ranking: Mapping[str, float]
    reading: Mapping[str, float]
    judgement: Judgement
    report: Mapping[str, Figures]
    read: float


def tune(
    engine: Engine,
    articles: Sequence[tuple[Edition[Index], Sequence[Case], bool]],
    progress: Progress = lambda _step, _done, _all: None,
    *,
    most: int | None = None,
    noted: Sequence[tuple[Edition[Index], Sequence[Asked]]] = (),
) -> Tuned:
    """Learn the weights.

    Args:
        engine: the engine, with its reader.
        articles: each with its questions, and whether these are SQuAD's.
        most: of each of SQuAD's articles, so many questions at most, spread over it; by default, all.
        progress: told how many articles have been asked, and how many times it has learned, of how many.
        noted: articles that have moderators' notes, each with the questions that are put to these. Without
            any, what is said of notes stays as it is.
    """
    lessons: list[Lesson] = []
    for number in range(len(articles)):
        progress("ask", number, len(articles))
        lessons += _lessons(engine, articles, number, most)
    progress("ask", len(articles), len(articles))
    tuned = learn(lessons, [edition.index for edition, _, _ in articles], progress)
    if not noted:
        return tuned
    strangers = [
        case.question for _, cases, squad in articles if squad for case in cases if case.kind == "answerable"
    ]
    notes = fit_notes(engine, noted, strangers, tuned.judgement.read.gain)
    return replace(tuned, judgement=replace(tuned.judgement, notes=notes))


def learn(
    lessons: Sequence[Lesson],
    indexes: Sequence[Index],
    progress: Progress = lambda _step, _done, _all: None,
) -> Tuned:
    """Learn the weights from lessons; ``indexes`` are those of the articles, in order."""
    folds = min(FOLDS, len(indexes))
    outcomes: list[Outcome] = []
    for fold in range(folds):
        progress("learn", fold, folds + 1)
        seen = [each for each in lessons if each.group % folds != fold]
        unseen = [each for each in lessons if each.group % folds == fold]
        if seen and unseen:
            rankings = _fit_rankings(seen)
            judge = _fit_judgement(seen, indexes, rankings)
            outcomes += _judge_all(unseen, indexes, rankings, judge)
    progress("learn", folds, folds + 1)
    rankings = _fit_rankings(lessons)
    judge = _fit_judgement(lessons, indexes, rankings)
    final = _judge_all(lessons, indexes, rankings, judge)
    return Tuned(
        dict(zip(SIGNALS, map(float, rankings.signals), strict=True)),
        dict(zip(READ_SIGNALS, map(float, rankings.reading), strict=True)),
        judge,
        _report(outcomes),
        sum(each.is_read for each in final if each.shown) / max(1, len(final)),
    )


def _judge_all(
    lessons: Sequence[Lesson], indexes: Sequence[Index], rankings: Rankings, judge: Judgement
) -> list[Outcome]:
    """Answer lessons as the engine would, and by the evidence of another question of the article as well."""
    modes: tuple[Mode, ...] = ("unread", "first", "read")
    unread, firsts, reads = (
        _try(_rank(lessons, indexes, rankings, mode), indexes, by.gain)
        for mode, by in zip(modes, (judge.unread, judge.first, judge.read), strict=True)
    )
    outcomes: list[Outcome] = []
    strayed = _stray(lessons, indexes, rankings, judge)
    for plain, first, read, other in zip(unread, firsts, reads, strayed, strict=True):
        with_reader = any(each.reading for each in plain.lesson.evidence.candidates)
        is_read = with_reader and judge.may_be_near(plain.features)
        is_about = judge.is_near(plain.features)
        if with_reader:
            is_about = is_read and judge.is_read_near(first.features)
        more = is_read and is_about and not judge.is_enough(first.features)
        trial, by = (read, judge.read) if more else (first, judge.first) if is_read else (plain, judge.unread)
        grade = by.grade(trial.features) if is_about else "silent"
        is_bold = (
            is_read
            and grade == "stated"
            and trial.sureness >= judge.bold
            and 0 < trial.bold_words <= MOST_BOLD
        )
        confidence = by.confidence.of(trial.features)
        outcomes.append(
            Outcome(trial, grade != "silent", grade == "stated", is_bold, confidence, other, more)
        )
    return outcomes


def _stray(
    lessons: Sequence[Lesson], indexes: Sequence[Index], rankings: Rankings, judge: Judgement
) -> list[float]:
    """Return what the judgement makes of each question with the evidence of another of its article."""
    by_article: dict[int, list[Lesson]] = {}
    for each in lessons:
        by_article.setdefault(each.article, []).append(each)
    other = {id(each): mate for mates in by_article.values() for each, mate in pair(mates)}
    swapped = [
        replace(
            each,
            evidence=swap(each.evidence, other[id(each)].evidence),
            signals=other[id(each)].signals,
            windows=other[id(each)].windows,
        )
        for each in lessons
    ]
    is_read = bool(lessons) and any(each.reading for each in lessons[0].evidence.candidates)
    mode: Mode = "read" if is_read else "unread"
    by = judge.read if is_read else judge.unread
    return [
        by.answered.of(trial.features)
        for trial in _try(_rank(swapped, indexes, rankings, mode), indexes, by.gain)
    ]


# --- Lessons ----------------------------------------------------------------------------------------------


def _lessons(
    engine: Engine,
    articles: Sequence[tuple[Edition[Index], Sequence[Case], bool]],
    number: int,
    most: int | None,
) -> Iterable[Lesson]:
    edition, cases, is_squad = articles[number]
    # Two sets of questions on one text are held out together.
    group = next(at for at, (other, _, _) in enumerate(articles) if other.id == edition.id)
    others = [
        case
        for at, (_, each, squad) in enumerate(articles)
        if at != number and squad
        for case in each
        if case.kind == "answerable"
    ]
    after = sum(bool(case.history) for case in cases)
    kind = SQUAD if is_squad else CONVERSATIONS if 2 * after > len(cases) else OWN
    chance = random.Random(number)  # noqa: S311  nothing is kept secret by it
    strange = [
        Case(f"off {case.id}", "off", case.question)
        for case in chance.sample(others, min(STRANGERS, len(cases) // OF_OWN, len(others)))
    ]
    # By chances of their own, so that which of the article's questions are asked does not hang on them.
    strange += _strange_aside(cases, others, random.Random(f"aside {number}"))  # noqa: S311  as above
    own = [case for case in cases if not (is_squad and case.kind == "off")]
    own += _second(own, chance)
    if is_squad and most is not None and len(own) > most:
        own = sorted(chance.sample(own, most), key=own.index)
    for case in [*own, *strange]:
        turns = engine.recall(edition, case.history)
        found = engine.search(edition, case.question, turns, CANDIDATES)
        if found is None:
            continue
        text, evidence, earlier = found
        weight = 1.0 if is_squad else _OWN
        windows = np.full(len(evidence.candidates), -1)
        most_read = WINDOWS
        if case.kind == "off":
            weight *= _STRANGE
            # Whether more is read depends on what is found in this one.
            most_read = 1
        elif _is_second(case):
            weight *= _SECOND
        unread = evidence
        # In the order of the ranking alone, whatever the reader says.
        for size in range(most_read, 0, -1):
            read = engine.read(edition, text, unread, size, earlier=earlier, rank=False)
            windows[[each.reading is not None for each in read.candidates]] = size - 1
            if size == most_read:
                evidence = read
        yield Lesson(
            number,
            group,
            case,
            text,
            evidence,
            np.array([[each.signals[name] for name in SIGNALS] for each in evidence.candidates], np.float32),
            np.array([holds(each.sentence.text, case.gold) for each in evidence.candidates], np.float32),
            windows,
            weight,
            kind,
        )


def _second(cases: Sequence[Case], chance: random.Random) -> list[Case]:
    """Return questions as they are asked second, after another that has to do with them or not.

    Most that people ask second they could have asked first: such a question means the same as before.
    """
    first = [case for case in cases if case.kind == "answerable"]
    asked = [case for case in cases if case.kind in {"answerable", "near"} and not case.history]
    chosen = chance.sample(asked, len(asked) // _SECOND_OF) if len(first) > 1 else []
    return [
        replace(
            case,
            id=f"{_SECOND_ID}{case.id}",
            history=(chance.choice([each for each in first if each is not case]).question,),
        )
        for case in chosen
    ]


def _strange_aside(cases: Sequence[Case], others: Sequence[Case], chance: random.Random) -> list[Case]:
    """Return strangers' questions as some people put them: in one to three words, and after another.

    Without them, whatever is as short as "label?", or leans on the question before, would pass for one about
    the text: of such questions, those that are learned from have all been about it.
    """
    count = min(ASIDE, len(cases) // OF_OWN_ASIDE, len(others))
    answered = [case for case in cases if case.kind == "answerable"]
    short: list[Case] = []
    for case in chance.sample(others, count):
        stems = wanted.read(case.question).stems
        words = [word for word in wanted.words_of(case.question) if word.stem in stems]
        kept = sorted(chance.sample(range(len(words)), min(chance.choice(_FEW_WORDS), len(words))))
        if kept:
            text = " ".join(case.question[words[at].start : words[at].end] for at in kept)
            short.append(Case(f"{_SHORT_ID}{case.id}", "off", text + chance.choice(("", "?"))))
    after = [
        Case(f"{_SECOND_ID}off {case.id}", "off", case.question, history=(chance.choice(answered).question,))
        for case in (chance.sample(others, count) if answered else [])
    ]
    return [*short, *after]


def _is_second(case: Case) -> bool:
    return case.id.startswith(_SECOND_ID)


def _is_aside(case: Case) -> bool:
    return case.id.startswith((_SECOND_ID, _SHORT_ID))


# --- Rankings ---------------------------------------------------------------------------------------------


def _fit_rankings(lessons: Sequence[Lesson]) -> Rankings:
    told = [each for each in lessons if each.case.is_answerable and each.gold.any()]
    # Every signal but one speaks for a sentence; without the bound, two that go together take opposite signs.
    bounds = [(None, 0.0) if name == "is_question" else (0.0, None) for name in SIGNALS]
    signals = _fit_listwise(
        [(each.signals, each.gold) for each in told], [each.weight for each in told], bounds
    )
    lists: list[tuple[Floats, Floats]] = []
    weights: list[float] = []
    for each in told:
        scores = each.signals @ signals
        chosen = [i for i in np.argsort(-scores, kind="stable") if each.windows[i] >= 0]
        gold = each.gold[chosen]
        if gold.any():
            rows = [
                read_signals(replace(each.evidence.candidates[i], score=float(scores[i]))) for i in chosen
            ]
            lists.append((np.array(rows, np.float32), gold))
            weights.append(each.weight)
    if not lists:
        return Rankings(signals, np.eye(1, len(READ_SIGNALS), dtype=np.float32)[0])
    bounds = [(None, 0.0) if name == "behind" else (0.0, None) for name in READ_SIGNALS]
    return Rankings(signals, _fit_listwise(lists, weights, bounds))


def _fit_listwise(
    lists: Sequence[tuple[Floats, Floats]],
    weights: Sequence[float],
    bounds: Sequence[tuple[float | None, float | None]],
) -> Floats:
    """Return the weights that make the candidates with a gold answer likeliest.

    Args:
        lists: of each question the candidates' signals, shape ``(n, signals)``, and which are right.
        weights: of the questions.
        bounds: of the weights.
    """
    from scipy.optimize import minimize

    longest = max(len(gold) for _, gold in lists)
    signals = np.zeros((len(lists), longest, len(bounds)))
    out = np.full((len(lists), longest), -1e9)
    wrong = np.full((len(lists), longest), -1e9)
    for row, (given, gold) in enumerate(lists):
        signals[row, : len(gold)] = given
        out[row, : len(gold)] = 0
        wrong[row, : len(gold)][gold > 0] = 0
    share = np.array(weights)
    share /= share.sum()

    def loss(given: Floats) -> tuple[float, Floats]:
        scores = signals @ given
        every, gold = _softmax(scores + out), _softmax(scores + wrong)
        value = float(share @ (every[1] - gold[1])) + _DECAY * float(given @ given)
        pull = (share[:, None] * (every[0] - gold[0]))[:, :, None] * signals
        return value, pull.sum(axis=(0, 1)) + 2 * _DECAY * given

    start = [-0.1 if high == 0 else 0.1 for _, high in bounds]
    found = minimize(loss, np.array(start), jac=True, bounds=bounds, method="L-BFGS-B")
    return np.asarray(found.x, dtype=np.float32)


def _softmax(scores: Any) -> tuple[Any, Any]:
    """Return the softmax of each row and the logarithm of its sum."""
    top = scores.max(axis=1, keepdims=True)
    powers = np.exp(scores - top)
    total = powers.sum(axis=1, keepdims=True)
    return powers / total, (top + np.log(total))[:, 0]


# --- Answers ----------------------------------------------------------------------------------------------


def _rank(
    lessons: Sequence[Lesson], indexes: Sequence[Index], rankings: Rankings, mode: Mode
) -> list[Ranked]:
    """Rank each lesson's candidates with these weights."""
    found: list[Ranked] = []
    for lesson in lessons:
        scores = lesson.signals @ rankings.signals
        order = np.argsort(-scores, kind="stable")
        candidates: tuple[Candidate, ...] = tuple(
            replace(lesson.evidence.candidates[i], score=float(scores[i])) for i in order
        )
        if mode != "read":
            # Where the best sentence stands in none of the windows, it counts as unread.
            there = {"unread": math.nan, "first": lesson.windows[order[0]]}[mode]
            candidates = tuple(
                each if each.reading and lesson.windows[i] == there else replace(each, reading=None)
                for i, each in zip(order, candidates, strict=True)
            )
        if mode != "unread":
            candidates = rank_read(candidates, rankings.reading)
        evidence = replace(lesson.evidence, candidates=candidates)
        index = indexes[lesson.article]
        lead = find_lead(candidates[0].position, index, {word.stem for word in evidence.words})
        found.append(Ranked(lesson, evidence, lead))
    return found


def _try(ranked: Sequence[Ranked], indexes: Sequence[Index], gain: float) -> list[Trial]:
    """Answer each lesson."""
    trials: list[Trial] = []
    for each in ranked:
        lesson, evidence, lead = each.lesson, each.evidence, each.lead
        index, gold = indexes[lesson.article], lesson.case.gold
        composed = Composed(lead, choose(lead, evidence.candidates, index.sentences, gain))
        best = evidence.candidates[0]
        reading = best.reading
        words = best.sentence.text[reading.start : reading.end] if reading else ""
        trials.append(
            Trial(
                lesson,
                look(lesson.text, composed, evidence, index),
                holds(composed.text, gold),
                len(composed.text),
                holds(lead.text, gold),
                len(lead.text),
                holds(index.passage(best.sentence.document, best.sentence.passage).text, gold),
                overlap(words, gold) if words and gold else 0.0,
                len(words.split()),
                reading.sureness if reading else -math.inf,
            )
        )
    return trials


def _fit_gain(ranked: Sequence[Ranked], indexes: Sequence[Index]) -> float:
    """Return how much likelier others must make an answer, so that it has ``SHOWN`` characters on average."""
    told = [each for each in ranked if each.lesson.case.is_answerable]
    low, high = 0.0, 1.0
    for _ in range(9):
        gain = (low + high) / 2
        lengths = [
            len(
                Composed(
                    each.lead,
                    choose(each.lead, each.evidence.candidates, indexes[each.lesson.article].sentences, gain),
                ).text
            )
            for each in told
        ]
        if lengths and np.mean(lengths) > SHOWN:
            low = gain
        else:
            high = gain
    return high


# --- The judgement ----------------------------------------------------------------------------------------


def _fit_judgement(lessons: Sequence[Lesson], indexes: Sequence[Index], rankings: Rankings) -> Judgement:
    """Return the models, and thresholds that let few strangers pass and refuse few that could be answered."""
    unread = _rank(lessons, indexes, rankings, "unread")
    gain = _fit_gain(unread, indexes)
    plain = _try(unread, indexes, gain)
    relevance, least = _fit_relevance(plain, RELEVANCE)
    of_plain = [relevance.of(trial.features) for trial in plain]
    passed = [trial for trial, figure in zip(plain, of_plain, strict=True) if figure >= least]
    by_rank = _fit_judge(passed, gain, "unread")
    if not any(lesson.evidence.candidates[0].reading for lesson in lessons):
        return Judgement(
            relevance, least, least, relevance, least, by_rank, by_rank, by_rank, by_rank, 2.0, 0.0
        )
    answerable = [figure for figure, each in zip(of_plain, lessons, strict=True) if each.case.is_answerable]
    worth = min(least, float(np.quantile(answerable, UNREAD_REFUSED))) if answerable else least
    worthy = [each for each, figure in zip(lessons, of_plain, strict=True) if figure >= worth]
    ranked = _rank(worthy, indexes, rankings, "first")
    glanced = _try(ranked, indexes, _fit_gain(ranked, indexes))
    left_out = [each for each, figure in zip(plain, of_plain, strict=True) if figure < worth]
    read_relevance, read_least = _fit_relevance(glanced, READ_RELEVANCE, left_out)
    chosen = [
        trial.lesson
        for trial in glanced
        if trial.lesson.case.kind != "off" and read_relevance.of(trial.features) >= read_least
    ]
    first, by_first = _fit_mode(chosen, indexes, rankings, "first")
    read, by_reader = _fit_mode(chosen, indexes, rankings, "read")
    sure, bold = _fit_sure(first, read, by_first, by_reader), _fit_bold(read, by_reader)
    # Learned elsewhere, from questions that are put to notes.
    notes = judgement().notes
    return Judgement(
        relevance, least, worth, read_relevance, read_least, by_rank, by_first, by_reader, notes, sure, bold
    )


def _fit_relevance(
    trials: Sequence[Trial], names: Collection[str], left_out: Sequence[Trial] = ()
) -> tuple[Logistic, float]:
    """Return what tells questions about the text from strangers, and a threshold that lets few of these pass.

    Args:
        trials: of all kinds.
        names: the features that may be used.
        left_out: further ones that do not get so far.
    """
    about = [trial.lesson.case.kind != "off" for trial in trials]
    model = fit_logistic(
        [each.features for each in trials], about, [trial.lesson.weight for trial in trials], names, _FREE
    )
    # Those in few words or after a question about the text are left out: what is said of these may well be
    # said of the text, too.
    off = [(model.of(each.features), each) for each in trials] + [(0.0, each) for each in left_out]
    strange = [
        figure for figure, each in off if each.lesson.case.kind == "off" and not _is_aside(each.lesson.case)
    ]
    return model, float(np.quantile(strange, 1 - STRANGERS_SHOWN)) if strange else 0.0


def _fit_mode(
    lessons: Sequence[Lesson], indexes: Sequence[Index], rankings: Rankings, mode: Mode
) -> tuple[list[Trial], Judge]:
    """Return what comes of lessons of which so much is read, and what is said of it."""
    ranked = _rank(lessons, indexes, rankings, mode)
    gain = _fit_gain(ranked, indexes)
    trials = _try(ranked, indexes, gain)
    return trials, _fit_judge(trials, gain, mode)


def _fit_judge(passed: Sequence[Trial], gain: float, mode: Mode) -> Judge:
    """Return what is said of answers to questions that the corpus speaks of."""
    names = (ANSWERED, CONFIDENCE) if mode == "unread" else (READ_ANSWERED, READ_CONFIDENCE)
    told = [trial for trial in passed if trial.lesson.case.kind != "off"]
    answerable = [trial.lesson.case.is_answerable for trial in told]
    answered = fit_logistic([each.features for each in told], answerable, _evenly(told), names[0], _HELD)
    sure = [answered.of(trial.features) for trial in told if trial.lesson.case.is_answerable]
    least = float(np.quantile(sure, ANSWERABLE_REFUSED)) if sure else 0.0
    by_kind = [
        [
            answered.of(trial.features)
            for trial in told
            if trial.right and trial.lesson.case.is_answerable and trial.lesson.kind == kind
        ]
        for kind in _KINDS
    ]
    # All kinds count the same, however many questions there are of each.
    quantiles = [float(np.quantile(sure, RIGHT_NEAR)) for sure in by_kind if sure]
    stated = sum(quantiles) / len(quantiles) if quantiles else 0.0
    # A confidence is the share of right answers among those that people see.
    shown = [trial for trial in passed if answered.of(trial.features) >= least]
    right = [trial.right and trial.lesson.case.is_answerable for trial in shown]
    # Half of SQuAD's questions are near misses, a third of ours, and fewer of what members ask: ours count
    # more.
    weights = [trial.lesson.weight for trial in shown]
    confidence = fit_logistic([each.features for each in shown], right, weights, names[1], _HELD)
    return Judge(answered, least, max(stated, least), confidence, gain)


def _evenly(trials: Sequence[Trial]) -> list[float]:
    """Return weights with which each kind of questions counts the same.

    What tells SQuAD's near misses, those of our articles and those in conversations apart from answers is not
    quite the same; by their numbers, two of the three would be judged by what holds for the third.
    """
    totals = dict.fromkeys(_KINDS, 0.0)
    for each in trials:
        totals[each.lesson.kind] += each.lesson.weight
    among = len(trials) / sum(total > 0 for total in totals.values()) if trials else 1.0
    return [each.lesson.weight / totals[each.lesson.kind] * among for each in trials]


def _fit_sure(first: Sequence[Trial], read: Sequence[Trial], by_first: Judge, by_reader: Judge) -> float:
    """Return the confidence from which on it is enough to read one window.

    Read less, and a lead that the reader would have mended stays wrong, a near miss that it would have told
    is stated. The threshold is the lowest that loses no more than ``LOST_UNREAD`` of all.
    """
    order = sorted(range(len(first)), key=lambda at: -by_first.confidence.of(first[at].features))
    lost, sure = 0.0, 2.0
    for at in order:
        one, two = first[at], read[at]
        if one.lesson.evidence.follows:
            continue
        if one.lesson.case.is_answerable:
            lost += two.lead_right - one.lead_right
        else:
            lost += (by_first.grade(one.features) == "stated") - (by_reader.grade(two.features) == "stated")
        if lost / len(first) > LOST_UNREAD:
            break
        sure = by_first.confidence.of(one.features)
    return sure


def _fit_bold(read: Sequence[Trial], judge: Judge) -> float:
    """Return how sure the reader must be of its words for them to be in bold."""
    stated = [
        trial.sureness
        for trial in read
        if trial.lesson.case.is_answerable and judge.grade(trial.features) == "stated"
    ]
    return float(np.quantile(stated, 1 - IN_BOLD)) if stated else 0.0


# --- The report -------------------------------------------------------------------------------------------


def _report(outcomes: Sequence[Outcome]) -> dict[str, Figures]:
    """Return the figures of the held-out articles, for SQuAD's questions, for ours and for all."""
    alone = [each for each in outcomes if not _is_aside(each.trial.lesson.case)]
    sets = {
        **{kind: [each for each in alone if each.trial.lesson.kind == kind] for kind in _KINDS},
        SECOND: [each for each in outcomes if _is_second(each.trial.lesson.case)],
        SHORT: [each for each in outcomes if each.trial.lesson.case.id.startswith(_SHORT_ID)],
        ALL: alone,
    }
    return {
        name: count([_mark(each) for each in chosen], controls=_controls(chosen))
        for name, chosen in sets.items()
        if chosen
    }


def _mark(outcome: Outcome) -> Mark:
    trial = outcome.trial
    return Mark(
        trial.lesson.case.kind,
        outcome.shown,
        trial.right,
        trial.characters,
        trial.is_passage_right,
        outcome.confidence,
        is_lead_right=trial.lead_right,
        lead_characters=trial.lead_characters,
        is_stated=outcome.stated,
        bold=trial.bold if outcome.is_bold else None,
        bold_words=trial.bold_words if outcome.is_bold else None,
    )


def _controls(outcomes: Sequence[Outcome]) -> dict[str, Share]:
    told = [each for each in outcomes if each.trial.lesson.case.kind in {"answerable", "near"}]
    answerable = [each.trial.lesson.case.is_answerable for each in told]
    return {
        **questions_alone((each.trial.lesson.case, each.trial.lesson.group) for each in told),
        "other_passages": auroc([each.strayed for each in told], answerable),
    }


def as_files(tuned: Tuned) -> tuple[str, str]:
    """Return the text of ``retrieval/weights.json`` and of ``answering/weights.json``."""
    judge = tuned.judgement

    def model(fitted: Logistic) -> dict[str, Any]:
        used = {name: w for name, w in zip(FEATURES, fitted.weights, strict=True) if w}
        return {
            "intercept": round(fitted.intercept, 4),
            "weights": {name: round(w, 4) for name, w in used.items()},
        }

    def mode(of: Judge) -> dict[str, Any]:
        thresholds = {"least": round(of.least, 4), "stated": round(of.stated, 4)}
        return {
            "answered": model(of.answered) | thresholds,
            "confidence": model(of.confidence),
            "gain": round(of.gain, 4),
        }

    ranking = {
        "weights": {name: round(weight, 4) for name, weight in tuned.ranking.items()},
        "reading": {name: round(weight, 4) for name, weight in tuned.reading.items()},
    }
    judging = {
        "relevance": model(judge.relevance)
        | {"least": round(judge.least_relevance, 4), "worth_reading": round(judge.worth_reading, 4)},
        "read_relevance": model(judge.read_relevance) | {"least": round(judge.least_read_relevance, 4)},
        "unread": mode(judge.unread),
        "first": mode(judge.first),
        "read": mode(judge.read),
        "notes": mode(judge.notes),
        "sure": round(judge.sure, 4),
        "bold": round(judge.bold, 4),
    }
    return json.dumps(ranking, indent=2) + "\n", json.dumps(judging, indent=2) + "\n"
