"""Questions with known answers -> figures.

A question is *right* when the answer holds one of its gold answers, compared without case and punctuation;
for what the corpus does not say (``near``, ``off``), when no answer is given.
"""

from __future__ import annotations

import json
import math
import random
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from linernotes.errors import QuestionFileError
from linernotes.models import Answer
from linernotes.questions import rows, text_of, texts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

    from linernotes.models import Unanswered

Kind = Literal["answerable", "followup", "near", "off"]
Verdict = Literal["right", "wrong", "wrongly_refused", "wrongly_answered"]
KINDS: tuple[Kind, ...] = get_args(Kind)
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

OFF_TOPIC = 600
"""How many of the other articles' questions are asked, all articles together, when there are as many."""

BINS = 10
_RESAMPLES = 2_000


@dataclass(frozen=True, slots=True)
class Case:
    """A question with what is known about its answer; ``gold`` is empty for what the corpus does not say."""

    id: str
    kind: Kind
    question: str
    gold: tuple[str, ...] = ()
    history: tuple[str, ...] = ()

    @property
    def is_answerable(self) -> bool:
        """Say whether the corpus holds an answer."""
        return self.kind in {"answerable", "followup"}


@dataclass(frozen=True, slots=True)
class Article:
    """A corpus of one text with its questions; ``text`` is ``None`` where the corpus is given otherwise."""

    title: str
    text: str | None
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was replied to a question, and how long it took."""

    case: Case
    reply: Answer | Unanswered
    milliseconds: float


# --- Files ------------------------------------------------------------------------------------------------


def read_cases(data: bytes, name: str) -> tuple[Article, ...]:
    """Read our JSON Lines (one article without a text) or a SQuAD 2.0 file.

    Raises:
        QuestionFileError: the file is neither, or holds no question.
    """
    squad = _squad(data)
    articles = _read_lines(data, name) if squad is None else _read_squad(squad, name)
    if not any(article.cases for article in articles):
        raise QuestionFileError(name, "holds no question.")
    return articles


def _squad(data: bytes) -> list[Any] | None:
    """Return the articles of a SQuAD file, or ``None`` for any other."""
    try:
        whole = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    articles = whole.get("data") if isinstance(whole, dict) else None
    return articles if isinstance(articles, list) else None


def _read_lines(data: bytes, name: str) -> tuple[Article, ...]:
    cases: list[Case] = []
    for line, row in rows(data, name):
        kind = row.get("kind")
        if kind not in KINDS:
            raise QuestionFileError(name, f'the "kind" is none of {", ".join(KINDS)}.', line)
        gold = texts_of(row, "gold", name, line)
        case = Case(
            str(row.get("id", line)),
            kind,
            text_of(row, "question", name, line),
            gold,
            texts_of(row, "history", name, line),
        )
        if case.is_answerable and not any(map(str.strip, gold)):
            raise QuestionFileError(name, 'has no "gold" answer.', line)
        cases.append(case)
    return (Article(name, None, tuple(cases)),)


def _read_squad(data: Sequence[Any], name: str) -> tuple[Article, ...]:
    articles: list[Article] = []
    for number, article in enumerate(data, 1):
        try:
            paragraphs = article["paragraphs"]
            text = "\n\n".join(paragraph["context"] for paragraph in paragraphs)
            cases = [_squad_case(each) for paragraph in paragraphs for each in paragraph["qas"]]
            title = str(article.get("title") or f"Article {number}")
        except (KeyError, TypeError, AttributeError) as error:
            raise QuestionFileError(
                name, f"article {number} is not in SQuAD 2.0's format ({error})."
            ) from None
        articles.append(Article(title, text, tuple(cases)))
    return tuple(
        Article(article.title, article.text, article.cases + _strangers(articles, position))
        for position, article in enumerate(articles)
    )


def _squad_case(row: dict[str, Any]) -> Case:
    gold = tuple(dict.fromkeys(str(answer["text"]) for answer in row.get("answers", ())))
    missing = bool(row.get("is_impossible", False))
    if not missing and not gold:
        raise KeyError("answers")
    return Case(
        str(row.get("id", "")),
        "near" if missing else "answerable",
        str(row["question"]),
        () if missing else gold,
    )


def _strangers(articles: Sequence[Article], position: int) -> tuple[Case, ...]:
    """Return this article's share of the off-topic questions, which are other articles'; always the same."""
    others = [case for at, article in enumerate(articles) if at != position for case in article.cases]
    share = min(len(others), math.ceil(OFF_TOPIC / len(articles)))
    chosen = random.Random(position).sample(others, share)  # noqa: S311  nothing is kept secret by it
    return tuple(Case(f"off {case.id}", "off", case.question) for case in chosen)


# --- Judging ----------------------------------------------------------------------------------------------


def holds(text: str, gold: Iterable[str]) -> bool:
    """Say whether ``text`` has one of the gold answers, word for word, without case and punctuation."""
    words = f" {' '.join(_words(text))} "
    return any(f" {' '.join(wanted)} " in words for wanted in map(_words, gold) if wanted)


def judge(case: Case, reply: Answer | Unanswered) -> Verdict:
    """Say how good a reply is."""
    if not case.is_answerable:
        return "wrongly_answered" if isinstance(reply, Answer) else "right"
    if not isinstance(reply, Answer):
        return "wrongly_refused"
    return "right" if holds(reply.text, case.gold) else "wrong"


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).casefold()
    # A sign on its own ("C#", "%") is all that some answers have.
    return re.findall(r"[^\W_]+", plain) or plain.split()


# --- Figures ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Share:
    """A mean with the interval that holds it in 95% of bootstrap resamples; ``None`` of nothing."""

    of: int
    mean: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of like confidence: how sure they were, and how many were right."""

    low: float
    high: float
    answers: int
    confidence: float
    right: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What an evaluation found; ``calibration_error`` is the bins' mean gap, weighted by their answers."""

    counts: dict[Kind, Counter[Verdict]]
    right: dict[Kind, Share]
    passage_at_1: Share
    characters: Share
    bins: tuple[Bin, ...]
    calibration_error: float | None
    milliseconds: tuple[float, float] | None
    misses: tuple[tuple[Outcome, Verdict], ...]


def figures(outcomes: Sequence[Outcome]) -> Figures:
    """Count; the same outcomes always give the same figures."""
    judged = [(outcome, judge(outcome.case, outcome.reply)) for outcome in outcomes]
    counts: dict[Kind, Counter[Verdict]] = {}
    right: dict[Kind, Share] = {}
    for kind in KINDS:
        verdicts = [verdict for outcome, verdict in judged if outcome.case.kind == kind]
        if verdicts:
            counts[kind] = Counter(verdicts)
            right[kind] = share([float(verdict == "right") for verdict in verdicts])
    answered = [(each.reply, verdict) for each, verdict in judged if isinstance(each.reply, Answer)]
    bins = reliability([(reply.confidence, verdict == "right") for reply, verdict in answered])
    times = [outcome.milliseconds for outcome in outcomes]
    return Figures(
        counts,
        right,
        share([float(_passage_is_right(each)) for each in outcomes if each.case.is_answerable]),
        share([float(len(reply.text)) for reply, _ in answered]),
        bins,
        sum(each.answers * abs(each.confidence - each.right) for each in bins) / len(answered)
        if bins
        else None,
        (float(np.mean(times)), float(np.median(times))) if times else None,
        tuple((outcome, verdict) for outcome, verdict in judged if verdict != "right"),
    )


def share(values: Sequence[float]) -> Share:
    """Return the mean of the values with its bootstrap interval (Efron 1979, percentiles)."""
    if not values:
        return Share(0, None, None, None)
    array = np.asarray(values)
    chance = np.random.default_rng(0)
    means = [
        array[chance.integers(len(array), size=(_RESAMPLES // 20, len(array)))].mean(axis=1)
        for _ in range(20)
    ]
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return Share(len(values), float(array.mean()), float(low), float(high))


def reliability(answers: Iterable[tuple[float, bool]]) -> tuple[Bin, ...]:
    """Put answers (confidence, right) into at most ten bins of equal mass, the least sure first."""
    ordered = sorted(answers)
    parts = np.array_split(np.asarray(ordered, dtype=float).reshape(-1, 2), BINS)
    return tuple(
        Bin(
            float(part[0, 0]),
            float(part[-1, 0]),
            len(part),
            float(part[:, 0].mean()),
            float(part[:, 1].mean()),
        )
        for part in parts
        if len(part)
    )


def _passage_is_right(outcome: Outcome) -> bool:
    reply = outcome.reply
    best = reply.hits[0] if isinstance(reply, Answer) else reply.nearest
    return best is not None and holds(best.passage.text, outcome.case.gold)


# --- Showing ----------------------------------------------------------------------------------------------


def as_json(found: Figures) -> dict[str, Any]:
    """Return the figures as an object for JSON."""
    total = sum(found.counts.values(), Counter[Verdict]())
    return {
        "questions": total.total(),
        "total": {verdict: total[verdict] for verdict in VERDICTS},
        "kinds": {
            kind: {"asked": counted.total()}
            | {verdict: counted[verdict] for verdict in VERDICTS}
            | {"rate": _rounded(found.right[kind].mean), "interval": _interval(found.right[kind])}
            for kind, counted in found.counts.items()
        },
        "passage_at_1": {
            "rate": _rounded(found.passage_at_1.mean),
            "interval": _interval(found.passage_at_1),
        },
        "answer_characters": {
            "answers": found.characters.of,
            "mean": _rounded(found.characters.mean, 1),
            "interval": _interval(found.characters, 1),
        },
        "calibration": {
            "error": _rounded(found.calibration_error),
            "bins": [
                {
                    "from": _rounded(each.low),
                    "to": _rounded(each.high),
                    "answers": each.answers,
                    "confidence": _rounded(each.confidence),
                    "right": _rounded(each.right),
                }
                for each in found.bins
            ],
        },
        "milliseconds": None
        if found.milliseconds is None
        else {"mean": _rounded(found.milliseconds[0], 2), "median": _rounded(found.milliseconds[1], 2)},
        "misses": [
            {
                "id": outcome.case.id,
                "kind": outcome.case.kind,
                "question": outcome.case.question,
                "verdict": verdict,
                "text": outcome.reply.text if isinstance(outcome.reply, Answer) else "",
            }
            for outcome, verdict in found.misses
        ],
    }


def as_tables(found: Figures) -> RenderableType:
    """Return the figures as tables for a terminal."""
    from rich.console import Group
    from rich.table import Table

    counts = Table("questions", title="Replies", title_justify="left")
    for heading in ("asked", "right", "wrong", "wrongly refused", "wrongly answered", "right, 95% interval"):
        counts.add_column(heading, justify="right")
    for kind, counted in found.counts.items():
        numbers = [str(counted[verdict]) for verdict in VERDICTS]
        counts.add_row(kind, str(counted.total()), *numbers, _percent(found.right[kind]))
    confidence = Table(title="Answers by confidence", title_justify="left")
    for heading in ("from", "to", "answers", "mean confidence", "right"):
        confidence.add_column(heading, justify="right")
    for each in found.bins:
        confidence.add_row(
            f"{each.low:.2f}",
            f"{each.high:.2f}",
            str(each.answers),
            f"{each.confidence:.2f}",
            f"{each.right:.2f}",
        )
    lines = [f"Best passage holds the answer: {_percent(found.passage_at_1)}"]
    if found.characters.mean is not None:
        lines.append(
            f"Mean length of {found.characters.of} answers: {found.characters.mean:.0f} characters"
            f" ({found.characters.low:.0f} to {found.characters.high:.0f})"
        )
    if found.calibration_error is not None:
        lines.append(f"Expected calibration error: {found.calibration_error:.3f}")
    if found.milliseconds is not None:
        mean, median = found.milliseconds
        lines.append(f"Time for a reply: mean {mean:.1f} ms, median {median:.1f} ms")
    return Group(counts, *lines, *([confidence] if found.bins else []))


def _percent(found: Share) -> str:
    if found.mean is None or found.low is None or found.high is None:
        return "none asked"
    return f"{found.mean:.1%} ({found.low:.1%} to {found.high:.1%})"


def _interval(found: Share, digits: int = 4) -> list[float | None]:
    return [_rounded(found.low, digits), _rounded(found.high, digits)]


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)
