"""How well a set of questions came out: marks in; counts, shares with intervals and calibration out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping  # noqa: TC003  dataclasses resolve their fields at run time
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from linernotes.measuring.cases import KINDS, Kind
from linernotes.measuring.judging import Mark, Outcome, Verdict, mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

BINS = 10
CONTROLS = ("question_alone", "question_alone_twins", "question_alone_others", "other_passages")
_RESAMPLES = 2_000
# Resampled at a time: so many figures are held in memory.
_AT_ONCE = 1_000_000


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


@dataclass(frozen=True, slots=True)
class Figures:
    """What an evaluation found; ``measures`` has the names of ``report.MEASURES``.

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


def figures(
    outcomes: Sequence[Outcome],
    quotations: Sequence[bool | None] = (),
    controls: Mapping[str, Share] = MappingProxyType({}),
) -> Figures:
    """Count; the same outcomes always give the same figures.

    Args:
        outcomes: of the questions.
        quotations: what ``mark_quotations`` says.
        controls: figures of ``measuring.controls``, by their names in the table.
    """
    marks = [mark(outcome) for outcome in outcomes]
    judged = zip(outcomes, (each.verdict for each in marks), strict=True)
    misses = tuple((each, verdict) for each, verdict in judged if verdict != "right")
    return count(marks, quotations, misses, controls)


def count(
    marks: Sequence[Mark],
    quotations: Sequence[bool | None] = (),
    misses: tuple[tuple[Outcome, Verdict], ...] = (),
    controls: Mapping[str, Share] = MappingProxyType({}),
) -> Figures:
    """Count what the marks say; the same ones always give the same figures.

    ``controls`` are figures of ``measuring.controls``, by their names in the table.
    """
    of: dict[Kind, list[Mark]] = {kind: [each for each in marks if each.kind == kind] for kind in KINDS}
    shown = [each for each in marks if each.is_shown]
    # What is shown to a question without an answer holds none, whatever it is graded.
    answers = [(each.confidence, each.is_right and each.kind in KINDS[:2]) for each in shown]
    right_shown = [each for kind in KINDS[:2] for each in of[kind] if each.is_shown and each.is_right]
    bold = [each for each in shown if each.bold is not None and each.kind in KINDS[:2]]
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
            "lead_right": share([each.is_lead_right for each in of["answerable"]]),
            "lead_characters": share(
                [each.lead_characters for each in of["answerable"] if each.lead_characters is not None]
            ),
            "right": right.get("answerable", nothing),
            "passage_at_1": passage,
            "off_refused": share([not each.is_shown for each in of["off"]]),
            "near_refused": share([not each.is_shown for each in of["near"]]),
            "near_withheld": share([not (each.is_shown and each.is_stated) for each in of["near"]]),
            "right_near": share([not each.is_stated for each in right_shown]),
            "answerable_refused": share([not each.is_shown for each in of["answerable"]]),
            "followup_right": right.get("followup", nothing),
            "calibration_error": error,
            "calibration_error_by_chance": calibration_by_chance([each.confidence for each in shown]),
            "bold_f1": share([each.bold for each in bold if each.bold is not None]),
            "bold_share": share(
                [each.bold is not None for each in shown if each.kind in KINDS[:2]]
                if any(each.bold is not None for each in shown)
                else []
            ),
            "bold_words": share([each.bold_words for each in bold if each.bold_words is not None]),
            "two_documents": share([each.documents > 1 for each in shown]),
            **{name: controls.get(name, nothing) for name in CONTROLS},
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
    means = np.concatenate([array[drawn].mean(axis=1) for drawn in resamples(len(array))])
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
    resampled = np.concatenate([_gap(gaps[np.sort(drawn, axis=1)]) for drawn in resamples(len(gaps))])
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


def resamples(size: int) -> Iterable[NDArray[np.int64]]:
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
