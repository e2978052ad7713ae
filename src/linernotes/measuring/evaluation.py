"""Questions with known answers -> figures.

A question is *right* when the answer holds one of its gold answers, compared without case and punctuation;
for what the corpus does not say (``near``, ``off``), when no answer is given. A quotation is right when it is
found with the speaker that is expected.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Mapping  # noqa: TC003  dataclasses resolve their fields at run time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np

from linernotes.errors import QuestionFileError
from linernotes.measuring.json_lines import rows, text_of, texts_of
from linernotes.models import Answer
from linernotes.words import holds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from rich.console import RenderableType
    from rich.table import Table

    from linernotes.models import Quote, Unanswered

Kind = Literal["answerable", "followup", "near", "off"]
Verdict = Literal["right", "wrong", "wrongly_refused", "wrongly_answered"]
KINDS: tuple[Kind, ...] = get_args(Kind)
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

OFF_TOPIC = 600
"""How many of the other articles' questions are asked, all articles together, when there are as many."""

BINS = 10
_RESAMPLES = 2_000
# Resampled at a time: so many figures are held in memory.
_AT_ONCE = 1_000_000


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
class Expected:
    """A quotation that the corpus holds; ``speaker`` is ``None`` where the text names nobody."""

    document: str
    text: str
    speaker: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was replied to a question, and how long it took.

    ``withheld`` is the answer that would have been given in place of a refusal, where that is known.
    """

    case: Case
    reply: Answer | Unanswered
    milliseconds: float
    withheld: Answer | None = None


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


def read_expected(data: bytes, name: str) -> tuple[Expected, ...] | None:
    """Read a file of expected quotations: JSON Lines with ``file``, ``text`` and ``speaker``.

    Returns:
        the quotations, or ``None`` where the first line is not of such a file.

    Raises:
        QuestionFileError: a line is not as it should be.
    """
    first = next((line for line in data.splitlines() if line.strip()), b"")
    if b'"file"' not in first or b'"kind"' in first:
        return None
    found: list[Expected] = []
    for line, row in rows(data, name):
        speaker = None if row.get("speaker") is None else text_of(row, "speaker", name, line)
        found.append(Expected(text_of(row, "file", name, line), text_of(row, "text", name, line), speaker))
    return tuple(found)


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


def judge(case: Case, reply: Answer | Unanswered) -> Verdict:
    """Say how good a reply is."""
    return mark(Outcome(case, reply, 0)).verdict


@dataclass(frozen=True, slots=True)
class Mark:
    """How one question came out: all that the figures need.

    ``is_right`` is said of the answer and ``characters`` is its length, whether it was shown or withheld.
    ``is_passage_right`` says whether the best passage holds the gold answer.
    """

    kind: Kind
    is_shown: bool
    is_right: bool
    characters: int | None
    is_passage_right: bool
    confidence: float
    milliseconds: float | None = None

    @property
    def verdict(self) -> Verdict:
        """Say how good the reply is."""
        if self.kind in {"near", "off"}:
            return "wrongly_answered" if self.is_shown else "right"
        if not self.is_shown:
            return "wrongly_refused"
        return "right" if self.is_right else "wrong"


def mark(outcome: Outcome) -> Mark:
    """Compare a reply with what is known."""
    case, reply = outcome.case, outcome.reply
    answer = reply if isinstance(reply, Answer) else outcome.withheld
    best = reply.hits[0] if isinstance(reply, Answer) else reply.nearest
    return Mark(
        case.kind,
        isinstance(reply, Answer),
        answer is not None and holds(answer.text, case.gold),
        None if answer is None else len(answer.text),
        best is not None and holds(best.passage.text, case.gold),
        reply.confidence,
        outcome.milliseconds,
    )


def mark_quotations(expected: Iterable[Expected], found: Iterable[Quote]) -> tuple[bool | None, ...]:
    """Say of each expected quotation whether its speaker is right, or ``None`` where it was not found."""
    speakers = {(quote.document, quote.text): quote.speaker for quote in found}
    return tuple(
        speakers[each.document, each.text] == each.speaker if (each.document, each.text) in speakers else None
        for each in expected
    )


# --- Figures ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Share:
    """A figure over ``of`` questions with its 95% bootstrap interval; ``None`` of nothing."""

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


Unit = Literal["%", "characters", "error", "ms"]


class _Measure(NamedTuple):
    label: str
    unit: Unit


MEASURES = {
    "right_before_refusing": _Measure("gold answer in the text, before refusing", "%"),
    "characters_before_refusing": _Measure("characters, before refusing", "characters"),
    "right": _Measure("gold answer in the text, after refusing", "%"),
    "passage_at_1": _Measure("passage of the gold answer comes first", "%"),
    "off_refused": _Measure("off topic refused", "%"),
    "near_refused": _Measure("near misses refused", "%"),
    "answerable_refused": _Measure("answerable refused", "%"),
    "followup_right": _Measure("follow-ups right, after refusing", "%"),
    "calibration_error": _Measure("expected calibration error", "error"),
    "calibration_error_by_chance": _Measure("the same, were each confidence true", "error"),
    "milliseconds": _Measure("milliseconds a question", "ms"),
    "quotations_found": _Measure("quotations: found", "%"),
    "speakers_right": _Measure("quotations: speaker right", "%"),
}
"""The rows of the table, by their names in JSON."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What an evaluation found; ``measures`` has the names of ``MEASURES``.

    ``calibration_error`` is the bins' mean gap, weighted by their answers. ``milliseconds`` are mean and
    median.
    """

    counts: Mapping[Kind, Counter[Verdict]]
    right: Mapping[Kind, Share]
    passage_at_1: Share
    characters: Share
    bins: tuple[Bin, ...]
    calibration_error: float | None
    milliseconds: tuple[float, float] | None
    measures: Mapping[str, Share]
    misses: tuple[tuple[Outcome, Verdict], ...] = ()


def figures(outcomes: Sequence[Outcome], quotations: Sequence[bool | None] = ()) -> Figures:
    """Count; the same outcomes always give the same figures.

    Args:
        outcomes: of the questions.
        quotations: what ``mark_quotations`` says.
    """
    marks = [mark(outcome) for outcome in outcomes]
    judged = zip(outcomes, (each.verdict for each in marks), strict=True)
    return count(marks, quotations, tuple((each, verdict) for each, verdict in judged if verdict != "right"))


def count(
    marks: Sequence[Mark],
    quotations: Sequence[bool | None] = (),
    misses: tuple[tuple[Outcome, Verdict], ...] = (),
) -> Figures:
    """Count what the marks say; the same ones always give the same figures."""
    of: dict[Kind, list[Mark]] = {kind: [each for each in marks if each.kind == kind] for kind in KINDS}
    shown = [each for each in marks if each.is_shown]
    answers = [(each.confidence, each.verdict == "right") for each in shown]
    times = [each.milliseconds for each in marks if each.milliseconds is not None]
    right = {
        kind: share([each.verdict == "right" for each in chosen]) for kind, chosen in of.items() if chosen
    }
    nothing = share([])
    passage = share([each.is_passage_right for kind in KINDS[:2] for each in of[kind]])
    error = calibration(answers)
    return Figures(
        {kind: Counter(each.verdict for each in chosen) for kind, chosen in of.items() if chosen},
        right,
        passage,
        share([each.characters for each in shown if each.characters is not None]),
        reliability(answers),
        error.mean,
        (float(np.mean(times)), float(np.median(times))) if times else None,
        {
            "right_before_refusing": share([each.is_right for each in of["answerable"]]),
            "characters_before_refusing": share(
                [each.characters for each in of["answerable"] if each.characters is not None]
            ),
            "right": right.get("answerable", nothing),
            "passage_at_1": passage,
            "off_refused": right.get("off", nothing),
            "near_refused": right.get("near", nothing),
            "answerable_refused": share([not each.is_shown for each in of["answerable"]]),
            "followup_right": right.get("followup", nothing),
            "calibration_error": error,
            "calibration_error_by_chance": calibration_by_chance([each.confidence for each in shown]),
            "milliseconds": share(times),
            "quotations_found": share([each is not None for each in quotations]),
            "speakers_right": share([each for each in quotations if each is not None]),
        },
        misses,
    )


def share(values: Sequence[float]) -> Share:
    """Return the mean of the values with its bootstrap interval (Efron 1979, percentiles)."""
    if not values:
        return Share(0, None, None, None)
    array = np.asarray(values, dtype=float)
    means = np.concatenate([array[drawn].mean(axis=1) for drawn in _resamples(len(array))])
    low, high = np.percentile(means, [2.5, 97.5])
    return Share(len(values), float(array.mean()), float(low), float(high))


def calibration(answers: Iterable[tuple[float, bool]]) -> Share:
    """Return the expected calibration error of answers (confidence, right) with its bootstrap interval.

    A gap is never negative, so each resample's error is larger on average than the answers' own, by about as
    much as that is larger than the true one. The interval takes this off (the basic bootstrap: Davison and
    Hinkley 1997, section 5.2); percentiles would leave the true error out most times. It is widened to hold
    the error itself where that is less than chance alone would give.
    """
    ordered = sorted(answers)
    if not ordered:
        return Share(0, None, None, None)
    gaps = np.array([confidence - right for confidence, right in ordered])
    error = float(_gap(gaps))
    resampled = np.concatenate([_gap(gaps[np.sort(drawn, axis=1)]) for drawn in _resamples(len(gaps))])
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Share(len(gaps), error, max(0.0, 2 * error - float(high)), max(error, 2 * error - float(low)))


def calibration_by_chance(confidences: Sequence[float]) -> Share:
    """Return the calibration error that so many answers have by chance when each confidence is true.

    The interval holds 95% of such errors. One that lies in it says nothing against the confidences.
    """
    if not confidences:
        return Share(0, None, None, None)
    sure = np.sort(np.asarray(confidences, dtype=float))
    chance = np.random.default_rng(0)
    errors = np.concatenate(
        [_gap(sure - (chance.random((size, len(sure))) < sure)) for size in _sizes(len(sure))]
    )
    low, high = np.percentile(errors, [2.5, 97.5])
    return Share(len(sure), float(errors.mean()), float(low), float(high))


def _gap(gaps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the calibration error of each row of ``confidence - right``, the least sure first."""
    sums = np.concatenate([np.zeros((*gaps.shape[:-1], 1)), gaps.cumsum(axis=-1)], axis=-1)
    ends = np.cumsum([0, *(len(part) for part in np.array_split(np.arange(gaps.shape[-1]), BINS))])
    total: NDArray[np.float64] = np.abs(np.diff(sums[..., ends], axis=-1)).sum(axis=-1) / gaps.shape[-1]
    return total


def _resamples(size: int) -> Iterable[NDArray[np.int64]]:
    """Yield the positions drawn, a row for each resample; always the same."""
    chance = np.random.default_rng(0)
    for rows_at_once in _sizes(size):
        yield chance.integers(size, size=(rows_at_once, size))


def _sizes(size: int) -> list[int]:
    """Return how many resamples to make at a time."""
    most = max(1, _AT_ONCE // size)
    return [min(most, _RESAMPLES - start) for start in range(0, _RESAMPLES, most)]


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
        "measures": {
            name: {
                "of": found.measures[name].of,
                "mean": _rounded(found.measures[name].mean),
                "interval": _interval(found.measures[name]),
            }
            for name in MEASURES
        },
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


ALL = "all"
# In characters: of the labels; of a figure with its interval beside it; of one with its interval below.
_LABEL, _LONG, _SHORT = 24, 22, 9


def as_json_of(sets: Mapping[str, Figures], about: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the figures of several sets: those of all questions, and below ``sets`` those of each.

    Args:
        sets: by name; the last one is of all questions.
        about: what else is said of each set.
    """
    *names, last = sets
    return as_json(sets[last]) | {"sets": [{**about[name], **as_json(sets[name])} for name in names]}


def as_tables(sets: Mapping[str, Figures], width: int) -> RenderableType:
    """Return the figures of each set of questions as a table for a terminal, and the last one's reliability.

    Args:
        sets: by name; where there are several, the last one is of all questions.
        width: the terminal's, in characters. Where the sets do not fit, there are several tables.
    """
    from rich.console import Group

    names = list(sets)
    is_long = _LABEL + _LONG * len(names) <= width
    most = len(names) if is_long else max(1, (width - _LABEL) // _SHORT)
    tables = [
        _measures({name: sets[name] for name in names[at : at + most]}, is_long=is_long)
        for at in range(0, len(names), most)
    ]
    bins = sets[names[-1]].bins
    return Group(*tables, *([_reliability(bins)] if bins else []))


def _measures(sets: Mapping[str, Figures], *, is_long: bool) -> Table:
    from rich.table import Table

    table = Table("with 95% intervals" if is_long else "95% intervals below", box=None, pad_edge=False)
    for name in sets:
        table.add_column(name, justify="right", no_wrap=True)
    asked = [sum(counted.total() for counted in found.counts.values()) for found in sets.values()]
    table.add_row("questions", *map(str, asked))
    for name, measure in MEASURES.items():
        row = [found.measures[name] for found in sets.values()]
        if any(each.of for each in row):
            table.add_row(measure.label, *(_cell(each, measure.unit, is_long=is_long) for each in row))
    return table


def _cell(found: Share, unit: Unit, *, is_long: bool) -> str:
    if found.mean is None or found.low is None or found.high is None:
        return "-"
    scale, digits = (100, 1) if unit == "%" else (1, {"characters": 0, "error": 3, "ms": 1}[unit])
    mean = f"{found.mean * scale:.{digits}f}{'%' * (unit == '%')}"
    if not is_long:
        digits = 2 if unit == "error" else 0
    low, high = (f"{value * scale:.{digits}f}" for value in (found.low, found.high))
    if unit == "error" and not is_long:
        low, high = low.removeprefix("0"), high.removeprefix("0")
    interval = f"{low}\u2013{high}"
    return f"{mean} ({interval})" if is_long else f"{mean}\n{interval}"


def _reliability(bins: Sequence[Bin]) -> Table:
    from rich.table import Table

    table = Table(title="Answers shown, by confidence", title_justify="left")
    for heading in ("from", "to", "answers", "mean confidence", "right"):
        table.add_column(heading, justify="right")
    for each in bins:
        table.add_row(
            f"{each.low:.2f}",
            f"{each.high:.2f}",
            str(each.answers),
            f"{each.confidence:.2f}",
            f"{each.right:.2f}",
        )
    return table


def _interval(found: Share, digits: int = 4) -> list[float | None]:
    return [_rounded(found.low, digits), _rounded(found.high, digits)]


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)
