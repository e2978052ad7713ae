"""What is shown of figures: JSON, and tables for a terminal."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from linernotes.measuring.judging import VERDICTS, Verdict
from linernotes.models import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from linernotes.measuring.figures import Bin, Figures, Share

ALL = "all"
"""The name of the figures of all sets of questions together."""
# In characters: of the labels; of a figure with its interval beside it; of one with its interval below.
_LABEL, _LONG, _SHORT = 24, 22, 9


Unit = Literal["%", "characters", "error", "ms", "words"]


class _Measure(NamedTuple):
    label: str
    unit: Unit


MEASURES = {
    "right_before_refusing": _Measure("gold answer in the text, before refusing", "%"),
    "characters_before_refusing": _Measure("characters, before refusing", "characters"),
    "lead_right": _Measure("gold answer in the lead, before refusing", "%"),
    "lead_characters": _Measure("characters of the lead", "characters"),
    "right": _Measure("gold answer in the text, after refusing", "%"),
    "passage_at_1": _Measure("passage of the gold answer comes first", "%"),
    "off_refused": _Measure("off topic refused", "%"),
    "near_refused": _Measure("near misses refused", "%"),
    "near_withheld": _Measure("near misses refused or graded near", "%"),
    "right_near": _Measure("right answers graded near", "%"),
    "answerable_refused": _Measure("answerable refused", "%"),
    "followup_right": _Measure("follow-ups right, after refusing", "%"),
    "calibration_error": _Measure("expected calibration error", "error"),
    "calibration_error_by_chance": _Measure("the same, were each confidence true", "error"),
    "bold_f1": _Measure("words in bold against the gold answer: F1", "error"),
    "bold_share": _Measure("answers with words in bold", "%"),
    "bold_words": _Measure("words in bold", "words"),
    "two_documents": _Measure("answers made of two documents", "%"),
    "question_alone": _Measure("control: the question alone (AUROC)", "error"),
    "question_alone_twins": _Measure("the same, of twins", "error"),
    "question_alone_others": _Measure("the same, of all but twins", "error"),
    "other_passages": _Measure("control: other passages (AUROC)", "error"),
    "milliseconds": _Measure("milliseconds a question", "ms"),
    "quotations_found": _Measure("quotations: found", "%"),
    "speakers_right": _Measure("quotations: speaker right", "%"),
}
"""The rows of the table, by their names in JSON."""


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
    scale, digits = (100, 1) if unit == "%" else (1, {"characters": 0, "error": 3, "ms": 1, "words": 1}[unit])
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
