"""How one question came out: a reply and what is known of its answer in, a verdict out.

A question is *right* when the answer holds one of its gold answers, compared without case and punctuation;
for what the corpus does not say (``near``, ``off``), when no answer is given. A quotation is right when it is
found with the speaker that is expected.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from linernotes.models import Answer
from linernotes.words import holds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linernotes.measuring.cases import Case, Expected, Kind
    from linernotes.models import Quote, Unanswered

Verdict = Literal["right", "wrong", "wrongly_refused", "wrongly_answered"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was replied to a question, and how long it took.

    ``withheld`` is the answer that would have been given in place of a refusal, where that is known.
    """

    case: Case
    reply: Answer | Unanswered
    milliseconds: float
    withheld: Answer | None = None


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
